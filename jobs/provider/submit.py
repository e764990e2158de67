"""The one request that costs money: sent once, and judged by what could have left.

A paid request may be sent again only if nothing of it left this machine. Whatever is
not known to happen before the first byte counts as sent. Only `worker/` may import
this module.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import aiohttp

from jobs.net import BarredError
from jobs.provider.answers import AnswerLost, SubmitAnswer, Unsent
from jobs.provider.client import Provider
from jobs.provider.http import describe
from jobs.provider.replies import submitted

#: Errors from before the first byte: while a host is judged, looked up, connected to,
#: or while a connection is waited for.
BEFORE_SENDING = (
    BarredError,
    aiohttp.ClientConnectorError,
    aiohttp.ConnectionTimeoutError,
)

#: Seconds that an answer which has arrived has to be read after the time is up: a
#: process that was stopped meanwhile finds both at the same moment.
READ_S = 0.5


async def submit(
    provider: Provider, path: str, request: Mapping[str, Any]
) -> SubmitAnswer:
    """Ask for one paid prediction, inside the provider's `room`; never sent twice."""
    timeout_s = provider.submit_timeout_s
    try:
        async with _timeout(timeout_s):
            reply = await provider.send("POST", path, request)
    except Exception as error:  # noqa: BLE001 - an error nobody knows is the dear kind
        if type(error) is TimeoutError:  # ours; those of aiohttp are of its kinds
            return AnswerLost(f"no answer within {timeout_s:g} s")
        reason = describe(error)
        return AnswerLost(reason) if could_have_left(error) else Unsent(reason)
    return submitted(reply)


def could_have_left(error: BaseException) -> bool:
    """Whether a request that ended in `error` may have reached the provider."""
    return not isinstance(error, BEFORE_SENDING)


@asynccontextmanager
async def _timeout(seconds: float) -> AsyncIterator[None]:
    """As `asyncio.timeout`, but what has arrived when the time is up is read first."""
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(None) as limit:
        timer = loop.call_later(seconds, lambda: limit.reschedule(loop.time() + READ_S))
        try:
            yield
        finally:
            timer.cancel()
