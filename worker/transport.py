"""The seam to HTTP: whoever asks the network here, and one question about its errors.

The question is whether anything could have left this machine, because a paid request
may be repeated only if nothing did. httpx's class alone does not answer it: the
transport behind it reports a connection that broke *after* the request as
`ConnectTimeout`. So what counts is the transport's own error underneath, and whatever
is not known to happen before the first byte counts as sent.

Questions go through httpx. What is asked by the hundred each second, a paid request,
looks and videos, is asked of the very transport beneath it (`Wire`), which takes a
third of the time.
"""

import asyncio
from functools import lru_cache
from http.cookiejar import CookieJar, DefaultCookiePolicy
from importlib.metadata import version
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import aiohttp
import httpx
from httpx_aiohttp import AiohttpTransport
from yarl import URL

from jobs.net import Guard, connector, near_allowed_for

#: Connections one process holds; more requests at once wait for one.
CONNECTIONS = 128

CONNECT_TIMEOUT_S = 10.0

#: aiohttp's errors while it is still connecting: not a byte of the request has left.
BEFORE_SENDING_BELOW = (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError)

#: httpx's errors that it raises by itself before it asks the transport for anything,
#: or, on its own transport, while connecting.
BEFORE_SENDING = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.UnsupportedProtocol,
    httpx.InvalidURL,
)


#: All that a request can end in: aiohttp's own errors are not all translated.
REQUEST_ERRORS = (
    httpx.HTTPError,
    httpx.InvalidURL,
    aiohttp.ClientError,
    OSError,
    ValueError,
)

#: Hosts whose proxies are remembered; more are looked up again.
REMEMBERED_HOSTS = 1_024

USER_AGENT = f"reelmill/{version('reelmill')}"


def could_have_left(error: BaseException) -> bool:
    """Whether a request that ended in `error` may have reached the provider."""
    below = error if isinstance(error, aiohttp.ClientError) else error.__cause__
    if isinstance(below, aiohttp.ClientError | TimeoutError | OSError):
        return not isinstance(below, BEFORE_SENDING_BELOW)
    return not isinstance(error, BEFORE_SENDING)


class Sessions:
    """aiohttp's sessions of one event loop: one for each proxy, and one for none.

    Which proxy leads to a host is told by the environment and read once. aiohttp reads
    it anew for every request, in a thread, and takes logins from `.netrc` besides: it
    would show them to file hosts, and refuse every request that has our own key.
    """

    def __init__(self, provider_url: str = "") -> None:
        """Make none yet.

        Args:
            provider_url: whose answers name the hosts that are asked: those on private
                addresses are asked only if the provider is on one itself. Empty where
                the user's own settings name them.
        """
        self._provider_url = provider_url
        self._guard = None if provider_url else Guard(near_allowed=True)
        self._proxies = getproxies()
        self._by_proxy: dict[str | None, aiohttp.ClientSession] = {}
        self._proxy = lru_cache(REMEMBERED_HOSTS)(self._find_proxy)

    async def check(self, scheme: str, host: str) -> None:
        """Judge a host that an answer named; before the first `to`, at least once.

        Raises:
            BarredError: it must not be asked.
            OSError: the provider's own name cannot be looked up.
        """
        if self._guard is None:
            near = await asyncio.to_thread(near_allowed_for, self._provider_url)
            self._guard = Guard(near_allowed=near)
        if self._proxy(scheme, host):
            await self._guard.check_name(host)

    def to(self, scheme: str, host: str) -> aiohttp.ClientSession:
        """The session that leads to a host; made on the loop that uses it."""
        assert self._guard is not None  # noqa: S101 - nobody asks without having checked
        proxy = self._proxy(scheme, host)
        session = self._by_proxy.get(proxy)
        if session is None:
            session = self._by_proxy[proxy] = aiohttp.ClientSession(
                connector=connector(None if proxy else self._guard, CONNECTIONS),
                cookie_jar=aiohttp.DummyCookieJar(),
                headers={"User-Agent": USER_AGENT},
                proxy=proxy,
            )
        return session

    async def close(self) -> None:
        """Let go of the connections."""
        for session in self._by_proxy.values():
            await session.close()

    def _find_proxy(self, scheme: str, host: str) -> str | None:
        return None if proxy_bypass(host) else self._proxies.get(scheme)


class Wire:
    """The transport itself; it follows no redirect and keeps no cookie."""

    def __init__(self, sessions: Sessions, read_timeout_s: float) -> None:
        self._sessions = sessions
        self._timeout = aiohttp.ClientTimeout(
            total=None, sock_connect=CONNECT_TIMEOUT_S, sock_read=read_timeout_s
        )

    def ask(
        self,
        method: str,
        url: str,
        headers: dict[str, str] | None = None,
        body: bytes | None = None,
    ) -> "aiohttp.client._RequestContextManager":
        """The answer of a web address, to be entered; its body is read piece by piece.

        Raises:
            ValueError: it is no web address.
        """
        parts = urlsplit(url)
        return self._sessions.to(parts.scheme, parts.hostname or "").request(
            method,
            # As it is: a signed link may not be written anew.
            URL(url, encoded=url.isascii()),
            headers=headers,
            data=body,
            timeout=self._timeout,
            allow_redirects=False,
        )


class _Transport(httpx.AsyncBaseTransport):
    """httpx over whichever session leads to a host."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions
        self._transports: dict[aiohttp.ClientSession, AiohttpTransport] = {}

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        await self._sessions.check(request.url.scheme, request.url.host)
        session = self._sessions.to(request.url.scheme, request.url.host)
        transport = self._transports.get(session)
        if transport is None:
            transport = self._transports[session] = AiohttpTransport(client=session)
        return await transport.handle_async_request(request)

    async def aclose(self) -> None:
        await self._sessions.close()


def make_client(
    read_timeout_s: float, sessions: Sessions | None = None
) -> httpx.AsyncClient:
    """A client for one event loop; it follows no redirect and keeps no cookie.

    It closes its sessions with itself.
    """
    return httpx.AsyncClient(
        transport=_Transport(sessions or Sessions()),
        timeout=httpx.Timeout(read_timeout_s, connect=CONNECT_TIMEOUT_S),
        headers={"User-Agent": USER_AGENT},
        cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
        follow_redirects=False,
    )
