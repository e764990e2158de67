"""The sandbox's own routes, `/sandbox/...`: its books, its settings, its health.

They ask for no key, and a real provider has none of them. The books are what a test
compares a cost report with: amounts are whole micro-dollars.
"""

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from sandbox import wire
from sandbox.settings import SettingError
from sandbox.state import Account, Prediction, Provider


async def health(_: Provider, __: Request) -> Response:
    """That it is there."""
    return wire.json_response({"ok": True})


async def show_settings(provider: Provider, _: Request) -> Response:
    """Every setting and fault."""
    settings = provider.settings
    return wire.json_response(settings.model_dump() | settings.odds)


async def change_settings(provider: Provider, request: Request) -> Response:
    """Change the settings and faults that are named; all of them, or none."""
    try:
        provider.faults.change((await wire.json_of(request, wire.JsonObject)).root)
    except SettingError as error:
        raise HTTPException(400, str(error)) from None
    return await show_settings(provider, request)


async def books(provider: Provider, request: Request) -> Response:
    """What was created, charged, refunded, asked and answered."""
    now_s = provider.clock()
    for account in provider.accounts.values():
        account.book_endings(now_s, provider.settings.refund_delay_s)
    sheets = {one.name: _sheet(one, now_s) for one in provider.accounts.values()}
    every = list(sheets.values())
    every = every or [
        _sheet(Account("", "", provider.settings.balance_usd_micros), now_s)
    ]
    # Of limits the worst, since each key has its own; of all else the sum.
    worst = {"worst_60s_starts", "most_concurrent"}
    content: dict[str, object] = {
        name: (max if name in worst else sum)(sheet[name] for sheet in every)
        for name in every[0]
    }
    content |= {
        "requests": dict(provider.requests),
        "answers": dict(provider.answers),
        "webhooks": dict(provider.webhooks),
        "dropped_inputs": provider.dropped_inputs,
        "key_leaks": provider.key_leaks,
        "by_key": sheets,
    }
    if request.query_params.get("rows") == "1":
        pairs = provider.predictions.values()
        content["rows"] = [_row(account, each, now_s) for account, each in pairs]
    return wire.json_response(content)


def _sheet(account: Account, now_s: float) -> dict[str, int]:
    """One account in numbers; other clients' predictions only touch its balance."""
    own = [each for each in account.predictions if not each.stranger]
    over = [each for each in own if each.over(now_s)]
    completed = sum(each.ending().status == "completed" for each in over)
    return {
        "predictions": len(own),
        "completed": completed,
        "failed": len(over) - completed,
        "charged_usd_micros": sum(each.price_usd_micros for each in own),
        "refunded_usd_micros": sum(each.refunded_usd_micros for each in own),
        "balance_usd_micros": account.balance_usd_micros,
        "strangers": len(account.predictions) - len(own),
        "worst_60s_starts": account.starts.worst,
        "most_concurrent": account.most_concurrent,
    }


def _row(account: Account, prediction: Prediction, now_s: float) -> dict[str, object]:
    state = prediction.status(now_s)
    as_they_are = (
        *("id", "model", "inputs", "created_at_s", "due_at_s", "price_usd_micros"),
        *("refunded_usd_micros", "lost_answer", "stranger", "downloads"),
    )
    return {name: getattr(prediction, name) for name in as_they_are} | {
        "key": account.name,
        "status": state.status,
        "code": state.code,
        "refunded": prediction.refunded_usd_micros > 0,
        "looks": prediction.polls,
    }
