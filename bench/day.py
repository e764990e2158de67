"""A day of a fleet at the top tier, in minutes: the real ledger by a virtual clock.

Batches of several priorities come over the day, most of them at night; the provider and
the workers are played. What counts afterwards is what the provider has seen: how many
started in any minute, who was paid twice, and whether anything was lost.
"""

import argparse
import math
import tempfile
import time
from collections import Counter, deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

from bench import valkey
from bench.arrivals import BEGIN_S, DAY_H, HOUR_S, MINUTE_S, Arrival, planned
from bench.fleet import prompt
from bench.played import Odds, Provider
from bench.results import Page, Table
from bench.shifts import ATTEMPTS, TICK_S, FleetDay
from jobs.job import Job
from jobs.ledger import Ledger, connect, keys
from jobs.ledger.audit import audit
from jobs.pace.limits import Limits, tiers
from jobs.pace.poll_schedule import PollSchedule
from jobs.records import BatchRecord
from jobs.states import FINAL, State

_TIER = "ultra"
ACCOUNT = "bench"
MODEL = "kwaivgi/kling-v2.6-std/image-to-video"
PRICE_USD_MICROS = 210_000

#: What goes wrong in such a day.
_ODDS = Odds()

#: Nothing takes longer than this after the last batch came.
_LONGEST_REST_S = 12 * HOUR_S


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add what can be chosen for this question."""
    limits, add = tiers()[_TIER], parser.add_argument
    add("--hours", type=float, default=24.0, help="how long batches come")
    add("--full-hours", type=float, default=2.0, help="of these, with a full queue")
    add("--starts-per-minute", type=int, default=limits.videos_per_minute)
    add("--at-once", type=int, default=limits.concurrent_videos)
    add("--median-s", type=float, default=90.0, help="of generation times")
    add("--seed", type=int, default=1, help="what all luck is drawn from")


@dataclass(slots=True)
class Seen:
    """What was seen over the day."""

    longest_due: int = 0
    latest_s: float = 0.0
    most_slots: int = 0
    most_bytes: int = 0
    #: Seconds in which work waited, and how busy the account was in them, added up.
    waited_s: float = 0.0
    busy_s: float = 0.0


def answer(asked: argparse.Namespace) -> dict[str, object]:
    """Play the day, and say what was seen."""
    limits = Limits(asked.starts_per_minute, asked.at_once)
    luck = Random(asked.seed)  # noqa: S311 - a day must repeat by its seed; no secret
    plan = planned(asked.hours, asked.full_hours, limits, luck)
    began_s, clock = time.perf_counter(), Clock()
    with _ledger(clock) as (ledger, folder):
        day = Day(ledger, clock, limits, luck, asked.median_s, folder)
        day.play(plan)
        wall_s = time.perf_counter() - began_s
        found = audit(ledger, ACCOUNT)
        return day.told(plan) | {
            "audit": found or "clean",
            "wall_s": round(wall_s, 1),
            "jobs_per_s": round(sum(each.jobs for each in plan) / wall_s),
        }


@dataclass(slots=True)
class Clock:
    """The time of the day that is played."""

    now_s: float = BEGIN_S

    def __call__(self) -> float:
        """Unix seconds."""
        return self.now_s


@contextmanager
def _ledger(clock: Clock) -> Iterator[tuple[Ledger, Path]]:
    """A ledger on a server that writes nothing down, and a folder."""
    with tempfile.TemporaryDirectory(prefix="reelmill-") as name:
        folder = Path(name)
        with valkey.started(folder / "valkey", appendonly="no", maxmemory="0") as own:
            opened = connect(own.url)
            yield Ledger(opened.server, clock), folder
            opened.close()


class Day:
    """The day as it goes by."""

    def __init__(
        self,
        ledger: Ledger,
        clock: Clock,
        limits: Limits,
        luck: Random,
        median_s: float,
        folder: Path,
        odds: Odds = _ODDS,
    ) -> None:
        self._ledger, self._clock, self._limits = ledger, clock, limits
        self._provider = Provider(luck, median_s, odds=odds)
        learnt_s = [median_s * luck.lognormvariate(0.0, 0.35) for _ in range(200)]
        self._fleet = FleetDay(
            ledger,
            ACCOUNT,
            self._provider,
            PollSchedule.of(learnt_s, median_s, 5.0),
            luck,
            folder / "videos",
            clock.now_s,
        )
        self._store = str(folder / "videos")
        self._seen = Seen()
        ledger.permits.set_limits(ACCOUNT, limits)

    def play(self, plan: Sequence[Arrival], until_s: float = math.inf) -> None:
        """Let the day pass, until everything is over or the time is up."""
        coming = deque(plan)
        last_s = min(plan[-1].at_s + _LONGEST_REST_S, until_s)
        while self._clock.now_s < last_s:
            while coming and coming[0].at_s <= self._clock.now_s:
                self._hand_over(coming.popleft())
            self._look()
            self._fleet.now_s = self._clock.now_s
            self._fleet.tick()
            self._clock.now_s += TICK_S
            if self._fleet.is_quiet:
                next_s = self._next_due_s()
                if next_s is None and not coming:
                    return
                arrival_s = coming[0].at_s if coming else last_s
                self._skip_to(min(arrival_s, next_s or arrival_s))

    def _skip_to(self, at_s: float) -> None:
        """Pass over whole ticks in which nothing happens."""
        ticks = (at_s - self._clock.now_s) // TICK_S
        self._clock.now_s += max(0.0, ticks * TICK_S)

    def _next_due_s(self) -> float | None:
        """When the next is due; now while work waits; None when all is over."""
        server = self._ledger.server
        if server.zcard(keys.open_batches(ACCOUNT)):
            return self._clock.now_s
        found = server.execute_command("ZRANGE", keys.due(ACCOUNT), 0, 0, "WITHSCORES")
        return _scores(found)[0] if found else None

    def _hand_over(self, arrival: Arrival) -> None:
        batch = BatchRecord(
            id=f"batch-{arrival.number:04}",
            manifest="products.csv",
            account=ACCOUNT,
            store=self._store,
            priority=arrival.priority,
            attempts=ATTEMPTS,
            budget_usd_micros=None,
            created_at_s=self._clock.now_s,
            complete=False,
        )
        self._ledger.batches.create(batch)
        self._ledger.batches.add(batch.id, _jobs(batch.id, arrival.jobs))
        self._ledger.batches.open(batch.id)

    def _look(self) -> None:
        """See how the ledger stands, before the workers do their part."""
        seen, now_s = self._seen, self._clock.now_s
        asked = self._ledger.server.pipeline(transaction=False)
        asked.execute_command("ZCARD", keys.slots(ACCOUNT))
        asked.execute_command("ZRANGE", keys.due(ACCOUNT), 0, 0, "WITHSCORES")
        asked.execute_command("ZCARD", keys.due(ACCOUNT))
        asked.execute_command("ZCARD", keys.starts(ACCOUNT))
        asked.execute_command("ZCARD", keys.open_batches(ACCOUNT))
        slots, first, due, starts, waiting = asked.execute()
        seen.most_slots = max(seen.most_slots, slots)
        seen.longest_due = max(seen.longest_due, due)
        if first:
            seen.latest_s = max(seen.latest_s, now_s - _scores(first)[0])
        if waiting:
            limits = self._limits
            share = max(
                slots / limits.concurrent_videos, starts / limits.videos_per_minute
            )
            seen.waited_s += TICK_S
            seen.busy_s += TICK_S * min(1.0, share)
        if now_s % MINUTE_S < TICK_S:
            used = int(self._ledger.server.info("memory")["used_memory"])
            seen.most_bytes = max(seen.most_bytes, used)

    def told(self, plan: Sequence[Arrival]) -> dict[str, object]:
        """What was seen, for the table."""
        seen, provider, counts = self._seen, self._provider, self._fleet.counts
        jobs = sum(each.jobs for each in plan)
        ended = Counter[str]()
        for batch_id in self._ledger.batches.ids():
            batch = self._ledger.batches.read(batch_id)
            ended.update(batch.counts if batch else {})
        lost = jobs - sum(ended[state] for state in FINAL)
        return {
            "jobs": jobs,
            "batches": len(plan),
            "simulated_hours": round((self._clock.now_s - BEGIN_S) / HOUR_S, 2),
            "starts": len(provider.began_s),
            "starts_limit": self._limits.videos_per_minute,
            "worst_window": provider.most_starts(),
            "at_once_limit": self._limits.concurrent_videos,
            "most_at_once": provider.most_at_once(),
            "most_slots": seen.most_slots,
            "work_waited_hours": round(seen.waited_s / HOUR_S, 2),
            "busy_while_work_waits": round(seen.busy_s / max(seen.waited_s, 1.0), 4),
            "longest_due_set": seen.longest_due,
            "longest_unattended_s": round(seen.latest_s, 1),
            "looks_per_job": round(counts["looks"] / max(1, jobs), 2),
            "most_redis_mb": round(seen.most_bytes / 1e6, 1),
            "stored": ended[State.STORED],
            "failed": ended[State.FAILED],
            "answers_lost": counts["answerlost"],
            "throttled": counts["throttled"],
            "worker_deaths": counts["deaths"],
            "paid_twice": provider.twice,
            "lost": lost,
            "paid_and_not_collected": len(provider.paid),
        }


def _scores(flat: Sequence[Any]) -> list[float]:
    """The scores of members; flat or in pairs, as the protocol has it."""
    if flat and isinstance(flat[0], list | tuple):
        return [float(score) for _, score in flat]
    return [float(score) for score in flat[1::2]]


def _jobs(batch: str, count: int) -> Iterator[Job]:
    for number in range(count):
        own = f"sku-{number:07}"
        yield Job(
            id=own,
            line=number + 2,
            model=MODEL,
            inputs={
                "image": f"https://cdn.example.com/shop/files/{own}.jpg",
                "prompt": prompt(number),
            },
            price_usd_micros=PRICE_USD_MICROS,
            key=f"{batch}/{own}.mp4",
            duration_s=5,
        )


#: What is shown, in this order.
SHOWN: Mapping[str, str] = {
    "jobs": "jobs",
    "batches": "batches",
    "simulated_hours": "hours played",
    "work_waited_hours": "hours in which work waited",
    "busy_while_work_waits": "share of slots or rate in use while work waits",
    "worst_window": "starts in the worst 60 s, at the provider",
    "starts_limit": "… limit",
    "most_at_once": "most at once, at the provider",
    "most_slots": "most slots at once, by the ledger",
    "at_once_limit": "… limit",
    "longest_due_set": "longest due-set",
    "longest_unattended_s": "longest time that something due was not looked at, s",
    "looks_per_job": "looks a job",
    "most_redis_mb": "most memory of Redis, MB",
    "stored": "stored",
    "failed": "failed",
    "answers_lost": "answers lost",
    "throttled": "refusals (429) by luck",
    "worker_deaths": "deaths of a worker",
    "paid_twice": "paid twice",
    "lost": "lost",
    "paid_and_not_collected": "paid and not collected",
    "audit": "audit at the end",
    "wall_s": "wall time, s",
    "jobs_per_s": "jobs a second of wall time",
}


def page(numbers: Mapping[str, Any]) -> Page:
    """The answer for people."""
    rows = [[words, numbers[name]] for name, words in SHOWN.items()]
    full_h = DAY_H * 60 * numbers["starts_limit"] / numbers["jobs_per_s"] / 60
    notes = (
        """The ledger's own scripts on a real Valkey that writes nothing to disk; the
        provider, the workers and the clock are played, in ticks of one second.""",
        """Starts count when they arrive at the provider, by its own exact times, over
        the whole day; slots, due-set and memory are read once a tick or a minute.""",
        """Batches that are over are archived at once, with the product's own steps;
        what their jobs ask for is not shared with others.""",
        f"""A day that is full from beginning to end has
        {DAY_H * 60 * numbers["starts_limit"]:,} starts; at this speed it would take
        {full_h:.0f} minutes to play.""",
    )
    return Page(
        "A day of a fleet at the limits of its account",
        [Table("One day", ["figure", "value"], rows)],
        [" ".join(note.split()) for note in notes],
    )
