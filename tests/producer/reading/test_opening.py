import io
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jobs.manifest.rows import Defaults
from producer.reading import records
from producer.reading.text import MAX_LINE_CHARS, lines_of
from producer.reading.unreadable import UnreadableError
from tests.producer.reading.books import book, rows, workbook
from tests.producer.reading.manifests import COLUMNS, recorded, rows_of, told


@pytest.mark.parametrize("name", ["a.csv", "a.jsonl", "a.yaml"])
def test_wrong_bytes_are_told_with_their_line(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    line = b"id,image,prompt\n" if name == "a.csv" else b"# fine\n"
    path.write_bytes(line * 20_000 + "# gr\u00fcn\n".encode("cp1252"))
    found = recorded(path)
    assert told(found)[-1] == (20_001, None, "encoding")
    assert "--encoding cp1252" in str(found[-1])


def test_lines_that_end_in_carriage_returns_are_counted_too(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b"id,image\r" * 20 + "gr\u00fcn,x\r".encode("cp1252"))
    assert told(recorded(path))[-1] == (21, None, "encoding")


@pytest.mark.parametrize("encoding", ["utf-9", "hex", "rot13", "", "undefined"])
def test_an_encoding_that_is_none_is_told(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "a.csv"
    path.write_text("id,image\n")
    assert told(recorded(path, encoding)) == [(None, "encoding", "encoding")]


@pytest.mark.parametrize("name", ["a.csv", "a.jsonl", "a.yaml"])
def test_a_nul_is_told_with_its_place(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_text("# x\nab\0\n")
    assert told(recorded(path))[-1] == (2, 3, "nul")


@pytest.mark.parametrize("name", ["a.csv", "a.jsonl", "a.yaml"])
def test_a_file_of_nothing_but_nul_is_refused_at_once(
    tmp_path: Path, name: str
) -> None:
    path = tmp_path / name
    with path.open("wb") as file:
        file.truncate(2 << 30)
    assert told(recorded(path)) == [(None, None, "not-a-manifest")]


class Endless(io.RawIOBase):
    """One line that does not end."""

    given_bytes = 0

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        self.given_bytes += size
        return b"x" * size

    def readinto(self, buffer: Any) -> int:
        buffer[:] = self.read(len(buffer))
        return len(buffer)


def test_a_line_without_end_is_not_read_to_its_end() -> None:
    line = Endless()
    with (
        io.TextIOWrapper(io.BufferedReader(line), newline="") as text,
        pytest.raises(UnreadableError, match="longer than"),
    ):
        next(lines_of("a.csv", text))
    assert line.given_bytes < 2 * MAX_LINE_CHARS


@pytest.mark.parametrize("name", ["a.csv", "a.jsonl", "a.yaml"])
def test_a_line_of_a_hundred_megabytes_costs_little_memory(
    tmp_path: Path, name: str
) -> None:
    path = tmp_path / name
    with path.open("wb") as file:
        for _ in range(100):
            file.write(b"x" * 1_000_000)
    tracemalloc.start()
    found = recorded(path)
    peak_bytes = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert told(found) == [(1, None, "line-too-long")]
    assert peak_bytes < 30_000_000


def test_a_long_file_is_read_in_flat_memory(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    with path.open("w") as file:
        file.write("id,image,prompt\n")
        for number in range(100_000):
            file.write(f"{number},https://example.com/{number}.jpg,turn slowly\n")
    tracemalloc.start()
    count = sum(1 for _ in records(str(path), columns=COLUMNS))
    peak_bytes = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert count == 100_001
    assert peak_bytes < 1_000_000


TABLES = {
    "table.csv": b"id;image\na;b\n",
    "table.jsonl": b'{"id": "a", "image": "b"}\n',
    "table.xlsx": book(("id", "image"), ("a", "b")),
}


@pytest.mark.parametrize("name", TABLES)
def test_items_may_stand_in_another_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    (tmp_path / "shop" / "lists").mkdir(parents=True)
    (tmp_path / "shop" / "lists" / name).write_bytes(TABLES[name])
    manifest = tmp_path / "shop" / "a.yaml"
    manifest.write_text(f"items: lists/{name}\ndefaults:\n  duration: 10\n")
    monkeypatch.chdir(tmp_path)
    found = recorded("shop/a.yaml")
    assert isinstance(found[0], Defaults)
    row = rows_of(found)[0]
    assert (row.file, row.cells["image"]) == (f"shop/lists/{name}", "b")


def test_items_may_be_a_folder(tmp_path: Path) -> None:
    (tmp_path / "pictures").mkdir()
    (tmp_path / "pictures" / "mug.jpg").touch()
    (tmp_path / "a.yaml").write_text("items: pictures\n")
    row = rows_of(recorded(tmp_path / "a.yaml"))[0]
    assert row.cells["image"] == f"{tmp_path}/pictures/mug.jpg"


def test_a_manifest_says_how_its_items_are_to_be_read(tmp_path: Path) -> None:
    sheets = {name: rows(("id",), (name,)) for name in ("Spring", "Autumn")}
    (tmp_path / "a.data").write_bytes(workbook(sheets))
    (tmp_path / "a.yaml").write_text("items: a.data\nform: xlsx\nsheet: Autumn\n")
    path = tmp_path / "a.yaml"
    assert rows_of(recorded(path))[0].cells == {"id": "Autumn"}
    assert rows_of(recorded(path, sheet="Spring"))[0].cells == {"id": "Spring"}


def test_items_may_be_encoded_otherwise_than_the_manifest(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("id,image\ngrün,b\n", encoding="cp1252")
    manifest = "# grün\nitems: a.csv\nencoding: cp1252\n"
    (tmp_path / "a.yaml").write_text(manifest, encoding="utf-8")
    assert rows_of(recorded(tmp_path / "a.yaml"))[0].cells["id"] == "grün"


@pytest.mark.parametrize("source", ["b.yaml", "gone.csv", "'-'"])
def test_items_that_cannot_stand_there_are_told_at_the_manifest(
    tmp_path: Path, source: str
) -> None:
    (tmp_path / "b.yaml").write_text("items: c.csv\n")
    (tmp_path / "a.yaml").write_text(f"defaults:\n  x: y\nitems: {source}\n")
    found = recorded(tmp_path / "a.yaml")
    assert told(found) == [(3, "items", "items-source")]


def test_items_of_what_is_piped_in_are_found_from_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.csv").write_text("id,image\na,b\n")
    monkeypatch.chdir(tmp_path)
    pipe = io.BytesIO(b"items: a.csv\n")
    found = list(records("-", columns=COLUMNS, stdin=pipe))
    assert rows_of(found)[0].file == "a.csv"


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    ending=st.sampled_from([".csv", ".jsonl", ".yaml", ".xlsx"]),
    content=st.binary(max_size=200)
    | st.text("id,\"'[]{}:-&*!|>\n\r\t @%#7;items", max_size=80).map(str.encode),
)
def test_no_content_at_all_ends_in_an_exception(
    tmp_path: Path, ending: str, content: bytes
) -> None:
    path = tmp_path / f"a{ending}"
    path.write_bytes(content)
    for one in recorded(path):
        assert str(one)
