"""Servers on loopback that answer with bytes of the test's own, however wrong."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import TypeVar

from pydantic import SecretStr

from jobs.provider.client import Provider

T = TypeVar("T")

KEY = "wsk-0123456789"

CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"

#: What a server does once it has read a whole request.
Answer = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@dataclass(slots=True)
class Host:
    """A server, and every request that reached it, as it came."""

    port: int = 0
    requests: list[bytes] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


def header(request: bytes, name: str) -> str | None:
    """A header of a request; None if it has none of that name."""
    for line in request.split(b"\r\n\r\n")[0].split(b"\r\n")[1:]:
        key, _, value = line.decode("latin-1").partition(":")
        if key.lower() == name:
            return value.strip()
    return None


async def read_request(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readuntil(b"\r\n\r\n")
    return head + await reader.readexactly(int(header(head, "content-length") or 0))


@asynccontextmanager
async def host(answer: Answer) -> AsyncIterator[Host]:
    """A server that answers every request in the same way."""
    made = Host()
    open_ones: set[asyncio.StreamWriter] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        open_ones.add(writer)
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            made.requests.append(await read_request(reader))
            await answer(reader, writer)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    made.port = server.sockets[0].getsockname()[1]
    try:
        yield made
    finally:
        server.close()
        for writer in open_ones:
            writer.transport.abort()
        await server.wait_closed()


def sends(*parts: bytes) -> Answer:
    """An answer of these bytes; then the connection is closed."""

    async def answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for part in parts:
            writer.write(part)
            await writer.drain()

    return answer


def repeats(first: bytes, again: bytes) -> Answer:
    """An answer that does not end while somebody listens."""

    async def answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(first)
        while not writer.is_closing():
            writer.write(again)
            await writer.drain()
            await asyncio.sleep(0)

    return answer


async def silent(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
    """No answer at all, for as long as the other side has patience."""
    await reader.read()


async def reset(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """The connection is torn down instead of closed."""
    writer.transport.abort()


def page(body: bytes, status: str = "200 OK", *headers: str) -> bytes:
    """A well-formed answer; the last one on its connection."""
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}"]
    lines += ["Connection: close", *headers]
    return "\r\n".join([*lines, "", ""]).encode() + body


def in_turn(*answers: Answer) -> Answer:
    """One after the other; the last one again and again."""
    left = list(answers)

    async def answer(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        now = left.pop(0) if len(left) > 1 else left[0]
        await now(reader, writer)

    return answer


@asynccontextmanager
async def client(url: str, timeout_s: float = 5.0) -> AsyncIterator[Provider]:
    """The provider's client, for a provider at this address."""
    provider = Provider(
        url, SecretStr(KEY), submit_timeout_s=timeout_s, request_timeout_s=timeout_s
    )
    try:
        yield provider
    finally:
        await provider.close()


def ask_at(
    url: str, ask: Callable[[Provider], Awaitable[T]], timeout_s: float = 5.0
) -> T:
    """What a provider at this address is found to say."""

    async def run() -> T:
        async with client(url, timeout_s) as provider:
            return await ask(provider)

    return asyncio.run(run())


def ask_host(
    answer: Answer, ask: Callable[[Provider], Awaitable[T]], timeout_s: float = 5.0
) -> tuple[T, Host]:
    """What a provider that answers like this is found to say, and what it was sent."""

    async def run() -> tuple[T, Host]:
        async with host(answer) as there, client(there.url, timeout_s) as provider:
            return await ask(provider), there

    return asyncio.run(run())
