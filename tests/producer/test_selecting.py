"""A part of a manifest: rows that are wanted, good rows without the bad ones."""

import csv
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from jobs.manifest.rows import Notice
from producer.exits import Exit
from producer.problems import Notices
from tests.producer.running import Desk, desk, quick_sandbox

TABLE = """\
id,image,prompt,State
pan,https://example.com/pan.jpg,Pan turning,Listed
pot,,Pot turning,listed
jug,https://example.com/jug.jpg,Jug turning,closed
cup,https://example.com/cup.jpg,Cup turning,Listed
"""
MODEL = ("--model", "kling-v2.6-std", "--no-look")

#: Options, the ids that are left, and how many rows are skipped.
CHOICES = {
    "a value": (["--where", "state = LISTED", "--skip-without-picture"], "pan cup", 2),
    "not a value": (["--where", "State!=listed"], "jug", 3),
    "a part": (["--where", "prompt~PAN", "--where", "id!~u"], "pan", 3),
    "ids": (["--ids", "cup,jug"], "jug cup", 2),
    "the first": (["--limit", "2", "--skip-without-picture"], "pan jug", 2),
    "the first of some": (["--where", "State=closed", "--limit", "5"], "jug", 3),
    "no problem": (["--skip-problems"], "pan jug cup", 0),
}

#: Options that fit nothing, and what must be said.
MISTAKES = {
    "no column": (["--where", "Stat=listed"], 'no column "Stat"; did you mean "State"'),
    "no condition": (["--where", "Status"], "--where Status: write COLUMN=VALUE"),
    "no id": (["--ids", "pan,mug"], 'no row has the id "mug"'),
    "nothing": (["--where", "State=sold"], "none is left of 4 rows"),
}


@pytest.fixture(name="table", scope="module")
def a_table() -> Iterator[Desk]:
    with desk() as place:
        place.write("table.csv", TABLE)
        yield place


@pytest.mark.parametrize("name", CHOICES)
def test_a_part_of_the_rows_is_taken(name: str, table: Desk) -> None:
    options, ids, skipped = CHOICES[name]
    ended = table.here("check", "table.csv", *MODEL, *options, "--json")
    assert ended.code == Exit.STORED
    found = json.loads(ended.out)
    assert [row["id"] for row in found["rows"]] == ids.split()
    assert sum(found["skipped"].values()) == skipped


@pytest.mark.parametrize("name", MISTAKES)
def test_a_part_that_is_not_there_is_a_problem(name: str, table: Desk) -> None:
    options, words = MISTAKES[name]
    ended = table.here("check", "table.csv", *MODEL, *options)
    assert ended.code == Exit.USAGE
    assert words in (ended.out + ended.err).replace("\n", " ")


def test_what_is_sent_is_shown_before_and_the_line_to_run_next(table: Desk) -> None:
    options = (*MODEL, "--skip-without-picture")
    shown = table.here("check", "table.csv", *options, "--show", "1").out.splitlines()
    assert shown[0] == "first 1 of 3, as they will be sent:"
    assert "    prompt: Pan turning" in shown
    assert not any("jug" in line for line in shown)
    assert shown[-1].endswith(
        "Next: reelmill price table.csv --model kling-v2.6-std "
        "--skip-without-picture --no-look"
    )


def test_a_picture_that_is_not_there_is_a_problem_unlooked(table: Desk) -> None:
    table.write("bare.csv", "image,prompt\nnowhere.jpg,turn\n")
    ended = table.here("check", "bare.csv", *MODEL)
    assert ended.code == Exit.USAGE
    assert "not-found: 1" in ended.out


def test_a_warning_is_counted_with_its_first_lines() -> None:
    notices = Notices()
    for line in range(2, 12):
        notices.add(Notice("html", "prompts have tags", "add | striptags", "a", line))
    words = "warning: prompts have tags (10 rows: lines 2, 3, 4, 5, 6, …)"
    assert list(notices.lines()) == [f"{words}; add | striptags"]
    assert notices.document()[0]["count"] == 10


def test_good_rows_are_rendered_and_bad_ones_written_with_reasons() -> None:
    with quick_sandbox() as sandbox, desk(sandbox) as place:
        picture = f"{sandbox.files_url}/pictures/mug.jpg"
        rows = f"mug,{picture},turn,Shop\ncan,,turn,=1+1\nold,gone.png,turn,Shop\n"
        place.write("three.csv", f"id,image,prompt,Vendor\n{rows}")
        words = ("run", "three.csv", "--model", "kling-v2.6-std", "--yes")
        refused = place.here(*words)
        assert refused.code == Exit.USAGE
        assert "--skip-problems renders the rows without a problem" in refused.err
        for _ in range(2):  # the same rows are the same file
            assert place.here(*words, "--skip-problems").code == Exit.STORED
        (path,) = Path(place.folder).glob("three.skipped*.csv")
        with path.open(encoding="utf-8-sig", newline="") as file:
            left = list(csv.DictReader(file))
        assert [row["id"] for row in left] == ["can", "old"]
        assert all(row["reason"] and row["next_step"] for row in left)
        assert not any(cell.startswith("=") for row in left for cell in row.values())
