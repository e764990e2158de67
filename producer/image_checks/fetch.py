"""Asks web hosts for pictures: guarded, with limits, retries and a few redirects."""

import asyncio
import random
import re
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from functools import partial
from http import HTTPStatus
from typing import TypeVar
from urllib.parse import urljoin
from urllib.request import getproxies, proxy_bypass

import aiohttp
import httpx
from yarl import URL

from jobs.net import Guard, Standing, barred_by, connector
from producer.image_checks.results import ImageCheckError

T = TypeVar("T")

#: As many as web browsers and most programs follow.
MAX_REDIRECTS = 10

#: Seconds that an answer of DNS is believed.
_DNS_S = 300

#: Failures in a row after which a host is not asked any more.
MAX_FAILURES = 50

#: Pictures as they are: packed, sizes and ranges would mean nothing. With `image/*`
#: some hosts would send WebP in place of what they have.
_HEADERS = {
    "Accept": "*/*",
    "Accept-Encoding": "identity",
    "User-Agent": "reelmill",
}

#: What hosts are told that answer programs with 403.
BROWSER = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"

#: How a whole answer may be packed all the same; it is unpacked as it comes.
PACKED = frozenset({"gzip", "x-gzip", "deflate"})

_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_USABLE = frozenset({200, 206, 304, 416})
_RETRYABLE = frozenset({408, 425, 429})
#: Refusals that do not concern a range. Some hosts refuse one with 400, 403, 501 or
#: 503, and serve the whole.
_NOT_FOR_THE_RANGE = frozenset({401, 404, 408, 410, 425, 429})

TRY_LATER = "see whether that host is well, then try again"

_FORBIDDEN = "let everybody read it, or give a signed address"
_MISSING = "nothing is there: check the address"
_SUGGESTIONS = {401: _FORBIDDEN, 403: _FORBIDDEN, 404: _MISSING, 410: _MISSING}


@dataclass(frozen=True, slots=True)
class FetchLimits:
    """How hosts are asked."""

    #: Requests at once, to one host and to all together.
    per_host: int = 8
    overall: int = 64
    tries: int = 3
    #: Seconds before the second try; doubled before every further one.
    first_wait_s: float = 0.5
    #: A host that wants to be left alone for longer is left alone.
    max_wait_s: float = 20.0
    connect_timeout_s: float = 10.0
    read_timeout_s: float = 20.0
    #: Seconds for one whole answer.
    timeout_s: float = 120.0


