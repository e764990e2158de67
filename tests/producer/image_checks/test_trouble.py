"""Hosts that are ill, slow or lie: told in words, tried again where that may help."""

import asyncio
import gzip

import pytest

from producer.image_checks.asking import Manners
from tests.producer.image_checks.conftest import QUICK, Looker
from tests.producer.image_checks.gallery import (
    Asked,
    Fault,
    Gallery,
    gallery,
    padded,
    picture,
    says,
)

BIG = padded(200_000)
TRIES = QUICK.tries


async def reset(_: Asked, writer: asyncio.StreamWriter) -> None:
    writer.transport.abort()


async def hush(_: Asked, writer: asyncio.StreamWriter) -> None:
    await writer.wait_closed()


async def drip(_: Asked, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 9999999\r\n\r\n" + picture())
    while not writer.is_closing():
        writer.write(b"\0")
        await writer.drain()
        await asyncio.sleep(0)


async def endless(_: Asked, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\n\r\n" + picture())
    while not writer.is_closing():
        writer.write(bytes(65_536))
        await writer.drain()


def cut(_: str) -> Fault:
    return says("HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n", picture()[:500])


PASSING = {
    "503": says("HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n"),
    "429": says("HTTP/1.1 429 Slow\r\nRetry-After: 0\r\nContent-Length: 0\r\n\r\n"),
    "500": says("HTTP/1.1 500 Oh\r\nContent-Length: 2\r\n\r\n", b"no"),
    "408": says("HTTP/1.1 408 Late\r\nContent-Length: 0\r\n\r\n"),
    "a connection torn down": reset,
    "a body cut off": cut(""),
    "a range cut off": says(
        "HTTP/1.1 206 P\r\nContent-Range: bytes 0-65535/200000\r\n"
        "Content-Length: 9\r\n\r\n",
        BIG[:9],
    ),
    "garbage": says("\x00\x01\r\n\r\n"),
    "half a header": says("HTTP/1.1 200 OK\r\nContent-Len"),
}


@pytest.mark.parametrize("name", PASSING)
def test_what_may_pass_is_tried_again(host: Gallery, looker: Looker, name: str) -> None:
    address = host.show("/a.jpg", BIG, faults=[PASSING[name]] * (TRIES - 1))
    (found,) = looker.look(address)
    assert found.look
    assert found.look.size_bytes == len(BIG)
    assert found.look.sha256


@pytest.mark.parametrize("name", PASSING)
def test_what_does_not_pass_is_told(host: Gallery, looker: Looker, name: str) -> None:
    # aiohttp asks once more by itself where a connection ends without a word.
    address = host.show("/a.jpg", BIG, faults=[PASSING[name]] * (2 * TRIES))
    (found,) = looker.look(address)
    assert found.trouble == "unreachable"
    assert found.message.startswith(f'"{address}" ')
    assert found.suggestion
    if name.isdigit():
        assert f"HTTP {name}" in found.message
    assert TRIES <= len(host.asked) <= 2 * TRIES


@pytest.mark.parametrize(
    ("status", "word"),
    [(404, "nothing is there"), (403, "signed address"), (401, "everybody")],
)
def test_a_refusal_is_told_at_once(
    host: Gallery, looker: Looker, status: int, word: str
) -> None:
    answer = says(f"HTTP/1.1 {status} No\r\nContent-Length: 0\r\n\r\n")
    (found,) = looker.look(host.show("/a.jpg", BIG, faults=[answer] * 2))
    assert found.trouble == "unreachable"
    assert f"HTTP {status}" in found.message
    assert word in found.suggestion
    # A 403 may have been meant for the range alone.
    assert len(host.asked) == (2 if status == 403 else 1)


@pytest.mark.parametrize(
    "after",
    ["3600", "Fri, 01 Jan 2100 00:00:00 GMT\r\nDate: Thu, 01 Jan 1970 00:00:00 GMT"],
)
def test_a_host_that_wants_to_be_left_alone_is(
    host: Gallery, looker: Looker, after: str
) -> None:
    head = f"HTTP/1.1 503 Busy\r\nRetry-After: {after}\r\nContent-Length: 0\r\n\r\n"
    looker.look(host.show("/a.jpg", BIG, faults=[says(head)]))
    assert len(host.asked) == 1


def test_trouble_is_not_remembered(host: Gallery, looker: Looker) -> None:
    address = host.show("/a.jpg", BIG, etag='"1"')
    host.pictures["/a.jpg"].faults = [PASSING["503"]] * TRIES
    assert looker.look(address)[0].look is None
    assert looker.look(address)[0].look is not None


def test_a_picture_that_is_packed_is_told(host: Gallery, looker: Looker) -> None:
    headers = {"Content-Encoding": "gzip"}
    address = host.show("/a.jpg", gzip.compress(BIG), headers=headers)
    (found,) = looker.look(address)
    assert "packed" in found.message


def test_a_body_without_end_is_left(host: Gallery, looker: Looker) -> None:
    (found,) = looker.look(host.show("/a.jpg", BIG, faults=[endless]))
    assert found.trouble == "picture-bytes"
    assert "more than 10,000,000 bytes" in found.message


@pytest.mark.parametrize("fault", [hush, drip], ids=["silence", "a slow drip"])
def test_a_look_has_a_deadline(host: Gallery, looker: Looker, fault: Fault) -> None:
    hasty = Manners(tries=1, deadline_s=0.1)
    (found,) = looker.look(host.show("/a.jpg", BIG, faults=[fault]), manners=hasty)
    assert "did not come within 0.1 s" in found.message


@pytest.mark.parametrize(
    "said", ["", "bytes 5-9/10", "bytes 0-9/*", "bytes x-y/z", "items 0-9/10"]
)
def test_a_range_that_nobody_asked_for_is_asked_for_whole(
    host: Gallery, looker: Looker, said: str
) -> None:
    head = f"HTTP/1.1 206 P\r\nContent-Range: {said}\r\nContent-Length: 9\r\n\r\n"
    address = host.show("/a.jpg", BIG, faults=[says(head, BIG[:9])])
    (found,) = looker.look(address)
    assert found.look
    assert found.look.sha256
    assert "range" not in host.asked[1].headers


def test_a_picture_that_changes_while_it_is_read_is_read_anew(
    host: Gallery, looker: Looker
) -> None:
    address = host.show("/a.jpg", BIG, etag='"1"')

    async def change(_: Asked, writer: asyncio.StreamWriter) -> None:
        host.show("/a.jpg", padded(300_000), etag='"2"')
        writer.close()

    host.pictures["/a.jpg"].faults = [says_range(BIG), change]
    (found,) = looker.look(address)
    assert found.look
    assert found.look.size_bytes == 300_000


def says_range(content: bytes) -> Fault:
    head = (
        f'HTTP/1.1 206 P\r\nETag: "1"\r\nContent-Length: 65536\r\n'
        f"Content-Range: bytes 0-65535/{len(content)}\r\n\r\n"
    )
    return says(head, content[:65_536])


def test_a_host_that_is_gone_is_asked_no_more_after_a_while(looker: Looker) -> None:
    with gallery() as gone:
        address = gone.url
    impatient = Manners(tries=1, silence_s=0.0)
    found = looker.look(*[f"{address}/{n}.jpg" for n in range(60)], manners=impatient)
    assert {one.trouble for one in found} == {"unreachable"}
    told = [one for one in found if "has not answered for a while" in one.message]
    assert 60 - 16 - impatient.per_host <= len(told) <= 60 - 16


def test_one_bad_host_does_not_spoil_another(host: Gallery, looker: Looker) -> None:
    with gallery() as gone:
        bad = f"{gone.url}/a.jpg"
    good = host.show("/a.jpg", BIG)
    first, second = looker.look(bad, good)
    assert first.look is None
    assert second.look is not None


def test_a_proxy_is_not_asked_for_what_is_barred(
    host: Gallery, looker: Looker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", host.url)
    found = looker.look(
        "http://169.254.169.254/a.jpg",
        "http://localhost/a.jpg",
        "http://10.0.0.1/a.jpg",
        near_allowed=False,
    )
    assert [one.trouble for one in found] == ["link-local", "private", "private"]
    assert host.asked == []


def test_a_proxy_near_to_us_is_used(
    host: Gallery, looker: Looker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", host.url)
    host.show("http://8.8.8.8/a.jpg", BIG)
    (found,) = looker.look("http://8.8.8.8/a.jpg", near_allowed=False)
    assert found.look
    assert found.look.sha256
