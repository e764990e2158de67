"""Whether one worker keeps the largest public account busy, and what that takes.

A fleet of one worker and a broker as documented is given a batch that is larger than
the run. Once as many generations end as begin it is watched for some minutes, second by
second; then everything is ended where it stands.
"""

import argparse
import math
import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from statistics import fmean
from typing import Any

from bench.fleet import Fleet, fleet
from bench.measuring import Failed
from bench.results import Page, Table
from bench.sampling import (
    Landed,
    Sample,
    average_at_once,
    lags,
    landed,
    samples,
)
from bench.standin.starting import Standin, started
from bench.standin.times import Times
from jobs.pace.limits import WINDOW_S, Limits, tiers

_TIER = "ultra"
_MB = 1_000_000

#: With this median and spread, and 5 s until an end is noticed, the slots of the
#: largest tier are just all taken at its rate.
_MEDIAN_S = 108.0
_SPREAD = 0.35

#: The fill-up is over when ends keep up with starts over so many seconds (a whole
#: window of the rate, for starts may come in waves) or a median, the less of both, ...
_BALANCE_S = 60.0
#: ... by this share; and after this many medians whatever they do.
_BALANCED = 0.95
_LONGEST_FILL_MEDIANS = 4.0

#: How long what ended in the window may take to be stored, in seconds.
_LAST_S = 90.0


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add what can be chosen for this question."""
    limits = tiers()[_TIER]
    add = parser.add_argument
    add("--starts-per-minute", type=int, default=limits.videos_per_minute)
    add("--at-once", type=int, default=limits.concurrent_videos)
    add("--minutes", type=float, default=2.0, help="how long it is watched")
    add("--median-s", type=float, default=_MEDIAN_S, help="of generation times")
    add("--spread", type=float, default=_SPREAD, help="sigma of their logarithm")
    add("--video-bytes", type=int, default=200_000, help="size of every video")
    add("--poll-min-s", type=float, default=5.0, help="least time between two looks")


@dataclass(frozen=True, slots=True)
class Watched:
    """What was seen."""

    #: Since the worker was given the batch.
    every: list[Sample]
    #: The first and the last of the window.
    first: Sample
    last: Sample
    landed: Landed
    books: Mapping[str, Any]


def answer(asked: argparse.Namespace) -> dict[str, object]:
    """Fill up, watch, and say what was seen."""
    limits = Limits(asked.starts_per_minute, asked.at_once)
    options = (
        *(f"--per-minute={asked.starts_per_minute}", f"--at-once={asked.at_once}"),
        *(f"--median-s={asked.median_s}", f"--spread={asked.spread}"),
        f"--video-bytes={asked.video_bytes}",
    )
    settings = {"REELMILL_POLL_MIN_S": str(asked.poll_min_s)}
    with (
        started(*options) as standin,
        fleet(standin.url, limits, settings=settings) as own,
    ):
        own.teach(Times(asked.median_s, asked.spread, seed=0))
        batch = own.submit(_enough(asked, limits))
        return _told(asked, _watched(asked, own, standin, batch))


def _enough(asked: argparse.Namespace, limits: Limits) -> int:
    """So many jobs that work waits until the end."""
    mean_s = Times(asked.median_s, asked.spread, seed=0).mean_s
    a_second = min(
        limits.videos_per_minute / WINDOW_S, limits.concurrent_videos / mean_s
    )
    fill_s = _LONGEST_FILL_MEDIANS * asked.median_s
    longest_s: float = fill_s + 60 * asked.minutes + _BALANCE_S
    return limits.concurrent_videos + round(1.1 * a_second * longest_s)


def _watched(
    asked: argparse.Namespace, own: Fleet, standin: Standin, batch: str
) -> Watched:
    seen: list[Sample] = []
    running = _kept(samples(own, standin, 1.0), seen)
    first = _filled(running, asked.median_s)
    until_s = first.at_s + 60 * asked.minutes
    last = next(each for each in running if each.at_s >= until_s)
    if not last.waiting:
        raise Failed("the batch ended within the window: it was too small")
    books = standin.books()
    deadline_s = time.monotonic() + _LAST_S
    found = landed(own.videos(batch), books, first.at_s, last.at_s)
    while found.missing and time.monotonic() < deadline_s:
        next(running)
        books = standin.books()
        found = landed(own.videos(batch), books, first.at_s, last.at_s)
    return Watched(seen, first, last, found, books)


def _kept(running: Iterator[Sample], seen: list[Sample]) -> Iterator[Sample]:
    for each in running:
        seen.append(each)
        yield each


def _filled(running: Iterator[Sample], median_s: float) -> Sample:
    """The first sample after the fill-up."""
    lately: deque[Sample] = deque(maxlen=math.ceil(min(_BALANCE_S, median_s)) + 1)
    begun_s: float | None = None
    for each in running:
        lately.append(each)
        if begun_s is None:
            begun_s = each.at_s if each.created else None
            continue
        if each.at_s - begun_s > _LONGEST_FILL_MEDIANS * median_s:
            return each
        begun = each.created - lately[0].created
        ended = begun - (each.at_once - lately[0].at_once)
        full = len(lately) == lately.maxlen and each.at_s - begun_s > median_s
        if full and ended >= _BALANCED * begun:
            return each
    raise AssertionError("samples have no end")


def _told(asked: argparse.Namespace, seen: Watched) -> dict[str, object]:
    first, last = seen.first, seen.last
    window = [each for each in seen.every if first.at_s <= each.at_s <= last.at_s]
    seconds = last.at_s - first.at_s
    late = lags(seen.landed.lags_s)
    series = [_row(before, after) for before, after in pairwise(seen.every)]
    return {
        "question": "one worker at the limits of an account",
        "starts_per_minute": asked.starts_per_minute,
        "at_once": asked.at_once,
        "median_s": asked.median_s,
        "spread": asked.spread,
        "video_bytes": asked.video_bytes,
        "poll_min_s": asked.poll_min_s,
        "fill_up_s": round(first.at_s - seen.every[0].at_s, 1),
        "watched_s": round(seconds, 1),
        "starts_per_s": round((last.created - first.created) / seconds, 2),
        "stored_per_s": round((last.stored - first.stored) / seconds, 2),
        "at_once_at_provider": round(
            average_at_once(seen.books, first.at_s, last.at_s)
        ),
        "most_at_once_at_provider": seen.books["most_at_once"],
        "slots_in_use": round(fmean(each.slots for each in window)),
        "worst_60_s": seen.books["worst_window"],
        "refused_429": seen.books["refused_429"],
        "worker_cores": _cores(first.worker_cpu_s, last.worker_cpu_s, seconds),
        "broker_cores": _cores(first.broker_cpu_s, last.broker_cpu_s, seconds),
        "server_cores": _cores(first.server_cpu_s, last.server_cpu_s, seconds),
        **_memory(window),
        "lag_p50_s": round(late.p50_s, 2),
        "lag_p95_s": round(late.p95_s, 2),
        "lag_longest_s": round(late.longest_s, 2),
        "looks_per_job": round(fmean(seen.landed.looks), 2),
        "completed_in_window": late.count + seen.landed.missing,
        "not_stored": seen.landed.missing,
        "window_from_s": round(first.at_s - seen.every[0].at_s, 1),
        "series": series,
    }


def _cores(before_s: float, after_s: float, seconds: float) -> float:
    return round((after_s - before_s) / seconds, 3)


def _memory(window: Sequence[Sample]) -> dict[str, float]:
    """Memory at the start and the end of the window, by the mean of ten samples."""
    told: dict[str, float] = {}
    for name in ("worker", "broker"):
        held = [asdict(each)[f"{name}_bytes"] / _MB for each in window]
        told[f"{name}_mb_at_start"] = round(fmean(held[:10]), 1)
        told[f"{name}_mb_at_end"] = round(fmean(held[-10:]), 1)
    return told


def _row(before: Sample, after: Sample) -> dict[str, float]:
    """What a second was like."""
    seconds = after.at_s - before.at_s
    return {
        "at_s": round(after.at_s, 2),
        "starts_per_s": round((after.created - before.created) / seconds, 2),
        "at_once": after.at_once,
        "slots": after.slots,
        "worker_cores": _cores(before.worker_cpu_s, after.worker_cpu_s, seconds),
        "broker_cores": _cores(before.broker_cpu_s, after.broker_cpu_s, seconds),
        "worker_mb": round(after.worker_bytes / _MB, 1),
        "broker_mb": round(after.broker_bytes / _MB, 1),
    }


#: What the table shows, by name in the numbers.
_SHOWN = {
    "starts_per_s": "starts a second at the provider",
    "at_once_at_provider": "generating at once at the provider, on average",
    "slots_in_use": "slots in use by the ledger, on average",
    "worst_60_s": "starts in the worst 60 s",
    "refused_429": "refused with 429",
    "worker_cores": "CPU of the worker, cores",
    "broker_cores": "CPU of the broker, cores",
    "server_cores": "CPU of the stand-in server, cores",
    "worker_mb_at_start": "memory of the worker at the start, MB",
    "worker_mb_at_end": "... at the end, MB",
    "broker_mb_at_start": "memory of the broker at the start, MB",
    "broker_mb_at_end": "... at the end, MB",
    "lag_p50_s": "completed to stored, median, s",
    "lag_p95_s": "... 95 of 100, s",
    "looks_per_job": "looks for each video",
    "not_stored": "completed in the window and not stored",
}


def page(numbers: Mapping[str, Any]) -> Page:
    """The answer for people."""
    rows = [[words, numbers[name]] for name, words in _SHOWN.items()]
    return Page(
        "One worker at the limits of an account",
        [Table(_headline(numbers), ["figure", "value"], rows)],
        _notes(numbers),
        {"": _drawn(numbers)},
    )


def _notes(numbers: Mapping[str, Any]) -> tuple[str, ...]:
    parts = (
        f"""One `reelmill worker` and one Valkey with the settings of docker-compose.yml
        that has learnt 200 such times before, a batch larger than the run, videos of
        {numbers["video_bytes"]:,} bytes. The stand-in refuses what is above the
        limits.""",
        f"""Generation times are log-normal, median {numbers["median_s"]:g} s, sigma
        {numbers["spread"]:g}. The first {numbers["fill_up_s"]:g} s, until as many
        ended as began, are left out.""",
        """CPU is what the processes and their children took in the window, divided by
        its length. Memory is resident, the mean of the first and the last ten
        seconds.""",
        "The worst 60 s and refusals are counted by the server, over the whole run.",
    )
    return tuple(" ".join(part.split()) for part in parts)


def _headline(numbers: Mapping[str, Any]) -> str:
    return (
        f"{numbers['starts_per_minute']:,} starts a minute, {numbers['at_once']:,} at "
        f"once, watched for {numbers['watched_s']:g} s"
    )


def _drawn(numbers: Mapping[str, Any]) -> bytes:
    from bench.plots import COLOURS, panels, svg  # noqa: PLC0415 - matplotlib is heavy

    made, axes = panels(3, 11.0, 3.2)
    series = numbers["series"]
    seconds = [each["at_s"] - series[0]["at_s"] for each in series]
    lines = (
        (("slots", "slots in use"), ("at_once", "generating at the provider")),
        (("worker_cores", "worker"), ("broker_cores", "broker")),
        (("worker_mb", "worker"), ("broker_mb", "broker")),
    )
    titles = ("at once", "CPU, cores", "memory, MB")
    for axis, title, pair in zip(axes, titles, lines, strict=True):
        for colour, (name, words) in zip(COLOURS, pair, strict=False):
            values = [each[name] for each in series]
            axis.plot(seconds, values, color=colour, label=words, linewidth=1.1)
        from_s = numbers["window_from_s"]
        axis.axvspan(from_s, from_s + numbers["watched_s"], color="#7f7f7f", alpha=0.12)
        axis.set_title(title)
        axis.set_xlabel("seconds")
        axis.set_ylim(bottom=0)
        axis.legend(frameon=False, loc="best")
    return svg(made)
