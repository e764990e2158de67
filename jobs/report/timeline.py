"""When a batch was at work: starts, most at once and ends, step by step.

It decides how long a step is and when an attempt counts as running. A step may be
longer than a minute, so the most starts in any minute are told beside them; what the
account may do stands beside it in the report, and `page` draws both. It keeps two
numbers for each attempt, not the attempts.
"""

from array import array
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from heapq import merge
from typing import Any

from jobs.pace.limits import WINDOW_S
from jobs.pace.waits import LONGEST_GENERATION_S
from jobs.records import Attempt, JobRecord
from jobs.report.formats import iso
from jobs.states import State

#: Most steps of a timeline: as many as a narrow screen can show apart.
MOST_STEPS = 240

DAY_S = 86_400

#: Lengths of a step that a person can read off a clock; after them whole days.
ROUND_S = (1, 5, 15, 60, 300, 900, 3_600, 21_600, DAY_S)

#: Outcomes of attempts that are not over; the answer of the last one is lost.
OPEN = frozenset({"sent", "generating", "unknown"})


@dataclass(frozen=True, slots=True)
class _Axis:
    """Steps of equal length, of which the first begins at a round time (UTC)."""

    first: int
    every_s: int
    count: int

    def step(self, at_s: float) -> int:
        return int(at_s // self.every_s) - self.first


class Timeline:
    """Collects attempts, in any order."""

    def __init__(self, now_s: float) -> None:
        self._now_s = now_s
        self._sent_s: array[float] = array("d")
        #: Until when each of them ran.
        self._until_s: array[float] = array("d")
        #: Ends that are known.
        self._ended_s: array[float] = array("d")

    def add(self, record: JobRecord) -> None:
        """Count the attempts of one job."""
        for attempt in record.attempts:
            sent_s, ended_s = attempt.sent_at_s, ended_at_s(record, attempt)
            self._sent_s.append(sent_s)
            if ended_s is None:
                self._until_s.append(max(sent_s, self._open_until_s(record, attempt)))
            else:
                self._until_s.append(max(sent_s, ended_s))
                self._ended_s.append(max(sent_s, ended_s))

    def told(self) -> dict[str, Any] | None:
        """The timeline for the document; None if nothing was sent."""
        if not self._sent_s:
            return None
        axis = _axis(min(self._sent_s), max(self._until_s))
        return {
            "from": iso(axis.first * axis.every_s),
            "every_s": axis.every_s,
            "starts": _counted(axis, self._sent_s),
            "most_in_a_minute": _most_within(WINDOW_S, self._sent_s),
            "running": _most_at_once(axis, self._sent_s, self._until_s),
            "finished": _counted(axis, self._ended_s),
        }

    def _open_until_s(self, record: JobRecord, attempt: Attempt) -> float:
        """Until when an attempt without a known end runs, or ran."""
        if attempt.outcome not in OPEN:
            return attempt.sent_at_s  # it is over, and nobody wrote down when
        if record.state in (State.UNRESOLVED, State.OVERDUE):
            # Its slot is given back by then, whenever it is settled or ends.
            return min(self._now_s, attempt.sent_at_s + LONGEST_GENERATION_S)
        return self._now_s


def ended_at_s(record: JobRecord, attempt: Attempt) -> float | None:
    """Unix seconds when the provider said that it was over; None if that is unknown."""
    if attempt.ended_at_s is None and attempt.outcome == "completed":
        return record.generated_at_s if attempt is record.attempts[-1] else None
    return attempt.ended_at_s


def _axis(first_s: float, last_s: float) -> _Axis:
    for every_s in ROUND_S:
        count = int(last_s // every_s) - int(first_s // every_s) + 1
        if count <= MOST_STEPS:
            return _Axis(int(first_s // every_s), every_s, count)
    days = int((last_s - first_s) // (DAY_S * (MOST_STEPS - 1))) + 1
    every_s = days * DAY_S
    count = int(last_s // every_s) - int(first_s // every_s) + 1
    return _Axis(int(first_s // every_s), every_s, count)


def _most_within(span_s: float, moments_s: Iterable[float]) -> int:
    """The most of these moments within any such span."""
    most, window = 0, deque[float]()
    for at_s in sorted(moments_s):
        window.append(at_s)
        while window[0] <= at_s - span_s:
            window.popleft()
        most = max(most, len(window))
    return most


def _counted(axis: _Axis, moments_s: Iterable[float]) -> list[int]:
    counts = [0] * axis.count
    for at_s in moments_s:
        counts[axis.step(at_s)] += 1
    return counts


def _most_at_once(
    axis: _Axis, sent_s: Iterable[float], until_s: Iterable[float]
) -> list[int]:
    """How many ran at once in each step, at most; an end makes room for a start."""
    most = [0] * axis.count
    running = at = 0
    for at_s, change in _changes(sent_s, until_s):
        step = axis.step(at_s)
        # What still runs at the end of a step is there in all steps up to this one.
        most[at + 1 : step + 1] = [running] * (step - at)
        at = step
        running += change
        most[at] = max(most[at], running)
    return most


def _changes(
    sent_s: Iterable[float], until_s: Iterable[float]
) -> Iterator[tuple[float, int]]:
    """Ends (-1) and starts (+1) in order of time; at the same time the end first."""
    ends = ((at_s, -1) for at_s in sorted(until_s))
    starts = ((at_s, +1) for at_s in sorted(sent_s))
    return merge(ends, starts)
