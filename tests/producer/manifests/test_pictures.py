"""Pictures in a folder, and in a bucket that a server of ours lists as S3 does."""

import os
import threading
from collections.abc import Iterator
from html import escape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.manifest.naming import clean_id
from jobs.manifest.rows import Row
from producer.manifests.pictures import HIDDEN, NO_PICTURES, POSTERS, SEEN
from tests.producer.manifests.manifests import DRAWN, recorded, rows_of, skipped, told


def put(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"picture")
    return folder


@pytest.mark.parametrize("written", ["shop", "./shop//"])
def test_every_picture_of_a_folder_is_a_row(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, written: str
) -> None:
    put(tmp_path / "shop", "mug.jpg", "lamps/small lamp.PNG", "lamps/b.webp")
    monkeypatch.chdir(tmp_path)
    rows = rows_of(recorded(written))
    assert [row.cells["id"] for row in rows] == ["lamps-b", "lamps-small-lamp", "mug"]
    assert rows[1] == Row(
        f"{written.rstrip('/')}/",
        2,
        2,
        {
            "id": "lamps-small-lamp",
            "image": "shop/lamps/small lamp.PNG",
            "file": "small lamp.PNG",
            "stem": "small lamp",
            "folder": "lamps",
        },
    )


def test_pictures_of_one_name_get_ids_of_their_own(tmp_path: Path) -> None:
    put(tmp_path, "a/b.jpg", "a-b.png", "a/B.JPG", "mug.jpg", "mug.jpeg")
    ids = [row.cells["id"] for row in rows_of(recorded(tmp_path))]
    assert sorted(map(str, ids)) == ["a-B.JPG", "a-b", "a-b.jpg.3", "mug", "mug.jpg"]


def test_other_files_are_skipped_each_with_its_reason(tmp_path: Path) -> None:
    names = [".hidden.jpg", ".git/a.jpg", "a/.b/c.jpg", "notes.txt"]
    stored = [f"videos/mug.{ending}" for ending in ("mp4", "json", "poster.jpg")]
    found = recorded(put(tmp_path, "mug.jpg", *names, *stored))
    assert [row.cells["id"] for row in rows_of(found)] == ["mug"]
    assert sorted(skipped(found)) == [NO_PICTURES] * 3 + [HIDDEN] * 3 + [POSTERS]


def test_links_that_lead_round_do_not_hang(tmp_path: Path) -> None:
    put(tmp_path, "a/mug.jpg")
    (tmp_path / "a" / "up").symlink_to(tmp_path)
    (tmp_path / "b").symlink_to(tmp_path / "a")
    (tmp_path / "c").symlink_to(tmp_path / "c")
    found = recorded(tmp_path)
    assert [row.cells["id"] for row in rows_of(found)] == ["a-mug"]
    assert sorted(skipped(found)) == [NO_PICTURES, SEEN, SEEN]


def test_what_is_called_a_picture_and_is_no_file_is_told(tmp_path: Path) -> None:
    put(tmp_path, "mug.jpg")
    os.mkfifo(tmp_path / "pipe.jpg")
    (tmp_path / "gone.jpg").symlink_to("nowhere")
    found = recorded(tmp_path)
    assert [kind for _, _, kind in told(found)] == ["not-a-file", "not-a-file"]
    assert f"{tmp_path}/gone.jpg: " in str(next(one for one in found if told([one])))


NAMES = st.lists(
    st.text("ab.-_ ()äé😀²", min_size=1, max_size=8).filter(
        lambda name: name.strip(".") and not name.startswith(".")
    ),
    min_size=1,
    max_size=3,
)


@DRAWN
@given(st.lists(NAMES, min_size=1, max_size=4))
def test_every_name_makes_an_id_or_none_and_the_order_is_that_of_the_paths(
    tmp_path_factory: pytest.TempPathFactory, names: list[list[str]]
) -> None:
    folder = tmp_path_factory.mktemp("pictures")
    put(folder, *("/".join([*parts[:-1], f"{parts[-1]}.jpg"]) for parts in names))
    rows = rows_of(recorded(folder))
    images = [str(row.cells["image"]) for row in rows]
    assert images == sorted(images)
    for row in rows:
        made = str(row.cells["id"])
        assert made == "" or clean_id(made) == made


class Bucket(BaseHTTPRequestHandler):
    """Lists the keys of one bucket, two at a time."""

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
@pytest.mark.parametrize("written", ["s3://shop/pics", "S3://shop//pics/"])
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
def test_a_prefix_is_taken_as_it_is_written() -> None:
    for prefix, image in {
        "100% new": "100% new/f.jpg",
        "a%20b/": "a%20b/g.jpg",
    }.items():
        (row,) = rows_of(recorded(f"s3://shop/{prefix}"))
        assert row.cells["image"] == f"s3://shop/{image}"


@pytest.mark.usefixtures("bucket")
def test_an_empty_object_that_marks_a_folder_is_no_file() -> None:
    found = recorded("s3://shop/marked")
    assert [row.cells["file"] for row in rows_of(found)] == ["empty.jpg", "h.jpg"]
    assert skipped(found) == []


@pytest.mark.usefixtures("bucket")
def test_a_key_that_is_no_path_is_named_with_what_to_do() -> None:
    (problem,) = recorded("s3://shop/odd")
    assert 'has the key "odd//j.jpg"' in str(problem)
    assert "rename or delete that object" in str(problem)


@pytest.mark.usefixtures("bucket")
@pytest.mark.parametrize("written", ["s3://other/pics", "s3://"])
def test_a_bucket_that_cannot_be_listed_is_told(written: str) -> None:
    found = recorded(written)
    assert told(found) == [(None, None, "unreadable")]
    assert "secret" not in str(found[0])
    assert "\n" not in str(found[0])
