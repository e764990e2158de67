"""Each question of the bench is answered, of a few jobs that take a moment."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from bench import slots
from bench.arena_page import COLUMNS, aims
from bench.processes import MeasuringError
from bench.sampling import Sample
from bench.slots import Case
from jobs.pace.limits import Limits
from tests.producer.fleet import ROOT


def asked(folder: Path, *words: str) -> tuple[dict[str, Any], str]:
    """The numbers and the page of `python -m bench` with these words."""
    kept = ["--results", str(folder), "--json", str(folder / "numbers.json")]
    command = [sys.executable, "-m", "bench", *words, *kept]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    numbers = json.loads((folder / "numbers.json").read_text("utf-8"))
    page = (folder / f"{words[0]}.md").read_text("utf-8")
    assert page == run.stdout
    return numbers, page


def test_contenders_render_each_job_once(tmp_path: Path) -> None:
    short = "--median-s 0.3 --poll-s 0.2 --rounds 1 --kills 0 --jobs 4"
    who = "--contenders aiohttp_script celery_retry"
    numbers, page = asked(tmp_path, "arena", *short.split(), *who.split())
    assert len(numbers["runs"]) == 2
    for run in numbers["runs"]:
        ends = ("ended", "lost", "paid_twice", "paid_for_nothing")
        assert [run[end] for end in ends] == [True, 0, 0, 0]
    assert "| aiohttp_script |" in page


def test_after_a_kill_reelmill_loses_nothing_and_pays_nothing_twice(
    tmp_path: Path,
) -> None:
    short = "--median-s 3 --poll-s 0.2 --rounds 0 --lesson 0 --jobs 4"
    numbers, _ = asked(tmp_path, "arena", *short.split(), "--contenders", "reelmill")
    (kill,) = numbers["kills"]
    assert (kill["lost"], kill["paid_twice"], kill["ended"]) == (0, 0, True)


def test_ratios_stand_beside_what_is_aimed_at() -> None:
    costs = {"reelmill": (2, 3), "celery_retry": (20, 12), "aiohttp_script": (1.5, 12)}
    figures = {name: 1.0 for _, name in COLUMNS}
    numbers: dict[str, Any] = {
        "medians": [
            figures
            | {"contender": name, "median_s": 60.0}
            | {"cpu_s_per_1000": cpu_s, "gets_per_job": gets}
            for name, (cpu_s, gets) in costs.items()
        ],
        "kills": [
            {"contender": "reelmill", "median_s": 60.0, "lost": 0, "paid_twice": 1}
        ],
    }
    assert aims(numbers).rows == [
        ["reelmill: CPU of celery_retry's", 60.0, "≤ 1/8", 0.1, True],
        ["reelmill: CPU of aiohttp_script's", 60.0, "≤ 2", pytest.approx(4 / 3), True],
        ["reelmill: GETs of a fixed spacing's", 60.0, "≤ 1/2", 0.25, True],
        ["reelmill: lag p50, s", 60.0, "≤ 1.00", 1.0, True],
        ["reelmill: lost or paid twice after a kill", 60.0, "0", 1, False],
    ]


def test_slots_are_measured_by_the_ledger_and_at_the_provider(tmp_path: Path) -> None:
    short = "--case 6000/10/1 --minutes 0.03 --poll-min-s 0.2"
    numbers, page = asked(tmp_path, "slots", *short.split())
    (case,) = numbers["cases"]
    assert case["refused_429"] == 0
    assert 0 < case["slots_at_provider"] <= case["most_at_once"] / 10 <= 1
    assert "| 6,000 | 10 | 1.00 | no | slots |" in page


def test_a_batch_is_watched_to_its_end_while_times_are_unknown(tmp_path: Path) -> None:
    short = "--case 8/4/0.5/20 --poll-min-s 0.3"
    (case,) = asked(tmp_path, "cold", *short.split())[0]["cases"]
    assert case["seconds_ideal"] <= case["seconds_even"] <= case["seconds"]
    assert case["gets_per_job"] >= 1


@pytest.mark.browser
def test_a_page_of_each_size_is_opened(tmp_path: Path) -> None:
    numbers, _ = asked(tmp_path, "page", "--rows", "5", "700", "--openings=1")
    small, large = numbers["sizes"]
    assert 0 < small["file_mb"] < large["file_mb"]
    assert min(small["interactive_s"], large["interactive_s"]) > 0


def test_slots_are_watched_from_when_they_were_full_once_and_while_work_waits() -> None:
    case = Case(Limits(6_000, 10), 2.0)
    filling = [Sample(at_s, at_s * 2, 9, 0, 1) for at_s in range(6)]
    full = [Sample(at_s, 7, 9, 0, 1) for at_s in range(6, 90)]
    window = slots.watched(case, iter([*filling, *full]), minutes=1)
    assert (window[0].at_s, window[-1].at_s) == (5, 64)
    over = [Sample(at_s, 10, 30 - at_s, 0, 1) for at_s in range(90)]
    with pytest.raises(MeasuringError, match="too small"):
        slots.watched(case, iter(over), minutes=1)


def test_tables_are_checked_in_both_forms(tmp_path: Path) -> None:
    numbers, page = asked(tmp_path, "tables", "--rows", "30")
    assert all(
        numbers[f"{form}_{what}"]
        for form in ("csv", "xlsx")
        for what in ("cpu_s", "mb")
    )
    assert "| xlsx cpu s |" in page
