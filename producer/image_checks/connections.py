"""Connections to web hosts: each guarded, none with a cookie, a login or a rewriting.

httpx's client is left out: it would log signed addresses, and read the place that a
redirect leads to before anybody has judged it. Who asks over them is `asking`.
"""

from typing import Any, cast

import aiohttp
import httpx
from httpx_aiohttp import AiohttpTransport
from yarl import URL

from jobs.net import Guard, connector

#: Seconds that an answer of DNS is believed.
_DNS_S = 300


class Connections(AiohttpTransport):
    """Connections for one event loop, direct ones or those through one proxy."""

    def __init__(self, guard: Guard, most: int, proxy: str) -> None:
        super().__init__(proxy=httpx.Proxy(proxy) if proxy else None, trust_env=False)
        self._session = aiohttp.ClientSession(
            # A proxy may well be near to us, and it is the one that connects.
            connector=connector(None if proxy else guard, most, believed_s=_DNS_S),
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=False,
        )

    def get_client(self) -> aiohttp.ClientSession:
        """What the transport sends by: the one thing that it calls is `request`."""
        return cast("aiohttp.ClientSession", _AsWritten(self._session))

    async def aclose(self) -> None:
        """Let go of the connections."""
        await self._session.close()


class _AsWritten:
    """A session that sends an address as it is: many are signed to the letter."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self._session = session

    def request(self, *, url: str, **rest: Any) -> Any:  # noqa: ANN401 - handed through
        return self._session.request(url=URL(url, encoded=True), **rest)
