"""A store keeps a file whole or not at all, and nothing outside of it."""

import hashlib
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory

import obstore
import pytest
from hypothesis import given
from hypothesis import strategies as st
from obstore.store import MemoryStore

from jobs.storage import (
    CHUNK_BYTES,
    KeyTakenError,
    Store,
    StoreError,
    bucket,
    normal,
    parse,
)
from jobs.storage.errors import explain, is_absent, is_unsupported


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(str(tmp_path / "videos"))


@pytest.fixture
def video(tmp_path: Path) -> Path:
    path = tmp_path / "made.mp4"
    path.write_bytes(os.urandom(2 * CHUNK_BYTES + 17))
    return path


def kept(store: Store) -> list[str]:
    """Every file below the store, and every one that was left over."""
    root = Path(store.url)
    return sorted(str(p.relative_to(root)) for p in root.rglob("*") if p.is_file())


KEYS = [
    "spring/a/b/c/mug.mp4",
    "spring/Tür 🌷.mp4",
    "spring/100%.mp4",
    "spring/a%20b.mp4",
    "spring/a?b#c&d=e.mp4",
    "spring/a'b\"c.mp4",
    "~/mug.mp4",
]


@pytest.mark.parametrize("key", KEYS)
def test_a_file_is_kept_where_its_place_says(
    store: Store, video: Path, key: str
) -> None:
    content = video.read_bytes()
    store.put(key, video, "video/mp4")
    assert Path(store.place(key)).read_bytes() == content
    assert store.get(key) == content
    assert store.size_bytes(key) == len(content)
    assert kept(store) == [key]


def test_a_file_of_another_disk_is_copied(tmp_path: Path) -> None:
    """The system's memory is a disk of its own, wherever there is one."""
    memory = Path("/dev/shm" if Path("/dev/shm").is_dir() else tmp_path)  # noqa: S108 - no secret
    with TemporaryDirectory(dir=memory) as folder:
        store, video = Store(str(tmp_path / "videos")), Path(folder) / "made.mp4"
        video.write_bytes(b"from far away")
        store.put("spring/mug.mp4", video, "video/mp4")
        assert store.get("spring/mug.mp4") == b"from far away"
        assert kept(store) == ["spring/mug.mp4"]


CLIMBING = [
    "../mug.mp4",
    "spring/../mug.mp4",
    "spring/./mug.mp4",
    "spring//mug.mp4",
    "",
    "spring/a\nb.mp4",
    "spring/a\x00b.mp4",
    "spring/" + "x" * 300,
]


@pytest.mark.parametrize("key", CLIMBING)
def test_a_key_that_is_none_keeps_nothing(store: Store, video: Path, key: str) -> None:
    beside = set(video.parent.iterdir())
    with pytest.raises(StoreError) as caught:
        store.put(key, video, "video/mp4")
    assert str(caught.value).startswith(store.url)
    assert "\n" not in str(caught.value).replace(key, "")
    assert kept(store) == []
    assert set(video.parent.iterdir()) == beside


def test_a_stream_that_fails_leaves_what_was_there(store: Store) -> None:
    def breaks(size: int) -> Iterator[str]:
        yield "x" * size
        raise ValueError("the disk went away")

    for size in (4, 30_000_000):
        for key in ("mug.csv", "new.csv"):
            if key == "mug.csv":
                store.put(key, b"whole", "text/csv")
            with pytest.raises((StoreError, ValueError), match="the disk went away"):
                store.put_chunks(key, breaks(size), "text/csv")
        assert store.get("mug.csv") == b"whole"
        assert kept(store) == ["mug.csv"]


def test_a_store_that_cannot_be_written_is_said(store: Store) -> None:
    root = Path(store.url)
    root.rmdir()
    root.write_text("somebody put a file here")
    with pytest.raises(StoreError, match="nothing can be written"):
        store.check_writable()


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("http://example.com/videos", "give a folder or one of s3://, gs://, az://"),
        ("s3://", "names no bucket; write s3://bucket"),
        ("gs:///videos", "names no bucket"),
    ],
)
def test_what_is_no_store_is_said(url: str, said: str) -> None:
    with pytest.raises(StoreError, match=said):
        parse(url)
    with pytest.raises(StoreError, match=said):
        Store(url)


def test_one_store_has_one_spelling() -> None:
    here = str(Path.cwd() / "videos")
    assert {normal(url) for url in ("videos", "videos/", "./videos", here)} == {here}
    assert normal("s3://shop/spring/") == normal("s3://shop/spring")


def test_a_name_that_another_file_has_is_not_taken(store: Store, video: Path) -> None:
    store.put("mug.mp4", b"of somebody else", "video/mp4")
    with pytest.raises(KeyTakenError):
        store.put("mug.mp4", video, "video/mp4", "ab" * 32, replace=False)
    assert store.get("mug.mp4") == b"of somebody else"
    assert kept(store) == ["mug.mp4"]


