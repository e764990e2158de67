"""The stand-in speaks the provider's API: to our client, the vendor's, and raw."""

import asyncio
import json
import socket
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager
from functools import wraps
from pathlib import Path
from typing import Any, ParamSpec
from urllib.parse import urlsplit

import pytest
from pydantic import SecretStr
from wavespeed.api.client import Client

from bench.standin.answers import WEBHOOK_SECRET
from bench.standin.starting import Standin, started
from jobs.attempt.hooks import Delivery, Genuine, genuine
from jobs.catalogue import builtin
from jobs.provider.answers import Accepted, Completed, Running, Throttled
from jobs.provider.client import Provider
from jobs.provider.prices import quote
from jobs.provider.submit import submit
from worker.downloads import Files

MODEL = builtin().find("kling-v2.6-std")
INPUTS = {"image": "https://example.com/mug.jpg", "prompt": "a mug", "duration": "5"}
LOOK_S = 0.02
PATIENCE_S = 120.0

P = ParamSpec("P")


def whole(test: Callable[P, Coroutine[Any, Any, None]]) -> Callable[P, None]:
    """A test that runs on a loop of its own."""

    @wraps(test)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        asyncio.run(test(*args, **kwargs))

    return run


@pytest.fixture(scope="module")
def standin() -> Iterator[Standin]:
    with started("--median-s=0.3", "--spread=0", "--video-bytes=300000") as found:
        yield found


@asynccontextmanager
async def client(standin: Standin) -> AsyncIterator[Provider]:
    made = Provider(
        standin.url,
        SecretStr("any-key"),
        submit_timeout_s=PATIENCE_S,
        request_timeout_s=PATIENCE_S,
    )
    try:
        yield made
    finally:
        await made.close()


async def submitted(provider: Provider, path: str = MODEL.path) -> str:
    answer = await submit(provider, path, INPUTS)
    assert isinstance(answer, Accepted)
    return answer.prediction_id


async def completed(provider: Provider, prediction_id: str) -> Completed:
    async with asyncio.timeout(PATIENCE_S):
        while not isinstance(answer := await provider.poll(prediction_id), Completed):
            assert isinstance(answer, Running)
            await asyncio.sleep(LOOK_S)
    return answer


def raw(standin: Standin, requests: bytes) -> bytes:
    """All that is answered until the server hangs up."""
    place = urlsplit(standin.url)
    with socket.create_connection((place.hostname, place.port), PATIENCE_S) as line:
        line.sendall(requests)
        answered = bytearray()
        while part := line.recv(1 << 16):
            answered += part
    return bytes(answered)


@whole
async def test_a_video_is_asked_for_awaited_and_fetched(
    standin: Standin, tmp_path: Path
) -> None:
    standin.reset()
    asked_s, files = time.time(), Files(PATIENCE_S, "http://127.0.0.1")
    async with client(standin) as provider:
        prediction_id = await submitted(provider)
        answer = await completed(provider, prediction_id)
        fetched = await files.fetch(answer.outputs, tmp_path / "mug.mp4")
    await files.close()
    assert answer.inference_s == pytest.approx(0.3, abs=0.001)
    assert fetched.size_bytes == 300_000
    books = standin.books()
    (told,) = books["predictions"]
    assert told["id"] == prediction_id
    assert told["prompt"] == "a mug"
    assert told["model"] == MODEL.id
    assert asked_s <= told["created_at"] < told["completed_at"] <= told["fetched_at"]
    assert told["completed_at"] - told["created_at"] == pytest.approx(0.3)
    assert told["looks"] == books["gets"] > 0
    assert (books["posts"], books["files"], books["refused_429"]) == (1, 1, 0)
    assert (books["most_at_once"], books["worst_window"]) == (1, 1)


@whole
async def test_history_billing_balance_and_prices_fit_together(
    standin: Standin,
) -> None:
    standin.reset()
    begun_s = time.time()
    async with client(standin) as provider:
        ids = [await submitted(provider) for _ in range(120)]
        since = (begun_s - 1, time.time() + 1)
        found = await provider.history(MODEL.id, *since)
        strangers = await provider.history("another", *since)
        billed = await provider.billings(*since)
        balance_usd = await provider.balance_usd()
        quoted = await quote(provider, MODEL, {"prompt": "a mug"})
        secret = await provider.webhook_secret()
    price = MODEL.price_usd_micros({"duration": 5})
    assert {each.prediction_id for each in found} == set(ids)
    assert (found[0].inputs, strangers) == (INPUTS, [])
    assert [each.amount_usd_micros for each in billed] == [price] * 120
    assert balance_usd == pytest.approx(1_000_000 - 120 * 0.21)
    assert (quoted, secret) == (price, WEBHOOK_SECRET)


def test_the_vendors_own_client_gets_a_video(standin: Standin) -> None:
    vendor = Client(api_key="any-key", base_url=standin.url)
    made = vendor.run(MODEL.id, INPUTS, poll_interval=0.05)
    assert made["outputs"][0].startswith(f"{standin.url}/files/")


