"""Pictures in a bucket, which a server of ours lists as S3 does."""

import threading
from collections.abc import Iterator
from html import escape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from producer.reading.folder_rows import HIDDEN, NO_PICTURES
from tests.producer.reading.manifests import recorded, rows_of, skipped, told


class Bucket(BaseHTTPRequestHandler):
    """Lists the keys of one bucket as S3 does, two at a time."""

    keys = (
        "pics/b.jpg",
        "pics/a b+%.jpg",
        "pics/sub/c.png",
        "pics/.x.jpg",
        "pics/d.txt",
        "pictures/e.jpg",
        "100% new/f.jpg",
        "a%20b/g.jpg",
        "marked/",
        "marked/mugs.jpg/",
        "marked/mugs.jpg/h.jpg",
        "marked/empty.jpg",
        "odd/i.jpg",
        "odd//j.jpg",
    )
    empty = ("marked/", "marked/mugs.jpg/", "marked/empty.jpg")

    def do_GET(self) -> None:
        asked = parse_qs(urlsplit(self.path).query)
        if not self.path.startswith("/shop"):
            self.send_error(404)
            return
        begin = int(asked.get("continuation-token", ["0"])[0])
        inside = [
            key for key in self.keys if key.startswith(asked.get("prefix", [""])[0])
        ]
        page = "".join(
            f"<Contents><Key>{escape(key)}</Key>"
            f"<Size>{0 if key in self.empty else 7}</Size>"
            "<LastModified>2026-01-01T00:00:00.000Z</LastModified></Contents>"
            for key in inside[begin : begin + 2]
        )
        more = begin + 2 < len(inside)
        token = f"<NextContinuationToken>{begin + 2}</NextContinuationToken>" * more
        body = (
            f"<ListBucketResult><Name>shop</Name>{page}{token}"
            f"<IsTruncated>{str(more).lower()}</IsTruncated></ListBucketResult>"
        ).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_given: Any) -> None:
        """Nothing is told of what was asked."""


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Bucket) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        monkeypatch.setenv("AWS_ENDPOINT", f"http://127.0.0.1:{server.server_port}")
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
        monkeypatch.setenv("AWS_REGION", "us-east-1")
        yield
        server.shutdown()
        thread.join()


@pytest.mark.usefixtures("bucket")
@pytest.mark.parametrize(
    "written", ["s3://shop/pics", "s3://shop/pics/", "S3://shop//pics/"]
)
def test_every_picture_below_a_prefix_is_a_row(written: str) -> None:
    found = recorded(written)
    rows = rows_of(found)
    assert [(row.file, row.cells["id"], row.cells["image"]) for row in rows] == [
        ("s3://shop/pics/", "a-b--", "s3://shop/pics/a b+%.jpg"),
        ("s3://shop/pics/", "b", "s3://shop/pics/b.jpg"),
        ("s3://shop/pics/", "sub-c", "s3://shop/pics/sub/c.png"),
    ]
    assert sorted(skipped(found)) == [NO_PICTURES, HIDDEN]


@pytest.mark.usefixtures("bucket")
@pytest.mark.parametrize(
    ("written", "image"),
    [
        ("s3://shop/100% new", "s3://shop/100% new/f.jpg"),
        ("s3://shop/a%20b/", "s3://shop/a%20b/g.jpg"),
    ],
)
def test_a_prefix_is_taken_as_it_is_written(written: str, image: str) -> None:
    assert [row.cells["image"] for row in rows_of(recorded(written))] == [image]


@pytest.mark.usefixtures("bucket")
def test_an_empty_object_that_marks_a_folder_is_no_file() -> None:
    found = recorded("s3://shop/marked")
    assert [row.cells["file"] for row in rows_of(found)] == ["empty.jpg", "h.jpg"]
    assert skipped(found) == []


@pytest.mark.usefixtures("bucket")
@pytest.mark.parametrize("written", ["s3://shop", "s3://shop/odd"])
def test_a_key_that_is_no_path_is_named_with_what_to_do(written: str) -> None:
    (problem,) = recorded(written)
    assert 'has the key "odd//j.jpg"' in str(problem)
    assert "rename or delete that object" in str(problem)


@pytest.mark.usefixtures("bucket")
def test_a_whole_bucket_can_be_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Bucket, "keys", Bucket.keys[:-1])
    assert len(rows_of(recorded("s3://shop"))) == 9


@pytest.mark.usefixtures("bucket")
@pytest.mark.parametrize("written", ["s3://other/pics", "s3://"])
def test_a_bucket_that_cannot_be_listed_is_told(written: str) -> None:
    found = recorded(written)
    assert told(found) == [(None, None, "unreadable")]
    assert "secret" not in str(found[0])
    assert "\n" not in str(found[0])
