"""What an account can look up: its history, billing and balance, models and prices.

It decides which rows a question means and in what order; it walks through no more rows
than it must. What a row is worth stands in `books`.
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from itertools import islice
from typing import TypeVar

from starlette.requests import Request
from starlette.responses import Response

from sandbox.answers import (
    Refusal,
    iso,
    json_object,
    let_in,
    prediction_json,
    since_newer_routes,
    success,
)
from sandbox.books import Entry
from sandbox.models import InputRefused, Model, known_models
from sandbox.provider import Provider

MOST_PAGE_SIZE = 100
USUAL_PAGE_SIZE = 20
Row = TypeVar("Row")
Body = Mapping[str, object]


async def history(provider: Provider, request: Request) -> Response:
    """The predictions of an account, newest first, a page of them."""
    account = let_in(provider, request)
    body = await json_object(request)
    if provider.faults.strikes("history_5xx"):
        raise Refusal(503, "service unavailable")
    settings = provider.settings
    page, size = _page(provider, body)
    known_s = provider.clock() - settings.history_lag_s
    from_s = _time(body, "created_after", float("-inf"))
    to_s = min(known_s, _time(body, "created_before", float("inf")))
    model, status = _text(body, "model"), _text(body, "status")
    rows = (
        prediction
        for prediction in account.newest_first(from_s, to_s)
        if model in {None, prediction.model}
        and status in {None, prediction.status(provider.clock()).status}
    )
    items = [
        prediction_json(provider, row, show_inputs=settings.history_inputs)
        for row in islice(rows, (page - 1) * size, page * size)
    ]
    return success({"page": page, "items": items})


async def billing(provider: Provider, request: Request) -> Response:
    """The deductions and refunds of an account, a page of them."""
    account = let_in(provider, request)
    body = await json_object(request)
    if provider.faults.strikes("billing_5xx"):
        raise Refusal(503, "service unavailable")
    page, size = _page(provider, body)
    known_s = provider.clock() - provider.settings.billing_lag_s
    from_s = _time(body, "start_time", float("-inf"))
    to_s = min(known_s, _time(body, "end_time", float("inf")))
    kind = _choice(body, "billing_type", ("deduct", "refund"))
    order = _choice(body, "sort", ("created_at DESC", "created_at ASC"))
    newest_first = order != "created_at ASC"
    model, ids = _text(body, "model_uuid"), _ids(body)
    if ids is None:
        rows = account.books.rows(from_s, to_s, kind, newest_first=newest_first)
    else:
        rows = account.books.rows_of(ids, newest_first=newest_first)
    matching = (
        row
        for row in rows
        if from_s <= row.at_s <= to_s
        and kind in {None, row.kind}
        and model in {None, row.prediction.model}
    )
    return success(_billing_page(provider, matching, page, size))


async def balance(provider: Provider, request: Request) -> Response:
    """What an account has left, in dollars."""
    account = let_in(provider, request)
    left = account.books.balance_usd_micros(provider.clock())
    return success({"balance": _usd(left)})


async def price(provider: Provider, request: Request) -> Response:
    """What a prediction would cost, in dollars; the question is free."""
    let_in(provider, request)
    since_newer_routes(provider)
    model, inputs = await _priced(provider, request)
    percent = provider.settings.price_percent
    return success(
        {
            "model_id": model.id,
            "price": _usd(model.price_usd_micros(inputs)),
            "discounted_price": _usd(provider.price_usd_micros(model, inputs)),
            "discount_rate": (100 - percent) / 100,
            "currency": "USD",
        }
    )


async def pricing(provider: Provider, request: Request) -> Response:
    """The same as it was asked and answered before."""
    let_in(provider, request)
    model, inputs = await _priced(provider, request)
    usd = _usd(provider.price_usd_micros(model, inputs))
    return success({"model_id": model.id, "unit_price": usd, "currency": "USD"})


async def _priced(
    provider: Provider, request: Request
) -> tuple[Model, dict[str, object]]:
    """The model and the inputs that a price is asked for."""
    if provider.faults.strikes("price_5xx"):
        raise Refusal(503, "service unavailable")
    body = await json_object(request)
    model = known_models().get(_text(body, "model_id") or "")
    if model is None:
        raise Refusal(404, f"model not found: {body.get('model_id')}")
    inputs = body.get("inputs", {})
    if not isinstance(inputs, dict):
        raise Refusal(400, "inputs: must be an object")
    try:
        model.check_given(inputs)
    except InputRefused as refused:
        raise Refusal(400, f"invalid input: {refused}") from None
    return model, inputs


async def models(provider: Provider, request: Request) -> Response:
    """Every model with its price and the schema of its inputs."""
    let_in(provider, request)
    return success(
        [
            {
                "model_id": model.id,
                "name": model.id,
                "base_price": _usd(model.usd_micros_for_5_s),
                "description": model.description,
                "type": "image-to-video",
                "sort_order": place,
                "api_schema": {
                    "api_schemas": [
                        {
                            "type": "model_run",
                            "method": "POST",
                            "server": provider.url,
                            "api_path": f"/api/v3/{model.id}",
                            "request_schema": model.request_schema(),
                        }
                    ]
                },
            }
            for place, model in enumerate(known_models().values())
        ]
    )


def _billing_page(
    provider: Provider, rows: Iterator[Entry], page: int, size: int
) -> dict[str, object]:
    skipped = (page - 1) * size
    if provider.settings.billing_total:
        every = list(rows)
        items = every[skipped : skipped + size]
        more: dict[str, object] = {"total": len(every)}
    else:
        items = list(islice(rows, skipped, skipped + size + 1))
        more = {"has_more": len(items) > size}
    now_s = provider.clock()
    shown = [_billing_row(row, now_s) for row in items[:size]]
    return {"page": page, "items": shown} | more


def _billing_row(row: Entry, now_s: float) -> dict[str, object]:
    prediction = row.prediction
    over = prediction.over(now_s)
    return {
        "uuid": f"{row.kind}-{prediction.id}",
        "billing_type": row.kind,
        "price": _usd(row.usd_micros),
        "created_at": iso(row.at_s),
        "model_uuid": prediction.model,
        "prediction": {
            "uuid": prediction.id,
            "status": prediction.status(now_s).status,
        },
        "order": {"state": "done" if over else "pre"},
    }


def _page(provider: Provider, body: Body) -> tuple[int, int]:
    page = _whole(body, "page", 1, None)
    size = _whole(body, "page_size", USUAL_PAGE_SIZE, MOST_PAGE_SIZE)
    return page, min(size, provider.settings.page_cap or size)


def _whole(body: Body, name: str, default: int, most: int | None) -> int:
    value = body.get(name, default)
    # Strings are refused as the provider does, however numeric they look.
    if not isinstance(value, int) or isinstance(value, bool):
        raise Refusal(400, f"{name}: must be an integer, got {value!r:.40}")
    if value < 1 or (most is not None and value > most):
        limit = f"from 1 to {most}" if most else "at least 1"
        raise Refusal(400, f"{name}: must be {limit}, got {value}")
    return value


def _text(body: Body, name: str) -> str | None:
    value = body.get(name)
    if value is not None and not isinstance(value, str):
        raise Refusal(400, f"{name}: must be a string, got {value!r:.40}")
    return value or None


def _choice(body: Body, name: str, choices: Iterable[str]) -> str | None:
    value = _text(body, name)
    if value is not None and value not in choices:
        raise Refusal(400, f"{name}: must be one of {', '.join(choices)}")
    return value


def _time(body: Body, name: str, default: float) -> float:
    text = _text(body, name)
    if text is None:
        return default
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise Refusal(400, f"{name}: must be an ISO 8601 time, got {text!r}") from None
    if moment.tzinfo is None:
        raise Refusal(400, f"{name}: must have a time zone, such as Z; got {text!r}")
    return moment.timestamp()


def _ids(body: Body) -> list[str] | None:
    ids = body.get("prediction_uuids")
    if ids is None:
        return None
    if not isinstance(ids, list) or not all(isinstance(each, str) for each in ids):
        raise Refusal(400, "prediction_uuids: must be an array of strings")
    return ids


def _usd(micros: int) -> float:
    # The provider's answers carry dollars as a float; nothing is computed with it.
    return micros / 1_000_000
