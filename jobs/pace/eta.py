"""How long an account takes until the last video of some work is there.

Reckoned, not played through: starts are bound by the rate or by slots, and then the
slowest of the last videos is waited for. It takes no account of attempts that fail.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist, fmean, pstdev

from jobs.pace.limits import WINDOW_S, Limits
from jobs.pace.poll_schedule import ENOUGH_LEARNT

#: Seconds that a video keeps its slot beyond its generation: until the request is
#: answered, and until a poll finds the end.
HELD_S = 7.0

#: Seconds from the end of the last generation to its video in the store.
FETCH_S = 12.0

#: A start counts against the rate from its permit until one window after the answer.
START_S = WINDOW_S + 2.0

#: Spread of the logarithm of generation times before any is learnt, and how far the
#: catalogue's figure may be off: nobody publishes times.
PLAN_SPREAD, PLAN_DOUBT = 0.35, 0.5

#: Nine times in ten a normal value lies below so many of its spreads.
NINE_IN_TEN = NormalDist().inv_cdf(0.9)

_CHANCES = [(number + 0.5) / 100 for number in range(100)]


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

    def times_s(self) -> list[float]:
        """Generation times that are expected, ascending, each as likely as another."""
        if self.is_learnt:
            return sorted(self.learnt_s)
        normal = NormalDist(math.log(max(self.typical_s, 0.01)), PLAN_SPREAD)
        return [math.exp(score) for score in map(normal.inv_cdf, _CHANCES)]

    def slowest_s(self, count: int, chance: float) -> float:
        """What so many of these do not exceed, with this chance."""
        times_s = self.times_s()
        place = int(len(times_s) * chance ** (1 / count))
        return times_s[min(place, len(times_s) - 1)]

    @property
    def doubt(self) -> float:
        """How far the mean may be above what is known of it, nine times in ten."""
        if not self.is_learnt:
            return PLAN_DOUBT
        mean_s = fmean(self.learnt_s)
        spread = pstdev(self.learnt_s) / mean_s if mean_s else 0.0
        return NINE_IN_TEN * spread / math.sqrt(len(self.learnt_s))


@dataclass(frozen=True, slots=True)
class Makespan:
    """Seconds until the last video is there, if nothing fails."""

    #: As likely to be less as to be more.
    likely_s: float
    #: Less than this nine times in ten, what is not known of the times included.
    late_s: float


def makespan(
    works: Sequence[Work], limits: Limits, under_way: Sequence[Work] = ()
) -> Makespan:
    """How long `works` take, their rows in mixed order, starting now.

    Args:
        works: what is to be rendered.
        limits: the account's.
        under_way: what holds slots already, as if it had only just begun.
    """
    every = [work for work in (*works, *under_way) if work.jobs]
    if not every:
        return Makespan(0.0, 0.0)
    waiting = sum(work.jobs for work in works)
    by_rate_s = max(0, waiting - 1) // limits.videos_per_minute * START_S
    count, at_once = sum(work.jobs for work in every), limits.concurrent_videos
    # All but the last that fit into the slots have to be over before those begin.
    share = max(0.0, 1 - at_once / count)
    last = min(at_once, limits.videos_per_minute)

    def done_s(chance: float, doubts: float) -> float:
        by_slots_s = sum(
            work.jobs * (HELD_S + (1 + doubts * work.doubt) * fmean(work.times_s()))
            for work in every
        )
        luck_s = doubts * NINE_IN_TEN * _spread_s(every) * math.sqrt(count * share)
        slowest_s = max(
            (1 + doubts * work.doubt) * work.slowest_s(min(work.jobs, last), chance)
            for work in every
        )
        begun_s = max(by_rate_s, (share * by_slots_s + luck_s) / at_once)
        return begun_s + slowest_s + FETCH_S

    return Makespan(done_s(0.5, 0.0), done_s(0.9, 1.0))


def _spread_s(works: Sequence[Work]) -> float:
    return max(pstdev(work.times_s()) for work in works)
