"""Whose prediction is it: settling lost answers against the provider's history. Pure.

A wrong video on a product is worse than a missing one, and the account may be used by
others too; so a prediction is adopted only where its inputs are shown and equal what
was sent, and absence is proven only by a history that shows nothing left over.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from jobs.answers import Listed
from jobs.moves import Ref

#: The provider's clock and ours may differ by this much.
SKEW_S = 60.0

#: An absence counts only after this many looks that found nothing.
ENOUGH_LOOKS = 3


@dataclass(frozen=True, slots=True)
class Lost:
    """An attempt whose answer was lost."""

    ref: Ref
    model: str
    #: What was sent, as it went over the wire.
    request: Mapping[str, Any]
    sent_at_s: float
    #: Looks into the history so far, this one included.
    looks: int


@dataclass(frozen=True, slots=True)
class Adopt:
    """This prediction is the attempt's own."""

    prediction_id: str


@dataclass(frozen=True, slots=True)
class Absent:
    """Nothing was created."""


@dataclass(frozen=True, slots=True)
class Wait:
    """Too early to tell."""


@dataclass(frozen=True, slots=True)
class Unclear:
    """Candidates that cannot be told apart; a person decides."""

    candidates: tuple[str, ...]


Finding = Adopt | Absent | Wait | Unclear


def window(lost: Sequence[Lost], submit_timeout_s: float) -> tuple[float, float]:
    """Unix seconds between which their predictions must have been created."""
    sent = [attempt.sent_at_s for attempt in lost]
    return min(sent) - SKEW_S, max(sent) + submit_timeout_s + SKEW_S


def settle(
    lost: Sequence[Lost],
    listed: Iterable[Listed],
    *,
    now_s: float,
    submit_timeout_s: float,
    settle_s: float,
) -> dict[Ref, Finding]:
    """What became of each lost attempt.

    Args:
        lost: attempts without an answer.
        listed: predictions of their window that belong to no job we know of.
        now_s: unix seconds.
        submit_timeout_s: patience for an answer to a paid request.
        settle_s: how long a lost answer is looked for.
    """
    free = {listing.prediction_id: listing for listing in listed}
    findings: dict[Ref, Finding] = {}
    for attempt in sorted(lost, key=lambda a: (a.sent_at_s, a.ref)):
        near = [c for c in free.values() if _near(attempt, c, submit_timeout_s)]
        own = [c for c in near if c.inputs is not None and _same(attempt, c.inputs)]
        if own:
            first = min(own, key=lambda c: (c.created_at_s, c.prediction_id))
            findings[attempt.ref] = Adopt(first.prediction_id)
            del free[first.prediction_id]
            continue
        hidden = [c.prediction_id for c in near if c.inputs is None]
        findings[attempt.ref] = _without_match(attempt, hidden, now_s, settle_s)
    return findings


def _near(attempt: Lost, listing: Listed, submit_timeout_s: float) -> bool:
    since_s = listing.created_at_s - attempt.sent_at_s
    return (
        listing.model == attempt.model
        and -SKEW_S <= since_s <= submit_timeout_s + SKEW_S
    )


def _same(attempt: Lost, inputs: Mapping[str, Any]) -> bool:
    """Whether everything that was sent stands in what the history shows.

    The provider may add its defaults and may show a number as text.
    """
    return all(
        name in inputs and (inputs[name] == value or str(inputs[name]) == str(value))
        for name, value in attempt.request.items()
    )


def _without_match(
    attempt: Lost, hidden: Sequence[str], now_s: float, settle_s: float
) -> Finding:
    early = now_s - attempt.sent_at_s < settle_s or attempt.looks < ENOUGH_LOOKS
    if early:
        return Wait()
    return Unclear(tuple(sorted(hidden))) if hidden else Absent()
