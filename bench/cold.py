"""How well slots are used while nothing, or something wrong, is known of the times.

A fleet renders one batch to its end with a ledger that has learnt no generation times,
or times that are far off. What it takes is compared with polling as often as allowed
from the start, and with slots that are free the moment a video is generated.
"""

import argparse
import heapq
import math
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from bench.fleet import Fleet, another_worker, fleet
from bench.processes import MeasuringError
from bench.provider import Prediction, Provider, started
from bench.results import Page, Table
from bench.sampling import Sample, average_at_once, samples
from jobs.pace.limits import Limits

_EVERY_S = 0.2

#: Nothing here takes longer.
_LONGEST_S = 900.0

#: Starts a minute, so that only slots are waited for.
_STARTS = 100_000


@dataclass(frozen=True, slots=True)
class Case:
    """A batch, the slots of its account, and how long its generations take."""

    jobs: int
    slots: int
    median_s: float
    #: Median of the times that the ledger has learnt before; 0 is none.
    learnt_s: float = 0.0


CASES = (
    Case(60, 10_000, 2.0),
    Case(80, 20, 3.0),
    Case(80, 20, 20.0),
    Case(80, 20, 60.0),
    Case(80, 20, 10.0, learnt_s=120.0),
)


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add what can be chosen for this question."""
    add, shape = parser.add_argument, "JOBS/SLOTS/MEDIAN[/LEARNT]"
    add("--case", type=_case, action="append", metavar=shape, help="repeatable")
    add("--spread", type=float, default=0.2, help="sigma of the log of the times")
    add("--workers", type=int, default=1)
    add("--poll-min-s", type=float, default=5.0, help="least time between two polls")


def _case(text: str) -> Case:
    jobs, slots, *times_s = text.split("/")
    return Case(int(jobs), int(slots), *map(float, times_s))


def answer(asked: argparse.Namespace) -> dict[str, object]:
    """Measure each case."""
    return {
        "question": "slots in use while the times are not known",
        "poll_min_s": asked.poll_min_s,
        "spread": asked.spread,
        "workers": asked.workers,
        "cases": [measured(asked, case) for case in asked.case or CASES],
    }


def measured(asked: argparse.Namespace, case: Case) -> dict[str, Any]:
    """Render one batch to its end, and say what it took.

    Raises:
        MeasuringError: it did not end, or a part of the fleet did.
    """
    limits = Limits(_STARTS, case.slots)
    account = {"videos_per_minute": _STARTS, "concurrent": _STARTS}
    times = {"generation_s": case.median_s, "spread": asked.spread}
    with ExitStack() as stack:
        provider = stack.enter_context(started(**times, **account))
        settings = {"REELMILL_POLL_MIN_S": str(asked.poll_min_s)}
        own = stack.enter_context(fleet(provider, limits, settings=settings))
        for number in range(1, asked.workers):
            stack.enter_context(another_worker(own, f"bench-{number}"))
        if case.learnt_s:
            own.teach(case.learnt_s, asked.spread)
        own.submit(case.jobs)
        seen = _to_the_end(case, own, provider)
        return _told(case, seen, provider.predictions(), asked.poll_min_s)


def _to_the_end(case: Case, own: Fleet, provider: Provider) -> list[Sample]:
    until_s = time.monotonic() + _LONGEST_S
    seen = []
    for each in samples(own, provider, _EVERY_S):
        seen.append(each)
        if each.stored == case.jobs:
            return seen
        if time.monotonic() > until_s:
            break
    raise MeasuringError(
        f"{seen[-1].stored} of {case.jobs} are stored after {_LONGEST_S:g} s"
    )


def _told(
    case: Case, seen: Sequence[Sample], made: Sequence[Prediction], even_s: float
) -> dict[str, Any]:
    took_s = [each.completed_at_s - each.created_at_s for each in made]
    first_s = min(each.created_at_s for each in made)
    last_start_s = max(each.created_at_s for each in made)
    held_s = sum(
        (after.at_s - at.at_s) * at.slots
        for at, after in pairwise(seen)
        if first_s <= at.at_s < last_start_s
    )
    waited_s = last_start_s - first_s
    at_once = min(case.slots, case.jobs)
    waits = case.slots < case.jobs
    held_part = 100 * held_s / waited_s / at_once if waits else 0.0
    generating = average_at_once(made, first_s, last_start_s) if waits else 0.0
    return {
        "jobs": case.jobs,
        "slots": case.slots,
        "median_s": case.median_s,
        "learnt_s": case.learnt_s or None,
        "seconds": round(seen[-1].at_s - first_s, 1),
        "seconds_ideal": round(seconds(took_s, at_once, 0.0), 1),
        "seconds_even": round(seconds(took_s, at_once, even_s), 1),
        "slots_by_ledger": round(held_part, 1) if waits else None,
        "slots_at_provider": round(100 * generating / at_once, 1) or None,
        "gets_per_job": round(sum(each.polls for each in made) / case.jobs, 2),
        "gets_even": round(
            sum(math.ceil(each / even_s) for each in took_s) / case.jobs, 2
        ),
        "most_gets": max(each.polls for each in made),
    }


def seconds(took_s: Sequence[float], slots: int, every_s: float) -> float:
    """Seconds until all have ended, if each end is noticed by a poll every so often.

    Args:
        took_s: the generation times, in the order of their starts.
        slots: how many generate at once.
        every_s: seconds between polls; 0 notices an end at once.
    """
    ends_s = [0.0] * slots
    for each_s in took_s:
        noticed_s = math.ceil(each_s / every_s) * every_s if every_s else each_s
        heapq.heapreplace(ends_s, ends_s[0] + noticed_s)
    return max(ends_s)


_COLUMNS = {
    "jobs": "jobs",
    "slots": "slots",
    "median_s": "generation, median s",
    "learnt_s": "learnt before, s",
    "seconds": "first start to last stored, s",
    "seconds_even": "polling evenly would take",
    "seconds_ideal": "noticing at once would",
    "slots_by_ledger": "slots in use by permits, %",
    "slots_at_provider": "... at the provider, %",
    "gets_per_job": "GETs a job",
    "gets_even": "polling evenly takes",
    "most_gets": "most GETs of one job",
}


def page(numbers: Mapping[str, Any]) -> Page:
    """The answer for people."""
    rows = [[case[name] for name in _COLUMNS] for case in numbers["cases"]]
    told = (
        f"""{numbers["workers"]} worker(s); log-normal times, sigma
        {numbers["spread"]:g}. Slots are told while work waits, and not where all start
        at once.""",
        f"""What polling every {numbers["poll_min_s"]:g} s from the start, and noticing
        at once, would take is worked out from the same times; requests and downloads
        take no time there.""",
    )
    notes = [" ".join(note.split()) for note in told]
    table = Table("By what was known", list(_COLUMNS.values()), rows)
    return Page("Slots in use while the times are not known", [table], notes)
