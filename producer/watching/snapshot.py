"""How a batch stands at one moment: what is read of it, and what is counted from that.

One look at the ledger, whatever the size of the batch. It decides nothing; what it is
called stands in `standing`, and when it ends in `estimate`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from jobs.ledger import Ledger
from jobs.ledger.looks import Failed, Look, Mix
from jobs.ledger.permits import AccountRecord
from jobs.records import BatchRecord
from jobs.states import FINAL, WATCHED, State

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
    def of(cls, look: Look) -> "Snapshot":
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
    looks = ledger.looks.take(batch_ids, mixed=mixed)
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
