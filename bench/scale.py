"""What a thousand, a hundred thousand, a million jobs take: time, memory, the pulse.

For every size a fleet of its own is started, given one batch by the product's command,
and measured while the batch waits, generates, is over and is archived; the jobs get
there by the ledger's own moves. Whatever grows faster than the jobs do is named.
"""

import argparse
import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import psutil

from bench import driving
from bench.fleet import ACCOUNT, REELMILL, Fleet, fleet
from bench.measuring import Failed, Measured, measure
from bench.results import Page, Table
from bench.rows import write_manifest
from bench.running import await_true
from bench.standin.starting import Standin, started
from jobs.ledger import Ledger
from jobs.moves import Ref
from jobs.pace.limits import Limits

DEFAULT_JOBS = (1_000, 10_000, 100_000)

#: A figure that grows by so much more than the jobs do grows worse than linearly.
WORSE = 1.25

#: Differences below this are noise, in the figure's own unit.
_NOISE = {"s": 0.5, "ms": 0.5, "bytes": 64.0, "MB": 16.0}

#: How often one beat is made to see what it costs.
_BEATS = 50

#: Seconds to the first look, so that nothing is due meanwhile.
_FIRST_LOOK_S = 36_000.0

#: Refs that one beat asks for: half of what a worker of eight threads has room for.
_ROOM = 800
_MOST_GRANTS = 100

#: Until the first paid request leaves, in seconds.
_PATIENCE_S = 60.0
_MB = 1e6


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of the table."""

    words: str
    unit: str
    #: Whether it is to grow with the jobs at most as they do; else not at all.
    grows: bool = True


#: What is measured, in the order that it is shown in.
FIGURES: Mapping[str, Figure] = {
    "enqueue_s": Figure("submit, wall", "s"),
    "enqueue_cpu_s": Figure("submit, CPU", "s"),
    "enqueue_peak_mb": Figure("submit, peak memory", "MB"),
    "first_submit_s": Figure("from the command to the first paid request", "s"),
    "waiting_bytes": Figure("Redis a job, waiting", "bytes", grows=False),
    "generating_bytes": Figure("Redis a job, generating", "bytes", grows=False),
    "finished_bytes": Figure("Redis a job, finished", "bytes", grows=False),
    "archived_bytes": Figure("Redis a job, archived", "bytes", grows=False),
    "worker_mb": Figure("worker, memory while all wait", "MB", grows=False),
    "beat_waiting_ms": Figure("a beat, all waiting", "ms", grows=False),
    "beat_waiting_server_ms": Figure("… CPU of the server", "ms", grows=False),
    "beat_later_ms": Figure("a beat, all generating, none due", "ms", grows=False),
    "beat_due_ms": Figure(f"a beat, all due, {_ROOM} leased", "ms", grows=False),
    "beat_due_server_ms": Figure("… CPU of the server in it", "ms", grows=False),
    "list_s": Figure("reelmill list", "s", grows=False),
    "show_s": Figure("reelmill show BATCH", "s", grows=False),
    "show_job_s": Figure("reelmill show BATCH JOB", "s", grows=False),
    "report_s": Figure("reelmill report, wall", "s"),
    "report_peak_mb": Figure("reelmill report, peak memory", "MB"),
    "archive_s": Figure("reelmill archive, wall", "s"),
    "archive_peak_mb": Figure("reelmill archive, peak memory", "MB"),
}


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add what can be chosen for this question."""
    add = parser.add_argument
    add("--jobs", type=int, nargs="+", default=list(DEFAULT_JOBS), help="sizes")


def answer(asked: argparse.Namespace) -> dict[str, object]:
    """Measure every size, and what grows between them."""
    sizes = sorted(asked.jobs)
    found = [{"jobs": size, **_measured(size)} for size in sizes]
    return {"sizes": found, "worse_than_linear": worse_than_linear(found)}


def worse_than_linear(sizes: Sequence[Mapping[str, float]]) -> list[str]:
    """What grows faster than the jobs do, or at all where it is not to, in words."""
    found = []
    for name, figure in FIGURES.items():
        for less, more in pairwise(size for size in sizes if name in size):
            times = more["jobs"] / less["jobs"] if figure.grows else 1.0
            most = WORSE * times * less[name] + _NOISE[figure.unit]
            if more[name] > most:
                found.append(
                    f"{figure.words}: {less[name]:g} {figure.unit} at "
                    f"{less['jobs']:,} jobs, {more[name]:g} at {more['jobs']:,}"
                )
    return found


