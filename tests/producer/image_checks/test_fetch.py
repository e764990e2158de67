"""Hosts that are ill, slow or lie: told in words, tried again where that may help."""

import asyncio
import gzip
import hashlib
import ssl
import subprocess
from hashlib import sha256
from pathlib import Path

import pytest

from producer.image_checks.fetch import MAX_FAILURES, FetchLimits
from tests.producer.image_checks.conftest import QUICK, Checker
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


PASSING = {
    "503": says("HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n"),
    "429": says("HTTP/1.1 429 Slow\r\nRetry-After: 0\r\nContent-Length: 0\r\n\r\n"),
    "a connection torn down": reset,
    "a body cut off": says("HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n", BIG[:5]),
    "a range cut off": says(
        "HTTP/1.1 206 P\r\nContent-Range: bytes 0-65535/200000\r\n"
        "Content-Length: 9\r\n\r\n",
        BIG[:9],
    ),
    "garbage": says("\x00\x01\r\n\r\n"),
}


@pytest.mark.parametrize("name", PASSING)
def test_what_may_pass_is_tried_again_and_else_told(
    host: Gallery, check: Checker, name: str
) -> None:
    address = host.show("/a.jpg", BIG, etag='"1"')
    # aiohttp asks once more by itself where a connection ends without a word.
    host.pictures["/a.jpg"].faults = [PASSING[name]] * (2 * TRIES)
    found = check.one(address)
    assert found.kind == "unreachable"
    assert found.message.startswith(f'"{address}" ')
    assert found.suggestion
    assert not name.isdigit() or f"HTTP {name}" in found.message
    assert TRIES <= len(host.asked) <= 2 * TRIES
    # Trouble is not remembered.
    host.pictures["/a.jpg"].faults = [PASSING[name]] * (TRIES - 1)
    found = check.one(address)
    assert found.info
    assert found.info.size_bytes == len(BIG)


@pytest.mark.parametrize(
    ("status", "word"),
    [(404, "nothing is there"), (403, "signed address"), (401, "everybody")],
)
def test_a_refusal_is_told_at_once(
    host: Gallery, check: Checker, status: int, word: str
) -> None:
    answer = says(f"HTTP/1.1 {status} No\r\nContent-Length: 0\r\n\r\n")
    found = check.one(host.show("/a.jpg", BIG, faults=[answer] * 3))
    assert f"HTTP {status}" in found.message
    assert word in found.suggestion
    # A 403 may have been meant for the range alone, or for programs.
    assert len(host.asked) == (3 if status == 403 else 1)


def test_a_host_that_wants_to_be_left_alone_is(host: Gallery, check: Checker) -> None:
    head = "HTTP/1.1 503 Busy\r\nRetry-After: 3600\r\nContent-Length: 0\r\n\r\n"
    check(host.show("/a.jpg", BIG, faults=[says(head)]))
    assert len(host.asked) == 1


def test_a_picture_that_is_packed_is_read_all_the_same(
    host: Gallery, check: Checker
) -> None:
    headers = {"Content-Encoding": "gzip"}
    found = check.one(host.show("/a.jpg", gzip.compress(BIG), headers=headers))
    assert found.info is not None
    assert (found.info.size_bytes, found.info.width_px) == (len(BIG), 400)
    assert found.info.sha256 == sha256(BIG).hexdigest()
    headers = {"Content-Encoding": "br"}
    unknown = check.one(host.show("/b.jpg", BIG, headers=headers))
    assert "packed with br" in unknown.message
    headers = {"Content-Encoding": "gzip"}
    broken = check.one(host.show("/c.jpg", BIG, headers=headers))
    assert "packed in a broken way" in broken.message


def test_a_host_that_answers_browsers_only_is_said_to(
    host: Gallery, check: Checker
) -> None:
    head = "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n"
    found = check.one(host.show("/a.jpg", BIG, faults=[says(head)] * 2))
    assert (found.kind, found.info is not None) == ("browsers-only", True)
    assert "Mozilla" in host.asked[-1].headers["user-agent"]


def test_a_body_without_end_is_left(host: Gallery, check: Checker) -> None:
    found = check.one(host.show("/a.jpg", BIG, faults=[endless]))
    assert found.kind == "picture-bytes"


