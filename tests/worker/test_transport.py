"""Could anything have left? For every error that the libraries below can raise."""

import asyncio
import socket
from collections.abc import Iterator

import aiohttp
import httpx
import pytest

from worker.transport import could_have_left, make_client

#: httpx raises these before it asks its transport for anything, or while connecting.
BEFORE_THE_FIRST_BYTE = {
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.UnsupportedProtocol,
}

#: aiohttp raises these only while it looks up a name, connects or shakes hands.
WHILE_CONNECTING = {
    aiohttp.ClientConnectorError,
    aiohttp.ClientConnectorDNSError,
    aiohttp.ClientConnectorSSLError,
    aiohttp.ClientConnectorCertificateError,
    aiohttp.ClientProxyConnectionError,
    aiohttp.ClientSSLError,
    aiohttp.ConnectionTimeoutError,
    aiohttp.client_exceptions.UnixClientConnectorError,
}


def family(parent: type[Exception]) -> Iterator[type[Exception]]:
    yield parent
    for child in parent.__subclasses__():
        yield from family(child)


def raised(kind: type[Exception], below: Exception | None = None) -> Exception:
    """An error as it would arrive, without its library's arguments."""
    error = kind.__new__(kind)
    error.__cause__ = below
    return error


@pytest.mark.parametrize("kind", sorted(set(family(httpx.TransportError)), key=repr))
def test_an_error_of_httpx_itself_is_unsent_only_before_the_first_byte(
    kind: type[Exception],
) -> None:
    assert could_have_left(raised(kind)) == (kind not in BEFORE_THE_FIRST_BYTE)


@pytest.mark.parametrize("kind", sorted(set(family(aiohttp.ClientError)), key=repr))
@pytest.mark.parametrize("seen_as", [httpx.ConnectTimeout, httpx.ReadError])
def test_the_error_below_decides_whatever_httpx_calls_it(
    kind: type[Exception], seen_as: type[Exception]
) -> None:
    error = raised(seen_as, raised(kind))
    assert could_have_left(error) == (kind not in WHILE_CONNECTING)


@pytest.mark.parametrize("kind", sorted(set(family(aiohttp.ClientError)), key=repr))
def test_an_error_of_the_wire_itself_is_unsent_only_while_connecting(
    kind: type[Exception],
) -> None:
    assert could_have_left(raised(kind)) == (kind not in WHILE_CONNECTING)


@pytest.mark.parametrize(
    "below",
    [OSError(), TimeoutError(), ConnectionResetError(), BrokenPipeError()],
    ids=repr,
)
def test_an_error_of_the_system_below_may_have_left(below: Exception) -> None:
    assert could_have_left(raised(httpx.ConnectTimeout, below))


@pytest.mark.parametrize("error", [RuntimeError(), KeyError(), ValueError()], ids=repr)
def test_an_error_nobody_knows_may_have_left(error: Exception) -> None:
    assert could_have_left(error)


def test_a_full_pool_is_no_silence_of_the_other_side() -> None:
    """The wait for a connection ends in an error from before the first byte."""

    async def ask() -> Exception:
        with socket.create_server(("127.0.0.1", 0), backlog=1) as server:
            port = server.getsockname()[1]
            session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=1))
            async with session, asyncio.TaskGroup() as tasks:
                url = f"http://127.0.0.1:{port}"
                first = tasks.create_task(session.get(url).__aenter__())
                await asyncio.sleep(0)
                patience = aiohttp.ClientTimeout(connect=0.01)
                with pytest.raises(aiohttp.ConnectionTimeoutError) as caught:
                    await session.get(url, timeout=patience)
                first.cancel()
            return caught.value

    error = asyncio.run(ask())
    assert not could_have_left(raised(httpx.ConnectTimeout, error))


def test_a_client_follows_nothing_and_remembers_nothing() -> None:
    async def look() -> httpx.AsyncClient:
        async with make_client(1.0) as client:
            return client

    client = asyncio.run(look())
    assert not client.follow_redirects
    assert client.timeout.read == 1.0
