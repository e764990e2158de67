"""Spacings of looks are counted right, and none is better than what is possible."""

import json
import math
import random
import subprocess
import sys
from itertools import islice, pairwise
from pathlib import Path

import pytest

from bench.best_looks import Times, least_median_lag_s, most_noticed
from bench.looks import (
    HALF,
    POLL_MIN_S,
    TAUGHT,
    counted,
    even,
    growing,
    looked,
    ours,
    taught,
)
from jobs.pace.poll_schedule import PollSchedule

ROOT = Path(__file__).parents[2]

USUAL = Times(60.0, 0.35, 0.05)


def test_an_even_spacing_is_counted_as_a_person_would() -> None:
    assert looked(even(5.0), [5.0, 12.0, 0.5]) == [(1, 0.0), (3, 3.0), (1, 4.5)]
    found = counted([(1, 0.0), (3, 3.0), (2, 1.5)])
    assert found["looks"] == 2.0
    assert found["lag_p50_s"] == found["lag_mean_s"] == 1.5
    assert found["lag_max_s"] == 3.0


def test_waits_grow_up_to_a_minute() -> None:
    looks_s = list(islice(growing(2.0, 2.0)(0.5), 8))
    assert looks_s == [2.0, 6.0, 14.0, 30.0, 62.0, 122.0, 182.0, 242.0]


def test_ours_is_the_schedule_of_the_product() -> None:
    schedule = PollSchedule.of([60.0] * 50, 90.0, POLL_MIN_S)
    looks_s = list(islice(ours(schedule)(0.3), 20))
    assert looks_s[0] == schedule.first_s(0.3)
    assert all(b - a == pytest.approx(schedule.next_s(a)) for a, b in pairwise(looks_s))


def test_times_are_spread_as_they_say() -> None:
    luck = random.Random(1)  # noqa: S311 - made-up times
    drawn_s = [USUAL.draw_s(luck) for _ in range(20_000)]
    for at_s in (30.0, 60.0, 90.0, 250.0, 600.0):
        share = sum(time_s <= at_s for time_s in drawn_s) / len(drawn_s)
        assert share == pytest.approx(USUAL.over_by(at_s), abs=0.015)
    assert USUAL.over_by(0.0) == 0.0


@pytest.mark.parametrize("gap_s", [5.0, 8.0, 20.0])
def test_no_way_is_better_than_what_is_possible(gap_s: float) -> None:
    """The bound holds for even spacings, that is, for ones that are easy to reckon."""
    running = [1 - USUAL.over_by(n * gap_s) for n in range(300)]
    for lag_s in (1.0, 2.5, 4.0):
        noticed = math.fsum(
            USUAL.over_by(n * gap_s) - USUAL.over_by(n * gap_s - lag_s)
            for n in range(1, 300)
        )
        most = most_noticed(USUAL, lag_s, math.fsum(running), POLL_MIN_S)
        assert noticed <= most + 1e-9


def test_more_looks_allow_less_lag() -> None:
    quick = Times(20.0, 0.35, 0.05)
    few, many = (least_median_lag_s(quick, looks, POLL_MIN_S) for looks in (2.0, 4.0))
    assert many < few < POLL_MIN_S


def test_ours_learns_and_stands_between_the_even_spacing_and_the_possible() -> None:
    luck = random.Random(1)  # noqa: S311 - made-up times
    drawn_s = [USUAL.draw_s(luck) for _ in range(6_000)]
    learnt = counted(taught(drawn_s, luck)[2_000:])
    fixed = counted(looked(even(5.0), drawn_s))
    assert learnt["looks"] < 0.55 * fixed["looks"]
    assert fixed["lag_p50_s"] < learnt["lag_p50_s"] < 1.25 * fixed["lag_p50_s"]
    better_s = 0.8 * learnt["lag_p50_s"]
    assert most_noticed(USUAL, better_s, learnt["looks"], POLL_MIN_S) < 1 / 2


def test_the_question_is_answered_with_numbers_a_page_and_plots(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "bench", "looks", f"--results={tmp_path}"]
    few = ["--jobs=200", "--taught-by=200", "--median-s", "10", "20", "--spread", "0.3"]
    subprocess.run([*command, *few], cwd=ROOT, check=True, capture_output=True)
    numbers = json.loads((tmp_path / "looks.json").read_text())
    assert [found["median_s"] for found in numbers["settings"]] == [10.0, 20.0]
    assert {HALF, TAUGHT} < set(numbers["settings"][0]["ways"])
    assert "every 5 s" in (tmp_path / "looks.md").read_text()
    assert {path.name for path in tmp_path.glob("*.svg")} == {
        "looks.svg",
        "looks-p95.svg",
    }
