"""The sandbox's own routes, `/sandbox/...`: its books, its settings, its health.

They ask for no key, and a real provider has none of them. The books are what a test
compares a cost report with: amounts are whole micro-dollars.
"""

from collections.abc import Iterator

from starlette.requests import Request
from starlette.responses import Response

from sandbox.account import Account
from sandbox.answers import Refusal, json_object, json_response
from sandbox.predictions import Prediction
from sandbox.provider import Provider
from sandbox.settings import SettingRefused, as_json


async def health(_: Provider, __: Request) -> Response:
    """That it is there."""
    return json_response({"ok": True})


async def show_settings(provider: Provider, _: Request) -> Response:
    """Every setting and fault."""
    return json_response(as_json(provider.settings, provider.faults))


async def change_settings(provider: Provider, request: Request) -> Response:
    """Change the settings and faults that are named; all of them, or none."""
    try:
        provider.configure(await json_object(request))
    except SettingRefused as refused:
        raise Refusal(400, str(refused)) from None
    return await show_settings(provider, request)


async def books(provider: Provider, request: Request) -> Response:
    """What was created, charged, refunded, asked and answered."""
    now_s = provider.clock()
    accounts = [*provider.accounts.values(), *provider.earlier.values()]
    for account in accounts:
        account.settle(now_s, provider.settings.refund_delay_s)
    sheets = {account.name: _sheet(account, now_s) for account in accounts}
    content: dict[str, object] = _total(provider, list(sheets.values()))
    content |= {
        "requests": dict(provider.requests),
        "answers": dict(provider.answers),
        "webhooks": dict(provider.webhooks),
        "key_leaks": provider.key_leaks,
        "by_key": sheets,
    }
    if request.query_params.get("rows") == "1":
        content["rows"] = list(_rows(provider, now_s))
    return json_response(content)


def _sheet(account: Account, now_s: float) -> dict[str, int]:
    """One account in numbers; a stranger's predictions only touch its balance."""
    return {
        "predictions": account.started,
        "completed": account.completed,
        "failed": account.failed,
        "charged_usd_micros": account.charged_usd_micros,
        "refunded_usd_micros": account.refunded_usd_micros,
        "balance_usd_micros": account.books.balance_usd_micros(now_s),
        "strangers": len(account.predictions) - account.started,
        "worst_60s_starts": account.window.worst,
        "most_concurrent": account.most_concurrent,
    }


def _total(provider: Provider, sheets: list[dict[str, int]]) -> dict[str, object]:
    """All accounts together: sums, and of limits the worst, since each has its own."""
    if not sheets:
        fresh = Account("", provider.new_books())
        sheets = [_sheet(fresh, provider.clock())]
    worst = {"worst_60s_starts", "most_concurrent"}
    return {
        name: (max if name in worst else sum)(sheet[name] for sheet in sheets)
        for name in sheets[0]
    }


def _rows(provider: Provider, now_s: float) -> Iterator[dict[str, object]]:
    for account, prediction in provider.predictions.values():
        yield _row(account, prediction, now_s)


def _row(account: Account, prediction: Prediction, now_s: float) -> dict[str, object]:
    state = prediction.status(now_s)
    return {
        "id": prediction.id,
        "key": account.name,
        "model": prediction.model,
        "inputs": prediction.inputs,
        "created_at_s": prediction.created_at_s,
        "due_at_s": prediction.due_at_s,
        "status": state.status,
        "code": state.code,
        "price_usd_micros": prediction.price_usd_micros,
        "refunded": prediction.refunded_usd_micros > 0,
        "refunded_usd_micros": prediction.refunded_usd_micros,
        "lost_answer": prediction.lost_answer,
        "stranger": prediction.stranger,
        "looks": prediction.looks,
        "downloads": prediction.downloads,
    }
