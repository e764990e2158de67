import csv
import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.manifest.rows import Notice, Row
from tests.producer.manifests.manifests import (
    DRAWN,
    HEADER,
    URL,
    ids_of,
    jobs_of,
    names_of,
    planned,
    recorded,
    rows_of,
    told,
)


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
@pytest.mark.parametrize(
    "names",
    [("Handle", "Title", "Image Src"), ("id", "a, b; c|d", "prompt")],
    ids=["of a shop", "of known columns"],
)
def test_the_separator_is_seen_in_the_header(
    tmp_path: Path, separator: str, names: tuple[str, ...]
) -> None:
    path = tmp_path / "a.csv"
    header = separator.join(f'"{name}"' for name in names)
    path.write_text(f"{header}\n{separator.join('abc')}\n")
    assert names_of(recorded(path)) == names


@pytest.mark.parametrize("first", ['"SEP=;"', "\ufeffsep=;", "\n\nsep=;"])
def test_the_separator_that_the_file_says_is_taken(tmp_path: Path, first: str) -> None:
    path = tmp_path / "a.csv"
    path.write_text(f"{first}\nid;note, image;prompt\na;b;c\n", encoding="utf-8")
    found = recorded(path)
    assert names_of(found) == ("id", "note, image", "prompt")
    assert rows_of(found)[0].line == 3 + first.count("\n")


def test_rows_are_counted_without_blank_ones_and_with_wrong_ones(
    tmp_path: Path,
) -> None:
    content = f"\n , \n{HEADER},{URL},a,b\n,,turn\n,,\n\n,{URL},turn,,\n"
    found = planned(tmp_path / "a.csv", content)
    assert told(found) == [(4, None, "cells"), (5, "image", "missing")]
    (job,) = jobs_of(found[2:])
    assert (job.id, job.line) == ("row-0003", 8)


def test_every_input_that_has_two_columns_is_told_at_once(tmp_path: Path) -> None:
    found = planned(tmp_path / "a.csv", "id,image,,id,image\nx\n")
    assert told(found) == [(1, "id", "header"), (1, "image", "header")]


def test_columns_without_a_name_are_told_and_those_of_one_name_are_joined(
    tmp_path: Path,
) -> None:
    path = tmp_path / "a.csv"
    path.write_text("id,,image,note,note,\na,,b,x,x\nc,d,e,,\nf,g,h,x,\ni,,j,,k\n")
    found = recorded(path)
    assert names_of(found) == ("id", "image", "note")
    assert told(found) == []
    notices = [(one.kind, one.line) for one in found if isinstance(one, Notice)]
    unnamed = [("unnamed-column", 3), ("unnamed-column", 4)]
    assert notices == [("repeated-column", 1), *unnamed]
    notes = [one.cells["note"] for one in found if isinstance(one, Row)]
    assert notes == ["x", "", "x", "k"]


def test_a_file_without_a_header_is_told_once(tmp_path: Path) -> None:
    found = planned(tmp_path / "a.csv", f"mug,{URL},turn\nlamp,{URL},turn\n")
    assert told(found) == [(1, None, "header")]


@pytest.mark.parametrize(
    ("cell", "word"),
    [
        ('"open\nover a line', "its partner is missing"),
        ('"' + f"open\n,,{URL}" * 8_000, "its partner is missing"),
        ('"go"od', "goes on after its closing"),
    ],
    ids=["over a line", "over many lines", "within a text"],
)
def test_a_broken_quote_ends_the_reading_and_is_told_where_its_row_begins(
    tmp_path: Path, cell: str, word: str
) -> None:
    content = f"{HEADER}a,{URL},turn\nb,{URL},{cell}\nc,{URL},turn\n"
    found = planned(tmp_path / "a.csv", content)
    assert told(found) == [(3, None, "quote")]
    assert ids_of(found) == ["a"]
    assert word in str(found[-1])


@DRAWN
@given(
    prompts=st.lists(st.text("ab,;\"'| \n", min_size=1).filter(str.strip), min_size=1),
    separator=st.sampled_from(",;\t|"),
    end=st.sampled_from(["\n", "\r\n"]),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "cp1252"]),
)
def test_what_a_spreadsheet_writes_is_read_back(
    tmp_path: Path, prompts: list[str], separator: str, end: str, encoding: str
) -> None:
    path = tmp_path / "a.csv"
    file = io.StringIO(newline="")
    writer = csv.writer(file, delimiter=separator, lineterminator=end)
    writer.writerow(["image", "prompt"])
    writer.writerows([URL, prompt] for prompt in prompts)
    path.write_bytes(file.getvalue().encode(encoding))
    made = rows_of(recorded(path, encoding))
    read = [str(one.cells["prompt"]).strip() for one in made]
    assert read == [prompt.strip() for prompt in prompts]
