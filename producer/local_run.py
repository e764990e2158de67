"""Rendering a batch on this machine: a worker of our own, watched until it is over.

It ends when nothing is left that this machine can do: all jobs over, the budget used
up, the account in trouble, what is paid not to be downloaded, or the user pressing
Ctrl-C. What is paid is in the ledger, and the same command goes on from there.
"""

import shlex
import signal
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import islice
from types import FrameType
from typing import Self

from jobs.ledger import Ledger, LedgerError
from jobs.ledger.snapshots import BatchSnapshot
from jobs.pace.waits import RETENTION_S
from jobs.records import BatchRecord, JobRecord
from jobs.settings import Settings, child_environment, worker_name
from jobs.states import State
from jobs.transitions import Ref
from producer import console
from producer.exits import CommandError, Exit
from producer.subprocesses import Child
from producer.watching.display import Display, display
from producer.watching.eta import Poller
from producer.watching.status import is_followed

#: Threads that carry blocks of jobs; waiting for a job takes none.
THREADS = 16

LOOK_S = 0.25

#: Jobs that are read, or follow and look up, in one round trip.
BLOCK = 200

#: A worker that ends by itself is started again this often in a row.
MAX_STARTS = 5

#: A worker that lived so long was no failed start.
LONG_LIFE_S = 60.0

#: What a stopped worker has begun, such as a paid request, takes at most so long.
STOP_TIMEOUT_S = 90.0

#: Without its ledger a worker can only end; what it had sent is looked for later.
LOST_TIMEOUT_S = 5.0

#: Failed downloads after which nobody should sit and wait: the waits between them
#: double from a second, so this is after some eight minutes.
TRIES = 9

#: Jobs that a message names.
MAX_NAMED = 5

#: Jobs that were made due, with state and polls of each before.
Asked = Mapping[Ref, tuple[State, int]]


@dataclass(slots=True)
class Interrupt:
    """Whether the user pressed Ctrl-C (or the system asked us to end)."""

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
    """Run a worker until nothing is left for this machine to do; the state at the end.

    Raises:
        CommandError: the worker cannot be kept running.
        LedgerError: the ledger is away, or refuses.
    """
    if settings.starts:
        ledger.batches.unstop(batch_id)
    poller = Poller(ledger, [batch_id])
    with (
        _interruptible() as interrupt,
        closing(
            display("Ctrl-C stops; run the same command again to continue")
        ) as shown,
    ):
        return _watch(ledger, settings, poller, shown, interrupt)


def _watch(
    ledger: Ledger,
    settings: Settings,
    poller: Poller,
    shown: Display,
    interrupt: Interrupt,
) -> BatchSnapshot:
    now = _poll(poller)
    asked, in_vain = ask_anew(ledger, now.batch), list[JobRecord]()
    if not asked and _is_over(ledger, now, settings, []):
        return now
    with _Worker(settings, has_paid=now.under_way > 0) as worker:
        while not interrupt.asked and (
            asked or not _is_over(ledger, now, settings, in_vain)
        ):
            time.sleep(LOOK_S)
            asked = asked and unanswered(ledger, asked)
            now = _followed_up(ledger, _poll(poller))
            in_vain = stuck(ledger, now)
            worker.has_paid = now.under_way > 0
            shown.show([now], poller.paces)
            worker.keep_running()
    for line in stuck_lines(now.batch.id, in_vain, now.batch.note):
        console.say(line)
    return ledger.snapshots.one(now.batch.id)


def _poll(poller: Poller) -> BatchSnapshot:
    """The state of the batch; a worker of our own is at work, or about to be."""
    (now,) = poller.poll()
    return replace(now, workers=max(1, now.workers))


def _followed_up(ledger: Ledger, now: BatchSnapshot) -> BatchSnapshot:
    """The state once jobs whose source job is gone were told so."""
    if not now.count(State.FOLLOWING) or is_followed(ledger, now):
        return now
    refs = ledger.batches.refs_in(now.batch.id, [State.FOLLOWING])
    while block := list(islice(refs, BLOCK)):
        ledger.dedup.follow(now.batch.account, block)
    return ledger.snapshots.one(now.batch.id)


def _is_over(
    ledger: Ledger, now: BatchSnapshot, settings: Settings, in_vain: Sequence[JobRecord]
) -> bool:
    """Whether nothing happens any more without the user."""
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


def outcome(now: BatchSnapshot) -> Exit:
    """The exit code for the state of a batch."""
    if now.batch.total - now.over:
        return Exit.INCOMPLETE
    return Exit.FAILED if now.count(State.FAILED, State.CANCELLED) else Exit.STORED


