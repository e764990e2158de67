"""Whether the account's limits are used to the full while work waits, and never passed.

For each pair of limits a fleet of one worker gets a batch that is larger than the run.
What is in use is told twice: by the ledger, whose permits also cover the time until an
end is noticed, and by the provider, who sees none of that. Where the rate binds rather
than the slots, it is the share of the rate.
"""

import argparse
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import takewhile
from statistics import fmean, median
from typing import Any

from bench.fleet import Fleet, fleet
from bench.processes import MeasuringError
from bench.provider import Provider, started
from bench.results import Page, Table
from bench.sampling import (
    Sample,
    average_at_once,
    landed,
    samples,
)
from jobs.pace.limits import WINDOW_S, Limits

_SPREAD = 0.35

#: Seconds between two samples: slots come and go within a second.
_EVERY_S = 0.5

#: How much of what binds must be in use once before it is watched.
_FILLED = 0.98
#: Ends of so many last seconds are not asked for their lag.
_UNTOLD_S = 15.0

#: Medians until it is watched all the same.
_LONGEST_FILL_MEDIANS = 3.0


@dataclass(frozen=True, slots=True)
class Case:
    """An account's limits, and how long its generations take."""

    limits: Limits
    median_s: float

    @property
    def mean_s(self) -> float:
        """Mean generation time of the log-normal."""
        return self.median_s * math.exp(_SPREAD**2 / 2)

    @property
    def binds(self) -> str:
        """Which limit is reached first: `slots` or `rate`."""
        in_a_window = self.limits.concurrent_videos * WINDOW_S / self.mean_s
        return "slots" if in_a_window < self.limits.videos_per_minute else "rate"


