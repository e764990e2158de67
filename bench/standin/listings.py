"""What is looked up rarely at the stand-in: history, billing, balance and prices.

It walks through everything and may be slow. Money is reckoned by our own price list,
for nothing is measured by it.
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from itertools import islice
from typing import Any

from bench.standin.books import Books, Prediction
from jobs.catalogue import builtin
from jobs.money import MICROS_PER_USD

Body = Mapping[str, Any]

#: What an account begins with, in dollars.
BALANCE_USD = 1_000_000


def history(books: Books, asked: Body, now_s: float) -> dict[str, object]:
    """A page of the predictions, the newest first."""
    after_s, before_s = _between(asked, "created_after", "created_before")
    model, status = asked.get("model"), asked.get("status")
    rows = (
        row
        for row in books.newest_first()
        if after_s <= row.created_at_s <= before_s
        and model in {None, "", row.model}
        and status in {None, "", _status(row, now_s)}
    )
    items = [_shown(row, now_s) for row in _paged(rows, asked)]
    return {"page": asked.get("page", 1), "items": items}


def billing(books: Books, asked: Body, now_s: float) -> dict[str, object]:
    """A page of what was charged; nothing is ever refunded."""
    after_s, before_s = _between(asked, "start_time", "end_time")
    every: Iterable[Prediction] = books.newest_first()
    if asked.get("sort") == "created_at ASC":
        every = books.predictions.values()
    ids, kind = asked.get("prediction_uuids"), asked.get("billing_type")
    rows = (
        row
        for row in every
        if after_s <= row.created_at_s <= before_s
        and (ids is None or row.id in ids)
        and kind in {None, "", "deduct"}
    )
    items = [_billed(row, now_s) for row in _paged(rows, asked)]
    return {"page": asked.get("page", 1), "items": items}


def price(_books: Books, asked: Body, _now_s: float) -> dict[str, object]:
    """What a prediction would cost, in dollars."""
    usd = _usd(str(asked["model_id"]), asked.get("inputs", {}))
    return {
        "model_id": asked["model_id"],
        "price": usd,
        "discounted_price": usd,
        "currency": "USD",
    }


def balance(books: Books) -> dict[str, object]:
    """What is left of the account's money, in dollars."""
    spent = sum(_usd(row.model, row.inputs) for row in books.predictions.values())
    return {"balance": round(BALANCE_USD - spent, 6)}


#: What is asked for by POST, below `/api/v3/`.
ROUTES: Mapping[str, Callable[[Books, Body, float], dict[str, object]]] = {
    "predictions": history,
    "billings/search": billing,
    "model/price": price,
}


def _shown(row: Prediction, now_s: float) -> dict[str, object]:
    return {
        "id": row.id,
        "model": row.model,
        "status": _status(row, now_s),
        "created_at": _iso(row.created_at_s),
        "error": "",
        "input": row.inputs,
    }


def _billed(row: Prediction, now_s: float) -> dict[str, object]:
    return {
        "uuid": f"deduct-{row.id}",
        "billing_type": "deduct",
        "price": _usd(row.model, row.inputs),
        "created_at": _iso(row.created_at_s),
        "model_uuid": row.model,
        "prediction": {"uuid": row.id, "status": _status(row, now_s)},
    }


def _status(row: Prediction, now_s: float) -> str:
    return "completed" if row.completed_at_s <= now_s else "processing"


def _paged(rows: Iterable[Prediction], asked: Body) -> Iterable[Prediction]:
    page, size = int(asked.get("page", 1)), int(asked.get("page_size", 20))
    if page < 1 or size < 1:
        raise ValueError("pages are counted from 1")
    return islice(rows, (page - 1) * size, page * size)


def _between(asked: Body, after: str, before: str) -> tuple[float, float]:
    from_s, to_s = (_unix_s(asked.get(name)) for name in (after, before))
    return (
        float("-inf") if from_s is None else from_s,
        float("inf") if to_s is None else to_s,
    )


def _unix_s(text: str | None) -> float | None:
    if not text:
        return None
    at = datetime.fromisoformat(text)
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()


def _iso(at_s: float) -> str:
    return f"{datetime.fromtimestamp(at_s, UTC):%Y-%m-%dT%H:%M:%S.%f}000Z"


def _usd(model: str, inputs: Body) -> float:
    micros = builtin().models[model].price_usd_micros(inputs)
    # The provider's answers carry dollars as a float; nothing is computed with it.
    return (micros or 0) / MICROS_PER_USD
