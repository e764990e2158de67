"""Lost answers are settled all together, by what has an owner or as a table says."""

import csv
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from jobs.provider.answers import Listed
from jobs.states import Event, State
from jobs.transitions import Ref
from producer.exits import Exit
from producer.resolve import resolve
from tests.jobs.ledger.play import ACCOUNT, PLENTY, grant, open_batch, play, record_of
from tests.producer.fleet import Fleet

LOST = (Event.CLAIM, Event.LOSE, Event.GIVE_UP)


def lose(place: Fleet, *candidates: str) -> list[Ref]:
    """A batch of three that are unresolved, each with the same candidates."""
    place.ledger.permits.set_limits(ACCOUNT, PLENTY)
    refs = open_batch(place.ledger, jobs=3)
    grant(place.ledger)
    now_s = place.ledger.now_s()
    for ref in refs:
        model = record_of(place.ledger, ref).job.model
        told = [asdict(Listed(c, model, now_s, "completed")) for c in candidates]
        play(place.ledger, ref, *LOST)
        key = f"reelmill:job:{ref}"
        place.ledger.server.hset(key, mapping={"candidates": json.dumps(told)})
    return refs


def states(place: Fleet, refs: list[Ref]) -> list[State]:
    return [record_of(place.ledger, ref).state for ref in refs]


def table(path: Path, *lines: tuple[str, str]) -> str:
    path.write_text("job,prediction\n" + "".join(f"{a},{b}\n" for a, b in lines))
    return str(path)


def refused(place: Fleet, *words: Any, **options: Any) -> str:
    said = place.ask(resolve, "spring", *words, **options)
    assert said.code == Exit.USAGE
    return " ".join(said.err.split())


def test_only_what_has_no_candidate_left_is_sent_again(place: Fleet) -> None:
    refs = lose(place, "p1")
    said = place.ask(resolve, "spring", absent=True)
    assert said.code == Exit.INCOMPLETE
    assert "no row has: 3 rows" in said.err
    assert "--candidates" in said.err
    assert states(place, refs) == [State.UNRESOLVED] * 3
    assert place.ask(resolve, "spring", "row-2", adopt="p1").code == Exit.STORED
    said = place.ask(resolve, "spring", absent=True, json=True)
    assert said.code == Exit.STORED
    told = json.loads(said.out)
    assert told == {
        "batch": "spring",
        "adopted": {},
        "absent": ["row-1", "row-3"],
        "left": 0,
    }
    assert states(place, refs) == [State.WAITING, State.GENERATING, State.WAITING]


def test_a_table_of_candidates_is_filled_in_and_read_again(
    place: Fleet, tmp_path: Path
) -> None:
    refs = lose(place, "p1", "p2")
    printed = place.ask(resolve, "spring", candidates=True)
    rows = list(csv.DictReader(printed.out.removeprefix("\ufeff").splitlines()))
    assert [row["job"] for row in rows] == ["row-1", "row-2", "row-3"]
    assert {row["candidates"] for row in rows} == {"p1 p2"}
    assert {row["picture"] for row in rows} == {"https://example.com/mug.jpg"}
    words = ("p2", "absent", "")
    path = tmp_path / "decisions.csv"
    with path.open("w", newline="", encoding="utf-8-sig") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        for row, word in zip(rows, words, strict=True):
            writer.writerow(row | {"prediction": word})
    said = place.ask(resolve, "spring", decisions=str(path))
    assert said.code == Exit.INCOMPLETE
    assert "1 adopted, 1 will be sent again" in said.err
    assert states(place, refs) == [State.GENERATING, State.WAITING, State.UNRESOLVED]
    assert record_of(place.ledger, refs[0]).prediction_id == "p2"


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ((("row-1", "p1"), ("row-2", "p1")), "line 3: row-2 or p1 stands there twice"),
        ((("row-1", "p1"), ("row-1", "absent")), "row-1 or absent stands there twice"),
        ((("row-1", "absent"), ("row-9", "p1")), "has no job row-9"),
        ((("row-1", "absent"), ("row-2", "a b")), "is no id of a prediction"),
    ],
)
def test_a_table_that_cannot_be_true_settles_nothing(
    place: Fleet, tmp_path: Path, lines: tuple[tuple[str, str], ...], words: str
) -> None:
    refs = lose(place, "p1")
    path = table(tmp_path / "d.csv", *lines)
    assert words in refused(place, decisions=path)
    assert states(place, refs) == [State.UNRESOLVED] * 3


def test_a_table_that_is_none_is_said_to_be(place: Fleet, tmp_path: Path) -> None:
    lose(place, "p1")
    path = tmp_path / "d.csv"
    assert "cannot be read" in refused(place, decisions=str(path))
    path.write_text("a,b\n1,2\n")
    assert "needs the columns job and prediction" in refused(place, decisions=str(path))


def test_nothing_to_resolve_is_said_so(place: Fleet) -> None:
    open_batch(place.ledger, jobs=1)
    said = place.ask(resolve, "spring", absent=True)
    assert said.code == Exit.STORED
    assert said.err == "spring: nothing is unresolved\n"


@pytest.mark.parametrize(
    ("job", "options", "found"),
    [
        (None, {}, "nothing was said"),
        (None, {"adopt": "p1"}, "--adopt PREDICTION was said"),
        (
            None,
            {"absent": True, "candidates": True},
            "--absent and --candidates was said",
        ),
        ("row-1", {}, "nothing was said"),
        (
            "row-1",
            {"adopt": "p1", "absent": True},
            "--adopt PREDICTION and --absent was said",
        ),
    ],
)
def test_one_thing_is_asked_for_at_a_time(
    place: Fleet, job: str | None, options: dict[str, Any], found: str
) -> None:
    words = refused(place, job, **options)
    of_all = "--absent, --candidates or --decisions FILE"
    assert ("--adopt PREDICTION or --absent" if job else of_all) in words
    assert found in words
