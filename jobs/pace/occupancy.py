"""How long a video keeps its slot, as chances: generation, and when we notice its end.

A slot is given back when a look finds the end, so its time is one of few: that of the
first look, the second, and so on. Generation times come from what the ledger has
learnt, or from the catalogue before that. What follows for a whole batch stands in
`makespan`.
"""

import math
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from operator import itemgetter
from statistics import NormalDist, fmean, linear_regression, pstdev

from jobs.moves import LONGEST_GENERATION_S
from jobs.pace.poll_schedule import ENOUGH_LEARNT, PollSchedule

#: From a permit to the answer that a prediction exists.
ANSWER_S = 2.0

#: From the second a look is due to the next permit for the slot that it gives back.
NOTICE_S = 1.0

#: Spread of the logarithm of generation times, before any is learnt.
PLAN_SPREAD = 0.35

#: How far the catalogue's figure may be off: nobody publishes times.
PLAN_DOUBT = 0.5

#: How far the slowest tenth may stretch beyond what was seen: they are few, and vary.
TAIL_DOUBT = 1 / 3

#: Nothing generates quicker; keeps logarithms finite.
SHORTEST_S = 0.01

_NORMAL = NormalDist()

#: Nine times in ten a normal value lies below so many of its spreads.
NINE_IN_TEN = _NORMAL.inv_cdf(0.9)


@dataclass(frozen=True, slots=True)
class Work:
    """Videos of one kind, that is, of one model and one duration."""

    jobs: int
    #: What the catalogue expects of a generation.
    typical_s: float
    #: Generation times of finished ones, in any order.
    learnt_s: Sequence[float] = ()

    @property
    def is_learnt(self) -> bool:
        """Whether enough has finished to trust it over the catalogue's figure."""
        return len(self.learnt_s) >= ENOUGH_LEARNT

    @property
    def doubt(self) -> float:
        """How far the mean may be above what is known of it, nine times in ten."""
        if not self.is_learnt:
            return PLAN_DOUBT
        mean_s = fmean(self.learnt_s)
        spread = pstdev(self.learnt_s) / mean_s if mean_s else 0.0
        return NINE_IN_TEN * spread / math.sqrt(len(self.learnt_s))


@dataclass(frozen=True, slots=True)
class Looking:
    """How predictions are looked at."""

    #: Least seconds between two looks.
    poll_min_s: float = 5.0
    #: Seconds to the first look; None is learnt, or the catalogue's.
    first_look_s: float | None = None

    def times_s(self, work: Work) -> list[float]:
        """Seconds from acceptance to each look, up to the longest generation."""
        schedule = PollSchedule.of(work.learnt_s, work.typical_s, self.poll_min_s)
        first_s = self.first_look_s
        if first_s is None:
            first_s = schedule.first_s(luck=0.5)
        looks_s = [max(first_s, self.poll_min_s)]
        while looks_s[-1] < LONGEST_GENERATION_S:
            generating_s = looks_s[-1] + NOTICE_S
            looks_s.append(generating_s + schedule.next_s(generating_s + ANSWER_S))
        return looks_s


@dataclass(frozen=True, slots=True)
class Occupancy:
    """How long videos of one kind keep their slots."""

    #: The possible times in seconds, ascending.
    times_s: tuple[float, ...]
    #: The chance that it is over by then; the last is 1.
    chances: tuple[float, ...]

    @classmethod
    def of(cls, work: Work, looking: Looking, doubt: float = 0.0) -> "Occupancy":
        """What is to be expected of `work`, by what is known of its times.

        Args:
            work: videos of one kind.
            looking: when they are looked at; doubts do not change it.
            doubt: 1 if times are as bad as they may be, nine times in ten.
        """
        looks_s = looking.times_s(work)
        line = _line(work, doubt)
        stretch = 1 + doubt * work.doubt
        chances = [_chance(line, look_s / stretch) for look_s in looks_s]
        chances[-1] = 1.0
        return cls(tuple(ANSWER_S + s + NOTICE_S for s in looks_s), tuple(chances))

    @property
    def mean_s(self) -> float:
        """The mean."""
        return sum(s * share for s, share in self._shares())

    @property
    def variance_s2(self) -> float:
        """The mean square of what it is off the mean, in square seconds."""
        mean_s = self.mean_s
        return sum((s - mean_s) ** 2 * share for s, share in self._shares())

    def at(self, luck: float) -> float:
        """The time of one video; as `luck` runs through [0, 1), those of all."""
        return self.times_s[bisect_right(self.chances, luck)]

    def _shares(self) -> list[tuple[float, float]]:
        shares = [after - before for before, after in pairwise((0.0, *self.chances))]
        return list(zip(self.times_s, shares, strict=True))


#: A point of the line: normal score of a chance, logarithm of the time to be done by.
_Point = tuple[float, float]

#: The line's end, beyond all chances that matter.
_FAR = 12.0


def _line(work: Work, doubt: float) -> list[_Point]:
    """The chances of generation times: a straight line where they are log-normal."""
    if not work.is_learnt:
        middle = math.log(max(work.typical_s, SHORTEST_S))
        return [
            (-_FAR, middle - _FAR * PLAN_SPREAD),
            (_FAR, middle + _FAR * PLAN_SPREAD),
        ]
    count = len(work.learnt_s)
    scores = [_NORMAL.inv_cdf((rank + 0.5) / count) for rank in range(count)]
    times = sorted(math.log(max(time_s, SHORTEST_S)) for time_s in work.learnt_s)
    # Slower than all that were seen: on from the slowest, with the spread of all.
    beyond = linear_regression(scores, times).slope * (_FAR - scores[-1])
    line = [*zip(scores, times, strict=True), (_FAR, times[-1] + beyond)]
    slow = times[count * 9 // 10]
    return [
        # Equal times are told apart by a hair, so that the line always rises.
        (score, at + doubt * TAIL_DOUBT * max(0.0, at - slow) - 1e-9 * (count - rank))
        for rank, (score, at) in enumerate(line)
    ]


def _chance(line: Sequence[_Point], time_s: float) -> float:
    """The chance to be done by then."""
    at = math.log(time_s)
    if at < line[0][1]:
        return 0.0
    right = bisect_right(line, at, hi=len(line) - 1, key=itemgetter(1))
    (score0, at0), (score1, at1) = line[right - 1], line[right]
    return _NORMAL.cdf(score0 + (at - at0) / (at1 - at0) * (score1 - score0))
