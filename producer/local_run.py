"""Rendering a batch on this machine: a worker of our own, watched until it is over.

It ends when nothing is left that this machine can do: all jobs over, the budget used
up, the account in trouble, or a person pressing Ctrl-C. In every case what is paid is
in the ledger, and the same command goes on from there.
"""

import signal
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from itertools import islice
from types import FrameType
from typing import Any

from jobs import catalogue
from jobs.ledger import Ledger, LedgerError
from jobs.ledger.snapshots import BatchSnapshot
from jobs.records import JobRecord
from jobs.report.document import report
from jobs.report.files import report_files
from jobs.settings import Settings, child_environment, worker_name
from jobs.states import State
from jobs.storage import Store, StoreError
from producer import console
from producer.exits import CommandError, Exit
from producer.kept_invoice import kept_invoice
from producer.stuck import ask_anew, stuck, stuck_lines, unanswered
from producer.subprocesses import Child
from producer.watching.display import Display, display
from producer.watching.eta import Poller
from producer.watching.status import is_followed, take

#: Jobs waited for side by side are the loop's work; threads only carry blocks of them.
THREADS = 16

LOOK_S = 0.25

#: Jobs that follow and look up in one round trip.
FOLLOWERS = 500

#: A worker that ends by itself is started again this often in a row.
MOST_STARTS = 5

#: A worker that lived so long was no failed start.
LONG_LIFE_S = 60.0

#: What a stopped worker has begun, such as a paid request, takes at most so long.
STOP_PATIENCE_S = 90.0

#: Without its ledger a worker can only end; what it had sent is looked for later.
LOST_PATIENCE_S = 5.0


@dataclass(slots=True)
class Interrupt:
    """Whether a person pressed Ctrl-C (or the system asked us to end)."""

    asked: bool = False

    def __call__(self, number: int, _frame: FrameType | None) -> None:
        """Remember it; a second one ends us at once."""
        if number == signal.SIGHUP:
            # The terminal is gone, which its shell and the system may both say.
            signal.signal(signal.SIGHUP, signal.SIG_IGN)
        elif self.asked:
            raise KeyboardInterrupt
        self.asked = True


@contextmanager
def _interruptible() -> Iterator[Interrupt]:
    interrupt = Interrupt()
    signals = [signal.SIGINT, signal.SIGTERM]
    # `nohup` has it ignored: then the batch is rendered to its end.
    if signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:
        signals.append(signal.SIGHUP)
    before = {number: signal.signal(number, interrupt) for number in signals}
    try:
        yield interrupt
    finally:
        for number, handler in before.items():
            if signal.getsignal(number) is interrupt:
                signal.signal(number, handler)


def render(ledger: Ledger, settings: Settings, batch_id: str) -> BatchSnapshot:
    """Run a worker until nothing is left for this machine to do; how it stands then.

    Raises:
        CommandError: the worker cannot be kept running.
        LedgerError: the ledger is away, or refuses.
    """
    if settings.starts:
        ledger.batches.unstop(batch_id)
    poller = Poller(ledger, [batch_id])
    first = _look(poller)
    with _interruptible() as interrupt:
        shown = display("Ctrl-C stops; the same command goes on")
        try:
            return _watch(ledger, settings, first, poller, shown, interrupt)
        finally:
            shown.close()


def _watch(
    ledger: Ledger,
    settings: Settings,
    now: BatchSnapshot,
    poller: Poller,
    shown: Display,
    interrupt: Interrupt,
) -> BatchSnapshot:
    asked = ask_anew(ledger, now.batch)
    if not asked and _is_over(ledger, now, settings, []):
        return now
    batch_id = now.batch.id
    worker, starts, born_s = _start_worker(settings), 1, time.monotonic()
    in_vain: list[JobRecord] = []
    try:
        while not interrupt.asked and (
            asked or not _is_over(ledger, now, settings, in_vain)
        ):
            time.sleep(LOOK_S)
            asked = asked and unanswered(ledger, asked)
            now = _followed_up(ledger, _look(poller))
            in_vain = stuck(ledger, now)
            shown.show([now], poller.paces)
            if not worker.running:
                if time.monotonic() - born_s > LONG_LIFE_S:
                    starts = 0
                if starts >= MOST_STARTS:
                    raise CommandError(
                        f"the worker ends again and again; the end of {worker.log}:\n"
                        f"{worker.last_words()}",
                        Exit.UNREACHABLE,
                    )
                worker.stop()
                worker, born_s = _start_worker(settings), time.monotonic()
                starts += 1
    except LedgerError:
        # A fleet's server may come back while we wait; ours is gone.
        worker.stop(STOP_PATIENCE_S if settings.redis_url else LOST_PATIENCE_S)
        raise
    finally:
        _stop_worker(worker, paid=now.under_way > 0)
    for line in stuck_lines(batch_id, in_vain, now.batch.note):
        console.say(line)
    return take(ledger, batch_id)


