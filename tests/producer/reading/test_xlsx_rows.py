import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.producer.reading.books import book, packed, parts_of, sheet
from tests.producer.reading.manifests import (
    OPTIONS,
    URL,
    jobs_of,
    names_of,
    planned,
    recorded,
    rows_of,
    told,
)

NAMES = ("id", "image", "prompt")


def test_a_workbook_is_a_manifest_like_any_other(tmp_path: Path) -> None:
    content = book((*NAMES, "duration"), ("a", URL, "turn", 10), ("b", URL, "x", 5.0))
    made = jobs_of(planned(tmp_path / "a.xlsx", content, OPTIONS))
    assert [(one.id, one.line, one.inputs["duration"]) for one in made] == [
        ("a", 2, 10),
        ("b", 3, 5),
    ]


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        (5, "5"),
        (-3, "-3"),
        (5.0, "5"),
        (0.25, "0.25"),
        (4006381333931, "4006381333931"),
        (1e20, "1e+20"),
        (True, True),
        (False, False),
        ("5", "5"),
        ("007", "007"),
        ("TRUE", "TRUE"),
        ("two\nlines", "two\nlines"),
        ('<c s="1"><v>45000</v></c>', "2023-03-15"),
        ('<c s="2"><v>45000.5</v></c>', "2023-03-15 12:00:00"),
        ('<c s="3"><v>1.5</v></c>', "36:00:00"),
        ('<c s="4"><v>0.5</v></c>', "12:00:00"),
        ('<c t="s"><v>1</v></c>', "shared"),
        ('<c t="str"><f>A1</f><v>made</v></c>', "made"),
        ('<c t="str"><f>A1</f><v></v></c>', ""),
        ("<c><f>A1</f><v>7</v></c>", "7"),
        ("<c><f>0.1*3*10</f><v>3.0000000000000004</v></c>", "3"),
        ("<c><f>0.1+0.2</f><v>0.30000000000000004</v></c>", "0.3"),
        ("<c><v>5999.99</v></c>", "5999.99"),
        ("<c><v>1.2345678901234568E+17</v></c>", "1.23456789012346e+17"),
    ],
)
def test_a_cell_is_what_the_spreadsheet_shows(
    tmp_path: Path, cell: str | float, expected: object
) -> None:
    path = tmp_path / "a.xlsx"
    markup = sheet([("id", "x"), ("a", cell)])
    path.write_bytes(packed(parts_of({"A": markup}, strings=["none", "shared"])))
    read = rows_of(recorded(path))[0].cells["x"]
    assert (read, type(read)) == (expected, type(expected))


def test_rows_have_the_numbers_that_the_spreadsheet_shows(tmp_path: Path) -> None:
    path = tmp_path / "a.xlsx"
    rows = [("id", "x"), (), ("a", 1), (None, "  "), ("b", 2)]
    path.write_bytes(packed(parts_of({"A": sheet(rows, top=4, left=2)})))
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
    assert "format the column as text" in str(found[-1])


def test_a_picture_in_a_cell_is_no_error_of_a_formula(tmp_path: Path) -> None:
    rows = [NAMES, ("a", '<c t="e" vm="1"><v>#VALUE!</v></c>', "x")]
    parts = parts_of({"A": sheet(rows)})
    (problem,) = planned(tmp_path / "a.xlsx", packed(parts))
    assert "the error #VALUE!" in str(problem)
    parts["xl/richData/richValueRel.xml"] = "<a/>"
    (problem,) = planned(tmp_path / "b.xlsx", packed(parts))
    assert "holds a picture" in str(problem)
    assert "save the picture as a file" in str(problem)


@pytest.mark.parametrize("error", ["#REF!", "#N/A", "#NAME?"])
def test_an_error_is_told_at_its_cell(tmp_path: Path, error: str) -> None:
    path = tmp_path / "a.xlsx"
    wrong = f'<c t="e"><f>A1</f><v>{error}</v></c>'
    rows = [("id", "image"), ("a", URL), ("b", wrong), ("c", URL)]
    path.write_bytes(packed(parts_of({"A": sheet(rows, top=3, left=3)})))
    found = recorded(path)
    assert told(found) == [(6, "image", "bad-cell")]
    assert error in str(next(one for one in found if told([one])))
    assert [
        row.cells["id"] for row in rows_of([one for one in found if not told([one])])
    ]