@pytest.mark.parametrize("fault", [hush, drip], ids=["silence", "a slow drip"])
def test_an_answer_has_a_deadline(host: Gallery, check: Checker, fault: Fault) -> None:
    hasty = FetchLimits(tries=1, timeout_s=0.1)
    (found,) = check(host.show("/a.jpg", BIG, faults=[fault]), limits=hasty)
    assert "in time" in found.message


@pytest.mark.parametrize(
    "said", ["", "bytes 5-9/10", "bytes 0-9/*", "bytes x-y/z", "items 0-9/10"]
)
def test_a_range_that_nobody_asked_for_is_asked_for_whole(
    host: Gallery, check: Checker, said: str
) -> None:
    head = f"HTTP/1.1 206 P\r\nContent-Range: {said}\r\nContent-Length: 9\r\n\r\n"
    found = check.one(host.show("/a.jpg", BIG, faults=[says(head, BIG[:9])]))
    assert found.info
    assert found.info.sha256
    assert "range" not in host.asked[1].headers


def test_a_host_that_cuts_later_ranges_short_is_asked_for_all(
    host: Gallery, check: Checker
) -> None:
    def part(first: int, last: int) -> Fault:
        said = f"Content-Range: bytes {first}-{last}/{len(BIG)}"
        length = f"Content-Length: {last + 1 - first}"
        head = f'HTTP/1.1 206 P\r\nETag: "1"\r\n{said}\r\n{length}\r\n\r\n'
        return says(head, BIG[first : last + 1])

    faults = [part(0, 65_535), part(65_536, 99_999)]
    found = check.one(host.show("/a.jpg", BIG, etag='"1"', faults=faults))
    assert found.info
    assert found.info.sha256 == hashlib.sha256(BIG).hexdigest()
    assert ["range" in each.headers for each in host.asked] == [True, True, False]


def test_a_picture_that_changes_while_it_is_read_is_read_anew(
    host: Gallery, check: Checker
) -> None:
    address = host.show("/a.jpg", BIG, etag='"1"')
    head = (
        'HTTP/1.1 206 P\r\nETag: "1"\r\nContent-Length: 65536\r\n'
        f"Content-Range: bytes 0-65535/{len(BIG)}\r\n\r\n"
    )

    async def change(_: Asked, writer: asyncio.StreamWriter) -> None:
        host.show("/a.jpg", padded(300_000), etag='"2"')
        writer.close()

    host.pictures["/a.jpg"].faults = [says(head, BIG[:65_536]), change]
    found = check.one(address)
    assert found.info
    assert found.info.size_bytes == 300_000


def test_a_host_that_is_gone_is_given_up_and_spoils_no_other(
    host: Gallery, check: Checker
) -> None:
    with gallery() as gone:
        bad = [f"{gone.url}/{number}.jpg" for number in range(2 * MAX_FAILURES)]
    once = FetchLimits(tries=1)
    *found, good = check(*bad, host.show("/a.jpg", BIG), limits=once)
    assert {one.kind for one in found} == {"unreachable"}
    given_up = [one for one in found if "does not answer" in one.message]
    assert 0 <= MAX_FAILURES - len(given_up) <= once.per_host
    assert good.info


def test_a_certificate_that_is_not_valid_is_told_at_once(
    tmp_path: Path, check: Checker
) -> None:
    command = "openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=else -keyout key.pem"
    subprocess.run(
        [*command.split(), "-out", "cert.pem"],
        cwd=tmp_path,
        check=True,
        capture_output=True,
    )
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(tmp_path / "cert.pem", tmp_path / "key.pem")
    with gallery(tls) as host:
        found = check.one(host.show("/a.jpg", BIG))
    assert "certificate is not valid" in found.message
    assert host.asked == []


def test_a_proxy_near_to_us_is_used_but_not_for_what_is_barred(
    host: Gallery, check: Checker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", host.url)
    host.show("http://8.8.8.8/a.jpg", BIG)
    addresses = [f"http://{name}/a.jpg" for name in ("localhost", "10.0.0.1")]
    found = check(*addresses, "http://169.254.169.254/a.jpg", near_allowed=False)
    assert [one.kind for one in found] == ["private", "private", "link-local"]
    assert host.asked == []
    (found_open,) = check("http://8.8.8.8/a.jpg", near_allowed=False)
    assert found_open.info
