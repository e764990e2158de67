"""What is measured of a fleet at one moment, as plain values.

`ledger.figures` reads them in one step; what they are called outside, and how they are
counted there, is decided in `producer.metrics`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from jobs.fleet.charges import Charges
from jobs.pace.limits import Limits
from jobs.records import BatchRecord

#: Upper bounds of counted values, the same as the ledger's scripts have.
LAG_S = (1, 2, 5, 10, 30, 60, 300, 1800, 7200, 86400)
POLLS = (1, 2, 3, 4, 6, 8, 12, 20, 50)

#: What may be wrong with an account; each is a series of its own, 0 or 1.
TROUBLES = ("key", "permission", "balance", "cooling", "paused", "older")


@dataclass(frozen=True, slots=True)
class AccountFigures:
    """How an account stands, its batches included."""

    id: str
    limits: Limits
    slots_in_use: int = 0
    starts_in_window: int = 0
    refusals: int = 0
    throttled: int = 0
    #: One of `TROUBLES`, or empty.
    troubles: frozenset[str] = frozenset()
    #: Unix seconds of the first that is due; None if nothing is.
    due_at_s: float | None = None
    #: Unix seconds when the oldest that is paid and not stored was sent.
    uncollected_at_s: float | None = None
    #: Predictions that go on far beyond the times of their kind.
    late: int = 0
    #: Charges in the provider's billing that no row explains.
    charges: Charges = field(default_factory=Charges)
    #: Values counted by upper bound; the last is what exceeds all of them.
    lag: Sequence[int] = (0,) * (len(LAG_S) + 1)
    polls: Sequence[int] = (0,) * (len(POLLS) + 1)
    tellings: int = 0
    open_batches: int = 0
    today_usd_micros: int = 0
    daily_budget_usd_micros: int | None = None
    #: The newest that are open, and those that were over in the last day.
    batches: Sequence[BatchRecord] = ()


@dataclass(frozen=True, slots=True)
class Figures:
    """All that is measured at one moment."""

    now_s: float
    accounts: Sequence[AccountFigures] = ()
    #: Whether the server keeps an append-only file and could write it; None, like the
    #: next two, where our user may not ask.
    durable: bool | None = None
    #: Whether a full server forgets instead of refusing.
    evicts: bool | None = None
    used_bytes: int | None = None
    #: Workers that lately said that they live.
    workers: int = 0
    #: Messages that no worker has taken; None where the broker cannot be asked.
    backlog: int | None = None
    #: Manifests that are handed over by the clock.
    schedules: int = 0
    #: Unix seconds of the last that was; None if there never was one.
    schedule_fired_at_s: float | None = None
    #: Unix seconds of the last word of a scheduler; None if there never was one.
    scheduler_seen_at_s: float | None = None
