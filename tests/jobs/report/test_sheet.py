"""The spreadsheet of a report: nothing in it runs, and nothing in it is lost."""

import csv
import io
import re
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from jobs.report.page_words import DISTURBING, visible
from jobs.report.sheet import as_csv
from tests.jobs.report.reported import documents, of, one_job

STARTS = tuple("=+-@\uff1d\uff0b\uff0d\uff20")

#: What spreadsheets pass over before they look for a formula.
PASSED = '"\u00ad\u061c\u200b\u200c\u200d\u200e\u200f\u2060\ufeff'

texts = st.text(st.sampled_from("=+-@;,|\t\r\n\"' a\u200f\u202e\u2060\uff1d\x00"))


def runs(cell: str) -> bool:
    """Whether a spreadsheet, at its most eager, would run a cell."""
    seen = re.sub(rf"[\s{PASSED}]", "", cell)
    return seen.startswith(STARTS)


def cells(text: str, delimiter: str) -> list[str]:
    """All cells of a file, as one reads it whose country separates them so."""
    lines = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    return [cell for line in lines for cell in line]


def pieces(text: str) -> list[str]:
    """Its cells as one sees them who knows neither quotes nor commas."""
    return re.split("[;\t\r\n\v\f\x85\u2028\u2029]", text)


def sheet(value: str) -> str:
    """A report of one job that says this wherever it can."""
    record, own = one_job(), {"own": value, value: "x"}
    asked = {"prompt": value, "image": value}
    job = replace(record.job, id=value, inputs=asked, data=own)
    return as_csv(of(replace(record, job=job)))


@settings(max_examples=200)
@given(texts)
@example(";\n=")
def test_no_text_at_all_becomes_a_formula(value: str) -> None:
    text = sheet(value)
    found = [cell for delimiter in ",;\t" for cell in cells(text, delimiter)]
    assert [cell for cell in (*found, *pieces(text)) if runs(cell)] == []
    assert not DISTURBING.search(text.removeprefix("\ufeff").replace("\r\n", "\n"))


@settings(max_examples=40)
@given(documents)
def test_a_defused_cell_still_says_what_it_said(document: dict[str, Any]) -> None:
    text = as_csv(document).removeprefix("\ufeff")
    for line, row in zip(
        csv.DictReader(io.StringIO(text, newline="")), document["rows"], strict=True
    ):
        said = {"prompt": row["prompt"], "id": row["id"], "image": row["image"]}
        for name, value in said.items():
            assert line[name].replace("'", "") == visible(value).replace("'", "")
        assert line["charged_usd"] == row["charged_usd"]
        assert line["options"] == row["options"]


@pytest.mark.parametrize(
    "plain",
    ["5-6; +7", "it's"],
)
def test_what_is_harmless_stays_to_the_letter(plain: str) -> None:
    expected = plain if plain != "5-6; +7" else "5-6; '+7"
    assert expected in cells(sheet(plain), ",")
