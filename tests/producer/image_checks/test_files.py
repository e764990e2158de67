"""Pictures in files and in buckets: regular ones only, read once while they stay."""

import hashlib
import itertools
import os
import unicodedata
from pathlib import Path
from typing import Literal

import pytest

from producer.image_checks import ImageCheckError, files, open_image
from tests.producer.image_checks.conftest import Checker
from tests.producer.image_checks.gallery import Gallery, long_ago, padded, picture, says

CONTENT = padded(3_000_000)
Form = Literal["NFC", "NFD"]

#: Connections to a bucket are kept by its name, so each test has its own.
numbers = itertools.count()


def written(path: Path, content: bytes = CONTENT) -> str:
    """A file that was written a while ago."""
    path.write_bytes(content)
    os.utime(path, (1_000_000_000, 1_000_000_000))
    return str(path)


@pytest.fixture
def bucket(host: Gallery, monkeypatch: pytest.MonkeyPatch) -> str:
    for name, value in {
        "AWS_ENDPOINT_URL": host.url,
        "AWS_ACCESS_KEY_ID": "somebody",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_REGION": "here-1",
    }.items():
        monkeypatch.setenv(name, value)
    return f"pictures-{next(numbers)}"


def show(host: Gallery, bucket: str, key: str, content: bytes = CONTENT) -> str:
    etag = f'"{hashlib.md5(content).hexdigest()}"'  # noqa: S324 - what S3 does
    host.show(f"/{bucket}/{key}", content, etag=etag, modified=long_ago())
    return f"s3://{bucket}/{key}"


@pytest.fixture(params=["file", "object"])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "file":
        return written(tmp_path / "mug one#2?.jpg")
    host, bucket = (request.getfixturevalue(name) for name in ("host", "bucket"))
    return show(host, bucket, "mugs/a.jpg")


def test_it_is_hashed_and_not_read_again_while_it_stays(
    address: str, check: Checker
) -> None:
    found = check.one(address)
    assert found.info
    assert (found.info.kind, found.info.size_bytes) == ("jpeg", len(CONTENT))
    assert found.info.sha256 == hashlib.sha256(CONTENT).hexdigest()
    assert check.one(address) == found
    assert (check.summary.unchanged, check.summary.bytes) == (1, 0)


def test_it_is_opened_for_an_upload(address: str) -> None:
    with open_image(address) as file:
        assert file.read(10) == CONTENT[:10]
        assert file.read() == CONTENT[10:]
    with (
        pytest.raises(ImageCheckError, match="is not there"),
        open_image(f"{address}x"),
    ):
        pass


def test_what_is_only_judged_is_not_read_to_its_end(
    tmp_path: Path, check: Checker
) -> None:
    found = check.one(written(tmp_path / "a.jpg"), whole=False)
    assert found.info
    assert found.info.size_bytes == len(CONTENT)
    assert check.summary.bytes < 1_000_000


def test_a_file_that_changed_or_was_replaced_is_read_again(
    tmp_path: Path, check: Checker
) -> None:
    path = written(tmp_path / "a.jpg", padded(20_000))
    check(path)
    other = padded(20_000, picture(colour=200))
    Path(written(tmp_path / "b.jpg", other)).replace(path)
    found = check.one(path)
    assert found.info
    assert found.info.sha256 == hashlib.sha256(other).hexdigest()


def test_a_file_of_this_very_moment_is_not_remembered(
    tmp_path: Path, check: Checker
) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(picture())
    check(str(path))
    check(str(path))
    assert check.summary.unchanged == 0


@pytest.mark.parametrize(("named", "there"), [("NFC", "NFD"), ("NFD", "NFC")])
def test_letters_with_accents_are_the_same_composed_or_not(
    tmp_path: Path, check: Checker, named: Form, there: Form
) -> None:
    folder = tmp_path / unicodedata.normalize(there, "Größe")
    folder.mkdir()
    # As on a server that a Mac and another machine copied to.
    path = folder / unicodedata.normalize(named, "Tasse-Ü.jpg")
    path.write_bytes(padded(9_000))
    address = unicodedata.normalize(named, str(path))
    assert check.one(address).info
    with open_image(address) as file:
        assert file.read() == path.read_bytes()


@pytest.mark.parametrize(
    ("path", "kind", "suggestion"),
    [
        ("pictures/mug.jpg", "not-found", "relative to its manifest's folder"),
        ("example.com/mug.jpg", "not-found", "write https://example.com/mug.jpg"),
        ("\0", "not-readable", "check"),
        ("x" * 300, "not-readable", "check"),
        (".", "not-a-file", "give a picture in"),
    ],
)
def test_a_path_without_a_picture_is_told(
    check: Checker, path: str, kind: str, suggestion: str
) -> None:
    found = check.one(path)
    assert found.kind == kind
    assert suggestion in found.suggestion


def test_a_pipe_is_not_opened(tmp_path: Path, check: Checker) -> None:
    os.mkfifo(tmp_path / "pipe.jpg")
    assert check.one(f"{tmp_path}/pipe.jpg").kind == "not-a-file"


def test_an_object_that_changed_is_read_again(
    host: Gallery, check: Checker, bucket: str
) -> None:
    check(show(host, bucket, "a.jpg"))
    found = check.one(show(host, bucket, "a.jpg", padded(800_000)))
    assert found.info
    assert found.info.size_bytes == 800_000


def test_an_object_that_has_become_huge_is_not_held_in_memory(
    host: Gallery, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "MAX_OPEN_BYTES", len(CONTENT) - 1)
    opened = open_image(show(host, bucket, "a.jpg"))
    with pytest.raises(ImageCheckError, match="bytes large"), opened:
        pass


@pytest.mark.usefixtures("host")
@pytest.mark.parametrize("key", ["missing.jpg", ""])
def test_an_object_that_is_not_there_is_told(
    check: Checker, bucket: str, key: str
) -> None:
    assert check.one(f"s3://{bucket}/{key}").kind == "not-found"


def test_an_object_that_may_not_be_read_is_told(
    host: Gallery, check: Checker, bucket: str
) -> None:
    address = show(host, bucket, "a.jpg")
    refusal = says("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")
    host.pictures[f"/{bucket}/a.jpg"].faults = [refusal] * 5
    found = check.one(address)
    assert found.kind == "not-readable"
    assert "credentials" in found.suggestion