@dataclass(slots=True)
class _Clock:
    """The server's time, and what was skipped of it."""

    skipped_s: float = 0.0

    def __call__(self) -> float:
        return time.time() + self.skipped_s


@dataclass(slots=True)
class _Site:
    """One size, as it is measured."""

    jobs: int
    own: Fleet
    standin: Standin
    clock: _Clock = field(default_factory=_Clock)

    @property
    def ledger(self) -> Ledger:
        """The fleet's ledger, by the clock that can skip."""
        return Ledger(self.own.ledger.server, self.clock)

    def redis_bytes(self) -> int:
        """What the server holds; its own start is part of it."""
        return int(self.own.ledger.server.info("memory")["used_memory"])

    def server_cpu_ms(self) -> float:
        """What the server has computed."""
        used = self.own.ledger.server.info("cpu")
        return 1_000 * float(used["used_cpu_user"] + used["used_cpu_sys"])

    def run(self, *words: str) -> Measured:
        """Run one of the product's commands.

        Raises:
            Failed: it ended with an error.
        """
        return measure([*REELMILL, *words], self.own.environment)


def _measured(size: int) -> dict[str, float]:
    """All figures of one size."""
    # What is documented holds a million jobs that wait; here they go through all else.
    room = {"maxmemory": "0"}
    limits = Limits(videos_per_minute=1, concurrent_videos=1)
    with (
        started("--median-s=600") as standin,
        fleet(standin.url, limits, broker_settings=room) as own,
    ):
        site = _Site(size, own, standin)
        empty_bytes = site.redis_bytes()
        batch, figures = _enqueued(site)
        own.worker.stop()
        figures |= _waiting(site, empty_bytes, batch)
        figures |= _generating(site, empty_bytes)
        figures |= _finished(site, empty_bytes, batch)
        figures |= _archived(site, empty_bytes, batch)
    return {name: round(value, 3) for name, value in figures.items()}


def _enqueued(site: _Site) -> tuple[str, dict[str, float]]:
    """Hand the batch over while a worker waits for it."""
    manifest = site.own.folder / "products.csv"
    write_manifest(manifest, site.jobs)
    began_s = time.time()
    taken = site.run("submit", "--no-look", "--yes", str(manifest))
    if not await_true(lambda: site.standin.books()["predictions"], _PATIENCE_S):
        raise Failed(f"nothing was sent:\n{site.own.worker.last_words(20)}")
    predictions = site.standin.books()["predictions"]
    (batch,) = site.own.ledger.batches.ids(1)
    return batch, {
        "enqueue_s": taken.wall_s,
        "enqueue_rows_per_s": site.jobs / taken.wall_s,
        "enqueue_cpu_s": taken.cpu_s,
        "enqueue_peak_mb": taken.peak_bytes / _MB,
        "first_submit_s": predictions[0]["created_at"] - began_s,
        "worker_mb": psutil.Process(site.own.worker.pid).memory_info().rss / _MB,
    }


