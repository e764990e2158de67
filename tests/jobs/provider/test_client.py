"""The paid request leaves once, and what became of it is never taken too lightly."""

import asyncio
import json
import logging
import socket
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import aiohttp
import pytest

from jobs.net import BarredError, Guard, Standing
from jobs.provider import http
from jobs.provider import submit as paid
from jobs.provider.answers import (
    Accepted,
    AnswerLost,
    NoAnswerError,
    PollAgain,
    PollAnswer,
    SubmitAnswer,
    Unsent,
)
from jobs.provider.client import MAX_ANSWER_BYTES, Provider
from jobs.provider.http import describe
from tests.jobs.provider.hosts import (
    CHUNKED,
    KEY,
    Answer,
    ask_at,
    ask_host,
    client,
    header,
    page,
    repeats,
    reset,
    sends,
    silent,
)

PATH = "/api/v3/kwaivgi/kling-v2.6-std/image-to-video"
REQUEST = {"image": "https://example.com/mug.jpg", "prompt": "Tür 🌷", "duration": 5}

ACCEPTED = page(b'{"code": 200, "data": {"id": "p1", "status": "created"}}')
TOO_LONG = page(b" " * (MAX_ANSWER_BYTES + 1))


async def submit(provider: Provider) -> SubmitAnswer:
    return await paid.submit(provider, PATH, REQUEST)


async def poll(provider: Provider) -> PollAnswer:
    return await provider.poll("p1")


def test_an_accepted_request_went_out_as_it_should() -> None:
    answer, there = ask_host(sends(ACCEPTED), submit)
    assert answer == Accepted("p1")
    (request,) = there.requests
    assert request.startswith(f"POST {PATH} HTTP/1.1\r\n".encode())
    assert header(request, "authorization") == f"Bearer {KEY}"
    assert header(request, "content-type") == "application/json"
    assert json.loads(request.split(b"\r\n\r\n", 1)[1]) == REQUEST


#: The server has read the whole request: whatever it does then, it may be charged.
LOST: dict[str, Answer] = {
    "closes": sends(),
    "resets": reset,
    "closes inside the status": sends(b"HTTP/1."),
    "closes inside the headers": sends(b"HTTP/1.1 200 OK\r\nContent-Le"),
    "closes inside the body": sends(ACCEPTED[:-10]),
    "ends without its last chunk": sends(CHUNKED + b"2\r\n{}\r\n"),
    "sends garbage for a status": sends(b"\x00\xff\x00\r\n\r\n"),
    "sends garbage for a chunk": sends(CHUNKED + b"zz\r\n{}\r\n0\r\n\r\n"),
    "sends garbage for a header": sends(b"HTTP/1.1 200 OK\r\n\x00: \x01\r\n\r\n"),
    "sends a header without end": repeats(b"HTTP/1.1 200 OK\r\nX: ", b"x" * 4_096),
    "sends headers without end": repeats(b"HTTP/1.1 200 OK\r\n", b"X: y\r\n" * 500),
    "sends a body without end": repeats(CHUNKED, b"1000\r\n" + b"x" * 4_096 + b"\r\n"),
    "sends too long a body": sends(TOO_LONG),
    "sends a body that is not packed": sends(
        page(b"no gzip", "200 OK", "Content-Encoding: gzip")
    ),
    "sends nothing": sends(page(b"")),
    "sends a page": sends(page(b"<html>hello</html>")),
    "sends no id": sends(page(b'{"code": 200, "data": {}}')),
    "sends an id for a path": sends(page(b'{"data": {"id": "../../x"}}')),
    "sends 500": sends(page(b"{}", "500 Internal Server Error")),
    "sends 502": sends(page(b"<html>", "502 Bad Gateway")),
    "sends 503": sends(page(b"", "503 Service Unavailable")),
    "sends 504": sends(page(b"", "504 Gateway Timeout")),
    "sends 307": sends(page(b"", "307 Temporary Redirect", "Location: /again")),
    "sends 302": sends(page(b"", "302 Found", "Location: /elsewhere")),
    "sends a status of no meaning": sends(page(b"", "299 Odd")),
}


