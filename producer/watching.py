"""Progress of a batch, for as long as it is watched: a live line, or plain ones."""

import json as jsonlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from rich.console import Console
from rich.live import Live
from rich.markup import escape
from rich.progress_bar import ProgressBar
from rich.table import Table

from jobs.ledger import Ledger
from jobs.ledger.permits import AccountRecord
from jobs.pricing import usd
from jobs.records import BatchRecord
from jobs.states import FINAL, WATCHED, State
from producer import tables
from producer.tables import iso

#: Seconds between two plain lines.
PLAIN_EVERY_S = 5.0

#: States of which a video comes, or a failure, without a person.
MAKING = WATCHED - {State.UNRESOLVED, State.FOLLOWING}

#: States that count as under way, with the word for a person.
UNDER_WAY = {
    "generating": (State.GENERATING, State.GENERATED),
    "submitting": (State.ADMITTED, State.SUBMITTING),
    "unknown": (State.UNKNOWN,),
    "unresolved": (State.UNRESOLVED,),
    "made by another batch": (State.FOLLOWING,),
}


@dataclass(frozen=True, slots=True)
class Snapshot:
    """How a batch stands now."""

    batch: BatchRecord
    account: AccountRecord
    #: Unix seconds by the ledger's clock.
    now_s: float
    #: Whether somebody makes what its following jobs wait for.
    followed: bool = False

    def count(self, *states: State) -> int:
        """Jobs in these states."""
        return sum(self.batch.counts.get(state, 0) for state in states)

    @property
    def over(self) -> int:
        """Jobs to which nothing happens any more."""
        return self.count(*FINAL)

    @property
    def under_way(self) -> int:
        """Jobs that somebody must look at, those of a person left out."""
        left_out = self.over + self.count(State.WAITING, State.UNRESOLVED)
        return self.batch.total - left_out


def take(ledger: Ledger, batch_id: str) -> Snapshot:
    """How the batch stands; it must exist."""
    batch = ledger.batches.read(batch_id)
    if batch is None:
        raise LookupError(batch_id)
    account = ledger.permits.read(batch.account)
    followed = bool(batch.counts.get(State.FOLLOWING)) and _others_work(ledger, batch)
    return Snapshot(batch, account, ledger.now_s(), followed)


def _others_work(ledger: Ledger, batch: BatchRecord) -> bool:
    """Whether another batch of the account goes on without a person."""
    for other in ledger.batches.unfinished():
        if other.id == batch.id or other.account != batch.account:
            continue
        if any(other.counts.get(state) for state in MAKING):
            return True
        held = other.aside or other.paused or other.cancelled or other.stopped_by
        if other.counts.get(State.WAITING) and not held:
            return True
    return False


@dataclass(slots=True)
class Pace:
    """How fast jobs end, since the watching began."""

    began_s: float
    over_then: int

    def per_minute(self, now: Snapshot) -> float | None:
        """Jobs a minute; None before the first has ended."""
        done = now.over - self.over_then
        elapsed_s = now.now_s - self.began_s
        return 60.0 * done / elapsed_s if done > 0 and elapsed_s > 0 else None

    def left_s(self, now: Snapshot) -> float | None:
        """Seconds until all are over at this pace; None if it cannot be told."""
        rate = self.per_minute(now)
        return 60.0 * (now.batch.total - now.over) / rate if rate else None


def status(now: Snapshot, pace: Pace) -> str:
    """One line: counts, money, rate, time left, and what holds it up."""
    batch = now.batch
    parts = [f"{now.count(State.STORED)} of {batch.total} stored"]
    if now.count(State.REUSED):
        parts.append(f"{now.count(State.REUSED)} reused")
    for word, states in UNDER_WAY.items():
        if now.count(*states):
            parts.append(f"{now.count(*states)} {word}")
    rest = (State.WAITING, State.FAILED, State.CANCELLED)
    parts += [f"{now.count(state)} {state}" for state in rest if now.count(state)]
    parts.append(tables.money(batch))
    rate, left_s = pace.per_minute(now), pace.left_s(now)
    if rate and left_s:
        parts.append(f"{rate:.0f} a minute, {duration(left_s)} left")
    return " · ".join(parts) + held_up(now)


def held_up(now: Snapshot) -> str:
    """What keeps the batch from going on, if something does."""
    words = _by_a_person(now) or _by_the_account(now) or now.batch.note
    return f"\n{words}" if words else ""


def _by_a_person(now: Snapshot) -> str:
    batch = now.batch
    if batch.cancelled and now.over < batch.total:
        return "cancelled; what was sent is still collected"
    if batch.paused and now.count(State.WAITING):
        return f"paused by a person; reelmill resume {batch.id} goes on"
    if now.account.paused and now.count(State.WAITING):
        return "the account is paused by a person; reelmill resume --account goes on"
    if batch.aside and now.count(State.WAITING):
        return "set aside while another batch is rendered here"
    if not batch.complete:
        return "not all rows are in yet; if nobody is at it, submit the manifest again"
    return ""