def _waiting(site: _Site, empty_bytes: int, batch: str) -> dict[str, float]:
    """While all but the first wait."""
    waiting_bytes = (site.redis_bytes() - empty_bytes) / site.jobs
    job = site.own.ledger.batches.slice(batch, site.jobs // 2, 1)[0].job.id
    read = {
        "list_s": site.run("list").wall_s,
        "show_s": site.run("show", batch).wall_s,
        "show_job_s": site.run("show", batch, job).wall_s,
    }
    # From here on limits are no limit, so that each beat lets in as many as it may.
    free = Limits(60 * site.jobs + 60, site.jobs + 1)
    site.ledger.permits.set_limits(ACCOUNT, free)
    granted, beat = _beats(site, max(1, min(_BEATS, site.jobs // (2 * _MOST_GRANTS))))
    driving.accepted(site.ledger, granted, _FIRST_LOOK_S)
    return read | {
        "waiting_bytes": waiting_bytes,
        "beat_waiting_ms": beat.wall_ms,
        "beat_waiting_server_ms": beat.server_ms,
    }


@dataclass(frozen=True, slots=True)
class _Beat:
    """What one beat of the pulse costs."""

    wall_ms: float
    #: Of the server's CPU.
    server_ms: float


def _beats(site: _Site, times: int) -> tuple[list[Ref], _Beat]:
    """Some beats: what they let in, and what one of them costs."""
    ledger, granted = site.ledger, list[Ref]()
    before_ms, began_s = site.server_cpu_ms(), time.perf_counter()
    for _ in range(times):
        ledger.due.lease(ACCOUNT, _ROOM, driving.LEASE_S)
        granted += ledger.permits.grant(ACCOUNT, _MOST_GRANTS, driving.LEASE_S)
    wall_ms = 1_000 * (time.perf_counter() - began_s)
    server_ms = site.server_cpu_ms() - before_ms
    return granted, _Beat(wall_ms / times, server_ms / times)


def _generating(site: _Site, empty_bytes: int) -> dict[str, float]:
    """Once the provider has them all; no account may have so many, but here it does."""
    ledger = site.ledger
    _exhaust(driving.to_generating(ledger, ACCOUNT, _FIRST_LOOK_S))
    # Starts count for a minute only.
    site.clock.skipped_s += 61.0
    ledger.permits.grant(ACCOUNT, 1, driving.LEASE_S)
    generating_bytes = (site.redis_bytes() - empty_bytes) / site.jobs
    _, later = _beats(site, _BEATS)
    site.clock.skipped_s += _FIRST_LOOK_S
    _, due = _beats(site, max(1, min(_BEATS, site.jobs // _ROOM)))
    return {
        "generating_bytes": generating_bytes,
        "beat_later_ms": later.wall_ms,
        "beat_due_ms": due.wall_ms,
        "beat_due_server_ms": due.server_ms,
    }


def _exhaust(blocks: Iterator[object]) -> None:
    deque(blocks, maxlen=0)


def _finished(site: _Site, empty_bytes: int, batch: str) -> dict[str, float]:
    site.clock.skipped_s += 2 * driving.LEASE_S
    _exhaust(driving.to_stored(site.ledger, ACCOUNT, site.clock))
    finished_bytes = (site.redis_bytes() - empty_bytes) / site.jobs
    report = site.run("report", batch)
    return {
        "finished_bytes": finished_bytes,
        "report_s": report.wall_s,
        "report_peak_mb": report.peak_bytes / _MB,
    }


def _archived(site: _Site, empty_bytes: int, batch: str) -> dict[str, float]:
    archive = site.run("archive", batch)
    return {
        "archived_bytes": (site.redis_bytes() - empty_bytes) / site.jobs,
        "archive_s": archive.wall_s,
        "archive_peak_mb": archive.peak_bytes / _MB,
    }


def page(numbers: Mapping[str, Any]) -> Page:
    """The answer for people."""
    sizes = numbers["sizes"]
    columns = ["figure", "unit", *(f"{size['jobs']:,} jobs" for size in sizes)]
    rows = [
        [figure.words, figure.unit, *(size.get(name) for size in sizes)]
        for name, figure in FIGURES.items()
    ]
    worse = numbers["worse_than_linear"]
    return Page(
        "What grows with the number of jobs",
        [Table("One batch, on an empty fleet of one worker", columns, rows)],
        [*_NOTES, f"{_GROWTH} {'; '.join(worse) or 'nothing'}."],
    )


_GROWTH = (
    "Grows faster than the jobs do or, where it is told for one job or one beat, "
    f"by more than {WORSE - 1:.0%} from one size to the next:"
)
_NOTES = [
    " ".join(part.split())
    for part in (
        """The manifest is a CSV of four models with prompts of about 90 characters and
        five columns of its own, 275 bytes a row; it is handed over with `--no-look
        --yes`.""",
        """Redis a job is the growth of `used_memory` since the empty fleet, divided by
        the jobs; Valkey has the settings of docker-compose.yml, but no bound to its
        memory.""",
        """The jobs get from state to state by the ledger's own moves, by a clock that
        skips the waiting; generating and finished mean all of them at once.""",
        f"""A beat leases up to {_ROOM} that are due and grants up to {_MOST_GRANTS}
        permits; milliseconds are those of the caller, round trips included.""",
        "Memory of a command is its peak, of the worker its resident size.",
    )
]