@pytest.mark.parametrize("way", LOST)
def test_what_the_server_has_read_is_lost_and_never_sent_again(way: str) -> None:
    answer, there = ask_host(LOST[way], submit)
    assert isinstance(answer, AnswerLost), answer
    assert len(there.requests) == 1
    assert KEY not in answer.reason


@pytest.mark.parametrize(
    "answer",
    [silent, repeats(b"HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n", b" ")],
    ids=["silence", "a drip"],
)
def test_an_answer_that_takes_too_long_is_lost(answer: Answer) -> None:
    found, there = ask_host(answer, submit, timeout_s=0.1)
    assert isinstance(found, AnswerLost)
    assert len(there.requests) == 1


def test_an_answer_that_has_arrived_is_read_though_its_time_is_up() -> None:
    """A process that is stopped and wakes finds both at the same moment."""

    async def answers_and_stops(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        await sends(ACCEPTED)(reader, writer)
        time.sleep(0.4)  # noqa: ASYNC251 - the whole process stands still

    answer, _ = ask_host(answers_and_stops, submit, timeout_s=0.2)
    assert answer == Accepted("p1")


def test_a_kept_connection_that_was_closed_is_not_used_to_send_twice() -> None:
    """A client that repeats on a stale connection would pay for both."""

    async def twice(provider: Provider) -> list[SubmitAnswer]:
        return [await submit(provider), await submit(provider)]

    (first, second), there = ask_host(sends(ACCEPTED), twice)
    assert first == Accepted("p1")
    assert isinstance(second, Accepted | AnswerLost | Unsent)
    assert len(there.requests) <= 2


def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:{port}",
        "https://127.0.0.1:{port}",
        "http://[::1%25nowhere]:80",  # a name that the resolver refuses by itself
    ],
)
def test_what_found_no_connection_never_left(url: str) -> None:
    answer = ask_at(url.format(port=closed_port()), submit)
    assert isinstance(answer, Unsent), answer
    assert not answer.ours


@pytest.mark.parametrize("answer_of_tls", [b"", b"HTTP/1.1 400 Bad Request\r\n\r\n"])
def test_what_failed_in_the_tls_handshake_never_left(answer_of_tls: bytes) -> None:
    came = bytearray()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        came.extend(await reader.read(5))
        writer.write(answer_of_tls)
        writer.close()

    async def run() -> SubmitAnswer:
        async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            async with client(f"https://127.0.0.1:{port}") as provider:
                return await submit(provider)

    answer = asyncio.run(run())
    assert isinstance(answer, Unsent), answer
    assert came[:1] == b"\x16"  # a handshake, not a request


def family(parent: type[Exception]) -> Iterator[type[Exception]]:
    yield parent
    for child in parent.__subclasses__():
        yield from family(child)


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


@pytest.mark.parametrize("kind", sorted(set(family(aiohttp.ClientError)), key=repr))
def test_of_all_errors_of_the_library_those_while_connecting_sent_nothing(
    kind: type[Exception],
) -> None:
    error = kind.__new__(kind)  # without its library's arguments
    assert paid.could_have_left(error) == (kind not in WHILE_CONNECTING)


@pytest.mark.parametrize(
    "kind",
    [
        *(OSError, TimeoutError, ConnectionResetError, BrokenPipeError),
        *(RuntimeError, KeyError, ValueError),
    ],
)
def test_an_error_that_nobody_knows_may_have_left(kind: type[Exception]) -> None:
    assert paid.could_have_left(kind())


def test_what_the_guard_keeps_back_never_left() -> None:
    assert not paid.could_have_left(BarredError(Standing.NEVER))
    answer = ask_at("http://169.254.169.254", submit)
    assert isinstance(answer, Unsent)
    assert "link-local" in answer.reason


def test_a_full_pool_is_no_silence_of_the_other_side() -> None:
    """The wait for a connection ends in an error from before the first byte."""

    async def ask() -> Exception:
        with socket.create_server(("127.0.0.1", 0), backlog=1) as server:
            url = f"http://127.0.0.1:{server.getsockname()[1]}"
            session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=1))
            async with session, asyncio.TaskGroup() as tasks:
                first = tasks.create_task(session.get(url).__aenter__())
                await asyncio.sleep(0)
                timeout = aiohttp.ClientTimeout(connect=0.01)
                with pytest.raises(aiohttp.ConnectionTimeoutError) as caught:
                    await session.get(url, timeout=timeout)
                first.cancel()
            return caught.value

    assert not paid.could_have_left(asyncio.run(ask()))


