"""Tables that could lose a row or a cell: each is read whole, or it is said."""

from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import pytest

from jobs.manifest.rows import Header, Notice, Problem, Row
from tests.producer.manifests.books import Cell, book, rows, workbook
from tests.producer.manifests.manifests import OPTIONS, URL, planned, recorded, told

NAMES = ("id", "x")
A, B = {"id": "a", "x": "1"}, {"id": "b", "x": "2"}
LONG = "x" * 200_000


class Told(NamedTuple):
    """A problem or a notice, and words of it."""

    kind: str
    words: str


def xlsx(*cells: Cell) -> bytes:
    return book(NAMES, *((f"r{at}", cell) for at, cell in enumerate(cells, 1)))


def sheets(*names: str) -> bytes:
    return workbook({name: rows(NAMES, ("a", 1)) for name in names})


CASES: dict[str, tuple[str, str | bytes, list[object]]] = {
    "blank lines": ("a.csv", "id,x\na,1\n\n,,\nb,2\n", [A, B]),
    "unseen marks": ("a.csv", "\ufeff\ufeffid,x\u200b\na,1\n", [A]),
    "rows of several lengths": (
        "a.csv",
        "Art;Text;Bild\nMug, 1;x;y.jpg\nMug, 2;x\nMug, 3;z;z.jpg\nMug, 4;x\n",
        [
            {"Art": f"Mug, {at}", "Text": text, "Bild": picture}
            for at, text, picture in (
                (1, "x", "y.jpg"),
                (2, "x", ""),
                (3, "z", "z.jpg"),
                (4, "x", ""),
            )
        ],
    ),
    "digits as text": ("a.csv", 'id,x\n="a","=""1"""\n', [A]),
    "long cell": ("a.csv", f"id,x\na,{LONG}\n", [{"id": "a", "x": LONG}]),
    "header of one name": (
        "a.csv",
        "My products\nimage\n1\n",
        [Told("header-line", '"My products" in line 1'), {"image": "1"}],
    ),
    "row above the header": (
        "a.csv",
        f"a,{URL},turn\nid,image,prompt\n",
        [Told("header", "leave it out with --header-line 2")],
    ),
    "a row instead of a header": (
        "a.csv",
        "mug,mug.jpg\nlamp,lamp.jpg\n",
        [Told("header", "put a line above it")],
    ),
    "no names but a number": (
        "a.csv",
        "Art,1,Foto\nmug,x,image1.jpg\n",
        [{"Art": "mug", "1": "x", "Foto": "image1.jpg"}],
    ),
    "a first line without an end": (
        "a.csv",
        "x" * 9_000_000,
        [Told("quote", "more than 8,388,608 characters")],
    ),
    "a line without an end": (
        "a.csv",
        "id,x\na," + "1 " * (16 << 20),
        [Told("line", "more than 33,554,432 characters")],
    ),
    "a list deep inside": (
        "a.json",
        (
            '{"data": {"n": 1, "tags": ["x"], "errors": [], "products":\n'
            '[{"id": "a", "x": "1"}, {"id": "b", "x": "2"}]}}'
        ),
        [A, B],
    ),
    "a name that comes twice": (
        "a.json",
        '{"id": 1, "id": 2}',
        [Told("json", '"id" is in it twice')],
    ),
    "null beside a list of pictures": (
        "a.json",
        '[{"image": null, "images": [{"src": "c"}]}]',
        [{"image": "c", "images": ["c"]}],
    ),
    "pictures that are objects": (
        "a.jsonl",
        '{"image": {"src": "c"}}\n',
        [{"image": "c"}],
    ),
    "text around an element": (
        "a.xml",
        "<r><item><id>a</id><x>one <b>two</b>&nbsp;three</x></item></r>",
        [{"id": "a", "x_b": "two", "x": "one \xa0three"}],
    ),
    "names of products that differ in case": (
        "a.xml",
        (
            "<r><offer>Sale!</offer><Item><id>a</id><x>1</x></Item>"
            "<item><id>b</id><x>2</x></item></r>"
        ),
        [A, B],
    ),
    "an encoding that the parser has not": (
        "a.xml",
        b'<?xml version="1.0" encoding="Shift_JIS"?><r/>',
        [Told("xml", "multi-byte encodings are not supported")],
    ),
    "cells in any order": (
        "a.xlsx",
        workbook(
            {
                "A": rows(NAMES)
                + '<row r="2"><c r="B2"><v>1</v></c>'
                + '<c r="A2" t="inlineStr"><is><t>a</t></is></c></row>'
            }
        ),
        [A],
    ),
    "formulas of constants": (
        "a.xlsx",
        xlsx('<c><f>"007"</f><v></v></c>'),
        [{"id": "r1", "x": "007"}],
    ),
    "a link that was never computed": (
        "a.xlsx",
        xlsx('<c><f>HYPERLINK("https://a.b/1","x")</f><v></v></c>'),
        [{"id": "r1", "x": "https://a.b/1"}],
    ),
    "formulas that were never computed": (
        "a.xlsx",
        xlsx("<c><f>A1</f><v></v></c>"),
        [Told("bad-cell", "hold errors"), {"id": "r1", "x": "=A1"}],
    ),
    "merged rows": (
        "a.xlsx",
        workbook(
            {
                "A": rows(NAMES, ("a", 1), (None, 2))
                + '</sheetData><mergeCells><mergeCell ref="A2:A3"/></mergeCells>'
                + "<sheetData>"
            }
        ),
        [A, {"id": "", "x": "2"}, Told("merged-rows", "count for the first")],
    ),
    "several sheets": ("a.xlsx", sheets("P", "Q"), [Told("other-sheets", '"Q"'), A]),
}


@pytest.mark.parametrize("case", CASES)
def test_a_table_is_read_whole_or_it_is_said(tmp_path: Path, case: str) -> None:
    name, content, expected = CASES[case]
    path = tmp_path / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    found = [one for one in recorded(path) if not isinstance(one, Header)]
    assert len(found) == len(expected)
    for one, wanted in zip(found, expected, strict=True):
        if isinstance(wanted, Told):
            assert isinstance(one, Problem | Notice)
            assert one.kind == wanted.kind
            said = (one.message, one.suggestion, one.value)
            assert wanted.words in " ".join(map(str, said))
        else:
            assert isinstance(one, Row)
            assert one.cells == wanted


def test_no_template_takes_the_text_of_a_cell_with_an_error(tmp_path: Path) -> None:
    broken = "<c><f>A1</f><v></v></c>"
    content = book(("id", "image", "title"), ("a", URL, broken))
    options = replace(OPTIONS, set={"prompt": "{{ title }} turns"})
    found = planned(tmp_path / "a.xlsx", content, options)
    assert told(found) == [(2, "prompt", "template")]
    assert "never computed" in "".join(map(str, found))