def test_the_same_file_again_is_no_other(store: Store, video: Path) -> None:
    content = video.read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    for _ in range(2):
        video.write_bytes(content)
        store.put("mug.mp4", video, "video/mp4", digest, replace=False)
    assert store.get("mug.mp4") == content


def test_of_many_that_keep_one_name_at_once_one_has_it(store: Store) -> None:
    def keep(number: int) -> bool:
        path = Path(store.url).parent / f"{number}.mp4"
        path.write_bytes(b"%d" % number)
        try:
            store.put("a/b/mug.mp4", path, "video/mp4", "", replace=False)
        except KeyTakenError:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        won = [number for number, has in enumerate(pool.map(keep, range(40))) if has]
    assert store.get("a/b/mug.mp4") == b"%d" % won[0]
    assert len(won) == 1
    assert kept(store) == ["a/b/mug.mp4"]


def test_a_file_that_was_its_makers_alone_is_as_readable_as_any(
    store: Store, video: Path
) -> None:
    video.chmod(0o600)
    store.put("spring/mug.mp4", video, "video/mp4")
    store.put("spring/mug.json", b"{}", "application/json")
    rights = {path.stat().st_mode for path in Path(store.place("spring")).iterdir()}
    assert len(rights) == 1


def test_a_library_may_hold_a_file_for_longer_than_its_call(
    video: Path,
) -> None:
    # It lends the bytes of the file out and does not copy them.
    memory = MemoryStore()
    bucket.put_new(memory, "v.mp4", video, {}, creates=True)
    assert bytes(obstore.get(memory, "v.mp4").bytes()) == video.read_bytes()
    with pytest.raises(FileExistsError):
        bucket.put_new(memory, "v.mp4", video, {}, creates=True)


def answer(status: int, code: str = "", key: str = "v") -> FileNotFoundError:
    """What the library says of an answer that it did not want."""
    body = f"<Error><Code>{code}</Code><Message>m</Message><Key>{key}</Key></Error>"
    quoted = key.replace('"', '\\"')
    return FileNotFoundError(
        f"It lacked rights for path {key}: Error performing PUT "
        "https://host/b/v.mp4?sig=hush in 1ms - "
        f"Server returned non-2xx status code: {status} No: {body if code else ''}"
        f'\n\nDebug source:\nDenied {{ path: "{quoted}", source: RetryError '
        "{ uri: https://host/b/v.mp4?sig=hush } }"
    )


@pytest.mark.parametrize(
    "key",
    [
        "QuotaExceeded/<Code>NoSuchBucket</Code>/kind: Timeout.mp4",
        'a" error: Missing/Server returned non-2xx status code: 405 x-amz-checksum-',
        "RequestExpired: Error performing PUT no address in 1ms - HTTP error",
    ],
)
def test_a_key_decides_nothing_of_what_is_said(key: str) -> None:
    for status, code in ((403, "AccessDenied"), (404, "NoSuchKey"), (503, "")):
        plain, odd = answer(status, code), answer(status, code, key)
        assert explain(odd, "s3") == explain(plain, "s3")
        assert is_absent(odd)
        assert not is_unsupported(odd)
    assert "out of reach" not in explain(OSError(f"no space for {key}"), "file")


@pytest.mark.parametrize(
    ("error", "scheme", "words"),
    [
        (answer(401), "s3", "check AWS_ACCESS_KEY_ID and"),
        (answer(403, "AuthenticationFailed"), "az", "AZURE_STORAGE_ACCOUNT_KEY"),
        (answer(403, "RequestTimeTooSkewed"), "s3", "the clock of this machine"),
        (answer(404, "NoSuchBucket"), "s3", "there is no such bucket; create it"),
        (answer(418), "s3", "the store refuses (HTTP 418)"),
        (answer(500), "gs", "the store is busy or ill"),
        (answer(507), "s3", "the store is full; make room"),
        (ValueError("it broke\n\nsource: error: Missing"), "gs", "no credentials"),
        (ValueError("it broke\n\nkind: Timeout"), "gs", "out of reach; check its"),
        (ValueError("No space left (os error 28)"), "file", "No space left"),
    ],
)
def test_an_error_says_what_to_do(error: Exception, scheme: str, words: str) -> None:
    assert words in explain(error, scheme)


def test_only_a_file_that_is_missing_is_absent() -> None:
    assert is_absent(answer(404, "NoSuchKey"))
    assert is_absent(answer(404))
    assert not is_absent(answer(404, "NoSuchBucket"))
    assert not is_absent(answer(404, "ContainerNotFound"))


@given(st.text(), st.sampled_from(["s3", "gs", "az", "file"]))
def test_nothing_is_more_than_a_line_or_shows_a_signature(
    text: str, scheme: str
) -> None:
    error = ValueError(f"{text} at https://me:hush@host/k?sig=hush\n{text}")
    words = explain(error, scheme)
    assert words.isprintable()
    assert "hush" not in words
    assert len(words) < 600
