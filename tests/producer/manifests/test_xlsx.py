from dataclasses import replace
from pathlib import Path

import openpyxl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.manifest.rows import Problem
from tests.producer.manifests.books import SHARED, book, rows, workbook
from tests.producer.manifests.manifests import (
    DRAWN,
    OPTIONS,
    URL,
    ids_of,
    jobs_of,
    names_of,
    planned,
    recorded,
    rows_of,
    told,
)

NAMES = ("id", "image", "prompt")


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        (5.0, "5"),
        (0.25, "0.25"),
        (4006381333931, "4006381333931"),
        (1e20, "1e+20"),
        (True, True),
        ("007", "007"),
        ("two_x000D_\nlines", "two\r\nlines"),
        ('<c s="1"><v>45000</v></c>', "2023-03-15"),
        ('<c s="2"><v>45000.5</v></c>', "2023-03-15 12:00:00"),
        ('<c s="3"><v>1.5</v></c>', "36:00:00"),
        ('<c s="4"><v>0.5</v></c>', "12:00:00"),
        ('<c s="5"><v>125</v></c>', "00125"),
        ('<c t="s"><v>0</v></c>', SHARED),
        ('<c t="str"><f>A1</f><v>made</v></c>', "made"),
        ('<c t="str"><f>A1</f><v></v></c>', ""),
        ("<c><f>0.1*3*10</f><v>3.0000000000000004</v></c>", "3"),
        ("<c><v>1.2345678901234568E+17</v></c>", "1.23456789012346e+17"),
    ],
)
def test_a_cell_is_what_the_spreadsheet_shows(
    tmp_path: Path, cell: str | float, expected: object
) -> None:
    path = tmp_path / "a.xlsx"
    path.write_bytes(book(("id", "x"), ("a", cell)))
    read = rows_of(recorded(path))[0].cells["x"]
    assert (read, isinstance(read, type(expected))) == (expected, True)


def test_cells_have_the_address_that_they_link_to(tmp_path: Path) -> None:
    made, file = openpyxl.Workbook(), tmp_path / "a.xlsx"
    sheet = made.worksheets[0]
    for row in (("id", "image", "prompt"), ("a", "mug", "turn"), ("b", "lamp", "turn")):
        sheet.append(row)
    sheet["B2"].hyperlink = URL
    sheet["B2"].hyperlink.ref = "B2:B3"
    made.save(file)
    made_of = [job.image for job in jobs_of(planned(file, file.read_bytes()))]
    assert made_of == [URL, URL]


def test_rows_have_the_numbers_that_the_spreadsheet_shows(tmp_path: Path) -> None:
    path = tmp_path / "a.xlsx"
    table = [("id", "x"), (), ("a", 1), (None, "  "), ("b", 2)]
    path.write_bytes(workbook({"A": rows(*table, top=4, left=2)}))
    found = recorded(path)
    assert [(row.line, row.number) for row in rows_of(found)] == [(7, 1), (9, 2)]
    assert names_of(found) == ("id", "x")


def test_a_number_that_has_lost_digits_is_told_where_it_counts(tmp_path: Path) -> None:
    long = "<c><v>123456789012345678</v></c>"
    names = ("id", "image", "item", "stock")
    content = book(names, ("a", URL, 1, long), (long, URL, long, long))
    options = replace(OPTIONS, map={"prompt": ("item",)})
    found = planned(tmp_path / "a.xlsx", content, options)
    assert told(found) == [(3, "id", "bad-cell"), (3, "item", "bad-cell")]
    words = [str(one) for one in found if isinstance(one, Problem)]
    assert all("format the column as text" in each for each in words)


