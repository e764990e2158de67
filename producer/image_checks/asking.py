"""One polite question to a web host: guarded, bounded, followed where it redirects.

It decides whether a question may be asked, how often it is repeated and when a host is
given up; what an answer means for a picture is decided in `web`.
"""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import TypeVar
from urllib.parse import urljoin, urlsplit

import aiohttp
import httpx

from jobs.net import Guard, barred_by
from producer.image_checks.connections import Connections
from producer.image_checks.hosts import Hosts
from producer.image_checks.proxies import Proxies
from producer.image_checks.seen import ImageCheckError
from producer.image_checks.troubles import (
    check,
    timed_out,
    trouble_of,
)

T = TypeVar("T")

MOST_REDIRECTS = 3

#: Pictures as they are, or sizes and ranges would mean nothing.
_HEADERS = {
    "Accept": "image/*,*/*;q=0.5",
    "Accept-Encoding": "identity",
    "User-Agent": "reelmill",
}


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


class Asking:
    """Asks web hosts, for one event loop."""

    def __init__(self, guard: Guard, manners: Manners) -> None:
        self._guard = guard
        self._manners = manners
        self._hosts = Hosts(manners.per_host, manners.overall, manners.silence_s)
        self._proxies = Proxies(guard)
        self._transports: dict[str, Connections] = {}

    async def close(self) -> None:
        """Let go of the connections."""
        for transport in self._transports.values():
            await transport.aclose()

    async def patiently(self, ask: Callable[[], Awaitable[T]]) -> T:
        """What `ask` gives, tried again where its trouble may pass.

        Raises:
            ImageCheckError: it did not pass, or the host wants to be left alone for too
                long.
        """
        wait_s = self._manners.wait_s
        for _ in range(self._manners.tries - 1):
            try:
                return await ask()
            except ImageCheckError as trouble:
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
            ImageCheckError: there is none; also where the body cannot be read.
        """
        try:
            async with AsyncExitStack() as held:
                answer = await self._followed(address, headers, held)
                check(answer)
                yield answer
        except TimeoutError:
            raise timed_out(self._manners.deadline_s) from None
        except (httpx.HTTPError, aiohttp.ClientError, OSError) as error:
            raise trouble_of(error) from None

    async def _followed(
        self, address: str, headers: Mapping[str, str], held: AsyncExitStack
    ) -> httpx.Response:
        """The answer at the end of a few redirects."""
        for _ in range(MOST_REDIRECTS + 1):
            async with AsyncExitStack() as hop:
                answer = await self._asked(address, headers, hop)
                if not answer.has_redirect_location:
                    await held.enter_async_context(hop.pop_all())
                    return answer
                address = _led_to(address, answer.headers["location"])
        raise ImageCheckError(
            f"is redirected more than {MOST_REDIRECTS} times",
            "give the address that it ends at",
        )

    async def _asked(
        self, address: str, headers: Mapping[str, str], hop: AsyncExitStack
    ) -> httpx.Response:
        """The answer to one question; `hop` holds its place in the line."""
        host = _host_of(address)
        self._guard.check_host(host)
        await hop.enter_async_context(self._hosts.turn(host))
        await hop.enter_async_context(asyncio.timeout(self._manners.deadline_s))
        if self._hosts.is_silent(host):
            raise ImageCheckError(
                f"was not asked for: {host} has not answered for a while",
                "see whether that host is up",
            )
        transport = self._transport(await self._proxies.proxy_for(address, host))
        try:
            request = self._request(address, headers)
            response = await transport.handle_async_request(request)
        except (ValueError, httpx.InvalidURL) as error:
            # Such as a name whose parts are too long to be asked for.
            raise ImageCheckError(
                f"cannot be asked for ({error})", "check the address"
            ) from None
        except (httpx.HTTPError, aiohttp.ClientError, OSError) as error:
            if barred_by(error) is None:
                self._hosts.failed(host)
            raise
        self._hosts.answered(host)
        hop.push_async_callback(response.aclose)
        return response

    def _transport(self, proxy: str) -> Connections:
        if proxy not in self._transports:
            made = Connections(self._guard, self._manners.overall, proxy)
            self._transports[proxy] = made
        return self._transports[proxy]

    def _request(self, address: str, headers: Mapping[str, str]) -> httpx.Request:
        timeout = httpx.Timeout(
            self._manners.read_timeout_s,
            connect=self._manners.connect_timeout_s,
            pool=None,
        )
        return httpx.Request(
            "GET",
            address,
            headers={**_HEADERS, **headers},
            extensions={"timeout": timeout.as_dict()},
        )


def _led_to(address: str, place: str) -> str:
    try:
        return urljoin(address, place)
    except ValueError:
        return ""


def _host_of(address: str) -> str:
    """The host as it will be asked for, international names in their ASCII form."""
    try:
        parts = urlsplit(address)
        host = httpx.URL(address).raw_host.decode("ascii")
    except (httpx.InvalidURL, ValueError):
        parts, host = urlsplit(""), ""
    if parts.scheme not in {"http", "https"} or not host or "@" in parts.netloc:
        raise ImageCheckError(
            "is, or leads to, what is no web address", "check the address"
        )
    return host
