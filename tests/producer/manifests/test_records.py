"""Sources are read to records, in flat memory, also where a manifest names another."""

import io
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.manifest.rows import Defaults
from producer.manifests import records
from tests.producer.manifests.books import book, rows, workbook
from tests.producer.manifests.manifests import COLUMNS, DRAWN, recorded, rows_of, told

ROWS = {
    "a.csv": ("id,image,prompt\n", "{0},https://example.com/{0}.jpg,turn slowly\n"),
    "a.yaml": ("items:\n", "- {{id: {0}, image: https://example.com/{0}.jpg}}\n"),
}


@pytest.mark.parametrize("name", ROWS)
def test_a_long_file_is_read_in_flat_memory(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    header, row = ROWS[name]
    path.write_text(header + "".join(map(row.format, range(20_000))))
    tracemalloc.start()
    count = sum(1 for _ in records(str(path), COLUMNS))
    peak_bytes = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert count == 20_000 + (name == "a.csv")
    assert peak_bytes < 1_000_000


TABLES = {
    "table.csv": b"id;image\na;b\n",
    "table.jsonl": b'{"id": "a", "image": "b"}\n',
    "table.xlsx": book(("id", "image"), ("a", "b")),
}


@pytest.mark.parametrize("name", TABLES)
def test_items_may_be_in_another_file(
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


def test_items_in_a_file_that_no_name_can_have_are_a_problem(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text('items: "a\\0.csv"\n')
    found = recorded(tmp_path / "a.yaml")
    assert [kind for _, _, kind in told(found)] == ["items-source"]


def test_a_manifest_says_how_its_items_are_to_be_read(tmp_path: Path) -> None:
    sheets = {name: rows(("id",), (name,)) for name in ("Spring", "Autumn")}
    (tmp_path / "a.data").write_bytes(workbook(sheets))
    path = tmp_path / "a.yaml"
    path.write_text("items: a.data\nform: xlsx\nsheet: Autumn\n")
    assert rows_of(recorded(path))[0].cells == {"id": "Autumn"}
    assert rows_of(recorded(path, sheet="Spring"))[0].cells == {"id": "Spring"}
    (tmp_path / "a.csv").write_text("id,image\ngrün,b\n", encoding="cp1252")
    path.write_text("# grün\nitems: a.csv\nencoding: cp1252\n", encoding="utf-8")
    assert rows_of(recorded(path))[0].cells["id"] == "grün"


@pytest.mark.parametrize("source", ["b.yaml", "gone.csv", "'-'"])
def test_items_that_cannot_be_there_are_told_at_the_manifest(
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
    found = list(records("-", COLUMNS, stdin=pipe))
    assert rows_of(found)[0].file == "a.csv"


@DRAWN
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
