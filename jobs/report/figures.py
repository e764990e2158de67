"""What a report counts: jobs and money by kind, how busy a batch was, how long it took.

`Sum` adds up jobs and money, one for each kind of job, so that the totals of a report
are those of its lines by construction. `Timeline` counts starts, running jobs and ends
step by step; `Times` tells how long the provider took for a video.
"""

from array import array
from bisect import bisect_right
from collections import Counter, deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from heapq import merge
from itertools import chain, count, pairwise
from math import ceil
from typing import Any, NamedTuple

from jobs import catalogue
from jobs.catalogue.model import Factor
from jobs.job import Job
from jobs.money import usd
from jobs.pace.limits import WINDOW_S
from jobs.pace.waits import MAX_GENERATION_S
from jobs.records import Attempt, JobRecord
from jobs.states import FINAL, WATCHED, State
from jobs.text import iso_ms

#: Outcomes of attempts that can no longer lead to a video.
FRUITLESS = frozenset({"failed", "refused", "unsent", "absent"})

#: Outcomes of attempts that are not over; the answer of the last one is lost.
OPEN = frozenset({"sent", "generating", "unknown"})

DAY_S = 86_400

#: Most steps of a timeline: as many as a narrow screen can show apart.
MAX_STEPS = 240

#: Lengths of a step, and widths of a bin, that a person can read off a clock, in
#: seconds; after them come whole days.
STEPS_S = (
    *(1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900),
    *(1_800, 3_600, 7_200, 21_600, DAY_S),
)

#: Most bins of a histogram, but for the one that takes the stragglers.
MAX_BINS = 24

#: What takes this many times longer than nine in ten has no bin of its own, or all
#: others would stand in one.
STRAGGLING = 2.0


class Kind(NamedTuple):
    """What decides the price of a job: `by_model` has a line for each kind."""

    #: Full model id.
    model: str
    #: Seconds of video; None where the model does not say.
    duration_s: int | None
    #: What multiplies its price, in words such as `sound`; empty if nothing does.
    options: str


def kind_of(job: Job) -> Kind:
    """The kind of a job; of a model that the catalogue lost, options are not known."""
    model = job.model_in(catalogue.builtin())
    if model is None:
        return Kind(job.model, job.duration_s, "")
    return Kind(model.id, job.duration_s, _in_words(model.factors(job.inputs)))


def in_order(kinds: Iterable[Kind]) -> list[Kind]:
    """Kinds as a report has them, one model after the other."""
    return sorted(kinds, key=lambda kind: (kind.model, kind.duration_s or 0, *kind[2:]))


def _in_words(factors: Iterable[Factor]) -> str:
    """Price factors for a person: a switch by its name, all else with its value."""
    words = []
    for factor in factors:
        name = factor.input.replace("_", " ")
        if factor.factor == 1:
            continue
        if isinstance(factor.value, bool):
            words.append(name if factor.value else f"no {name}")
        else:
            words.append(f"{name} {factor.value}")
    return ", ".join(words)


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
            for name in cls.__slots__[1:]:
                setattr(whole, name, getattr(whole, name) + getattr(part, name))
        return whole

    def add(self, record: JobRecord) -> None:
        """Count one job."""
        price = price_usd_micros(record)
        self.states[record.state] += 1
        self.estimated_usd_micros += price or 0
        self.charged_usd_micros += record.charged_usd_micros
        self.refunded_usd_micros += record.refunded_usd_micros
        self.wasted_usd_micros += wasted_usd_micros(
            record.state, record.attempts, record.attempts
        )
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
        return {
            "estimated_usd": usd(self.estimated_usd_micros),
            "unpriced": self.unpriced,
            "unquoted": self.unquoted,
            "charged_usd": usd(self.charged_usd_micros),
            "refunded_usd": usd(self.refunded_usd_micros),
            "net_usd": usd(self.charged_usd_micros - self.refunded_usd_micros),
            "wasted_usd": usd(self.wasted_usd_micros),
        }

    def line(self) -> dict[str, Any]:
        """Both of them, as one line of `by_model`."""
        counts = self.counts()
        return {"jobs": counts.pop("total")} | counts | self.cost()


def price_usd_micros(record: JobRecord) -> int | None:
    """What a job is to cost: nothing where the video of another serves."""
    if record.state in {State.REUSED, State.FOLLOWING}:
        return 0
    return record.job.price_usd_micros


def wasted_usd_micros(
    state: State, attempts: Sequence[Attempt], counted: Iterable[Attempt]
) -> int:
    """What was charged, is not given back and has no video, nor will have one.

    Args:
        state: of the job.
        attempts: all of the job.
        counted: those of them whose money is asked for.
    """
    hopeful = state is State.STORED or state in WATCHED
    last = attempts[-1] if attempts else None
    return sum(
        attempt.charged_usd_micros - attempt.refunded_usd_micros
        for attempt in counted
        if not (hopeful and attempt is last and attempt.outcome not in FRUITLESS)
    )


def ended_at_s(record: JobRecord, attempt: Attempt) -> float | None:
    """Unix seconds when the provider said that it was over; None if that is unknown."""
    if attempt.ended_at_s is None and attempt.outcome == "completed":
        return record.generated_at_s if attempt is record.attempts[-1] else None
    return attempt.ended_at_s


