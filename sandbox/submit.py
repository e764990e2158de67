"""The paid request: `POST /api/v3/{model}`.

It checks in the provider's order (key, model, body, inputs, money, limits) whether a
prediction is created; the faults lose or delay the answer to that.
"""

import asyncio
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from sandbox import webhooks, wire
from sandbox.account import Account
from sandbox.models import MODELS, InputError, Model
from sandbox.prediction import Prediction
from sandbox.provider import Provider

#: Faults that lose the answer to a request that was charged.
LOST = ("submit_drop_after", "submit_5xx_after", "submit_garbled", "submit_no_id")


async def submit(provider: Provider, request: Request) -> Response:
    """Create and charge a prediction."""
    account = wire.account(provider, request)
    wire.fail(provider, "submit_drop_before", "submit_5xx_before", "submit_429")
    model = MODELS.get(request.path_params["model"])
    if model is None:
        raise HTTPException(404, f"model not found: {request.path_params['model']}")
    inputs = (await wire.json_of(request, wire.JsonObject)).root
    if provider.faults.happens("submit_held"):
        await asyncio.sleep(provider.settings.submit_held_s)
    _check(provider, model, inputs)
    webhook = webhooks.address_of(request)
    price = provider.price_usd_micros(model, inputs)
    if account.billing.left_usd_micros(provider.clock()) < price:
        return _insufficient(provider)
    _within_limits(provider, account)
    prediction = provider.create(account, model, inputs)
    if webhook:
        work = webhooks.deliver(provider, account, prediction, webhook)
        call = asyncio.create_task(work)
        provider.calls.add(call)
        call.add_done_callback(provider.calls.discard)
        if provider.faults.happens("webhook_early"):
            await asyncio.wait([call])
    return await _answer(provider, request, prediction)


def _check(provider: Provider, model: type[Model], inputs: dict[str, Any]) -> None:
    try:
        model.check(inputs)
    except InputError as error:
        raise HTTPException(400, f"invalid input: {error}") from None
    settings, prompt = provider.settings, str(inputs.get("prompt", ""))
    if settings.forbidden_word and settings.forbidden_word in f"{model.id} {prompt}":
        raise HTTPException(403, "this is not enabled for your account")
    if settings.quoted_word and settings.quoted_word in prompt:
        raise HTTPException(400, f'invalid prompt: "{prompt}" violates the policy')


def _insufficient(provider: Provider) -> Response:
    message = "Insufficient credits. Please top up your account."
    if provider.settings.insufficient in {402, 403}:
        raise HTTPException(provider.settings.insufficient, message)
    # The other reading of the pages: a success whose data says that it is none.
    return wire.success({"id": "", "status": "failed", "code": 1407, "error": message})


def _within_limits(provider: Provider, account: Account) -> None:
    """Return if another prediction may start now.

    Raises:
        HTTPException: 429, too many starts in 60 s, or too many predictions at once.
    """
    settings, now_s = provider.settings, provider.clock()
    rate = settings.starts_per_60_s
    wait_s = account.starts.wait_s(now_s, rate)
    if wait_s > 0:
        message = f"Rate limit exceeded: {rate} predictions per 1 minute"
        raise wire.too_many(provider, message, wait_s)
    if settings.over_concurrency == "queue":
        return
    account.settle(now_s, settings.refund_delay_s)
    if account.generating >= settings.most_at_once:
        raise wire.too_many(provider, "You have reached your concurrency limit")


async def _answer(
    provider: Provider, request: Request, prediction: Prediction
) -> Response:
    lost = next((name for name in LOST if provider.faults.happens(name)), None)
    prediction.lost_answer = lost is not None
    if lost == "submit_drop_after":
        raise wire.LineDroppedError
    if lost == "submit_5xx_after":
        raise HTTPException(502, "bad gateway")
    if lost is None and provider.faults.happens("submit_late"):
        await asyncio.sleep(provider.settings.submit_late_s)
    shown = provider.settings.result_inputs
    data = wire.prediction_json(provider, prediction, show_inputs=shown)
    if lost == "submit_no_id":
        del data["id"], data["urls"]
    whole = wire.success(data)
    if lost == "submit_garbled":
        # Cut before the id begins, so that no repair can find it.
        cut = bytes(whole.body).index(prediction.id.encode())
        return Response(bytes(whole.body)[:cut], 200, None, "application/json")
    transport = getattr(request.state, "transport", None)  # only a real server has one
    gone = transport is not None and transport.is_closing()
    prediction.lost_answer = lost is not None or gone
    return whole
