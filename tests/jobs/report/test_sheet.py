"""The spreadsheet of a report: nothing in it runs, and nothing in it is lost."""

import csv
import io
from typing import Any

from hypothesis import given

from jobs.report.sheet import FORMULA_STARTS, as_csv
from tests.jobs.report.reported import documents


@given(documents)
def test_no_cell_of_the_spreadsheet_is_a_formula(document: dict[str, Any]) -> None:
    text = as_csv(document)
    assert text.startswith("\ufeffid,")
    header, *lines = csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline=""))
    assert len(lines) == len(document["rows"])
    for line in (header, *lines):
        assert len(line) == len(header)
        assert not [cell for cell in line if cell.startswith(FORMULA_STARTS)]


@given(documents)
def test_a_defused_cell_still_says_what_it_said(document: dict[str, Any]) -> None:
    text = as_csv(document).removeprefix("\ufeff")
    for line, row in zip(
        csv.DictReader(io.StringIO(text, newline="")), document["rows"], strict=True
    ):
        assert line["prompt"] in {row["prompt"], f"'{row['prompt']}"}
        assert line["charged_usd"] == row["charged_usd"]
        for name, value in row["data"].items():
            assert line[f"data.{name}"] in {value, f"'{value}"}