def _look(poller: Poller) -> BatchSnapshot:
    """How it stands; a worker of our own is at work, or about to be."""
    (now,) = poller.poll()
    return replace(now, workers=max(1, now.workers))


def _followed_up(ledger: Ledger, now: BatchSnapshot) -> BatchSnapshot:
    """How it stands once jobs that follow have seen that nobody leads any more."""
    if not now.count(State.FOLLOWING) or is_followed(ledger, now):
        return now
    refs = ledger.batches.refs_in(now.batch.id, [State.FOLLOWING])
    while block := list(islice(refs, FOLLOWERS)):
        ledger.dedup.follow(now.batch.account, block)
    return take(ledger, now.batch.id)


def _is_over(
    ledger: Ledger, now: BatchSnapshot, settings: Settings, in_vain: Sequence[JobRecord]
) -> bool:
    """Whether nothing happens any more without a person."""
    if is_followed(ledger, now):
        return False
    if not in_vain and now.under_way > now.count(State.FOLLOWING):
        return False
    return (
        not now.count(State.WAITING)
        or now.batch.paused
        or now.batch.cancelled
        or now.account.paused
        or bool(now.batch.stopped_by)
        or bool(now.account.trouble)
        or not settings.starts
        or bool(in_vain and now.batch.held_until_s > now.now_s)
    )


def _start_worker(settings: Settings) -> Child:
    settings.home.mkdir(mode=0o700, parents=True, exist_ok=True)
    options = {
        "--pool": "threads",
        "--concurrency": str(THREADS),
        "--loglevel": "INFO",
        "--hostname": f"run-{worker_name()}",
    }
    command = [sys.executable, "-m", "celery", "-A", "worker.app", "worker"]
    command += [part for pair in options.items() for part in pair]
    command += ["--without-gossip", "--without-mingle", "--without-heartbeat"]
    return Child(
        "the worker",
        command,
        log=settings.home.absolute() / "worker.log",
        environment=child_environment(settings),
    )


def _stop_worker(worker: Child, *, paid: bool) -> None:
    worker.ask_to_stop()
    if paid and worker.running:
        console.say("stopping: what has begun is finished first; Ctrl-C again ends it")
    with suppress(KeyboardInterrupt):
        worker.stop(STOP_PATIENCE_S)
        return
    worker.stop(0.0)


def keep_report(
    ledger: Ledger,
    batch_id: str,
    now_s: float,
    invoice: Mapping[str, Any] | None = None,
) -> tuple[dict[str, Any], str]:
    """The report of a batch, written anew beside its videos, and where it is.

    Args:
        ledger: where the batch is.
        batch_id: which batch.
        now_s: unix seconds.
        invoice: what the provider bills, where it was asked; else the report keeps what
            it had, if it still fits.

    Raises:
        CommandError: there is no such batch, or the store does not take it.
    """
    version, batch = (
        ledger.delay_queue.report_version(batch_id),
        ledger.batches.read(batch_id),
    )
    if batch is None:
        raise CommandError(f"there is no batch {batch_id} in this ledger")
    jobs = ledger.batches.jobs(batch_id)
    limits = ledger.permits.read(batch.account).limits
    billed = invoice or kept_invoice(batch)
    document = report(batch, jobs, now_s, limits=limits, invoice=billed)
    try:
        store = Store(batch.store)
        files = report_files(
            document, batch, ledger.batches.records, catalogue.builtin()
        )
        for file in files:
            store.put_chunks(f"{batch_id}/{file.name}", file.chunks, file.content_type)
    except StoreError as error:
        raise CommandError(
            f"the report cannot be kept: {error}", Exit.UNREACHABLE
        ) from None
    if ledger.delay_queue.report_version(batch_id) != version:
        # A worker may have kept a newer report before this one came in its place.
        return keep_report(ledger, batch_id, now_s, invoice)
    return document, store.place(f"{batch_id}/report.html")


def outcome(now: BatchSnapshot) -> Exit:
    """The exit code that says how a batch stands."""
    if now.batch.total - now.over:
        return Exit.INCOMPLETE
    return Exit.FAILED if now.count(State.FAILED, State.CANCELLED) else Exit.STORED
