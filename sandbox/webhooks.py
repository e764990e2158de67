"""Webhooks: the provider calls back when a prediction is over.

As documented, a bare prediction with its input is signed and sent to the address that
the paid request named, up to three times until it is accepted.
"""

import asyncio
import hashlib
import hmac
import json
from urllib.parse import urlsplit

import httpx
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from sandbox import wire
from sandbox.state import Account, Prediction, Provider

#: How often one webhook is sent at most, and how long an answer may take.
TRIES = 3
TIMEOUT_S = 10.0


async def secret(provider: Provider, request: Request) -> Response:
    """What webhooks of this account are signed with."""
    return wire.success(
        {"secret": secret_of(provider, wire.account(provider, request))}
    )


def secret_of(provider: Provider, account: Account) -> str:
    """The secret of an account; another one for every `webhook_secret`."""
    settings = provider.settings
    text = f"{settings.seed}/{account.name}/{settings.webhook_secret}"
    return f"whsec_{hashlib.sha256(text.encode()).hexdigest()[:32]}"


def address_of(request: Request) -> str:
    """The web address that a paid request wants to be called at, else empty or 400."""
    address = request.query_params.get("webhook", "")
    parts = urlsplit(address)
    if address and not (parts.scheme in ("http", "https") and parts.hostname):
        raise HTTPException(400, "webhook: must be a web address")
    return address


def signature(secret: str, hook_id: str, timestamp: int, body: bytes) -> str:
    """The signature of a webhook; the secret's beginning is no part of the key."""
    key = secret.removeprefix("whsec_").encode()
    signed = f"{hook_id}.{timestamp}.".encode() + body
    return f"v3,{hmac.digest(key, signed, hashlib.sha256).hex()}"


async def promise(
    provider: Provider, account: Account, prediction: Prediction, address: str
) -> None:
    """Call that address once the prediction is over; at a fault, right now."""
    call = asyncio.create_task(_deliver(provider, account, prediction, address))
    provider.calls.add(call)
    call.add_done_callback(provider.calls.discard)
    if provider.faults.happens("webhook_early"):
        await asyncio.wait([call])


async def _deliver(
    provider: Provider, account: Account, prediction: Prediction, address: str
) -> None:
    # A little more, for the two clocks round differently.
    await asyncio.sleep(prediction.due_at_s - provider.clock() + 0.001)
    if prediction.fetch is not None:
        await asyncio.wait([prediction.fetch])
    happens = provider.faults.happens
    if happens("webhook_never") or not prediction.over(provider.clock()):
        return
    if happens("webhook_late"):
        await asyncio.sleep(provider.settings.webhook_late_s)
    forged = happens("webhook_forged")
    key = "whsec_of-somebody-else" if forged else secret_of(provider, account)
    for _ in range(2 if happens("webhook_twice") else 1):
        await _send(provider, prediction, address, key)


async def _send(
    provider: Provider, prediction: Prediction, address: str, key: str
) -> None:
    """Send until it is accepted, waiting longer each time."""
    data = wire.prediction_json(provider, prediction, show_inputs=True)
    body = json.dumps(data, ensure_ascii=False).encode()
    hook_id = f"msg_{prediction.id}"
    # No proxy of the environment: nothing may leave this machine.
    async with httpx.AsyncClient(trust_env=False, timeout=TIMEOUT_S) as client:
        for number in range(TRIES):
            # Nothing, then once and twice the setting.
            await asyncio.sleep(provider.settings.webhook_retry_s * number)
            timestamp = int(provider.clock())
            headers = {
                "content-type": "application/json",
                "webhook-id": hook_id,
                "webhook-timestamp": str(timestamp),
                "webhook-signature": signature(key, hook_id, timestamp, body),
            }
            provider.webhooks["sent"] += 1
            try:
                answer = await client.post(address, content=body, headers=headers)
            except (httpx.HTTPError, httpx.InvalidURL):
                provider.webhooks["unanswered"] += 1
                continue
            provider.webhooks[str(answer.status_code)] += 1
            if answer.is_success:
                return
