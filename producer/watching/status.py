"""How a batch stands at one moment: what is read of it, and the words for that.

One read of the ledger, whatever the size of the batch. When it ends stands in `eta`.
"""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from jobs.ledger import Ledger
from jobs.ledger.marks import older_words
from jobs.ledger.permits import AccountRecord
from jobs.ledger.snapshots import BatchSnapshot, Failed, Mix
from jobs.money import usd
from jobs.records import BatchRecord
from jobs.states import FINAL, WATCHED, State
from jobs.text import duration, iso
from producer.account import CURES

#: Jobs that a sentence names.
MOST_NAMED = 5

#: States of which a video comes, or a failure, without a person.
MAKING = WATCHED - {State.UNRESOLVED, State.OVERDUE, State.FOLLOWING}


@dataclass(frozen=True, slots=True)
class Snapshot:
    """How a batch stands now."""

    batch: BatchRecord
    account: AccountRecord
    #: Unix seconds by the ledger's clock.
    now_s: float
    #: Whether somebody makes what its following jobs wait for.
    followed: bool = False
    #: Starts of the account that count against its limit a minute.
    starts: int = 0
    #: Workers of the account that live.
    workers: int = 0
    #: The newest that failed, became unresolved or overdue and still are, newest first.
    failures: tuple[Failed, ...] = ()
    #: Jobs that generate far beyond the times of their kind, the oldest first.
    late: tuple[str, ...] = ()
    #: What waits, by kind; None where it was not asked for.
    mix: Mix | None = None

    @classmethod
    def of(cls, look: BatchSnapshot) -> "Snapshot":
        """What a look has seen."""
        return cls(
            batch=look.batch,
            account=look.account,
            now_s=look.now_s,
            starts=look.starts,
            workers=look.workers,
            failures=look.failures,
            late=look.late,
            mix=look.mix,
        )

    @property
    def spent_usd_micros(self) -> int:
        """What the batch has cost: what was charged, less what came back."""
        return self.batch.charged_usd_micros - self.batch.refunded_usd_micros

    def count(self, *states: State) -> int:
        """Jobs in these states."""
        return sum(self.batch.counts.get(state, 0) for state in states)

    @property
    def over(self) -> int:
        """Jobs to which nothing happens any more."""
        return self.count(*FINAL)

    @property
    def under_way(self) -> int:
        """Jobs that somebody must look at, but those of a person and the overdue."""
        # Lost answers wait for a person while the ledger is older than what was sent.
        lost = (State.SUBMITTING, State.UNKNOWN) if self.account.older else ()
        rest = self.count(State.WAITING, State.UNRESOLVED, State.OVERDUE, *lost)
        return self.batch.total - self.over - rest

    @property
    def news(self) -> object:
        """What is compared to tell whether anything has changed since."""
        account = self.account
        held = (account.cooling_until_s, account.trouble, account.reason)
        limits = (account.paused, account.limits, account.adaptive_concurrency)
        return (self.batch, held, limits, self.workers, self.failures, self.late)


def take(ledger: Ledger, batch_id: str) -> Snapshot:
    """How the batch stands, and whether what it follows is made.

    Raises:
        LookupError: there is no such batch.
    """
    (now,) = take_all(ledger, [batch_id])
    return with_followed(ledger, now)


def with_followed(ledger: Ledger, now: Snapshot) -> Snapshot:
    """The snapshot, with whether somebody makes what its following jobs wait for."""
    if not now.count(State.FOLLOWING):
        return now
    return replace(now, followed=_others_work(ledger, now.batch))


def take_all(
    ledger: Ledger, batch_ids: Sequence[str], *, mixed: bool = False
) -> list[Snapshot]:
    """How these batches stand, in one round trip.

    Args:
        ledger: where they are.
        batch_ids: which.
        mixed: tell what waits in them, too.

    Raises:
        LookupError: one of them is not there.
    """
    looks = ledger.snapshots.take(batch_ids, mixed=mixed)
    found = {look.batch.id for look in looks}
    for batch_id in batch_ids:
        if batch_id not in found:
            raise LookupError(batch_id)
    return [Snapshot.of(look) for look in looks]


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


def held_up(now: Snapshot) -> str:
    """What keeps the batch from going on; empty if nothing does."""
    if now.account.older and now.over < now.batch.total:
        return older_words(now.account.older)
    first = _by_a_person(now) or _by_money(now) or _by_the_account(now)
    return "; ".join(filter(None, (first or now.batch.note, _by_the_provider(now))))


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


def _by_money(now: Snapshot) -> str:
    if now.batch.stopped_by and not now.under_way:
        return f"stopped by the {now.batch.stopped_by.replace('-', ' ')}"
    return ""


def _by_the_account(now: Snapshot) -> str:
    account = now.account
    if account.trouble:
        return f"the account is in trouble ({account.trouble}): {account.reason}"
    if account.cooling_until_s > now.now_s:
        left_s = account.cooling_until_s - now.now_s
        return f"the account cools down for {duration(left_s)}: {account.reason}"
    most = account.limits and account.limits.concurrent_videos
    if most and account.slots_in_use >= most and _only_waits(now):
        return f"all {most} slots are in use, by other batches or what was given up"
    return ""


def _only_waits(now: Snapshot) -> bool:
    return bool(now.count(State.WAITING)) and not now.under_way


def _by_the_provider(now: Snapshot) -> str:
    """Which predictions go on far too long, and how to give one up."""
    if not now.late:
        return ""
    names = ", ".join(now.late[:MOST_NAMED])
    if len(now.late) > MOST_NAMED:
        names += " and more"
    overdue = now.count(State.OVERDUE)
    free = f" ({overdue} without a slot)" if overdue else ""
    which = shlex.join([now.batch.id, now.late[0]])
    return (
        f"far too long at the provider: {names}{free}; reelmill show {which} tells "
        f"more, reelmill cancel {which} --abandon gives it up"
    )


def account_step(now: Snapshot) -> str:
    """What a person does about the account; empty if that is not what holds it up."""
    trouble = now.account.trouble
    is_over = now.batch.complete and now.over == now.batch.total
    if not trouble or is_over or _by_a_person(now) or _by_money(now):
        return ""
    step = CURES.get(trouble, "look at the account")
    return f"{step}; a worker that is at work tries again every minute"


def state_of(now: Snapshot) -> str:
    """How the batch stands, in one word."""
    batch = now.batch
    over = batch.complete and now.over == batch.total
    words = {
        "cancelled": batch.cancelled and over,
        "cancelling": batch.cancelled,
        "finished": over,
        "running": now.under_way > 0,
        "incoming": not batch.complete,
        "unresolved": now.count(State.UNRESOLVED) and not now.count(State.WAITING),
        "overdue": not now.count(State.WAITING),
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
        "state": state_of(now),
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
        "jobs_deleted": bool(batch.deleted_at_s),
        "held_up": held_up(now) or None,
        "late": list(now.late),
    }
