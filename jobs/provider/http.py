"""HTTP to the provider, to file hosts and to receivers: guarded, and without a memory.

aiohttp is used as it is: paid requests, polls and videos come by the hundred each
second, and httpx over it takes three times as long for each.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from functools import lru_cache
from importlib.metadata import version
from typing import BinaryIO
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import aiohttp
from yarl import URL

from jobs.net import BarredError, Guard, barred_by, connector, near_allowed_for
from jobs.provider.replies import clean

#: Connections one process holds; more requests at once wait for one.
CONNECTIONS = 128

CONNECT_TIMEOUT_S = 10.0

#: All that a request can end in.
REQUEST_ERRORS = (aiohttp.ClientError, OSError, ValueError)

#: Hosts whose proxies are remembered; more are looked up again.
REMEMBERED_HOSTS = 1_024

USER_AGENT = f"reelmill/{version('reelmill')}"

#: A login in an address.
LOGIN = re.compile(r"//[^/\s@]+@")


class RequestError(Exception):
    """A request came to nothing; says why, and never what was asked."""

    def __init__(self, reason: str, barred: BarredError | None = None) -> None:
        super().__init__(reason)
        #: The guard's word, where it is what kept the request back.
        self.barred = barred


class Http:
    """aiohttp's sessions of one event loop: one for each proxy, and one for none.

    They follow no redirect and keep no cookie. Which proxy leads to a host is told by
    the environment and read once. aiohttp reads it anew for every request, in a thread,
    and takes logins from `.netrc` besides: it would show them to file hosts, and refuse
    every request that has our own key.
    """

    def __init__(self, read_timeout_s: float, provider_url: str = "") -> None:
        """Connect to nobody yet.

        Args:
            read_timeout_s: for a single read.
            provider_url: whose answers name the hosts that are asked: those on private
                addresses are asked only if the provider is on one itself. Empty where
                the user's own settings name them.
        """
        self._provider_url = provider_url
        self._guard = None if provider_url else Guard(near_allowed=True)
        self._timeout = aiohttp.ClientTimeout(
            total=None, sock_connect=CONNECT_TIMEOUT_S, sock_read=read_timeout_s
        )
        self._proxies = getproxies()
        self._by_proxy: dict[str | None, aiohttp.ClientSession] = {}
        self._proxy = lru_cache(REMEMBERED_HOSTS)(self._find_proxy)

    async def ask(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str] | None = None,
        body: bytes | BinaryIO | None = None,
    ) -> aiohttp.ClientResponse:
        """The answer of a web address, to be entered; its body is read piece by piece.

        Raises:
            ValueError: it is no web address.
            BarredError: it must not be asked.
            ClientError, OSError: there is no answer.
        """
        parts = urlsplit(url)
        session = await self._to(parts.scheme, parts.hostname or "")
        return await session.request(
            method,
            # As it is: a signed link may not be written anew.
            URL(url, encoded=url.isascii()),
            headers=headers,
            data=body,
            timeout=self._timeout,
            allow_redirects=False,
        )

    async def close(self) -> None:
        """Let go of the connections."""
        for session in self._by_proxy.values():
            await session.close()

    async def _to(self, scheme: str, host: str) -> aiohttp.ClientSession:
        """The session that leads to a host, which is judged first."""
        if self._guard is None:
            near = await asyncio.to_thread(near_allowed_for, self._provider_url)
            self._guard = Guard(near_allowed=near)
        proxy = self._proxy(scheme, host)
        if proxy:
            # Only the proxy connects to it, so its name is all that can be judged.
            await self._guard.check_name(host)
        session = self._by_proxy.get(proxy)
        if session is None:
            session = self._by_proxy[proxy] = aiohttp.ClientSession(
                connector=connector(None if proxy else self._guard, CONNECTIONS),
                cookie_jar=aiohttp.DummyCookieJar(),
                headers={"User-Agent": USER_AGENT},
                proxy=proxy,
            )
        return session

    def _find_proxy(self, scheme: str, host: str) -> str | None:
        return None if proxy_bypass(host) else self._proxies.get(scheme)


@asynccontextmanager
async def deadline(
    seconds: float, late: str = "no answer within"
) -> AsyncIterator[None]:
    """End what takes longer, and say in few words what went wrong with a request.

    Args:
        seconds: until it is ended.
        late: what is said then, before the seconds.

    Raises:
        RequestError: it took longer, or the network failed.
    """
    try:
        async with asyncio.timeout(seconds):
            yield
    except REQUEST_ERRORS as error:
        if type(error) is TimeoutError:  # those of aiohttp are of its kinds
            raise RequestError(f"{late} {seconds:g} s") from None
        raise RequestError(describe(error), barred_by(error)) from None


def describe(error: BaseException) -> str:
    """An exception in a few words; never the request, which holds the key."""
    if barred := barred_by(error):
        return str(barred)
    # A proxy's address may have a login in it, and its errors tell the address.
    words = LOGIN.sub("//", clean(str(error)))
    name = type(error).__name__
    return f"{name}: {words}" if words else name
