"""reelmill beside other ways to do the same: `python -m bench arena`.

The same jobs, generation times and spacing of looks for all, one after the other on a
fresh server each, in rounds whose order turns; told are medians of the rounds. Then one
kill in the middle for each of them. `rounds` has how a run goes, `arena_page` what the
answer looks like.
"""

import argparse
import json
import os
import platform
import sys
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from importlib.metadata import version
from statistics import median
from typing import Any

from bench import rounds
from bench.arena_page import page
from bench.processes import MeasuringError
from bench.rounds import ENTRANTS, Setting

__all__ = ["add_options", "answer", "medians", "page", "turned"]

LIBRARIES = ("celery", "redis", "httpx", "aiohttp")

#: A run that takes so many times the median, and a while, is not going to end.
BOUND_MEDIANS, BOUND_S = 10.0, 240.0


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add what can be chosen for this question."""
    add = parser.add_argument
    add("--jobs", type=int, default=2_000, help="jobs of a run")
    add("--median-s", type=float, nargs="+", default=[20.0, 60.0], help="generation")
    add("--spread", type=float, default=0.35, help="sigma of the log of the times")
    add("--rounds", type=int, default=3)
    add("--poll-s", type=float, default=5.0, help="seconds between two polls")
    add("--seed", type=int, default=7, help="of the times; each round has the next")
    add("--lesson", type=int, default=100, help="jobs that reelmill saw before")
    names = tuple(ENTRANTS)
    add("--contenders", nargs="+", choices=names, default=names, metavar="NAME")
    add("--kills", type=int, default=1, help="runs with a kill in them; 0 is none")
    add("--kill-bound-s", type=float, default=420.0, help="then the rest is lost")
    add(
        *("--visibility-s",),
        type=float,
        default=60.0,
        help="Celery's visibility time-out after a kill, whose default is an hour",
    )


def answer(asked: argparse.Namespace) -> dict[str, object]:
    """Let all of them run, and say what it took."""
    played = list(_rounds(asked))
    return {
        "question": "what each way to render a batch costs on the client's side",
        "jobs": asked.jobs,
        "rounds": asked.rounds,
        "poll_s": asked.poll_s,
        "spread": asked.spread,
        "lesson": asked.lesson,
        "visibility_s": asked.visibility_s,
        "kill_bound_s": asked.kill_bound_s,
        "machine": {
            "cores": os.cpu_count(),
            "python": platform.python_version(),
            **{name: version(name) for name in LIBRARIES},
        },
        "medians": medians(played),
        "runs": played,
        "kills": list(_kills(asked)),
    }


def turned(names: Sequence[str], by: int) -> list[str]:
    """The same order, begun elsewhere.

    >>> turned("abc", 1)
    ['b', 'c', 'a']
    """
    start = by % len(names)
    return [*names[start:], *names[:start]]


def medians(played: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The median of every figure over the rounds, for each contender and time."""
    runs: dict[tuple[float, str], list[dict[str, Any]]] = {}
    for run in played:
        if "failed" not in run:
            runs.setdefault((run["median_s"], run["contender"]), []).append(run)
    return [
        {
            "contender": name,
            "median_s": median_s,
            "runs": len(found),
            **{
                figure: median(run[figure] for run in found)
                for figure, value in found[0].items()
                if isinstance(value, int | float) and figure not in ("median_s", "seed")
            },
        }
        for (median_s, name), found in runs.items()
    ]


def _rounds(asked: argparse.Namespace) -> Iterator[dict[str, Any]]:
    for median_s in asked.median_s:
        for number in range(asked.rounds):
            setting = _setting(asked, median_s, number)
            for name in turned(asked.contenders, number):
                yield _told(name, setting, rounds.play)


def _kills(asked: argparse.Namespace) -> Iterator[dict[str, Any]]:
    play = partial(
        rounds.play_killed, visibility_s=asked.visibility_s, bound_s=asked.kill_bound_s
    )
    for number in range(asked.kills):
        setting = _setting(asked, asked.median_s[0], number)
        for name in asked.contenders:
            yield _told(name, setting, play)


def _setting(asked: argparse.Namespace, median_s: float, number: int) -> Setting:
    return Setting(
        jobs=asked.jobs,
        median_s=median_s,
        spread=asked.spread,
        seed=asked.seed + number,
        poll_s=asked.poll_s,
        lesson=asked.lesson,
        bound_s=BOUND_MEDIANS * median_s + BOUND_S,
    )


def _told(
    name: str, setting: Setting, play: Callable[[str, Setting], dict[str, Any]]
) -> dict[str, Any]:
    """A run whose end is told at once, because all of them take more than an hour.

    One that fails is told as such, and the others go on.
    """
    try:
        run = play(name, setting)
    except MeasuringError as failed:
        run = {"contender": name, "median_s": setting.median_s, "failed": str(failed)}
    sys.stderr.write(json.dumps(run) + "\n")
    return run
