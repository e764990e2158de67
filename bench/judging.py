"""What a run came to: from the provider's books and the videos on disk, to figures.

Pure functions of what was observed. A job and its predictions are matched by the
prompt, which is unlike any other's; how a run goes stands in `rounds` and `killing`.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from typing import Any

#: Shares of jobs whose lag is told.
MIDDLE, NEARLY_ALL = 0.5, 0.95


@dataclass(frozen=True, slots=True)
class Prediction:
    """What the provider has in its books of one prediction."""

    job_id: str
    created_at_s: float
    completed_at_s: float
    looks: int
    fetched: bool


@dataclass(frozen=True, slots=True)
class Outcome:
    """All predictions of the jobs, and when each video was there, by job id."""

    job_ids: Sequence[str]
    predictions: Sequence[Prediction]
    stored_at_s: Mapping[str, float]


def read_books(
    books: Mapping[str, Any], job_by_prompt: Mapping[str, str]
) -> list[Prediction]:
    """The predictions of these jobs; those of others are left out."""
    return [
        Prediction(
            job_id=job_by_prompt[told["prompt"]],
            created_at_s=told["created_at"],
            completed_at_s=told["completed_at"],
            looks=told["looks"],
            fetched=told["fetched_at"] is not None,
        )
        for told in books["predictions"]
        if told["prompt"] in job_by_prompt
    ]


def quantile(values: Iterable[float], share: float) -> float:
    """The value that this share of the values does not exceed; 0 of none.

    >>> quantile([3, 1, 2, 4], 0.5)
    2
    """
    ordered = sorted(values)
    if not ordered:
        return 0.0
    return ordered[max(0, ceil(share * len(ordered)) - 1)]


def lags_s(outcome: Outcome) -> list[float]:
    """Seconds from the end of each job's generation until its video was there."""
    first: dict[str, float] = {}
    for each in outcome.predictions:
        soonest = min(each.completed_at_s, first.get(each.job_id, each.completed_at_s))
        first[each.job_id] = soonest
    stored = outcome.stored_at_s
    return [stored[job] - first[job] for job in first if job in stored]


def timing(outcome: Outcome, begun_at_s: float) -> dict[str, float]:
    """Looks, lags and wall time of a run that nobody disturbed.

    The ideal is the longest generation: all may be under way at once.
    """
    lags = lags_s(outcome)
    looks = sum(each.looks for each in outcome.predictions)
    longest_s = max(
        (each.completed_at_s - each.created_at_s for each in outcome.predictions),
        default=0.0,
    )
    stored = outcome.stored_at_s.values()
    return {
        "gets_per_job": looks / len(outcome.job_ids),
        "lag_p50_s": quantile(lags, MIDDLE),
        "lag_p95_s": quantile(lags, NEARLY_ALL),
        "lag_max_s": max(lags, default=0.0),
        "wall_s": max(stored, default=begun_at_s) - begun_at_s,
        "ideal_s": longest_s,
    }


def accounts(outcome: Outcome) -> dict[str, int]:
    """What was paid, and what is there for it."""
    paid: dict[str, int] = defaultdict(int)
    for each in outcome.predictions:
        paid[each.job_id] += 1
    return {
        "lost": sum(job not in outcome.stored_at_s for job in outcome.job_ids),
        "paid_twice": sum(count > 1 for count in paid.values()),
        "paid_too_many": sum(count - 1 for count in paid.values()),
        "paid_for_nothing": sum(not each.fetched for each in outcome.predictions),
    }
