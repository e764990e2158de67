"""A bucket of a real S3 server keeps what a folder keeps, and says what it is."""

import hashlib
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest

from jobs.storage import PART_BYTES, KeyTakenError, Store, StoreError, bucket
from tests.s3.server import HEEDLESS, S3, UNCONDITIONAL, Gate, headers_of

VIDEO = b"\x00\x00\x00\x18ftypisom" + bytes(500)


def path_of(store: Store, key: str) -> str:
    """The whole key in the bucket."""
    return store.place(key).split("/", 3)[3]


@pytest.mark.parametrize("key", ["m.mp4", "a/Tür 🌷.mp4", "a%20b/100%.mp4", "~/x"])
def test_a_text_comes_back_as_it_was(store: Store, key: str) -> None:
    store.put(key, "ä mug".encode(), "text/plain")
    assert store.get(key) == "ä mug".encode()
    assert store.size_bytes(key) == 6
    store.remove(key)
    assert store.get(key) is None
    assert store.size_bytes(key) is None
    store.remove(key)


@pytest.mark.parametrize("size", [len(VIDEO), 2 * PART_BYTES + 17])
def test_a_video_says_what_it_is(
    s3: S3, store: Store, tmp_path: Path, size: int
) -> None:
    path = tmp_path / "v.mp4"
    path.write_bytes(VIDEO + os.urandom(size - len(VIDEO)))
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    store.put("v.mp4", path, "video/mp4", sha256)

    assert store.size_bytes("v.mp4") == size
    assert store.get("v.mp4") == path.read_bytes()
    told = headers_of(s3, path_of(store, "v.mp4"))
    assert told["content-type"] == "video/mp4"
    assert told["x-amz-meta-sha256"] == sha256
    assert "cache-control" not in told


def test_what_was_spoilt_on_its_way_is_not_kept(
    before: Gate, url: str, tmp_path: Path
) -> None:
    store, path = Store(url), tmp_path / "v.mp4"
    path.write_bytes(os.urandom(PART_BYTES + 1))
    before.trouble = "spoilt"
    with pytest.raises(StoreError, match=r"v\.mp4: cannot be kept"):
        store.put("v.mp4", path, "video/mp4")
    path.write_bytes(os.urandom(1_000))
    with pytest.raises(StoreError, match=r"v\.mp4: cannot be kept"):
        store.put("v.mp4", path, "video/mp4")
    before.trouble = ""
    assert store.size_bytes("v.mp4") is None


@pytest.mark.parametrize("count", [3, 300_000])
def test_a_text_in_pieces_is_asked_for_anew_each_time(
    s3: S3, store: Store, count: int
) -> None:
    line = "line of a report, ä, of fifty bytes or a little more\n"
    size = store.put_chunks("report.csv", (line for _ in range(count)), "text/csv")
    assert size == store.size_bytes("report.csv") == count * len(line.encode())
    told = headers_of(s3, path_of(store, "report.csv"))
    assert told["cache-control"] == "no-cache"
    assert told["content-type"] == "text/csv"


def test_a_stream_that_breaks_leaves_what_was_there(s3: S3, store: Store) -> None:
    def breaks(size: int) -> Iterator[str]:
        yield "x" * size
        raise ValueError("the disk went away")

    store.put("report.json", b"{}", "application/json")
    for size in (1, 3 * PART_BYTES):
        with pytest.raises((StoreError, ValueError), match="the disk went away"):
            store.put_chunks("report.json", breaks(size), "application/json")
    assert store.get("report.json") == b"{}"
    assert s3.keys(path_of(store, "")) == [path_of(store, "report.json")]


def test_a_store_that_can_be_written_keeps_nothing_of_the_test(
    s3: S3, store: Store
) -> None:
    store.check_writable()
    store.check_round_trip()
    assert s3.keys(path_of(store, "")) == []


def test_what_has_a_key_already_stays(store: Store) -> None:
    store.put("a.jpg", b"one", "image/jpeg", replace=False)
    # As for who is not sure that it was kept.
    store.put("a.jpg", b"one", "image/jpeg", replace=False)
    with pytest.raises(KeyTakenError, match=r"a\.jpg: there is another file"):
        store.put("a.jpg", b"two", "image/jpeg", replace=False)
    assert store.get("a.jpg") == b"one"


@pytest.fixture
def video(tmp_path: Path) -> Path:
    """Larger than what goes in one piece when it may replace something."""
    path = tmp_path / "v.mp4"
    path.write_bytes(VIDEO + os.urandom(PART_BYTES))
    return path


def another(video: Path, number: int = 0) -> Path:
    path = video.with_name(f"{number}.mp4")
    path.write_bytes(video.read_bytes() + b"%d" % number)
    return path


def put_new(store: Store, path: Path) -> bool:
    """Whether the key `v.mp4` was free for it."""
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    try:
        store.put("v.mp4", path, "video/mp4", sha256, replace=False)
    except KeyTakenError:
        return False
    return True


def test_a_video_replaces_no_other(s3: S3, store: Store, video: Path) -> None:
    assert put_new(store, video)
    # As for who is not sure that it was kept.
    assert put_new(store, video)
    assert not put_new(store, another(video))
    assert store.get("v.mp4") == video.read_bytes()
    told = headers_of(s3, path_of(store, "v.mp4"))
    assert told["content-type"] == "video/mp4"
    assert told["x-amz-meta-sha256"]
    assert s3.keys(path_of(store, "")) == [path_of(store, "v.mp4")]


def test_of_several_videos_at_the_same_moment_one_has_the_key(
    store: Store, video: Path
) -> None:
    videos = [another(video, number) for number in range(8)]
    with ThreadPoolExecutor(8) as threads:
        assert sum(threads.map(partial(put_new, store), videos)) == 1
    assert store.get("v.mp4") in [path.read_bytes() for path in videos]


def test_a_video_that_does_not_go_in_one_piece_has_no_key_that_may_be_anothers(
    store: Store, video: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bucket, "MAX_NEW_BYTES", PART_BYTES)
    assert not put_new(store, video)
    assert store.get("v.mp4") is None


@pytest.mark.parametrize("trouble", [*UNCONDITIONAL, HEEDLESS, "never asked"])
def test_where_a_server_makes_no_new_files_only_none_are_kept_under_a_shared_key(
    before: Gate,
    url: str,
    video: Path,
    monkeypatch: pytest.MonkeyPatch,
    trouble: str,
) -> None:
    if trouble == "never asked":
        monkeypatch.setenv("AWS_CONDITIONAL_PUT", "disabled")
    store, before.trouble = Store(url), trouble
    assert not put_new(store, video)
    assert store.get("v.mp4") is None
    # What is small, and not paid, is kept as well as can be.
    store.put("a.jpg", b"one", "image/jpeg", replace=False)
    with pytest.raises(KeyTakenError):
        store.put("a.jpg", b"two", "image/jpeg", replace=False)
    assert store.get("a.jpg") == b"one"
    assert before.behind.keys(path_of(store, "")) == [path_of(store, "a.jpg")]