def test_a_login_for_the_host_does_not_get_in_the_way_of_the_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The transport would take it from `.netrc`, and then refuse our own header."""
    logins = tmp_path / "netrc"
    logins.write_text("default login somebody password secret\n")
    monkeypatch.setenv("NETRC", str(logins))
    answer, there = ask_host(sends(ACCEPTED), submit)
    assert answer == Accepted("p1")
    assert header(there.requests[0], "authorization") == f"Bearer {KEY}"


@pytest.mark.parametrize("way", ["closes", "sends a page", "sends 500"])
def test_no_answer_to_a_poll_is_another_poll(way: str) -> None:
    answer, _ = ask_host(LOST[way], poll)
    assert isinstance(answer, PollAgain), answer


@pytest.mark.parametrize("ask", [submit, poll])
def test_the_key_is_in_no_log_and_no_answer(
    ask: Callable[[Provider], Awaitable[object]], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    for answer in (reset, sends(page(b"{}", "401 Unauthorized"))):
        found, _ = ask_host(answer, ask)
        assert KEY not in repr(found)
    assert KEY not in caplog.text


def test_an_id_cannot_leave_its_place_in_the_path() -> None:
    async def climb(provider: Provider) -> PollAnswer:
        return await provider.poll("../../balance?x=#")

    _, there = ask_host(sends(page(b"{}")), climb)
    line = there.requests[0].split(b"\r\n")[0]
    assert line.count(b"/") == b"/api/v3/predictions/p1/result HTTP/1.1".count(b"/")
    assert b"?" not in line


def test_a_history_that_cannot_be_read_whole_is_no_history() -> None:
    """Half a history would prove an absence that is none."""

    async def history(provider: Provider) -> object:
        return await provider.history("m", 0.0, 1.0)

    item = '{"id": "p1", "created_at": "2026-01-01T00:00:00Z"}'
    full = ", ".join([item] * 100)
    bad = [
        page(b"{}", "500 Oh"),
        page(b'{"data": {"items": [{"id": "p1"}]}}'),
        page(b'{"data": {"items": "p1"}}'),
        page(f'{{"data": {{"items": [{full}]}}}}'.encode()),
    ]
    for answer in bad:
        with pytest.raises(NoAnswerError):
            ask_host(sends(answer), history)


def test_an_error_is_described_without_a_login_of_a_proxy() -> None:
    error = OSError("407,\nurl='http://user:s3cret@proxy.example.com:8080'")
    assert describe(error) == "OSError: 407, url='http://proxy.example.com:8080'"


def test_the_providers_name_is_not_looked_up_where_a_proxy_connects(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Where only the proxy knows names, each paid request would wait for an answer."""

    async def lookup(*_: object) -> None:
        raise AssertionError

    async def ask() -> PollAnswer:
        provider = Provider(
            "http://api.example", None, submit_timeout_s=5, request_timeout_s=5
        )
        try:
            return await provider.poll("p")
        finally:
            await provider.close()

    monkeypatch.setattr(Guard, "check_name", lookup)
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    answer = asyncio.run(ask())
    assert isinstance(answer, PollAgain)
    assert "127.0.0.1:9" in answer.reason


def test_a_lookup_that_hangs_lets_no_paid_request_leave_later(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It ends before the answer's time is up, and says that nothing was sent."""

    async def resolve(*_: object) -> None:
        await asyncio.Event().wait()

    async def ask() -> SubmitAnswer:
        provider = Provider(
            "http://api.example", None, submit_timeout_s=60, request_timeout_s=60
        )
        try:
            return await submit(provider)
        finally:
            await provider.close()

    monkeypatch.setattr(http, "CONNECT_TIMEOUT_S", 0.1)
    monkeypatch.setattr(http, "near_allowed_for", lambda _url: False)
    monkeypatch.setattr(aiohttp.ThreadedResolver, "resolve", resolve)
    answer = asyncio.run(ask())
    assert isinstance(answer, Unsent)
    assert not answer.ours
