import csv
import io
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.producer.test_reading import HEADER, URL, ids_of, jobs_of, read, told


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_the_separator_is_found_in_the_header(tmp_path: Path, separator: str) -> None:
    content = f'id,image,prompt\na,{URL},"a; b"\n'.replace(",", separator)
    made = jobs_of(read(tmp_path / "a.csv", content))
    assert made[0].inputs["prompt"] in {"a; b", "a\t b"}


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_every_line_end_is_one(tmp_path: Path, end: str) -> None:
    content = f'{HEADER}\na,{URL},"two\nlines"\nb,{URL},turn'.replace("\n", end)
    made = jobs_of(read(tmp_path / "a.csv", content))
    assert [(one.id, one.line) for one in made] == [("a", 3), ("b", 5)]
    assert made[0].inputs["prompt"] == "two\nlines"


def test_blank_rows_are_passed_over_and_not_counted(tmp_path: Path) -> None:
    content = f"\n\n{HEADER},{URL},turn\n,,\n\n,{URL},turn\n"
    made = jobs_of(read(tmp_path / "a.csv", content))
    assert [(one.id, one.line) for one in made] == [("row-0001", 4), ("row-0002", 7)]


def test_rows_with_a_problem_are_counted_so_that_made_ids_stay(tmp_path: Path) -> None:
    content = f"{HEADER},{URL}\n,,turn\n,{URL},turn\n"
    found = read(tmp_path / "a.csv", content)
    assert told(found) == [(2, None, "cells"), (3, "image", "missing")]
    assert jobs_of(found[2:])[0].id == "row-0003"


def test_empty_cells_behind_the_last_column_are_no_problem(tmp_path: Path) -> None:
    content = f"id,image,prompt,,\na,{URL},turn,,\nb,{URL},turn\n"
    assert len(jobs_of(read(tmp_path / "a.csv", content))) == 2


def test_too_many_cells_hint_at_quotes(tmp_path: Path) -> None:
    found = read(tmp_path / "a.csv", f"{HEADER}a,{URL},slow, steady\n")
    assert told(found) == [(2, None, "cells")]
    assert "double quotes" in str(found[0])


def test_all_problems_of_a_header_come_at_once(tmp_path: Path) -> None:
    found = read(tmp_path / "a.csv", "id,image,,id,prompt\nx\n")
    assert told(found) == [(1, 3, "header"), (1, "id", "header")]


def test_a_file_without_a_header_is_told_once(tmp_path: Path) -> None:
    found = read(tmp_path / "a.csv", f"mug,{URL},turn\nlamp,{URL},turn\n")
    assert told(found) == [(1, None, "header")]


def test_a_header_with_slips_only_is_still_a_header(tmp_path: Path) -> None:
    found = read(tmp_path / "a.csv", f"Prompt,Image\nturn,{URL}\n")
    assert told(found) == [(2, "Prompt", "misspelt"), (2, "Image", "misspelt")]


def test_a_broken_header_ends_the_reading(tmp_path: Path) -> None:
    assert told(read(tmp_path / "a.csv", 'id,"image\na,b\n')) == [(1, None, "quote")]


@pytest.mark.parametrize("cell", ['"open', '"go"od', '"open\nover a line'])
def test_a_broken_quote_is_told_where_it_opens_and_hides_nothing(
    tmp_path: Path, cell: str
) -> None:
    content = f"{HEADER}a,{URL},turn\nb,{URL},{cell}\nc,{URL},turn\nd,x,turn\n"
    found = read(tmp_path / "a.csv", content)
    assert told(found)[0] == (3, None, "quote")
    assert told(found)[-1][1:] == ("image", "local-file")
    assert ids_of(found) == ["a", "c"]


def test_an_endless_quote_is_told_where_it_opens(tmp_path: Path) -> None:
    rows = f"c,{URL},turn\n" * 8_000
    found = read(tmp_path / "a.csv", f'{HEADER}a,{URL},"open\n{rows}')
    assert told(found)[0] == (2, None, "quote")
    assert told(found)[1:3] == [(4, "id", "duplicate-id"), (5, "id", "duplicate-id")]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.text("ab,;\"'| \n", min_size=1).filter(str.strip), min_size=1))
def test_what_a_spreadsheet_writes_is_read_back(
    tmp_path: Path, prompts: list[str]
) -> None:
    file = io.StringIO(newline="")
    writer = csv.writer(file)
    writer.writerow(["image", "prompt"])
    writer.writerows([URL, prompt] for prompt in prompts)
    made = jobs_of(read(tmp_path / "a.csv", file.getvalue()))
    assert [one.inputs["prompt"] for one in made] == [p.strip() for p in prompts]