def _by_the_account(now: Snapshot) -> str:
    account = now.account
    if now.batch.stopped_by and not now.under_way:
        return f"stopped by the {now.batch.stopped_by.replace('-', ' ')}"
    if account.trouble:
        return f"the account is in trouble ({account.trouble}): {account.reason}"
    if account.cooling_until_s > now.now_s and account.strikes:
        rest_s = account.cooling_until_s - now.now_s
        return f"the account rests for {duration(rest_s)}: {account.reason}"
    return ""


def standing(now: Snapshot) -> str:
    """How the batch stands, in one word."""
    batch = now.batch
    over = batch.complete and now.over == batch.total
    words = {
        "cancelled": batch.cancelled and over,
        "cancelling": batch.cancelled,
        "finished": over,
        "running": now.under_way > 0,
        "incoming": not batch.complete,
        "unresolved": not now.count(State.WAITING),
        "paused": batch.paused or now.account.paused,
        "aside": batch.aside,
        "stopped": bool(batch.stopped_by),
    }
    return next((word for word, fits in words.items() if fits), "waiting")


def document(now: Snapshot) -> dict[str, Any]:
    """How the batch stands, for a program; amounts are decimal dollars."""
    batch = now.batch
    budget = batch.budget_usd_micros
    return {
        "batch": batch.id,
        "state": standing(now),
        "total": batch.total,
        "jobs": {str(state): n for state, n in batch.counts.items()},
        "charged_usd": usd(batch.charged_usd_micros),
        "refunded_usd": usd(batch.refunded_usd_micros),
        "reserved_usd": usd(batch.reserved_usd_micros),
        "estimated_usd": usd(batch.estimated_usd_micros),
        "budget_usd": None if budget is None else usd(budget),
        "priority": batch.priority,
        "account": batch.account,
        "manifest": batch.manifest,
        "created_at": iso(batch.created_at_s),
        "archived": bool(batch.archived),
        "held_up": held_up(now).strip() or None,
    }


def duration(seconds: float) -> str:
    """Seconds as a person says them.

    >>> duration(42), duration(130), duration(7300)
    ('42 s', '2 min', '2 h 2 min')
    """
    if round(seconds) < 60:  # noqa: PLR2004 - a minute
        return f"{seconds:.0f} s"
    hours, minutes = divmod(round(seconds / 60), 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min"


class Display(Protocol):
    """Shows progress while something runs."""

    def show(self, now: Snapshot) -> None:
        """Show how it stands."""

    def close(self) -> None:
        """Leave the terminal as it was."""


class Panel:
    """A bar and a line that are drawn over themselves, at a terminal."""

    def __init__(self, first: Snapshot, console: Console) -> None:
        self._pace = Pace(first.now_s, first.over)
        self._live = Live(console=console, auto_refresh=False, transient=True)
        self._live.start()

    def show(self, now: Snapshot) -> None:
        """Draw how it stands."""
        grid = Table.grid(padding=(0, 1))
        bar = ProgressBar(total=max(1, now.batch.total), completed=now.over, width=28)
        grid.add_row(bar, f"[bold]{escape(now.batch.id)}[/]")
        grid.add_row("", escape(status(now, self._pace)))
        self._live.update(grid, refresh=True)

    def close(self) -> None:
        """Take the panel away."""
        self._live.stop()


class Lines:
    """A plain line now and then, when nobody sits at a terminal."""

    def __init__(self, first: Snapshot, clock: Callable[[], float]) -> None:
        self._pace = Pace(first.now_s, first.over)
        self._clock = clock
        self._said_at = clock() - PLAIN_EVERY_S
        self._said = ""

    def show(self, now: Snapshot) -> None:
        """Say how it stands, if that is news and not too soon."""
        if self._clock() - self._said_at < PLAIN_EVERY_S:
            return
        line = status(now, self._pace)
        if line != self._said:
            tables.say(line)
            self._said, self._said_at = line, self._clock()

    def close(self) -> None:
        """Nothing to take away."""


class JsonLines:
    """A line of JSON for every change, for a program."""

    def __init__(self) -> None:
        self._said: dict[str, Any] = {}

    def show(self, now: Snapshot) -> None:
        """Print how it stands, if that is news."""
        told = document(now)
        if told != self._said:
            self._said = told
            line = {"at": iso(now.now_s), **told}
            print(jsonlib.dumps(line, ensure_ascii=False), flush=True)  # noqa: T201 - a result, line by line

    def close(self) -> None:
        """Nothing to take away."""


def display(first: Snapshot) -> Display:
    """The display that fits where standard error goes."""
    if tables.err.is_terminal:
        return Panel(first, tables.err)
    return Lines(first, time.monotonic)
