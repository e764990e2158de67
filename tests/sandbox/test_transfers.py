from collections.abc import AsyncIterator
from typing import Any

import pytest

from sandbox.transfers import SEAL
from tests.sandbox.desk import Desk

BODY = b"\xff\xd8 picture \r\n--not a boundary\r\n \r \n \x00"


def ticket(desk: Desk, filename: str = "my mug.jpg") -> Any:
    return desk.post("media/uploads", filename=filename, size=len(BODY))


def test_a_file_is_put_by_a_ticket_and_read_back(desk: Desk) -> None:
    given = ticket(desk)
    upload = given["upload"]
    assert upload["method"] == "PUT"
    path = upload["url"].removeprefix("http://files.test")
    assert desk.files("GET", path).status_code == 404
    put = desk.files("PUT", path, content=BODY, headers=upload["headers"])
    assert put.status_code == 200
    got = desk.files("GET", given["download_url"])
    assert (got.content, got.headers["content-type"]) == (BODY, "image/jpeg")


def test_a_put_must_be_what_was_announced(desk: Desk) -> None:
    upload = ticket(desk)["upload"]
    headers, url = upload["headers"], upload["url"]
    short = desk.files("PUT", url, content=BODY[:-1], headers=headers)
    assert (short.status_code, "size" in short.text) == (400, True)
    css = headers | {"Content-Type": "text/css"}
    typed = desk.files("PUT", url, content=BODY, headers=css)
    assert (typed.status_code, "content-type" in typed.text) == (400, True)
    other = desk.files("PUT", "/uploads/0/x.jpg", content=BODY, headers=headers)
    assert other.status_code == 403


@pytest.mark.parametrize("dropped", [SEAL, "Content-Length"])
def test_a_put_must_have_the_headers_of_its_ticket_and_a_length(
    desk: Desk, dropped: str
) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        yield BODY

    upload = ticket(desk)["upload"]
    headers = {**upload["headers"], "Content-Length": str(len(BODY))}
    del headers[dropped]
    put = desk.files("PUT", upload["url"], content=pieces(), headers=headers)
    assert put.status_code in {403, 411}
    assert dropped.lower() in put.text.lower()


def test_an_upload_is_gone_after_seven_days(desk: Desk) -> None:
    given = ticket(desk)
    upload, url = given["upload"], given["download_url"]
    desk.files("PUT", upload["url"], content=BODY, headers=upload["headers"])
    desk.clock.now_s += 7 * 86_400
    assert desk.files("GET", url).status_code == 200
    assert desk.provider.uploads.own_file(url) == BODY
    desk.clock.now_s += 1
    assert desk.files("GET", url).status_code == 404
    assert desk.provider.uploads.own_file(url) is None


def test_an_older_provider_has_no_tickets(desk: Desk) -> None:
    desk.configure(newer_routes=False)
    asked = {"filename": "mug.jpg", "size": 7}
    assert desk.ask("POST", "/api/v3/media/uploads", json=asked).status_code == 404
    path = "/api/v3/media/upload/binary"
    assert desk.ask("POST", path, files={"file": BODY}).status_code == 200


def test_uploads_can_fail_at_both_steps(desk: Desk) -> None:
    desk.configure(upload_5xx="first 1", upload_put_5xx="first 1")
    asked = {"filename": "mug.jpg", "size": len(BODY)}
    assert desk.ask("POST", "/api/v3/media/uploads", json=asked).status_code == 503
    upload = ticket(desk)["upload"]
    headers, url = upload["headers"], upload["url"]
    statuses = [
        desk.files("PUT", url, content=BODY, headers=headers).status_code
        for _ in range(2)
    ]
    assert statuses == [503, 200]


def test_a_key_that_comes_with_a_file_is_refused_and_counted(desk: Desk) -> None:
    upload = ticket(desk)["upload"]
    headers = {"content-type": "image/jpeg"}
    put = desk.files("PUT", upload["url"], "secret", content=BODY, headers=headers)
    assert put.status_code == 400
    assert desk.files("GET", "/pictures/mug.jpg", "secret").status_code == 400
    assert desk.books()["key_leaks"] == 2
    assert "secret" not in str(desk.books())


@pytest.mark.parametrize("filename", ["../../etc/passwd", "C:\\x\\passwd", "passwd"])
def test_a_filename_is_never_a_path(desk: Desk, filename: str) -> None:
    url = ticket(desk, filename)["download_url"]
    assert url.endswith("/passwd")
    assert ".." not in url


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({}, 400),
        ({"filename": "x"}, 400),
        ({"filename": "x", "size": "7"}, 400),
        ({"filename": "x", "size": 7, "content_type": 7}, 400),
        ({"filename": "x", "size": 10**9}, 413),
    ],
)
def test_a_ticket_needs_a_name_and_a_size(
    desk: Desk, body: dict[str, object], status: int
) -> None:
    answer = desk.ask("POST", "/api/v3/media/uploads", json=body)
    assert answer.status_code == status


def test_the_older_upload_takes_a_form_byte_for_byte(desk: Desk) -> None:
    path = "/api/v3/media/upload/binary"
    files = {"note": ("n.txt", b"no"), "file": ("mug.png", BODY, "image/png")}
    data = desk.ask("POST", path, files=files).json()["data"]
    assert (data["type"], data["filename"], data["size"]) == (
        "image",
        "mug.png",
        len(BODY),
    )
    assert desk.files("GET", data["download_url"]).content == BODY


def test_the_older_upload_needs_a_form_with_a_file(desk: Desk) -> None:
    path = "/api/v3/media/upload/binary"
    assert desk.ask("POST", path, content=BODY).status_code == 400
    answer = desk.ask("POST", path, files={"other": ("x", BODY)})
    assert (answer.status_code, answer.json()["message"]) == (400, "file: is required")
    assert desk.ask("POST", path, None, files={"file": b""}).status_code == 401


def test_the_sample_pictures_are_there(desk: Desk) -> None:
    for name in ("mug", "sneaker", "lamp", "bag", "watch", "chair"):
        picture = desk.files("GET", f"/pictures/{name}.jpg")
        assert picture.headers["content-type"] == "image/jpeg"
        assert picture.content.startswith(b"\xff\xd8")
        assert len(picture.content) < 40_000
    nothing = desk.files("GET", "/pictures/none.jpg")
    assert nothing.status_code == 404
    assert "/pictures/mug.jpg" in nothing.json()["message"]
