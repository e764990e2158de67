"""What a fleet and its provider look like second by second: slots, starts, stored."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.fleet import ACCOUNT, Fleet, job_of
from bench.processes import MeasuringError
from bench.provider import Prediction, Provider
from jobs.states import State


@dataclass(frozen=True, slots=True)
class Sample:
    """One moment."""

    #: Unix seconds.
    at_s: float
    #: Permits that are out by the ledger, and jobs that wait for one.
    slots: int
    waiting: int
    stored: int
    #: By the provider, since its start.
    created: int


def samples(fleet: Fleet, provider: Provider, every_s: float) -> Iterator[Sample]:
    """A sample now and then, for as long as somebody asks.

    Raises:
        MeasuringError: the worker ended.
    """
    next_s = time.monotonic()
    while True:
        if fleet.worker.code is not None:
            raise MeasuringError(f"the worker ended:\n{fleet.worker.log_end()}")
        yield sample(fleet, provider)
        next_s = max(next_s + every_s, time.monotonic())
        time.sleep(max(0.0, next_s - time.monotonic()))


def sample(fleet: Fleet, provider: Provider) -> Sample:
    """How things stand now."""
    figures = fleet.ledger.figures.read()
    account = next(each for each in figures.accounts if each.id == ACCOUNT)
    counts = provider.counts()
    return Sample(
        at_s=time.time(),
        slots=account.slots_in_use,
        waiting=sum(b.count(State.WAITING) for b in account.batches),
        stored=sum(b.count(State.STORED) for b in account.batches),
        created=counts.created,
    )


@dataclass(frozen=True, slots=True)
class Landed:
    """What became of the predictions that completed in a window."""

    #: Seconds from completed at the provider to stored here.
    lags_s: list[float]
    polls: list[int]
    #: Not yet stored.
    missing: int


def landed(
    videos: Path, made: Sequence[Prediction], from_s: float, to_s: float
) -> Landed:
    """The predictions that completed between two moments, by the stored files."""
    lags_s: list[float] = []
    polls: list[int] = []
    missing = 0
    for each in made:
        if not from_s <= each.completed_at_s < to_s:
            continue
        try:
            stored = (videos / f"{job_of(each.prompt)}.mp4").stat()
        except FileNotFoundError:
            missing += 1
            continue
        lags_s.append(stored.st_mtime - each.completed_at_s)
        polls.append(each.polls)
    return Landed(lags_s, polls, missing)


def average_at_once(made: Sequence[Prediction], from_s: float, to_s: float) -> float:
    """How many were generating at the provider between two moments, on average."""
    together_s = sum(
        max(0.0, min(to_s, each.completed_at_s) - max(from_s, each.created_at_s))
        for each in made
    )
    return together_s / (to_s - from_s)