class _Worker:
    """The worker process, started again when it ends by itself."""

    def __init__(self, settings: Settings, *, has_paid: bool) -> None:
        self._settings = settings
        self._starts = 0
        #: Whether something that is paid for is under way.
        self.has_paid = has_paid
        self._start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, _kind: object, error: object, _trace: object) -> None:
        if isinstance(error, LedgerError):
            # A fleet's server may come back while we wait; ours is gone.
            is_fleet = self._settings.redis_url
            self.child.stop(STOP_TIMEOUT_S if is_fleet else LOST_TIMEOUT_S)
        self._stop()

    def _start(self) -> None:
        settings = self._settings
        settings.home.mkdir(mode=0o700, parents=True, exist_ok=True)
        command = [sys.executable, "-m", "celery", "-A", "worker.app", "worker"]
        command += ["--pool", "threads", "--concurrency", str(THREADS)]
        command += ["--loglevel", "INFO", "--hostname", f"run-{worker_name()}"]
        command += ["--without-gossip", "--without-mingle", "--without-heartbeat"]
        log = settings.home.absolute() / "worker.log"
        environment = child_environment(settings)
        self.child = Child("the worker", command, log=log, environment=environment)
        self._starts += 1
        self._born_s = time.monotonic()

    def keep_running(self) -> None:
        """Start it again if it has ended.

        Raises:
            CommandError: it ends again and again.
        """
        if self.child.running:
            return
        if time.monotonic() - self._born_s > LONG_LIFE_S:
            self._starts = 0
        if self._starts >= MAX_STARTS:
            raise CommandError(
                f"the worker ends again and again; the end of {self.child.log}:\n"
                f"{self.child.last_words()}",
                Exit.UNREACHABLE,
            )
        self.child.stop()
        self._start()

    def _stop(self) -> None:
        """Let it finish what it has begun, unless Ctrl-C is pressed again."""
        self.child.ask_to_stop()
        if self.has_paid and self.child.running:
            console.say(
                "stopping: what has begun is finished first; Ctrl-C again ends it"
            )
        with suppress(KeyboardInterrupt):
            self.child.stop(STOP_TIMEOUT_S)
            return
        self.child.stop(0.0)


# Videos that are paid and cannot be downloaded. Nothing is given up: any worker of the
# account goes on trying until the provider deletes them, and so does the next run.


def ask_anew(ledger: Ledger, batch: BatchRecord) -> Asked:
    """Make due now what an earlier run stopped waiting for; their states before."""
    states = (State.OVERDUE, State.GENERATED)
    if not batch.count(*states):
        return {}
    refs = list(ledger.batches.refs_in(batch.id, states))
    asked = {
        ref: (state, polls)
        for ref, (state, polls) in _states_of(ledger, refs).items()
        if state is State.OVERDUE or polls >= TRIES
    }
    ledger.delay_queue.extend(batch.account, asked, 0.0)
    return asked


def unanswered(ledger: Ledger, asked: Asked) -> Asked:
    """Those of these jobs to which nothing has happened since."""
    now = _states_of(ledger, list(asked))
    return {ref: before for ref, before in asked.items() if now.get(ref) == before}


def _states_of(ledger: Ledger, refs: Sequence[Ref]) -> Asked:
    pairs = zip(refs, ledger.batches.load(refs), strict=True)
    return {ref: (record.state, record.polls) for ref, record in pairs if record}


def stuck(ledger: Ledger, now: BatchSnapshot) -> list[JobRecord]:
    """The jobs whose videos cannot be had, if nothing else is under way; else none.

    Cheap while anything else goes on: it reads until the first job that is not stuck.
    """
    generated = now.count(State.GENERATED)
    if not generated or now.under_way > generated + now.count(State.FOLLOWING):
        return []
    refs = ledger.batches.refs_in(now.batch.id, [State.GENERATED])
    found: list[JobRecord] = []
    while block := list(islice(refs, BLOCK)):
        records = [record for record in ledger.batches.load(block) if record]
        if any(r.state is not State.GENERATED or r.polls < TRIES for r in records):
            return []
        found += records
    return found


def stuck_lines(batch_id: str, records: Sequence[JobRecord], note: str) -> list[str]:
    """What the user should know of jobs that are stuck; none if none are."""
    if not records:
        return []
    names = ", ".join(record.job.id for record in records[:MAX_NAMED])
    if len(records) > MAX_NAMED:
        names += f" and {len(records) - MAX_NAMED} more"
    made_at_s = min(record.generated_at_s or 0.0 for record in records)
    until = datetime.fromtimestamp(made_at_s + RETENTION_S, UTC)
    return [
        f"paid, but not to be had or kept in {TRIES} tries or more: {names}",
        *([note] if note else []),
        f"the provider keeps what is made until {until:%a %d %b %H:%M} UTC",
        f"run the same command again, or: reelmill collect {shlex.quote(batch_id)}",
    ]
