import io
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from producer.reading import base_of, records
from tests.producer.reading.manifests import COLUMNS, recorded, rows_of, told


def test_standard_input_is_read_without_a_name() -> None:
    pipe = io.BytesIO(b"id,image\na,b\n")
    found = list(records("-", columns=COLUMNS, stdin=pipe))
    rows = rows_of(found)
    assert [(row.file, row.line, row.cells["id"]) for row in rows] == [("-", 2, "a")]


def test_standard_input_is_looked_at_twice_though_it_comes_once() -> None:
    reading, writing = os.pipe()
    with os.fdopen(reading, "rb") as pipe:
        os.write(writing, b"id,image\na,gr\xfcn\n")
        os.close(writing)
        found = list(records("-", columns=COLUMNS, stdin=pipe))
    assert told(found) == [(2, None, "encoding")]


def test_empty_standard_input_is_told() -> None:
    found = list(records("-", columns=COLUMNS, stdin=io.BytesIO()))
    assert told(found) == [(None, None, "empty")]


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    pipe = tmp_path / "a.csv"
    os.mkfifo(pipe)
    found = recorded(pipe)
    assert told(found) == [(None, None, "not-a-file")]
    assert "pipe it in and name -" in str(found[0])


def test_a_socket_is_no_manifest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # a socket's path must be short
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind("a.csv")
        found = recorded("a.csv")
    assert told(found) == [(None, None, "not-a-file")]


def test_a_device_is_not_read(tmp_path: Path) -> None:
    link = tmp_path / "a.csv"
    link.symlink_to("/dev/zero")
    found = recorded(link)
    assert told(found) == [(None, None, "not-a-file")]
    assert "a device" in str(found[0])


@pytest.mark.parametrize("name", ["gone.csv", "gone/a.csv", "gone"])
def test_a_file_that_is_not_there_is_told(tmp_path: Path, name: str) -> None:
    assert told(recorded(tmp_path / name)) == [(None, None, "not-found")]


@pytest.mark.parametrize("name", ["x" * 300 + ".csv", "a\0b.csv", "a.csv/b.csv"])
def test_a_name_the_system_refuses_is_told(tmp_path: Path, name: str) -> None:
    (tmp_path / "a.csv").touch()
    assert told(recorded(f"{tmp_path}/{name}")) == [(None, None, "unreadable")]


@pytest.fixture
def nobody() -> Iterator[None]:
    """A user to whom permissions apply, whoever runs the tests."""
    user = os.geteuid()
    if user == 0:
        os.seteuid(65534)
    yield
    os.seteuid(user)


@pytest.fixture
def closed(tmp_path: Path) -> Path:
    path = tmp_path / "a.csv"
    path.write_text("id,image\n")
    path.chmod(0)
    return path


def test_a_file_that_may_not_be_read_is_told(closed: Path, nobody: None) -> None:  # noqa: ARG001 - first written, then closed
    found = recorded(closed)
    assert told(found) == [(None, None, "unreadable")]
    assert "permission denied" in str(found[0])


def test_links_that_lead_round_are_told(tmp_path: Path) -> None:
    (tmp_path / "a.csv").symlink_to("b.csv")
    (tmp_path / "b.csv").symlink_to("a.csv")
    assert told(recorded(tmp_path / "a.csv")) == [(None, None, "unreadable")]


def test_a_file_that_vanishes_while_it_is_read_is_read_to_its_end(
    tmp_path: Path,
) -> None:
    path = tmp_path / "a.csv"
    path.write_text("id,image\n" + "a,b\n" * 100_000)
    found = records(str(path), columns=COLUMNS)
    next(found)
    path.unlink()
    assert sum(1 for _ in found) == 100_000


def test_a_manifest_on_the_web_is_to_be_downloaded() -> None:
    found = recorded("https://example.com/shop.csv")
    assert told(found) == [(None, None, "not-a-file")]
    assert "download it" in str(found[0])


def test_a_file_address_is_a_path(tmp_path: Path) -> None:
    path = tmp_path / "a b.csv"
    path.write_text("id,image\na,b\n")
    found = recorded(f"file://{tmp_path}/a%20b.csv")
    assert rows_of(found)[0].file == str(path)


def test_pictures_are_looked_for_from_the_folder_of_the_rows(tmp_path: Path) -> None:
    (tmp_path / "pictures").mkdir()
    assert base_of(tmp_path / "a.csv") == tmp_path
    assert base_of("shop/a.csv") == Path("shop")
    for source in ("-", "a.csv", "s3://shop/x", "x/", tmp_path / "pictures"):
        assert base_of(source) == Path()
