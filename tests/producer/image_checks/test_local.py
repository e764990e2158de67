"""Pictures on this machine: regular files only, hashed once while they stay."""

import hashlib
import os
import socket
import unicodedata
from pathlib import Path
from typing import Literal

import pytest

from producer.image_checks import ImageCheckError, opened
from tests.producer.image_checks.conftest import Looker
from tests.producer.image_checks.gallery import padded, picture

Form = Literal["NFC", "NFD"]


def kept_file(path: Path, content: bytes) -> str:
    """A file that was written a while ago."""
    path.write_bytes(content)
    os.utime(path, (1_000_000_000, 1_000_000_000))
    return str(path)


def test_a_file_is_judged_and_hashed(tmp_path: Path, looker: Looker) -> None:
    content = padded(3_000_000)
    (found,) = looker.look(kept_file(tmp_path / "mug one#2?.jpg", content))
    assert found.look
    assert found.look.kind == "jpeg"
    assert found.look.size_bytes == len(content)
    assert found.look.sha256 == hashlib.sha256(content).hexdigest()


def test_what_only_is_judged_is_not_read_to_its_end(
    tmp_path: Path, looker: Looker
) -> None:
    (found,) = looker.look(
        kept_file(tmp_path / "a.jpg", padded(3_000_000)), whole=False
    )
    assert found.look
    assert found.look.size_bytes == 3_000_000
    assert looker.summary.bytes < 1_000_000


def test_a_file_that_stays_the_same_is_not_read_again(
    tmp_path: Path, looker: Looker
) -> None:
    path = kept_file(tmp_path / "a.jpg", picture())
    first = looker.look(path)
    assert looker.look(path) == first
    assert looker.summary.remembered == 1
    assert looker.summary.bytes == 0


def test_a_file_that_changed_is_read_again(tmp_path: Path, looker: Looker) -> None:
    path = kept_file(tmp_path / "a.jpg", picture())
    looker.look(path)
    content = picture(colour=200)
    Path(path).write_bytes(content)
    (found,) = looker.look(path)
    assert found.look
    assert found.look.sha256 == hashlib.sha256(content).hexdigest()


def test_a_file_of_this_very_moment_is_not_remembered(
    tmp_path: Path, looker: Looker
) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(picture())
    looker.look(str(path))
    looker.look(str(path))
    assert looker.summary.remembered == 0


def test_a_file_that_took_the_place_of_another_is_read(
    tmp_path: Path, looker: Looker
) -> None:
    path = kept_file(tmp_path / "a.jpg", padded(20_000))
    looker.look(path)
    other = padded(20_000, picture(colour=200))
    Path(kept_file(tmp_path / "b.jpg", other)).replace(path)
    (found,) = looker.look(path)
    assert found.look
    assert found.look.sha256 == hashlib.sha256(other).hexdigest()


@pytest.mark.parametrize(("written", "there"), [("NFC", "NFD"), ("NFD", "NFC")])
def test_letters_with_accents_are_the_same_composed_or_not(
    tmp_path: Path, looker: Looker, written: Form, there: Form
) -> None:
    folder = tmp_path / unicodedata.normalize(there, "Größe")
    folder.mkdir()
    # As on a server that a Mac and another machine copied to.
    path = folder / unicodedata.normalize(written, "Tasse-Ü.jpg")
    path.write_bytes(padded(9_000))
    address = unicodedata.normalize(written, str(path))
    (found,) = looker.look(address)
    assert found.look
    with opened(address) as file:
        assert file.read() == path.read_bytes()


def test_an_empty_file_is_told(tmp_path: Path, looker: Looker) -> None:
    (found,) = looker.look(kept_file(tmp_path / "a.jpg", b""))
    assert found.look
    assert found.look.kind == "empty"


@pytest.mark.parametrize(
    ("path", "suggestion"),
    [
        ("pictures/mug.jpg", "relative to its manifest's folder"),
        ("example.com/mug.jpg", "write https://example.com/mug.jpg"),
        ("cdn.example.co.uk:8080/a/b.png", "write https://cdn.example.co.uk:8080/"),
        ("a.jpg/b.jpg", "check the path"),
    ],
)
def test_a_missing_file_is_told(looker: Looker, path: str, suggestion: str) -> None:
    (found,) = looker.look(path)
    assert found.trouble == "not-found"
    assert found.message == f'"{path}" is not there'
    assert suggestion in found.suggestion


@pytest.mark.parametrize("name", ["\0", "x" * 300, "loop"])
def test_a_path_that_cannot_be_opened_is_told(
    tmp_path: Path, looker: Looker, name: str
) -> None:
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    (found,) = looker.look(f"{tmp_path}/{name}")
    assert found.trouble == "not-readable"
    assert "cannot be read" in found.message


def test_what_is_no_file_is_not_opened(tmp_path: Path, looker: Looker) -> None:
    os.mkfifo(tmp_path / "pipe.jpg")
    (tmp_path / "folder.jpg").mkdir()
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(tmp_path / "s.jpg"))
        names = ("pipe.jpg", "folder.jpg", "s.jpg")
        found = looker.look("/dev/zero", *(f"{tmp_path}/{name}" for name in names))
    assert [one.trouble for one in found] == ["not-a-file"] * 4
    assert "is a folder" in found[2].message


def test_a_link_to_a_picture_is_a_picture(tmp_path: Path, looker: Looker) -> None:
    target = kept_file(tmp_path / "a.jpg", picture())
    (tmp_path / "b.jpg").symlink_to(target)
    (found,) = looker.look(str(tmp_path / "b.jpg"))
    assert found.look


def test_a_picture_is_opened_for_whoever_uploads_it(tmp_path: Path) -> None:
    content = padded(300_000)
    with opened(kept_file(tmp_path / "a.jpg", content)) as file:
        assert file.read() == content


def test_what_is_not_there_is_not_opened(tmp_path: Path) -> None:
    with (
        pytest.raises(ImageCheckError, match="is not there"),
        opened(str(tmp_path / "a")),
    ):
        pass