@pytest.mark.parametrize(
    ("cell", "word"),
    [
        ('<c t="e"><f>A1</f><v>#REF!</v></c>', "the error #REF!"),
        ('<c t="e"><v>#VALUE!</v></c>', "the error #VALUE!"),
        ('<c s="1"><v>99999999999</v></c>', "the error #VALUE!"),  # no date
        ("<c><f>A1</f></c>", "never computed"),
    ],
)
def test_a_cell_without_a_value_is_told_and_other_rows_are_read(
    tmp_path: Path, cell: str, word: str
) -> None:
    path = tmp_path / "a.xlsx"
    table = [("id", "Image"), ("a", URL), ("b", cell), ("c", URL), (None, cell)]
    content = workbook({"A": rows(*table, top=3, left=3)})
    found = planned(path, content, replace(OPTIONS, set={"prompt": "turn"}))
    assert told(found) == [(6, "Image", "bad-cell"), (8, "Image", "bad-cell")]
    assert word in "".join(map(str, found))
    assert ids_of(found) == ["a", "c"]


def test_a_picture_in_a_cell_is_told(tmp_path: Path) -> None:
    table = rows(NAMES, ("a", '<c t="e" vm="1"><v>#VALUE!</v></c>', "x"))
    content = workbook({"A": table}, more=["xl/richData/richValueRel.xml"])
    (problem,) = planned(tmp_path / "a.xlsx", content)
    assert "holds a picture" in str(problem)
    assert "save the picture as a file" in str(problem)


def test_the_first_visible_sheet_is_read_if_none_is_named(tmp_path: Path) -> None:
    path = tmp_path / "a.xlsx"
    sheets = {name: rows(("id",), (name,)) for name in ("Old", "Spring", "Tür & Co")}
    path.write_bytes(workbook(sheets, hidden=["Old"]))
    assert rows_of(recorded(path))[0].cells == {"id": "Spring"}
    assert rows_of(recorded(path, sheet="Old"))[0].cells == {"id": "Old"}
    assert rows_of(recorded(path, sheet="Tür & Co"))[0].cells == {"id": "Tür & Co"}


@pytest.mark.parametrize(
    ("wanted", "hint"), [("spring", 'mean "Spring"'), ("x", '"Spring" and "Autumn"')]
)
def test_a_sheet_that_is_not_there_is_told_with_those_that_are(
    tmp_path: Path, wanted: str, hint: str
) -> None:
    path = tmp_path / "a.xlsx"
    path.write_bytes(workbook({"Spring": "", "Autumn": ""}))
    found = recorded(path, sheet=wanted)
    assert told(found) == [(None, "sheet", "sheet")]
    assert hint in str(found[0])


GOOD = book(("id",), ("a",))


@pytest.mark.parametrize(
    ("content", "word"),
    [
        (GOOD[: len(GOOD) * 9 // 10], "not a valid .xlsx"),
        (b"id,image\n", "not a valid .xlsx"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), "without a password"),
        (b"<html><body>Log in</body></html>", "a web page"),
    ],
)
def test_what_is_no_workbook_is_told(tmp_path: Path, content: bytes, word: str) -> None:
    path = tmp_path / "a.xlsx"
    path.write_bytes(content)
    (problem,) = recorded(path)
    assert word in str(problem)


@DRAWN
@given(at=st.integers(0, len(GOOD)), put=st.binary(min_size=1, max_size=8))
def test_a_workbook_with_wrong_bytes_is_read_or_refused(
    tmp_path: Path, at: int, put: bytes
) -> None:
    path = tmp_path / "a.xlsx"
    path.write_bytes(GOOD[:at] + put + GOOD[at + len(put) :])
    found = recorded(path)
    assert told(found) or rows_of(found)


CELLS = st.none() | st.booleans() | st.integers(-(2**52), 2**52) | st.text("ab&<>\"' ")


@DRAWN
@given(
    table=st.lists(st.lists(CELLS, min_size=3, max_size=3), max_size=5),
    top=st.integers(0, 9),
    left=st.integers(0, 60),
)
def test_every_value_comes_back_at_its_place(
    tmp_path: Path, table: list[list[str | int | None]], top: int, left: int
) -> None:
    path = tmp_path / "a.xlsx"
    markup = rows(("a", "b", "c"), *table, top=top, left=left)
    path.write_bytes(workbook({"A": markup}))
    read = {row.line: [*row.cells.values()] for row in rows_of(recorded(path))}
    for line, row in enumerate(table, top + 2):
        expected = ["" if cell is None else str(cell).strip() for cell in row]
        there = read.get(line, ["", "", ""])
        assert [str(cell).strip() for cell in there] == expected
