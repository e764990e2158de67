"""One polite question to a web host: guarded, bounded, followed where it redirects.

It decides whether a question may be asked, how often it is repeated and when a host is
given up; what an answer means for a picture is decided in `web`.
"""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import TypeVar
from urllib.parse import urljoin, urlsplit

import aiohttp
import httpx
from httpx_aiohttp import AiohttpTransport

from producer.looking.guard import Barred, Guard, GuardedResolver, Standing
from producer.looking.hosts import Hosts
from producer.looking.proxies import Proxies

T = TypeVar("T")

MOST_REDIRECTS = 3

#: What a look can use; anything else is a trouble.
_USABLE = frozenset(
    {
        HTTPStatus.OK,
        HTTPStatus.PARTIAL_CONTENT,
        HTTPStatus.NOT_MODIFIED,
        HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE,
    }
)
_PASSING = frozenset(
    {
        HTTPStatus.REQUEST_TIMEOUT,
        HTTPStatus.TOO_EARLY,
        HTTPStatus.TOO_MANY_REQUESTS,
        *(status for status in HTTPStatus if status.is_server_error),
    }
)


@dataclass(frozen=True, slots=True)
class Manners:
    """How hosts are asked."""

    #: Questions at once, of one host and of all together.
    per_host: int = 8
    overall: int = 64
    #: Times a question is asked before its trouble is believed.
    tries: int = 3
    #: Seconds before the second time; doubled before every further one.
    wait_s: float = 0.5
    #: A host that wants to be left alone for longer is left alone.
    most_wait_s: float = 20.0
    connect_timeout_s: float = 10.0
    read_timeout_s: float = 20.0
    #: Seconds for one whole answer.
    deadline_s: float = 120.0
    #: A host that has not once answered for so long is given up for this run.
    silence_s: float = 30.0