#: Slots bind where that takes minutes rather than hours.
CASES = (
    Case(Limits(500, 300), 60.0),
    Case(Limits(3_000, 300), 30.0),
    Case(Limits(500, 3_000), 60.0),
    Case(Limits(3_000, 3_000), 90.0),
)


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add what can be chosen for this question."""
    add = parser.add_argument
    add(
        "--case",
        type=_case,
        action="append",
        metavar="STARTS/SLOTS/MEDIAN",
        help="starts a minute, slots and median s, such as 500/300/60; repeatable",
    )
    add("--minutes", type=float, default=1.5, help="how long each is watched")
    add("--webhooks", action="store_true", help="measure with webhooks as well")
    add("--poll-min-s", type=float, default=5.0, help="least time between two polls")


def _case(text: str) -> Case:
    try:
        starts, slots, median = text.split("/")
        return Case(Limits(int(starts), int(slots)), float(median))
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"{text!r} is no case, such as 500/300/60"
        ) from None


def answer(asked: argparse.Namespace) -> dict[str, object]:
    """Measure each case."""
    ways = (False, True) if asked.webhooks else (False,)
    cases = asked.case or CASES
    return {
        "question": "limits used to the full while work waits",
        "spread": _SPREAD,
        "poll_min_s": asked.poll_min_s,
        "watched_s": 60 * asked.minutes,
        "cases": [
            measured(asked, case, hooks=hooks) for case in cases for hooks in ways
        ],
    }


def measured(asked: argparse.Namespace, case: Case, *, hooks: bool) -> dict[str, Any]:
    """One case: fill up, watch, and say what was in use.

    Raises:
        MeasuringError: the batch was over before the end, or a part of the fleet.
    """
    starts, slots = case.limits.videos_per_minute, case.limits.concurrent_videos
    account = {"videos_per_minute": starts, "concurrent": slots}
    settings = {"REELMILL_POLL_MIN_S": str(asked.poll_min_s)}
    longest_s = 60 * asked.minutes + (_LONGEST_FILL_MEDIANS + 1) * case.median_s + 60
    a_second = min(starts / WINDOW_S, slots / case.mean_s)
    with (
        started(generation_s=case.median_s, spread=_SPREAD, **account) as provider,
        fleet(provider, case.limits, hooks=hooks, settings=settings) as own,
    ):
        own.teach(case.median_s, _SPREAD)
        batch = own.submit(slots + round(1.2 * a_second * longest_s))
        window = watched(case, samples(own, provider, _EVERY_S), asked.minutes)
        return _told(case, window, own, provider, batch) | {"webhooks": hooks}


def watched(case: Case, running: Iterator[Sample], minutes: float) -> list[Sample]:
    """What is watched: from the first fill-up on, while work waits.

    Raises:
        MeasuringError: no work was left before the end.
    """
    first = _filled(case, running)
    until_s = first.at_s + 60 * minutes
    window = [first, *takewhile(lambda each: each.at_s < until_s, running)]
    if not all(each.waiting for each in window):
        raise MeasuringError("the batch was over before the end: it was too small")
    return window


def _filled(case: Case, running: Iterator[Sample]) -> Sample:
    """The first sample once what binds was in use, and ends have begun."""
    begun_s: float | None = None
    for each in running:
        if begun_s is None:
            begun_s = each.at_s if each.created else None
            continue
        for_s = each.at_s - begun_s
        if case.binds == "slots":
            full = each.slots >= _FILLED * case.limits.concurrent_videos
            # Those of the fill-up end together; that is over after a while.
            full = full and for_s > case.median_s
        else:
            full = for_s > WINDOW_S
        if full or for_s > max(WINDOW_S, _LONGEST_FILL_MEDIANS * case.median_s):
            return each
    raise AssertionError("samples have no end")


def _told(
    case: Case, window: list[Sample], own: Fleet, provider: Provider, batch: str
) -> dict[str, object]:
    made, counts = provider.predictions(), provider.counts()
    first, last = window[0], window[-1]
    seconds = last.at_s - first.at_s
    limits, slots = case.limits, case.limits.concurrent_videos
    starts = last.created - first.created
    generating = average_at_once(made, first.at_s, last.at_s)
    # The latest ends may not be stored yet; the lag is told of the others.
    told_s = max(seconds / 2, seconds - _UNTOLD_S)
    found = landed(own.videos(batch), made, first.at_s, first.at_s + told_s)
    if not found.lags_s:
        raise MeasuringError("nothing was stored in the window; measure for longer")
    return {
        "starts_per_minute": limits.videos_per_minute,
        "slots": slots,
        "median_s": case.median_s,
        "binds": case.binds,
        "watched_s": round(seconds, 1),
        "slots_by_ledger": round(fmean(each.slots for each in window) / slots, 4),
        "slots_at_provider": round(generating / slots, 4),
        "rate": round(starts / seconds * WINDOW_S / limits.videos_per_minute, 4),
        "worst_60_s": counts.max_in_60_s,
        "most_at_once": counts.max_at_once,
        "refused_429": counts.refused,
        "webhooks_taken": counts.webhooks,
        "lag_p50_s": round(median(found.lags_s), 2),
        "polls_per_job": round(fmean(found.polls), 2),
    }


_COLUMNS = {
    "starts_per_minute": "starts a minute",
    "slots": "slots",
    "median_s": "generation, median s",
    "webhooks": "webhooks",
    "binds": "what binds",
    "slots_by_ledger": "slots in use, by permits",
    "slots_at_provider": "... at the provider",
    "rate": "rate in use",
    "worst_60_s": "starts in the worst 60 s",
    "refused_429": "429s",
    "lag_p50_s": "completed to stored, median s",
}
_SHARES = frozenset({"slots_by_ledger", "slots_at_provider", "rate"})


def page(numbers: Mapping[str, Any]) -> Page:
    """The answer for people."""
    rows = [
        [
            f"{100 * case[name]:.1f} %" if name in _SHARES else case[name]
            for name in _COLUMNS
        ]
        for case in numbers["cases"]
    ]
    return Page(
        "Limits used to the full while work waits",
        [Table("By the account's limits", list(_COLUMNS.values()), rows)],
        _notes(numbers),
    )


def _notes(numbers: Mapping[str, Any]) -> tuple[str, ...]:
    parts = (
        f"""Each case is watched for {numbers["watched_s"]:g} s, from when what binds
        was in use once; work waits throughout. Log-normal times, sigma
        {numbers["spread"]:g}; the ledger has learnt 200 such times before.""",
        """By permits: the mean of what the ledger says, twice a second. At the
        provider: exact, from its books; the time until an end is noticed is idle
        there.""",
        """Starts in the worst 60 s and refusals are counted by the server, over the
        whole run, the fill-up included.""",
    )
    return tuple(" ".join(part.split()) for part in parts)