@pytest.mark.parametrize(
    "cell", ["<c><f>A1</f></c>", "<c><f>A1</f><v></v></c>", "<c><f>A1</f><v/></c>"]
)
def test_a_formula_that_nobody_computed_is_no_empty_cell(
    tmp_path: Path, cell: str
) -> None:
    found = planned(tmp_path / "a.xlsx", book(NAMES, ("a", URL, cell)))
    assert told(found) == [(2, "prompt", "bad-cell")]
    assert "save it anew" in str(found[0])


def test_formulas_that_nobody_computed_are_told_behind_the_last_value(
    tmp_path: Path,
) -> None:
    formula = "<c><f>A1</f></c>"
    found = planned(
        tmp_path / "a.xlsx", book(NAMES, (), (formula, formula), (formula,))
    )
    assert told(found) == [
        (3, "id", "bad-cell"),
        (3, "image", "bad-cell"),
        (4, "id", "bad-cell"),
    ]


def test_an_error_in_the_names_ends_the_reading(tmp_path: Path) -> None:
    path = tmp_path / "a.xlsx"
    path.write_bytes(book(("id", '<c t="e"><v>#REF!</v></c>'), ("a", "b")))
    assert told(recorded(path)) == [(1, 2, "bad-cell")]


def test_columns_without_a_name_are_told_where_something_stands(tmp_path: Path) -> None:
    path = tmp_path / "a.xlsx"
    path.write_bytes(book(("id", None, "x"), ("a", None, 1), ("b", "note", 2, "more")))
    found = recorded(path)
    assert told(found) == [(3, 2, "header"), (3, 4, "header")]
    assert names_of(found) == ("id", "x")


def test_the_first_sheet_that_is_seen_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a.xlsx"
    sheets = {name: sheet([("id",), (name,)]) for name in ("Old", "Spring", "Tür & Co")}
    path.write_bytes(packed(parts_of(sheets, hidden=["Old"])))
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
    path.write_bytes(packed(parts_of({"Spring": "", "Autumn": ""})))
    found = recorded(path, sheet=wanted)
    assert told(found) == [(None, "sheet", "sheet")]
    assert hint in str(found[0])


@pytest.mark.parametrize("rows", [[], [("id", "image")]])
def test_a_sheet_without_rows_is_told(
    tmp_path: Path, rows: list[tuple[str, ...]]
) -> None:
    found = planned(tmp_path / "a.xlsx", book(*rows))
    assert told(found) == [(None, None, "no-rows")]


def test_without_the_extra_a_sentence_says_what_to_install(tmp_path: Path) -> None:
    path = tmp_path / "a.xlsx"
    path.write_bytes(book(("id",), ("a",)))
    code = (
        "import sys; sys.modules['python_calamine'] = None\n"
        "from tests.producer.reading.manifests import recorded\n"
        f"print(*recorded({str(path)!r}))"
    )
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert "install reelmill[xlsx]" in run.stdout


def test_other_manifests_do_not_load_the_reader_of_workbooks(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("id\na\n")
    code = (
        "import sys\nfrom tests.producer.reading.manifests import recorded\n"
        f"recorded({str(path)!r})\nprint('python_calamine' in sys.modules)"
    )
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert run.stdout.strip() == "False"


CELLS = st.none() | st.booleans() | st.integers(-(2**52), 2**52) | st.text("ab&<>\"' ")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
@given(
    rows=st.lists(st.lists(CELLS, min_size=3, max_size=3), max_size=5),
    top=st.integers(0, 9),
    left=st.integers(0, 60),
)
def test_every_value_comes_back_at_its_place(
    tmp_path: Path, rows: list[list[str | int | None]], top: int, left: int
) -> None:
    path = tmp_path / "a.xlsx"
    table = [("a", "b", "c"), *rows]
    path.write_bytes(packed(parts_of({"A": sheet(table, top, left)})))
    read = {row.line: [*row.cells.values()] for row in rows_of(recorded(path))}
    for line, row in enumerate(rows, top + 2):
        expected = [
            cell if isinstance(cell, bool | str) else "" if cell is None else str(cell)
            for cell in row
        ]
        if any(cell != "" for cell in expected):
            there = read.get(line, ["", "", ""])
            assert [str(cell).strip() for cell in there] == [
                str(cell).strip() for cell in expected
            ]