class NotSeen(Exception):  # noqa: N818 - that is what it is
    """A picture could not be seen; the message goes on after the picture's name."""

    def __init__(
        self,
        message: str,
        suggestion: str,
        *,
        trouble: str = "unreachable",
        passing: bool = False,
        after_s: float = 0.0,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.suggestion = suggestion
        self.trouble = trouble
        #: It may be gone after a while.
        self.passing = passing
        #: Seconds that the host wants to be left alone.
        self.after_s = after_s


class Asking:
    """Asks web hosts, for one event loop."""

    def __init__(self, guard: Guard, manners: Manners) -> None:
        self._guard = guard
        self._manners = manners
        self._hosts = Hosts(manners.per_host, manners.overall, manners.silence_s)
        self._proxies = Proxies(guard)
        self._clients: dict[str, httpx.AsyncClient] = {}

    async def close(self) -> None:
        """Let go of the connections."""
        for client in self._clients.values():
            await client.aclose()

    async def patiently(self, ask: Callable[[], Awaitable[T]]) -> T:
        """What `ask` gives, tried again where its trouble may pass.

        Raises:
            NotSeen: it did not pass, or the host wants to be left alone for too long.
        """
        wait_s = self._manners.wait_s
        for _ in range(self._manners.tries - 1):
            try:
                return await ask()
            except NotSeen as trouble:
                if not trouble.passing or trouble.after_s > self._manners.most_wait_s:
                    raise
                # Many wait for one host: let them not come back in one moment.
                spread_s = wait_s * random.uniform(0.5, 1.5)  # noqa: S311 - no secret
                pause_s = max(trouble.after_s, spread_s)
            await asyncio.sleep(pause_s)
            wait_s *= 2
        return await ask()

    @asynccontextmanager
    async def get(
        self, address: str, headers: Mapping[str, str]
    ) -> AsyncIterator[httpx.Response]:
        """An answer that a look can use, its body still to be read.

        Raises:
            NotSeen: there is none; also where the body cannot be read.
        """
        async with AsyncExitStack() as held:
            try:
                for _ in range(MOST_REDIRECTS + 1):
                    async with AsyncExitStack() as hop:
                        answer = await self._asked(address, headers, hop)
                        if not answer.has_redirect_location:
                            held.push_async_exit(hop.pop_all().__aexit__)
                            break
                        address = urljoin(address, answer.headers["location"])
                else:
                    raise NotSeen(
                        f"is redirected more than {MOST_REDIRECTS} times",
                        "give the address that it ends at",
                    )
                _check(answer)
                yield answer
            except TimeoutError:
                raise _timed_out(self._manners.deadline_s) from None
            except (httpx.HTTPError, aiohttp.ClientError, OSError) as error:
                raise _trouble_of(error) from None

    async def _asked(
        self, address: str, headers: Mapping[str, str], hop: AsyncExitStack
    ) -> httpx.Response:
        """The answer to one question; `hop` holds its place in the line."""
        host = _host_of(address)
        self._guard.check_host(host)
        await hop.enter_async_context(self._hosts.turn(host))
        await hop.enter_async_context(asyncio.timeout(self._manners.deadline_s))
        if self._hosts.is_silent(host):
            raise NotSeen(
                f"was not asked for: {host} has not answered for a while",
                "see whether that host is up",
            )
        client = self._client(await self._proxies.proxy_for(address, host))
        request = client.build_request("GET", address, headers=headers)
        try:
            response = await client.send(request, stream=True)
        except ValueError as error:
            # Such as a name whose parts are too long to be asked for.
            raise NotSeen(
                f"cannot be asked for ({error})", "check the address"
            ) from None
        except (httpx.HTTPError, aiohttp.ClientError, OSError):
            self._hosts.failed(host)
            raise
        self._hosts.answered(host)
        hop.push_async_callback(response.aclose)
        return response

    def _client(self, proxy: str) -> httpx.AsyncClient:
        if proxy not in self._clients:
            self._clients[proxy] = _make_client(self._guard, self._manners, proxy)
        return self._clients[proxy]


def _make_client(guard: Guard, manners: Manners, proxy: str) -> httpx.AsyncClient:
    """A client that keeps no cookie, shows no login and follows nothing by itself."""

    def session() -> aiohttp.ClientSession:
        connector = aiohttp.TCPConnector(
            limit=manners.overall,
            ttl_dns_cache=300,
            # A proxy may well be near to us, and it is the one that connects.
            resolver=None if proxy else GuardedResolver(guard),
            socket_factory=None if proxy else guard.socket,
        )
        return aiohttp.ClientSession(
            connector=connector, cookie_jar=aiohttp.DummyCookieJar(), trust_env=False
        )

    return httpx.AsyncClient(
        transport=AiohttpTransport(
            client=session, proxy=httpx.Proxy(proxy) if proxy else None
        ),
        timeout=httpx.Timeout(
            manners.read_timeout_s, connect=manners.connect_timeout_s, pool=None
        ),
        cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
        headers={"Accept-Encoding": "identity", "Accept": "image/*,*/*;q=0.5"},
        follow_redirects=False,
        trust_env=False,
    )


def _host_of(address: str) -> str:
    """The host as it will be asked for, international names in their ASCII form."""
    try:
        parts = urlsplit(address)
        host = httpx.URL(address).raw_host.decode("ascii")
    except (httpx.InvalidURL, ValueError):
        parts, host = urlsplit(""), ""
    if parts.scheme not in {"http", "https"} or not host or "@" in parts.netloc:
        raise NotSeen(
            "leads to what is no web address", "give the address that it ends at"
        )
    return host


def _check(answer: httpx.Response) -> None:
    status = answer.status_code
    if status in _USABLE:
        encoding = answer.headers.get("content-encoding", "identity").strip().lower()
        if encoding not in {"", "identity"}:
            raise NotSeen(
                "comes packed although it was asked for as it is",
                "turn compression off for pictures on that host",
            )
        return
    if status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
        suggestion = "let everybody read it, or give a signed address"
    elif status in {HTTPStatus.NOT_FOUND, HTTPStatus.GONE}:
        suggestion = "nothing is there: check the address"
    else:
        suggestion = "see whether that host is well, then try again"
    raise NotSeen(
        f"cannot be read: the host answers HTTP {status}",
        suggestion,
        passing=status in _PASSING,
        after_s=_after_s(answer),
    )


def _after_s(answer: httpx.Response) -> float:
    """Seconds that a host wants to be left alone; 0 where it does not say."""
    text = answer.headers.get("retry-after", "").strip()
    if text.isascii() and text.isdecimal():
        return float(text[:9])
    try:
        until = parsedate_to_datetime(text)
        now = parsedate_to_datetime(answer.headers.get("date", ""))
        return max(0.0, (until - now).total_seconds())
    except (TypeError, ValueError):
        return 0.0


def _timed_out(limit_s: float) -> NotSeen:
    return NotSeen(
        f"did not come within {limit_s:g} s",
        "see whether that host is well, then try again",
        passing=True,
    )


def _trouble_of(error: Exception) -> NotSeen:
    if (barred := _barred(error)) is not None:
        return trouble_of_barred(barred)
    below = error.__cause__ or error
    if isinstance(below, aiohttp.ClientConnectorDNSError):
        return NotSeen(
            "cannot be reached: its host has no address",
            "check how the host is spelt",
            passing=True,
        )
    if isinstance(below, aiohttp.ClientSSLError):
        return NotSeen(
            "cannot be reached: its host's certificate is not valid",
            "give an address whose certificate is",
        )
    words = str(below).partition("\n")[0] or type(below).__name__
    return NotSeen(
        f"cannot be read ({words})", "see whether that host is up", passing=True
    )


def _barred(error: BaseException | None) -> Barred | None:
    """The guard's word, if it is what is behind an error."""
    while error is not None:
        for one in (error, getattr(error, "os_error", None)):
            if isinstance(one, Barred):
                return one
        error = error.__cause__
    return None


def trouble_of_barred(barred: Barred) -> NotSeen:
    """What a person is told of an address that is not asked."""
    if barred.standing is Standing.NEVER:
        return NotSeen(
            "leads to a link-local address, which is never asked",
            "give an address that everybody can open",
            trouble=barred.standing.value,
        )
    return NotSeen(
        "leads to a private address, which the provider cannot reach",
        "give an address that everybody can open, or a local file, which is uploaded",
        trouble=barred.standing.value,
    )