def test_requests_that_come_together_are_answered_in_their_order(
    standin: Standin,
) -> None:
    body = json.dumps(INPUTS).encode()
    post = b"POST %b HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n%b" % (
        MODEL.path.encode(),
        len(body),
        body,
    )
    nothing = b"GET /nowhere HTTP/1.1\r\nhost: x\r\n\r\n"
    last = b"GET /bench/counts HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"
    standin.reset()
    answered = raw(standin, post + nothing + post + last)
    statuses = [part[:3] for part in answered.split(b"HTTP/1.1 ")[1:]]
    assert statuses == [b"200", b"404", b"200", b"200"]
    assert json.loads(answered.rpartition(b"\r\n\r\n")[2])["created"] == 2


@whole
async def test_a_large_file_is_noted_as_fetched_only_once_it_was_taken() -> None:
    with started("--median-s=0.000001", "--video-bytes=40000000") as standin:
        async with client(standin) as provider:
            prediction_id = await submitted(provider)
        place = urlsplit(standin.url)
        with socket.create_connection((place.hostname, place.port)) as line:
            path = f"/files/{prediction_id}.mp4"
            line.sendall(f"GET {path} HTTP/1.1\r\nhost: x\r\n\r\n".encode())
            assert line.recv(1)
            assert standin.books()["predictions"][0]["fetched_at"] is None
            left = 40_000_000
            while left > 0:
                left -= len(line.recv(1 << 20))
        assert standin.books()["predictions"][0]["fetched_at"] is not None


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        (MODEL.path, b"no JSON", b"400"),
        (MODEL.path, b"[]", b"400"),
        (MODEL.path, b"{}", b"400"),
        ("/api/v3/no/such-model", b"{}", b"404"),
        ("/api/v3/predictions", b'{"page": "one"}', b"400"),
        ("/elsewhere", b"{}", b"404"),
    ],
)
def test_what_makes_no_sense_is_refused(
    standin: Standin, path: str, body: bytes, status: bytes
) -> None:
    head = f"POST {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n"
    request = f"{head}content-length: {len(body)}\r\n\r\n".encode() + body
    assert raw(standin, request).startswith(b"HTTP/1.1 " + status)


def test_who_does_not_speak_http_is_hung_up_on(standin: Standin) -> None:
    assert raw(standin, b"what is this?\r\n\r\n") == b""


@whole
async def test_beyond_its_limits_the_account_is_refused_and_it_is_counted() -> None:
    with started("--median-s=60", "--per-minute=3", "--at-once=2") as standin:
        async with client(standin) as provider:
            for _ in range(2):
                await submitted(provider)
            answer = await submit(provider, MODEL.path, INPUTS)
        assert isinstance(answer, Throttled)
        counts = standin.counts()
    assert (counts["posts"], counts["created"], counts["refused_429"]) == (3, 2, 1)
    assert (counts["at_once"], counts["most_at_once"]) == (2, 2)


async def head_of(reader: asyncio.StreamReader) -> str:
    """The next request's first lines; empty when there is none."""
    try:
        return (await reader.readuntil(b"\r\n\r\n")).decode()
    except asyncio.IncompleteReadError:
        return ""


@whole
async def test_whoever_asked_for_a_webhook_is_called_with_a_genuine_one() -> None:
    called: asyncio.Queue[Delivery] = asyncio.Queue()

    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        lines.append(writer)
        while head := await head_of(reader):
            fields = head.split("\r\n")[1:-2]
            headers = dict(field.split(": ", 1) for field in fields)
            body = await reader.readexactly(int(headers["content-length"]))
            called.put_nowait(
                Delivery(
                    id=headers["webhook-id"],
                    timestamp=headers["webhook-timestamp"],
                    signature=headers["webhook-signature"],
                    body=body,
                )
            )
            writer.write(b"HTTP/1.1 204 No Content\r\ncontent-length: 0\r\n\r\n")
        writer.close()
        gone.release()

    lines: list[asyncio.StreamWriter] = []
    gone = asyncio.Semaphore(0)
    server = await asyncio.start_server(take, "127.0.0.1", 0)
    address = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/hook"
    path = f"{MODEL.path}?webhook={address}"
    async with server, asyncio.timeout(PATIENCE_S):
        with started("--median-s=0.05", "--webhooks") as standin:
            async with client(standin) as asked:
                ids = {await submitted(asked, path) for _ in range(3)}
            calls = [await called.get() for _ in ids]
        # The stand-in has ended, and with it its lines.
        for _ in lines:
            await gone.acquire()
    assert {genuine(call, WEBHOOK_SECRET, time.time()) for call in calls} == {
        Genuine.YES
    }
    told = [json.loads(call.body) for call in calls]
    assert {each["id"] for each in told} == ids
    assert {each["status"] for each in told} == {"completed"}