class Client:
    """Asks web hosts, for one event loop."""

    def __init__(self, guard: Guard, limits: FetchLimits) -> None:
        self._guard = guard
        self._limits = limits
        self._proxies = getproxies()
        self._direct = self._session(guard)
        # A proxy may well be near to us, and it is the one that connects.
        self._proxied = self._session(None)
        self._overall = asyncio.Semaphore(limits.overall)
        self._hosts: defaultdict[bytes, asyncio.Semaphore] = defaultdict(
            lambda: asyncio.Semaphore(limits.per_host)
        )
        self._failures: Counter[bytes] = Counter()
        #: Addresses that are answered for browsers only, and where they lead.
        self.browsers_only: set[str] = set()

    def _session(self, guard: Guard | None) -> aiohttp.ClientSession:
        limits = self._limits
        return aiohttp.ClientSession(
            connector=connector(guard, limits.overall, believed_s=_DNS_S),
            cookie_jar=aiohttp.DummyCookieJar(),
            headers=_HEADERS,
            auto_decompress=False,
            timeout=aiohttp.ClientTimeout(
                total=limits.timeout_s,
                sock_connect=limits.connect_timeout_s,
                sock_read=limits.read_timeout_s,
            ),
        )

    async def close(self) -> None:
        """Let go of the connections."""
        await self._direct.close()
        await self._proxied.close()

    async def retry(self, ask: Callable[[], Awaitable[T]]) -> T:
        """What `ask` gives, tried again where that may help.

        Raises:
            ImageCheckError: it did not help, or the host wants to be left alone for
                too long.
        """
        limits = self._limits
        for number in range(limits.tries - 1):
            try:
                return await ask()
            except ImageCheckError as error:
                if not error.retryable or error.retry_after_s > limits.max_wait_s:
                    raise
                # Many wait for one host: let them not come back in one moment.
                jittered_s = limits.first_wait_s * 2**number * random.uniform(0.5, 1.5)
                pause_s = max(error.retry_after_s, jittered_s)
            await asyncio.sleep(pause_s)
        return await ask()

    @asynccontextmanager
    async def get(
        self, address: str, headers: Mapping[str, str]
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """An answer that tells of a picture, its body still to be read.

        Raises:
            ImageCheckError: there is none; also where the body cannot be read.
        """
        url = _parsed(address)
        for _ in range(MAX_REDIRECTS + 1):
            with _told():
                # In this order: who waits for a busy host keeps nobody from others.
                async with (
                    self._hosts[url.netloc],
                    self._overall,
                    await self._ask(url, headers) as answer,
                ):
                    place = answer.headers.get("location")
                    if answer.status not in _REDIRECTS or place is None:
                        _check(answer, has_range="Range" in headers)
                        if str(url) in self.browsers_only:
                            self.browsers_only.add(address)
                        yield answer
                        return
                    url = _parsed(str(url), place)
        raise ImageCheckError(
            f"is redirected more than {MAX_REDIRECTS} times",
            "give the address that it ends at",
        )

    async def _ask(
        self, url: httpx.URL, headers: Mapping[str, str]
    ) -> aiohttp.ClientResponse:
        session, proxy = await self._route(url)
        # As it is written: many addresses are signed to the letter.
        place = URL(str(url), encoded=True)
        ask = partial(session.get, place, proxy=proxy, allow_redirects=False)
        try:
            answer = await ask(headers=headers)
            if answer.status == HTTPStatus.FORBIDDEN and "Range" not in headers:
                answer.release()
                answer = await ask(headers={**headers, "User-Agent": BROWSER})
                if answer.status == HTTPStatus.OK:
                    self.browsers_only.add(str(url))
        except (aiohttp.ClientError, OSError) as error:
            has_answered = isinstance(error, aiohttp.ClientSSLError)
            self._failures[url.netloc] += not has_answered and barred_by(error) is None
            raise
        except ValueError as error:
            # Such as a name whose parts are too long to be asked for.
            message = f"cannot be asked for ({error})"
            raise ImageCheckError(message, "check the address") from None
        self._failures.pop(url.netloc, None)
        return answer

    async def _route(self, url: httpx.URL) -> tuple[aiohttp.ClientSession, str | None]:
        """The session to ask in and the proxy to ask through, if the host may be."""
        host = url.raw_host.decode("ascii")
        self._guard.check_host(host)
        if self._failures[url.netloc] >= MAX_FAILURES:
            raise ImageCheckError(
                f"was not asked for: {host} does not answer",
                "see whether that host is up",
            )
        proxy = self._proxies.get(url.scheme) or self._proxies.get("all")
        if not proxy or proxy_bypass(host):
            return self._direct, None
        # A proxy resolves names by itself, so they are judged here beforehand.
        await self._guard.check_name(host)
        return self._proxied, proxy if "://" in proxy else f"http://{proxy}"


def _parsed(address: str, place: str = "") -> httpx.URL:
    """The address as it will be asked for, where it leads; the host in ASCII."""
    try:
        url = httpx.URL(urljoin(address, place))
    except (httpx.InvalidURL, ValueError):
        url = httpx.URL("")
    if url.scheme not in {"http", "https"} or not url.host or url.userinfo:
        raise ImageCheckError(
            "is, or leads to, what is no web address", "check the address"
        )
    return url


def _check(answer: aiohttp.ClientResponse, *, has_range: bool) -> None:
    """Let pass what tells of a picture."""
    status = answer.status
    if status not in _USABLE:
        raise ImageCheckError(
            f"cannot be read: the host answers HTTP {status}",
            _SUGGESTIONS.get(status, TRY_LATER),
            retryable=status in _RETRYABLE
            or status >= HTTPStatus.INTERNAL_SERVER_ERROR,
            retry_after_s=_retry_after_s(answer),
            range_refused=has_range and status not in _NOT_FOR_THE_RANGE,
        )
    packed = answer.headers.get("content-encoding", "identity").lower()
    if packed != "identity" and (has_range or packed not in PACKED):
        raise ImageCheckError(
            f"comes packed with {packed} although it was asked for as it is",
            "turn compression off for pictures on that host",
            range_refused=has_range,
        )


@contextmanager
def _told() -> Iterator[None]:
    """Errors on the way, in words."""
    try:
        yield
    except (aiohttp.ClientError, OSError) as error:
        raise _check_error(error) from None


def _retry_after_s(answer: aiohttp.ClientResponse) -> float:
    """Seconds that a host wants to be left alone; 0 where it does not say."""
    wait = answer.headers.get("retry-after", "").strip()
    if re.fullmatch("[0-9]+", wait):
        return float(wait[:9])
    with suppress(TypeError, ValueError):
        now = parsedate_to_datetime(answer.headers.get("date", ""))
        return max(0.0, (parsedate_to_datetime(wait) - now).total_seconds())
    return 0.0


def _check_error(error: Exception) -> ImageCheckError:
    if (barred := barred_by(error)) is not None:
        message = "leads to a private address, which the provider cannot reach"
        if barred.standing is Standing.NEVER:
            message = "leads to a link-local address, which is never asked"
        suggestion = "give an address that everybody can open, or a local file"
        return ImageCheckError(message, suggestion, kind=barred.standing.value)
    if isinstance(error, TimeoutError):
        return ImageCheckError("did not come in time", TRY_LATER, retryable=True)
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        message = "cannot be reached: there is no host of that name"
        return ImageCheckError(message, "check how the host is spelt", retryable=True)
    if isinstance(error, aiohttp.ClientSSLError):
        message = "cannot be reached: its host's certificate is not valid"
        return ImageCheckError(message, "give an address whose certificate is")
    words = str(error).partition("\n")[0] or type(error).__name__
    return ImageCheckError(f"cannot be read ({words})", TRY_LATER, retryable=True)
