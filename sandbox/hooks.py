"""Webhooks: the provider calls back when a prediction is over.

As documented, a bare prediction with its input is signed and sent to the address that
the paid request named, up to three times until somebody takes it. It decides nothing
about the prediction; whoever is called must ask anyway.
"""

import asyncio
import hashlib
import hmac
import json
from urllib.parse import urlsplit

import httpx
from starlette.requests import Request
from starlette.responses import Response

from sandbox.account import Account
from sandbox.answers import Refusal, let_in, prediction_json, success
from sandbox.predictions import Prediction
from sandbox.provider import Provider

#: How often one webhook is sent at most, and how long an answer may take.
TRIES = 3
PATIENCE_S = 10.0

#: How soon a prediction is looked at again whose picture is still being fetched.
LOOK_S = 0.02


async def secret(provider: Provider, request: Request) -> Response:
    """What webhooks of this account are signed with."""
    account = let_in(provider, request)
    return success({"secret": secret_of(provider, account)})


def secret_of(provider: Provider, account: Account) -> str:
    """The secret of an account; another one for every `webhook_secret`."""
    settings = provider.settings
    text = f"{settings.seed}/{account.name}/{settings.webhook_secret}"
    return f"whsec_{hashlib.sha256(text.encode()).hexdigest()[:32]}"


def wanted(request: Request) -> str:
    """The address that a paid request wants to be called at; empty if none.

    Raises:
        Refusal: 400, it is no web address.
    """
    address = request.query_params.get("webhook", "")
    parts = urlsplit(address)
    if address and not (parts.scheme in ("http", "https") and parts.hostname):
        raise Refusal(400, "webhook: must be a web address")
    return address


def promise(
    provider: Provider, account: Account, prediction: Prediction, address: str
) -> asyncio.Task[None]:
    """Call that address once the prediction is over."""
    work = _deliver(provider, account, prediction, address)
    task = asyncio.get_running_loop().create_task(work)
    provider.calls.add(task)
    task.add_done_callback(provider.calls.discard)
    return task


def signature(secret: str, hook_id: str, timestamp: int, body: bytes) -> str:
    """The signature of a webhook; the secret's beginning is no part of the key."""
    key = secret.removeprefix("whsec_").encode()
    signed = f"{hook_id}.{timestamp}.".encode() + body
    return f"v3,{hmac.digest(key, signed, hashlib.sha256).hex()}"


async def _deliver(
    provider: Provider, account: Account, prediction: Prediction, address: str
) -> None:
    while not prediction.over(now_s := provider.clock()):
        left_s = prediction.due_at_s - now_s
        await asyncio.sleep(max(LOOK_S, left_s))
    strikes = provider.faults.strikes
    if strikes("webhook_never"):
        return
    if strikes("webhook_late"):
        await asyncio.sleep(provider.settings.webhook_late_s)
    forged = strikes("webhook_forged")
    for _ in range(2 if strikes("webhook_twice") else 1):
        await _send(provider, account, prediction, address, forged=forged)


async def _send(
    provider: Provider,
    account: Account,
    prediction: Prediction,
    address: str,
    *,
    forged: bool,
) -> None:
    """Send until it is taken, waiting longer each time."""
    told = prediction_json(provider, prediction, show_inputs=True)
    body = json.dumps(told, ensure_ascii=False).encode()
    # No proxy of the environment: nothing may leave this machine.
    async with httpx.AsyncClient(trust_env=False, timeout=PATIENCE_S) as client:
        for number in range(TRIES):
            if number:
                wait_s = provider.settings.webhook_retry_s * 2 ** (number - 1)
                await asyncio.sleep(wait_s)
            headers = _headers(provider, account, prediction, body, forged=forged)
            provider.webhooks["sent"] += 1
            try:
                answer = await client.post(address, content=body, headers=headers)
            except (httpx.HTTPError, httpx.InvalidURL):
                provider.webhooks["unanswered"] += 1
                continue
            provider.webhooks[str(answer.status_code)] += 1
            if answer.is_success:
                return


def _headers(
    provider: Provider,
    account: Account,
    prediction: Prediction,
    body: bytes,
    *,
    forged: bool,
) -> dict[str, str]:
    key = "whsec_of-somebody-else" if forged else secret_of(provider, account)
    hook_id, timestamp = f"msg_{prediction.id}", int(provider.clock())
    return {
        "content-type": "application/json",
        "webhook-id": hook_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": signature(key, hook_id, timestamp, body),
    }