def generated_s(record: JobRecord) -> float | None:
    """Seconds from sending to the finished video, of the newest attempt.

    None if there is no video, or if its end was never seen: a ledger that was put
    together again knows when a video was sent for, and not when it was made. The end is
    when a poll saw it, so the time is rather too long than too short.
    """
    last = record.attempts[-1] if record.attempts else None
    if last is None or last.outcome != "completed":
        return None
    ended_s = ended_at_s(record, last)
    took_s = 0.0 if ended_s is None else round(ended_s - last.sent_at_s, 1)
    return took_s if took_s > 0 else None


class Timeline:
    """Collects attempts, in any order: two or three numbers of each."""

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

    def _open_until_s(self, record: JobRecord, attempt: Attempt) -> float:
        """Until when an attempt without a known end runs, or ran."""
        if attempt.outcome not in OPEN:
            return attempt.sent_at_s  # it is over, and nobody wrote down when
        if record.state in (State.UNRESOLVED, State.OVERDUE):
            # Its slot is given back by then, however it ends.
            return min(self._now_s, attempt.sent_at_s + MAX_GENERATION_S)
        return self._now_s

    def to_dict(self) -> dict[str, Any] | None:
        """The timeline for the document; None if nothing was sent."""
        if not self._sent_s:
            return None
        first_s, last_s = min(self._sent_s), max(self._until_s)
        for every_s in chain(STEPS_S, count(2 * DAY_S, DAY_S)):
            first = int(first_s // every_s)
            steps = int(last_s // every_s) - first + 1
            if steps <= MAX_STEPS:
                break

        def counted(moments_s: Iterable[float]) -> list[int]:
            counts = Counter(int(at_s // every_s) - first for at_s in moments_s)
            return [counts[step] for step in range(steps)]

        return {
            "from": iso_ms(first * every_s),
            "every_s": every_s,
            "starts": counted(self._sent_s),
            "most_in_a_minute": _max_within(WINDOW_S, self._sent_s),
            "running": self._max_running(first, every_s, steps),
            "finished": counted(self._ended_s),
        }

    def _max_running(self, first: int, every_s: int, steps: int) -> list[int]:
        """How many ran at once in each step, at most; an end makes room for a start."""
        ends = ((at_s, -1) for at_s in sorted(self._until_s))
        starts = ((at_s, +1) for at_s in sorted(self._sent_s))
        most = [0] * steps
        running = at = 0
        for at_s, change in merge(ends, starts):
            step = int(at_s // every_s) - first
            # What still runs at the end of a step is there in all up to this one.
            most[at + 1 : step + 1] = [running] * (step - at)
            at = step
            running += change
            most[at] = max(most[at], running)
        return most


def _max_within(span_s: float, moments_s: Iterable[float]) -> int:
    """The most of these moments within any such span."""
    most, window = 0, deque[float]()
    for at_s in sorted(moments_s):
        window.append(at_s)
        while window[0] <= at_s - span_s:
            window.popleft()
        most = max(most, len(window))
    return most


class Times:
    """Collects how long videos took, in any order, by model and duration."""

    def __init__(self) -> None:
        self._took_s: dict[tuple[str, int | None], array[float]] = {}

    def add(self, kind: Kind, took_s: float | None) -> None:
        """Count one video; None is of a job without one, or nobody knows."""
        if took_s is not None:
            times_s = self._took_s.setdefault(kind[:2], array("d"))
            times_s.append(took_s)

    def to_list(self) -> list[dict[str, Any]]:
        """The times for the document, one entry for each model and duration."""
        kinds = sorted(self._took_s, key=lambda kind: (kind[0], kind[1] or 0))
        return [
            {"model": kind[0], "duration_s": kind[1]}
            | _distribution(sorted(self._took_s[kind]))
            for kind in kinds
        ]


def _distribution(took_s: Sequence[float]) -> dict[str, Any]:
    """Quantiles and a histogram of times in order."""
    p50_s, p90_s = (took_s[ceil(share * len(took_s)) - 1] for share in (0.5, 0.9))
    shown_s = min(took_s[-1], STRAGGLING * p90_s)
    for width_s in chain(STEPS_S, count(2 * DAY_S, DAY_S)):
        if shown_s - took_s[0] <= width_s * (MAX_BINS - 1):
            break
    first = int(took_s[0] // width_s) + 1
    bounds_s = [
        width_s * n for n in range(first, max(first, ceil(shown_s / width_s)) + 1)
    ]
    if bounds_s[-1] < took_s[-1]:
        bounds_s.append(width_s * ceil(took_s[-1] / width_s))
    up_to = [bisect_right(took_s, bound_s) for bound_s in bounds_s]
    counts = [more - less for less, more in pairwise([0, *up_to])]
    return {
        "count": len(took_s),
        "p50_s": p50_s,
        "p90_s": p90_s,
        "longest_s": took_s[-1],
        "bins": [
            {"up_to_s": bound_s, "count": number}
            for bound_s, number in zip(bounds_s, counts, strict=True)
        ],
    }
