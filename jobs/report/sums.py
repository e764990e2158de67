"""Jobs and money added up: the one place where a report counts.

It decides what counts as estimated and what as wasted, and words nothing. One `Sum` is
kept for each kind of job; that of the batch is made of them, so that its totals are
those of its lines by construction.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from jobs.records import JobRecord
from jobs.report.formats import usd
from jobs.states import FINAL, WATCHED, State

#: Outcomes of attempts that can no longer lead to a video.
FRUITLESS = frozenset({"failed", "refused", "unsent", "absent"})


@dataclass(slots=True)
class Sum:
    """Jobs and their money."""

    states: Counter[State] = field(default_factory=Counter)
    estimated_usd_micros: int = 0
    charged_usd_micros: int = 0
    refunded_usd_micros: int = 0
    wasted_usd_micros: int = 0
    unpriced: int = 0
    #: Jobs whose price is not the provider's quote but that of our list.
    unquoted: int = 0
    attempts: int = 0
    #: Jobs that were sent more than once.
    several: int = 0
    #: Prices of the unresolved jobs; None where one is not known.
    at_stake: list[int | None] = field(default_factory=list)

    @classmethod
    def of(cls, parts: Iterable["Sum"]) -> "Sum":
        """The sum of sums."""
        whole = cls()
        for part in parts:
            whole.states.update(part.states)
            whole.estimated_usd_micros += part.estimated_usd_micros
            whole.charged_usd_micros += part.charged_usd_micros
            whole.refunded_usd_micros += part.refunded_usd_micros
            whole.wasted_usd_micros += part.wasted_usd_micros
            whole.unpriced += part.unpriced
            whole.unquoted += part.unquoted
            whole.attempts += part.attempts
            whole.several += part.several
            whole.at_stake += part.at_stake
        return whole

    def add(self, record: JobRecord) -> None:
        """Count one job."""
        price = price_usd_micros(record)
        self.states[record.state] += 1
        self.estimated_usd_micros += price or 0
        self.charged_usd_micros += record.charged_usd_micros
        self.refunded_usd_micros += record.refunded_usd_micros
        self.wasted_usd_micros += _wasted_usd_micros(record)
        self.unpriced += price is None
        self.unquoted += bool(price) and not record.job.quoted
        self.attempts += len(record.attempts)
        self.several += len(record.attempts) > 1
        if record.state is State.UNRESOLVED:
            self.at_stake.append(price)

    @property
    def unresolved(self) -> int:
        """Jobs that a person has to settle."""
        return self.states[State.UNRESOLVED]

    @property
    def unfinished(self) -> int:
        """Jobs that still go on by themselves."""
        final = sum(self.states[state] for state in FINAL)
        return self.states.total() - final - self.unresolved

    def counts(self) -> dict[str, int]:
        """Jobs by what became of them."""
        return {
            "total": self.states.total(),
            "stored": self.states[State.STORED],
            "reused": self.states[State.REUSED],
            "failed": self.states[State.FAILED],
            "cancelled": self.states[State.CANCELLED],
            "unresolved": self.unresolved,
            "unfinished": self.unfinished,
        }

    def cost(self) -> dict[str, Any]:
        """The figures of money; `estimated_usd` leaves out the `unpriced` jobs."""
        net_usd_micros = self.charged_usd_micros - self.refunded_usd_micros
        return {
            "estimated_usd": usd(self.estimated_usd_micros),
            "unpriced": self.unpriced,
            "unquoted": self.unquoted,
            "charged_usd": usd(self.charged_usd_micros),
            "refunded_usd": usd(self.refunded_usd_micros),
            "net_usd": usd(net_usd_micros),
            "wasted_usd": usd(self.wasted_usd_micros),
        }

    def line(self) -> dict[str, Any]:
        """Both of them, as one line of `by_model`."""
        counts = self.counts()
        return {"jobs": counts.pop("total")} | counts | self.cost()

    def tries(self) -> dict[str, int]:
        """Paid requests, and how many jobs needed several."""
        return {"total": self.attempts, "jobs_with_several": self.several}


def price_usd_micros(record: JobRecord) -> int | None:
    """What a job is to cost: nothing where the video of another serves."""
    if record.state in {State.REUSED, State.FOLLOWING}:
        return 0
    return record.job.price_usd_micros


def _wasted_usd_micros(record: JobRecord) -> int:
    """What was charged, is not given back and has no video, nor will have one."""
    hopeful = record.state is State.STORED or record.state in WATCHED
    last = record.attempts[-1] if record.attempts else None
    return sum(
        attempt.charged_usd_micros - attempt.refunded_usd_micros
        for attempt in record.attempts
        if not (hopeful and attempt is last and attempt.outcome not in FRUITLESS)
    )
