"""What watchers cost the ledger's server: none against fifty, on one large batch.

Each looks as `reelmill watch` does, over a connection of its own, for as long as is
measured; first at a batch that rests, then at one in which a job moves every half
second, so that nobody ever looks more seldom. The server's own counts and its CPU time
are read from outside.
"""

import argparse
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from bench.measuring import process_cpu_s
from bench.results import Page, Table
from bench.valkey import Valkey, started
from jobs import moves
from jobs.job import Job
from jobs.ledger import Ledger, connect
from jobs.moves import Ref
from jobs.pace.limits import Limits
from jobs.records import BatchRecord
from producer.watching.looking import Looking

BATCH, ACCOUNT = "watched", "bench"
DEFAULT_JOBS = 10_000
DEFAULT_WATCHERS = 50
DEFAULT_MEASURE_S = 20.0

#: Seconds between two moves of the batch that does not rest.
_MOVE_EVERY_S = 0.5

#: Seconds in which the watchers begin.
_BEGIN_S = 0.5

_MODEL = "kwaivgi/kling-v2.6-std/image-to-video"
_LEASE_S = 600.0
_PERCENT = 100


@dataclass(frozen=True, slots=True)
class Cost:
    """What the server did in a time."""

    #: Share of one core.
    cpu_percent: float
    #: Commands a second that came from outside, and all, those within scripts included.
    asked_per_s: float
    commands_per_s: float


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options of this question."""
    parser.add_argument("--jobs", type=int, default=DEFAULT_JOBS)
    parser.add_argument("--watchers", type=int, default=DEFAULT_WATCHERS)
    parser.add_argument(
        "--measure-s", type=float, default=DEFAULT_MEASURE_S, help="each case"
    )


def answer(asked: argparse.Namespace) -> dict[str, Any]:
    """What the server does without watchers and with them."""
    numbers: dict[str, Any] = {"jobs": asked.jobs, "watchers": asked.watchers}
    with (
        tempfile.TemporaryDirectory(prefix="watchers-") as folder,
        started(Path(folder)) as valkey,
        closing(connect(valkey.url)) as ledger,
    ):
        refs = _batch(ledger, asked.jobs)
        for name, moving in (("resting", False), ("moving", True)):
            for who, watchers in (("alone", 0), ("watched", asked.watchers)):
                with ExitStack() as at_work:
                    if moving:
                        at_work.enter_context(_moved(valkey, refs))
                    at_work.enter_context(_watched(valkey, watchers))
                    cost = _cost(valkey, ledger, asked.measure_s)
                told = asdict(cost).items()
                numbers |= {f"{name}_{who}_{what}": value for what, value in told}
    return numbers


def page(numbers: Mapping[str, Any]) -> Page:
    """The costs side by side."""
    columns = ("", "CPU of the server, %", "requests a second", "commands a second")
    what = ("cpu_percent", "asked_per_s", "commands_per_s")
    rows = [
        (f"{name}, {who}", *(numbers[f"{name}_{who}_{each}"] for each in what))
        for name in ("resting", "moving")
        for who in ("alone", "watched")
    ]
    title = f"{numbers['watchers']} watchers of a batch of {numbers['jobs']:,} jobs"
    return Page(title, [Table("The ledger's server", columns, rows)])


def _batch(ledger: Ledger, count: int) -> list[Ref]:
    """A batch of which many jobs hold a permit; their refs."""
    batch = BatchRecord(
        id=BATCH,
        manifest="watched.csv",
        account=ACCOUNT,
        store="videos",
        priority=1,
        attempts=3,
        budget_usd_micros=None,
        created_at_s=time.time(),
        complete=False,
    )
    ledger.permits.set_limits(ACCOUNT, Limits(count, count))
    ledger.batches.create(batch)
    inputs = {"image": "https://example.com/mug.jpg", "duration": 5}
    ledger.batches.add(
        BATCH,
        (
            Job(f"row-{n}", n, _MODEL, inputs, 210_000, f"row-{n}.mp4", duration_s=5)
            for n in range(count)
        ),
    )
    ledger.batches.open(BATCH)
    return ledger.permits.grant(ACCOUNT, 1_000, _LEASE_S)


@contextmanager
def _watched(valkey: Valkey, watchers: int) -> Iterator[None]:
    """So many watchers, until the block ends."""
    end = threading.Event()

    def watch() -> None:
        with closing(connect(valkey.url)) as ledger:
            looking = Looking(ledger, [BATCH])
            while not end.is_set():
                looking.look()
                end.wait(looking.rest_s)

    with _threads([watch] * watchers, end):
        yield


@contextmanager
def _moved(valkey: Valkey, refs: list[Ref]) -> Iterator[None]:
    """One job after another goes back to wait, until the block ends."""
    end = threading.Event()

    def move() -> None:
        with closing(connect(valkey.url)) as ledger:
            while refs and not end.wait(_MOVE_EVERY_S):
                (record,) = ledger.batches.load([refs.pop()])
                if record:
                    ledger.moves.make([moves.give_back(BATCH, record)])

    with _threads([move], end):
        yield


@contextmanager
def _threads(
    works: Sequence[Callable[[], None]], end: threading.Event
) -> Iterator[None]:
    """Threads that begin now, not all at one moment, and end with the block."""
    threads = [threading.Thread(target=work, daemon=True) for work in works]
    for thread in threads:
        thread.start()
        time.sleep(_BEGIN_S / len(threads))
    try:
        yield
    finally:
        end.set()
        for thread in threads:
            thread.join()


def _cost(valkey: Valkey, ledger: Ledger, measure_s: float) -> Cost:
    """What the server does while nobody but the others asks."""
    # Everybody has looked at least as seldom as they ever will.
    time.sleep(measure_s / 2)
    ledger.server.execute_command("CONFIG", "RESETSTAT")
    begun_s, cpu_s = time.perf_counter(), process_cpu_s(valkey.pid)
    time.sleep(measure_s)
    took_s, used_s = time.perf_counter() - begun_s, process_cpu_s(valkey.pid) - cpu_s
    told = ledger.server.info("commandstats")
    asked = told.get("cmdstat_evalsha", {}).get("calls", 0)
    every = sum(stats["calls"] for stats in told.values())
    return Cost(
        cpu_percent=_PERCENT * used_s / took_s,
        asked_per_s=asked / took_s,
        commands_per_s=every / took_s,
    )
