"""The short form of `make chaos`, and that its page shows the states as they are."""

import re
from collections import Counter
from pathlib import Path

import pytest

from jobs.states import FINAL, MOVES
from tests.chaos.deaths import POINTS
from tests.chaos.exercise import exact_points, whole_command
from tests.chaos.tally import Tally
from tests.chaos.weather import Allowed

ROOT = Path(__file__).parent.parent

SEED = 11

#: Between all steps of the paid request, and between those of the video.
SHORT = (
    *("reserved", "claimed", "on its way", "answered", "found lost"),
    *("completed", "downloaded", "provenance kept"),
)


def test_whatever_is_killed_the_command_ends_with_all_rows_paid_once() -> None:
    tally = whole_command(40, 1, SEED, Allowed(60, 12))
    all_is_well(tally)
    assert sum(tally.kills.values()) >= 4


def test_wherever_a_worker_dies_another_goes_on_without_paying_twice() -> None:
    tally = exact_points(40, Counter(SHORT), SEED, Allowed(60, 12))
    all_is_well(tally)
    assert tally.kills == Counter(SHORT)


def all_is_well(tally: Tally) -> None:
    assert tally.problems == []
    assert tally.figures["rows paid twice"] == 0
    assert tally.figures["videos lost"] == 0
    assert tally.audits > 1


@pytest.mark.parametrize("name", POINTS)
def test_every_point_is_a_method_that_exists(name: str) -> None:
    assert callable(getattr(POINTS[name].owner, POINTS[name].method))


def test_the_page_shows_every_move_and_no_other() -> None:
    text = (ROOT / "docs" / "faults.md").read_text("utf-8")
    shown = re.findall(r"^    (\w+) --> (\w+): (\w+)$", text, re.MULTILINE)
    moves = {(at, to, event) for (at, event), to in MOVES.items()}
    assert len(shown) == len(moves)
    assert set(shown) == moves
    ends = re.findall(r"^    (\w+) --> \[\*\]$", text, re.MULTILINE)
    assert set(ends) == set(FINAL)
