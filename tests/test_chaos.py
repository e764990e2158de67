"""The short form of `make chaos`, and that its page shows the states as they are."""

import re
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from jobs.states import FINAL, MOVES
from tests.chaos.deaths import POINTS
from tests.chaos.exercise import exact_points, whole_command
from tests.chaos.tally import Tally
from tests.chaos.weather import Allowed

ROOT = Path(__file__).parent.parent

SEED = 11
ALLOWED = Allowed(60, 12)

#: Between all steps of the paid request, and between those of the video.
SHORT = (
    *("reserved", "claimed", "on its way", "answered", "found lost"),
    *("completed", "downloaded", "provenance kept"),
)


def test_whoever_is_killed_wherever_no_row_is_paid_twice_and_no_video_lost() -> None:
    # Side by side, for both mostly wait; each has a provider and a home of its own.
    with ThreadPoolExecutor() as pool:
        command = pool.submit(whole_command, 40, 1, SEED, ALLOWED)
        points = pool.submit(exact_points, 40, Counter(SHORT), SEED, ALLOWED)
        all_is_well(command.result())
        all_is_well(points.result())
    assert sum(command.result().kills.values()) >= 4
    assert points.result().kills == Counter(SHORT)


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
