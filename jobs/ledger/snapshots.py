"""How batches and accounts stand, each read in one step of bounded size.

However many jobs a batch has, a snapshot reads as much of it, so that fifty people may
watch one.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from jobs.ledger.batches import batch_record
from jobs.ledger.permits import AccountRecord, account_record
from jobs.ledger.server import Part, pairs
from jobs.ledger.workers import SILENT_S
from jobs.records import BatchRecord, Failure
from jobs.states import State

#: The newest failures of a batch that a look tells.
FAILURES = 10

#: Jobs of a batch that are looked at to tell what waits.
SAMPLED = 20


@dataclass(frozen=True, slots=True)
class Failed:
    """A job that failed, or of which a person must decide."""

    id: str
    state: State
    failure: Failure | None


@dataclass(frozen=True, slots=True)
class Kind:
    """Videos of one model and length."""

    model: str
    #: Seconds of video; 0 where the job does not say.
    duration_s: int
    #: How many of those that were looked at are of this kind.
    jobs: int
    #: Generation times of finished ones, newest first.
    learnt_s: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Mix:
    """What waits in a batch, told from some of its jobs, and what waits beside it."""

    kinds: tuple[Kind, ...]
    #: Jobs of other batches that are started before the last of this one.
    beside: int


@dataclass(frozen=True, slots=True)
class BatchSnapshot:
    """How a batch and its account stood at one moment."""

    #: Unix seconds by the ledger's clock.
    now_s: float
    batch: BatchRecord
    account: AccountRecord
    #: Starts of the account that count against its limit a minute.
    starts: int = 0
    #: Workers of the account that live.
    workers: int = 0
    #: The newest that failed, became unresolved or overdue and still are, newest first.
    failures: tuple[Failed, ...] = ()
    #: Jobs that generate far beyond the times of their kind, the oldest first.
    late: tuple[str, ...] = ()
    #: Only where it was asked for.
    mix: Mix | None = None

    @property
    def spent_usd_micros(self) -> int:
        """What the batch has cost: what was charged, less what came back."""
        return self.batch.charged_usd_micros - self.batch.refunded_usd_micros

    def count(self, *states: State) -> int:
        """Jobs in these states."""
        return self.batch.count(*states)

    @property
    def over(self) -> int:
        """Jobs to which nothing happens any more."""
        return self.batch.over

    @property
    def is_over(self) -> bool:
        """Whether nothing happens to the batch any more."""
        return self.batch.is_over

    @property
    def under_way(self) -> int:
        """Jobs that workers go on with, but the overdue."""
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


class Snapshots(Part):
    """How batches stand."""

    def take(
        self, batch_ids: Sequence[str], *, mixed: bool = False
    ) -> list[BatchSnapshot]:
        """How these batches stand, in one step.

        Args:
            batch_ids: which.
            mixed: tell what waits in them, too; it costs some hundred reads.

        Raises:
            LookupError: one of them is not there.
        """
        sampled = SAMPLED if mixed else 0
        options = (self._now(), SILENT_S, FAILURES, sampled)
        raw = json.loads(self._scripts.run("snapshot", *options, *batch_ids))
        if missing := set(batch_ids) - {each["id"] for each in raw["batches"]}:
            raise LookupError(min(missing))
        return [_look(each, raw) for each in raw["batches"]]

    def one(self, batch_id: str) -> BatchSnapshot:
        """How a batch stands.

        Raises:
            LookupError: there is no such batch.
        """
        return self.take([batch_id])[0]


def _look(entry: Mapping[str, Any], raw: Mapping[str, Any]) -> BatchSnapshot:
    now_s, said = float(raw["now"]), raw["accounts"][entry["account"]]
    fields = pairs(said["hash"])
    return BatchSnapshot(
        now_s=now_s,
        batch=batch_record(entry["id"], pairs(entry["hash"])),
        account=account_record(entry["account"], fields, said["slots"], now_s),
        starts=said["starts"],
        workers=said["workers"],
        failures=tuple(_failed(each) for each in entry["failures"]),
        late=tuple(entry["late"]),
        mix=_mix(entry) if "kinds" in entry else None,
    )


def _failed(entry: Mapping[str, Any]) -> Failed:
    failure = entry.get("failure")
    why = Failure(**json.loads(failure)) if failure else None
    return Failed(entry["id"], State(entry["state"]), why)


def _mix(entry: Mapping[str, Any]) -> Mix:
    kinds = tuple(
        Kind(
            model=each["model"],
            duration_s=int(each["duration_s"]),
            jobs=each["jobs"],
            learnt_s=tuple(float(took_s) for took_s in each["times"]),
        )
        for each in entry["kinds"]
    )
    return Mix(kinds, int(entry["beside"]))
