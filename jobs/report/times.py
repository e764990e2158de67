"""How long the provider took for the videos of a batch, by model and duration.

It tells quantiles and a histogram in round steps; it forecasts nothing, which is for
`pace.makespan`. A time is counted from the moment a request left until we saw that its
video was finished, so it is a look too long rather than too short.
"""

from array import array
from collections.abc import Sequence
from math import ceil
from typing import Any

from jobs.records import JobRecord
from jobs.report.timeline import ended_at_s

#: Most bins of a histogram, but for the one that takes the stragglers.
MOST_BINS = 24

#: Widths of a bin that a person can read off a clock, in seconds.
WIDTHS_S = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1_800, 3_600, 7_200, 21_600, 86_400)

#: What takes this many times longer than nine in ten has no bin of its own, or all
#: others would stand in one.
STRAGGLING = 2.0


class Times:
    """Collects the times of videos, in any order."""

    def __init__(self) -> None:
        self._took_s: dict[tuple[str, int | None], array[float]] = {}

    def add(self, model: str, duration_s: int | None, took_s: float | None) -> None:
        """Count one video; None is of a job without one, or nobody knows."""
        if took_s is not None:
            self._took_s.setdefault((model, duration_s), array("d")).append(took_s)

    def told(self) -> list[dict[str, Any]]:
        """The times for the document, one entry for each model and duration."""
        kinds = sorted(self._took_s, key=lambda kind: (kind[0], kind[1] or 0))
        return [
            {"model": model, "duration_s": duration_s}
            | _distribution(sorted(self._took_s[model, duration_s]))
            for model, duration_s in kinds
        ]


def generated_s(record: JobRecord) -> float | None:
    """Seconds from sending to the finished video, of the newest attempt.

    None if there is no video, or if its end was never seen: a ledger that was put
    together again knows when a video was sent for, and not when it was made.
    """
    last = record.attempts[-1] if record.attempts else None
    if last is None or last.outcome != "completed":
        return None
    ended_s = ended_at_s(record, last)
    took_s = 0.0 if ended_s is None else round(ended_s - last.sent_at_s, 1)
    return took_s if took_s > 0 else None


def _distribution(took_s: Sequence[float]) -> dict[str, Any]:
    """Of times in order."""
    return {
        "count": len(took_s),
        "p50_s": _quantile(took_s, 0.5),
        "p90_s": _quantile(took_s, 0.9),
        "longest_s": took_s[-1],
        "bins": _bins(took_s),
    }


def _quantile(took_s: Sequence[float], share: float) -> float:
    """The least of these times that so large a share of them does not exceed."""
    return took_s[max(0, ceil(share * len(took_s)) - 1)]


def _bins(took_s: Sequence[float]) -> list[dict[str, Any]]:
    """Counts by their upper bound, without a gap; the last bin may be wider."""
    shown_s = min(took_s[-1], STRAGGLING * _quantile(took_s, 0.9))
    width_s = _width_s(shown_s - took_s[0])
    bounds = [width_s * (int(took_s[0] // width_s) + 1)]
    while bounds[-1] < shown_s:
        bounds.append(bounds[-1] + width_s)
    if bounds[-1] < took_s[-1]:
        bounds.append(width_s * ceil(took_s[-1] / width_s))
    counts, number = [0] * len(bounds), 0
    for each_s in took_s:
        while each_s > bounds[number]:
            number += 1
        counts[number] += 1
    return [
        {"up_to_s": bound, "count": count}
        for bound, count in zip(bounds, counts, strict=True)
    ]


def _width_s(range_s: float) -> int:
    for width_s in WIDTHS_S:
        if range_s <= width_s * (MOST_BINS - 1):
            return width_s
    return WIDTHS_S[-1] * ceil(range_s / WIDTHS_S[-1] / (MOST_BINS - 1))
