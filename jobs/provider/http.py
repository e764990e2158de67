"""HTTP to the provider, to file hosts and to receivers: guarded, and without a memory.

aiohttp is used as it is: paid requests, polls and videos come by the hundred each
second, and httpx over it takes three times as long for each.
"""

import asyncio
import re
import threading
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from functools import lru_cache
from importlib.metadata import version
from typing import BinaryIO, ParamSpec, TypeVar, cast
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import aiohttp
from yarl import URL

from jobs.net import BarredError, Guard, barred_by, connector, near_allowed_for
from jobs.provider.replies import clean

P = ParamSpec("P")
T = TypeVar("T")

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

    def __init__(
        self, read_timeout_s: float, provider_url: str = "", *, looks_up: bool = True
    ) -> None:
        """Connect to nobody yet.

        Args:
            read_timeout_s: for a single read.
            provider_url: whose answers name the hosts that are asked: those on private
                addresses are asked only if the provider is on one itself. Empty where
                the user's own settings name them.
            looks_up: whether names are looked up to be judged where a proxy connects.
                The user's own provider is not: where only the proxy knows names, each
                request would wait for an answer that never comes.
        """
        self._looks_up = looks_up
        self._provider_url = provider_url
        self._guard = None if provider_url else Guard(near_allowed=True)
        self._timeout = aiohttp.ClientTimeout(
            total=None,
            # The lookup of the name counts, too: a paid request leaves soon or never.
            connect=CONNECT_TIMEOUT_S,
            sock_connect=CONNECT_TIMEOUT_S,
            sock_read=read_timeout_s,
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
            self._guard.check_host(host)
            if self._looks_up:
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


async def in_daemon_thread(do: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Do something that blocks, in a thread that nobody waits for at the end.

    A server that sends byte after byte, or a disk that hangs, would else hold up
    whoever has given up on it, and the end of the process.
    """
    loop = asyncio.get_running_loop()
    done: asyncio.Future[T] = loop.create_future()

    def end(result: T | None, error: BaseException | None) -> None:
        if done.done():
            return
        if error is not None:
            done.set_exception(error)
        else:
            done.set_result(cast("T", result))

    def work() -> None:
        result, error = None, None
        try:
            result = do(*args, **kwargs)
        except Exception as raised:  # noqa: BLE001 - it is raised where it is awaited
            error = raised
        with suppress(RuntimeError):  # the loop is over, and nobody waits
            loop.call_soon_threadsafe(end, result, error)

    threading.Thread(target=work, daemon=True).start()
    return await done


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
