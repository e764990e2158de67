"""Pictures are handed over whole, without a key or a name of this machine."""

import asyncio
import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from jobs.provider.answers import Trouble, UploadError
from jobs.provider.uploads import TICKETS, Picture, Uploads
from tests.jobs.provider.hosts import (
    KEY,
    Answer,
    client,
    header,
    host,
    in_turn,
    page,
    reset,
    sends,
    silent,
)

BODY = b"\xff\xd8\xff" + bytes(range(256)) * 2_000
SHA256 = hashlib.sha256(BODY).hexdigest()
KEPT = "https://files.example/mug.jpg"
TAKEN = sends(page(b""))


def success(data: object, *headers: str) -> bytes:
    body = {"code": 200, "message": "success", "data": data}
    return page(json.dumps(body).encode(), "200 OK", *headers)


def ticket(url: str, **changes: object) -> bytes:
    headers = {"Content-Type": "image/jpeg", "X-Sign": "abc", "Content-Length": "1"}
    upload: dict[str, object] = {"method": "PUT", "url": url, "headers": headers}
    return success({"download_url": KEPT, "upload": {**upload, **changes}})


@dataclass(slots=True)
class Handed:
    """What became of an upload, and what the two hosts were sent."""

    link: str = ""
    error: UploadError | None = None
    api: list[bytes] = field(default_factory=list)
    files: list[bytes] = field(default_factory=list)


def hand_over(
    api: Callable[[str], Answer] = lambda url: sends(ticket(f"{url}/put?sign=1")),
    files: Answer = TAKEN,
    timeout_s: float = 5.0,
    tries: int = 3,
) -> Handed:
    """Upload with two hosts: the API, and the one that takes the bytes."""
    handed = Handed()

    async def run() -> None:
        async with (
            host(files) as there,
            host(api(there.url)) as asked,
            client(asked.url, timeout_s) as provider,
        ):
            uploads = Uploads(provider, timeout_s, waits_s=(0.0,) * (tries - 1))
            try:
                handed.link = await uploads.upload(Picture(SHA256, BODY))
            except UploadError as error:
                handed.error = error
            finally:
                await uploads.close()
            handed.api, handed.files = asked.requests, there.requests

    asyncio.run(run())
    return handed


def body_of(request: bytes) -> bytes:
    return request.split(b"\r\n\r\n", 1)[1]


def test_a_picture_is_put_where_its_ticket_says() -> None:
    handed = hand_over()
    assert handed.link == KEPT
    (asked,), (put,) = handed.api, handed.files
    assert asked.startswith(f"POST {TICKETS} HTTP/1.1\r\n".encode())
    assert header(asked, "authorization") == f"Bearer {KEY}"
    assert json.loads(body_of(asked)) == {
        "filename": f"{SHA256}.jpg",
        "size": len(BODY),
        "content_type": "image/jpeg",
    }
    assert put.startswith(b"PUT /put?sign=1 HTTP/1.1\r\n")
    assert body_of(put) == BODY
    assert header(put, "content-type") == "image/jpeg"
    assert header(put, "x-sign") == "abc"
    assert header(put, "content-length") == str(len(BODY))
    assert header(put, "transfer-encoding") is None


def test_the_key_does_not_go_to_the_file_host() -> None:
    handed = hand_over()
    for request in handed.files:
        assert KEY.encode() not in request
        for name in ("authorization", "cookie", "proxy-authorization"):
            assert header(request, name) is None


PASSING: dict[str, Answer] = {
    "503": sends(page(b"", "503 Busy")),
    "429": sends(page(b"", "429 Too Many", "Retry-After: 0")),
    "a reset": reset,
    "a closed line": sends(),
    "a redirect": sends(page(b"", "307 There", "Location: http://127.0.0.1:9/")),
    "an expired ticket": sends(page(b"<Error/>", "403 Forbidden")),
}


BROKEN = ("a reset", "a closed line")


@pytest.mark.parametrize("trouble", PASSING)
def test_what_went_wrong_on_the_way_is_tried_again(trouble: str) -> None:
    handed = hand_over(files=in_turn(PASSING[trouble], TAKEN))
    assert handed.link == KEPT
    assert [body_of(put) for put in handed.files] == [BODY, BODY]
    # A broken connection is repeated by aiohttp; who answered gets a new ticket.
    assert len(handed.api) == (1 if trouble in BROKEN else 2)


@pytest.mark.parametrize("trouble", PASSING)
def test_after_some_tries_it_is_given_up(trouble: str) -> None:
    handed = hand_over(files=PASSING[trouble])
    assert handed.error
    assert handed.error.trouble == "unreachable"
    assert len(handed.api) == 3


def test_a_host_that_takes_for_ever_is_left() -> None:
    handed = hand_over(files=silent, timeout_s=0.2, tries=2)
    assert handed.error
    assert "0.2 s" in str(handed.error)


REFUSALS = {
    "401 Unauthorized": Trouble.KEY,
    "403 Forbidden": Trouble.PERMISSION,
    "402 Payment Required": Trouble.BALANCE,
    "400 Bad Request": "refused",
    "413 Too Large": "refused",
    "422 No": "refused",
}


@pytest.mark.parametrize("status", REFUSALS)
def test_a_refusal_is_not_asked_for_twice(status: str) -> None:
    refused = page(b'{"message": "not this one"}', status)
    handed = hand_over(lambda _: sends(refused))
    assert handed.error
    assert handed.error.trouble == REFUSALS[status]
    assert "not this one" in str(handed.error)
    assert len(handed.api) == 1
    assert not handed.files


def bad_tickets(url: str) -> Iterator[tuple[str, bytes]]:
    put: dict[str, Any] = {"method": "PUT", "url": url, "headers": {}}
    yield "nothing", success({})
    yield "a list", success([])
    yield "no url", ticket("")
    yield "a file of this machine", ticket("file:///etc/passwd")
    yield "another method", ticket(url, method="DELETE")
    yield "headers that are a list", ticket(url, headers=["a"])
    yield "a header that is a number", ticket(url, headers={"a": 1})
    yield "a header of two lines", ticket(url, headers={"a": "b\r\nc: d"})
    yield "no link", success({"upload": put})
    yield "a link that is none", success({"download_url": "/mug.jpg", "upload": put})
    yield "a web page", page(b"<html>", "200 OK", "Content-Type: text/html")


@pytest.mark.parametrize("which", [name for name, _ in bad_tickets("")])
def test_a_ticket_that_cannot_be_used_takes_no_bytes(which: str) -> None:
    handed = hand_over(lambda url: sends(dict(bad_tickets(url))[which]))
    assert handed.error
    assert handed.error.trouble == "unreachable"
    assert not handed.files


@pytest.mark.parametrize("number", ["169.254.169.254", "[::ffff:169.254.169.254]"])
def test_a_ticket_for_a_metadata_service_is_refused(number: str) -> None:
    there = ticket(f"http://{number}/latest/api/token")
    handed = hand_over(lambda _: sends(there))
    assert handed.error
    assert handed.error.trouble == "refused"
    assert len(handed.api) == 1
