"""The paid request: `POST /api/v3/{model}`.

It decides in the provider's order (key, model, body, inputs, money, limits) whether a
prediction is created, and how the answer to that is lost when a fault says so. What
becomes of the prediction stands in `predictions`.
"""

import asyncio

from starlette.requests import Request
from starlette.responses import Response

from sandbox import hooks
from sandbox.account import Account
from sandbox.answers import (
    LineDropped,
    Refusal,
    busy,
    json_object,
    json_response,
    let_in,
    prediction_json,
    success,
)
from sandbox.models import InputRefused, known_models
from sandbox.predictions import Prediction
from sandbox.provider import Provider

#: Faults that lose the answer to a request that was charged.
LOST = ("submit_drop_after", "submit_5xx_after", "submit_garbled", "submit_no_id")


async def submit(provider: Provider, request: Request) -> Response:
    """Create and charge a prediction."""
    account = let_in(provider, request)
    _fail_before(provider)
    model = known_models().get(request.path_params["model"])
    if model is None:
        raise Refusal(404, f"model not found: {request.path_params['model']}")
    inputs = await json_object(request)
    if provider.faults.strikes("submit_held"):
        await asyncio.sleep(provider.settings.submit_held_s)
    try:
        model.check(inputs)
    except InputRefused as refused:
        raise Refusal(400, f"invalid input: {refused}") from None
    _refuse_words(provider, request.path_params["model"], str(inputs.get("prompt", "")))
    address = hooks.wanted(request)
    if not _can_pay(provider, account, provider.price_usd_micros(model, inputs)):
        return _insufficient(provider)
    _within_limits(provider, account)
    prediction = provider.create(account, model, inputs)
    if address:
        call = hooks.promise(provider, account, prediction, address)
        if provider.faults.strikes("webhook_early"):
            await asyncio.wait([call])
    return await _answered(provider, request, prediction)


def _fail_before(provider: Provider) -> None:
    strikes = provider.faults.strikes
    if strikes("submit_drop_before"):
        raise LineDropped
    if strikes("submit_5xx_before"):
        raise Refusal(503, "service unavailable")
    if strikes("submit_429"):
        raise busy(provider, "too many requests", 0)


def _refuse_words(provider: Provider, model: str, prompt: str) -> None:
    settings = provider.settings
    if settings.forbidden_word and settings.forbidden_word in f"{model} {prompt}":
        raise Refusal(403, "this is not enabled for your account")
    if settings.quoted_word and settings.quoted_word in prompt:
        raise Refusal(400, f'invalid prompt: "{prompt}" violates the policy')


def _can_pay(provider: Provider, account: Account, price_usd_micros: int) -> bool:
    return account.books.balance_usd_micros(provider.clock()) >= price_usd_micros


def _insufficient(provider: Provider) -> Response:
    message = "Insufficient credits. Please top up your account."
    status = provider.settings.insufficient
    if status != 200:  # noqa: PLR2004 - an HTTP status
        raise Refusal(status, message)
    # The other reading of the pages: a success whose data says that it is none.
    return success({"id": "", "status": "failed", "code": 1407, "error": message})


def _within_limits(provider: Provider, account: Account) -> None:
    """Pass, or refuse with 429: nothing is created then.

    Raises:
        Refusal: 429, too many starts in 60 s, or too many predictions at once.
    """
    settings, now_s = provider.settings, provider.clock()
    rate = settings.starts_per_60_s
    wait_s = account.window.wait_s(now_s, rate)
    if wait_s > 0:
        message = f"Rate limit exceeded: {rate} predictions per 1 minute"
        raise busy(provider, message, wait_s)
    if settings.over_concurrency == "queue":
        return
    at_work = account.at_work(now_s, settings.refund_delay_s)
    if at_work >= settings.most_at_once:
        raise busy(provider, "You have reached your concurrency limit", 1)


async def _answered(
    provider: Provider, request: Request, prediction: Prediction
) -> Response:
    struck = next((name for name in LOST if provider.faults.strikes(name)), None)
    if struck is not None:
        prediction.lost_answer = True
        return _lose(struck, provider, prediction)
    if provider.faults.strikes("submit_late"):
        await asyncio.sleep(provider.settings.submit_late_s)
    transport = getattr(request.state, "transport", None)  # only a real server has one
    prediction.lost_answer = transport is not None and transport.is_closing()
    return success(_answer(provider, prediction))


def _lose(name: str, provider: Provider, prediction: Prediction) -> Response:
    if name == "submit_drop_after":
        raise LineDropped
    if name == "submit_5xx_after":
        raise Refusal(502, "bad gateway")
    whole = success(_answer(provider, prediction))
    if name == "submit_garbled":
        # Cut before the id begins, so that no repair can find it.
        cut = bytes(whole.body).index(prediction.id.encode())
        return Response(bytes(whole.body)[:cut], 200, None, "application/json")
    data = _answer(provider, prediction)
    del data["id"], data["urls"]
    return json_response({"code": 200, "message": "success", "data": data})


def _answer(provider: Provider, prediction: Prediction) -> dict[str, object]:
    shown = provider.settings.result_inputs
    return prediction_json(provider, prediction, show_inputs=shown)
