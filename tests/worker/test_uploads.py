"""Pictures are handed over whole, without a key or a name of this machine."""

import asyncio
import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from email.parser import BytesParser
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from jobs.provider.answers import Trouble
from tests.worker.hosts import Answer, Host, header, host, page, reset, sends, silent
from worker.provider import Provider
from worker.uploads import FORM, TICKETS, Picture, UploadError, Uploads

KEY = "wsk-0123456789"
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


def in_turn(*answers: Answer) -> Answer:
    """One after the other; the last one again and again."""
    left = list(answers)

    async def answer(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        now = left.pop(0) if len(left) > 1 else left[0]
        await now(reader, writer)

    return answer


@dataclass(slots=True)
class Handed:
    """What became of an upload, and what the two hosts were sent."""

    link: str = ""
    error: UploadError | None = None
    api: list[bytes] = field(default_factory=list)
    files: list[bytes] = field(default_factory=list)


@pytest.fixture
def picture(tmp_path: Path) -> Picture:
    path = tmp_path / "secret-name.jpg"
    path.write_bytes(BODY)
    return Picture(SHA256, path, len(BODY), "image/jpeg")


def hand_over(
    picture: Picture,
    api: Callable[[str], Answer] = lambda url: sends(ticket(f"{url}/put?sign=1")),
    files: Answer = TAKEN,
    timeout_s: float = 5.0,
    tries: int = 3,
) -> Handed:
    """Upload with two hosts: the API, and the one that takes the bytes."""
    handed = Handed()

    async def upload(there: Host, url: str) -> None:
        provider = Provider(
            url, SecretStr(KEY), submit_timeout_s=5.0, request_timeout_s=timeout_s
        )
        uploads = Uploads(provider, timeout_s, waits_s=(0.0,) * (tries - 1))
        try:
            handed.link = await uploads.upload(picture)
        except UploadError as error:
            handed.error = error
        finally:
            await uploads.close()
            await provider.close()
            handed.files = there.requests

    async def run() -> None:
        async with host(files) as there, host(api(there.url)) as asked:
            await upload(there, asked.url)
            handed.api = asked.requests

    asyncio.run(run())
    return handed


def body_of(request: bytes) -> bytes:
    return request.split(b"\r\n\r\n", 1)[1]


def test_a_picture_is_put_where_its_ticket_says(picture: Picture) -> None:
    handed = hand_over(picture)
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


def test_neither_the_key_nor_a_local_name_goes_to_the_file_host(
    picture: Picture,
) -> None:
    handed = hand_over(picture)
    for request in handed.files:
        assert KEY.encode() not in request
        for name in ("authorization", "cookie", "proxy-authorization"):
            assert header(request, name) is None
    for request in handed.api + handed.files:
        assert b"secret-name" not in request


@pytest.mark.parametrize("status", ["404 Not Found", "405 No", "501 Not Implemented"])
def test_where_there_are_no_tickets_the_older_form_is_used(
    picture: Picture, status: str
) -> None:
    gone = sends(page(b'{"message": "no such route"}', status))
    kept = sends(success({"type": "image", "download_url": KEPT}))
    handed = hand_over(picture, lambda _: in_turn(gone, kept))
    assert handed.link == KEPT
    form = handed.api[1]
    assert form.startswith(f"POST {FORM} HTTP/1.1\r\n".encode())
    assert header(form, "authorization") == f"Bearer {KEY}"
    head = f"Content-Type: {header(form, 'content-type')}\r\n\r\n".encode()
    _, part = BytesParser().parsebytes(head + body_of(form)).walk()
    assert part.get_param("name", header="content-disposition") == "file"
    assert part.get_filename() == f"{SHA256}.jpg"
    assert part.get_content_type() == "image/jpeg"
    assert BODY in body_of(form)
    assert not handed.files


def test_the_older_form_is_remembered(picture: Picture) -> None:
    async def run() -> list[bytes]:
        gone = sends(page(b"{}", "404 Not Found"))
        kept = sends(success({"download_url": KEPT}))
        async with host(in_turn(gone, kept)) as api:
            provider = Provider(
                api.url, SecretStr(KEY), submit_timeout_s=5.0, request_timeout_s=5.0
            )
            uploads = Uploads(provider)
            for _ in range(2):
                assert await uploads.upload(picture) == KEPT
            await uploads.close()
            await provider.close()
            return api.requests

    lines = [request.split(b" ", 2)[1].decode() for request in asyncio.run(run())]
    assert lines == [TICKETS, FORM, FORM]


BAD_LUCK: dict[str, Answer] = {
    "503": sends(page(b"", "503 Busy")),
    "429": sends(page(b"", "429 Too Many", "Retry-After: 0")),
    "a reset": reset,
    "a closed line": sends(),
    "a redirect": sends(page(b"", "307 There", "Location: http://127.0.0.1:9/")),
    "an expired ticket": sends(page(b"<Error/>", "403 Forbidden")),
}


@pytest.mark.parametrize("luck", BAD_LUCK)
def test_what_went_wrong_on_the_way_is_tried_again_with_a_new_ticket(
    picture: Picture, luck: str
) -> None:
    handed = hand_over(picture, files=in_turn(BAD_LUCK[luck], TAKEN))
    assert handed.link == KEPT
    assert len(handed.api) == len(handed.files) == 2
    assert body_of(handed.files[1]) == BODY


@pytest.mark.parametrize("luck", ["503", "429", "a reset", "a closed line"])
def test_a_ticket_that_did_not_come_is_asked_for_again(
    picture: Picture, luck: str
) -> None:
    handed = hand_over(
        picture, lambda url: in_turn(BAD_LUCK[luck], sends(ticket(f"{url}/put")))
    )
    assert handed.link == KEPT
    assert len(handed.api) == 2


@pytest.mark.parametrize("luck", BAD_LUCK)
def test_after_some_tries_it_is_given_up(picture: Picture, luck: str) -> None:
    handed = hand_over(picture, files=BAD_LUCK[luck])
    assert handed.error
    assert handed.error.trouble == "unreachable"
    assert len(handed.files) == 3


def test_a_host_that_takes_for_ever_is_left(picture: Picture) -> None:
    handed = hand_over(picture, files=silent, timeout_s=0.2, tries=2)
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
def test_a_refusal_is_not_asked_for_twice(picture: Picture, status: str) -> None:
    refused = page(b'{"message": "not this one"}', status)
    handed = hand_over(picture, lambda _: sends(refused))
    assert handed.error
    assert handed.error.trouble == REFUSALS[status]
    assert "not this one" in str(handed.error)
    assert len(handed.api) == 1
    assert not handed.files


def test_a_file_host_that_finds_it_too_large_is_not_asked_twice(
    picture: Picture,
) -> None:
    handed = hand_over(picture, files=sends(page(b"", "413 Too Large")))
    assert handed.error
    assert (handed.error.trouble, len(handed.files)) == ("refused", 1)


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
def test_a_ticket_that_cannot_be_used_takes_no_bytes(
    picture: Picture, which: str
) -> None:
    handed = hand_over(picture, lambda url: sends(dict(bad_tickets(url))[which]))
    assert handed.error
    assert handed.error.trouble == "unreachable"
    assert not handed.files


@pytest.mark.parametrize("number", ["169.254.169.254", "[::ffff:169.254.169.254]"])
def test_a_ticket_for_a_metadata_service_is_refused(
    picture: Picture, number: str
) -> None:
    there = ticket(f"http://{number}/latest/api/token")
    handed = hand_over(picture, lambda _: sends(there))
    assert handed.error
    assert handed.error.trouble == "refused"
    assert len(handed.api) == 1


def test_a_file_that_became_shorter_or_longer_is_never_sent_as_another(
    picture: Picture,
) -> None:
    picture.path.write_bytes(BODY[:-10])
    shorter = hand_over(picture)
    assert shorter.error
    assert not shorter.files  # no request was ever whole
    picture.path.write_bytes(BODY + b"more")
    (put,) = hand_over(picture).files
    assert body_of(put) == BODY


def test_a_file_that_is_gone_is_said_to_be(picture: Picture) -> None:
    picture.path.unlink()
    handed = hand_over(picture, tries=2)
    assert handed.error
    assert not any(map(body_of, handed.files))
