"""The makespan: how long an account takes until the last video of some work is there.

It plays the ledger's rules for permits through with plain numbers: a start needs a slot
and a rate token, and both come back in their time. A slot comes back when a poll finds
the end. It knows nothing of batches, money or refusals, and takes no account of
attempts that fail.
"""

import heapq
import math
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist, fmean, pstdev

from jobs.pace.limits import WINDOW_S, Limits
from jobs.pace.poll_schedule import ENOUGH_LEARNT, PollSchedule
from jobs.pace.waits import LONGEST_GENERATION_S

#: From a permit to the answer that a prediction exists.
ANSWER_S = 2.0

#: From the second a poll is due to the next permit for the slot that it gives back.
NOTICE_S = 1.0

#: From the end that was noticed to the video in the store.
FETCH_S = 5.0

#: A rate token counts from its permit until one window after the answer.
TOKEN_S = WINDOW_S + ANSWER_S

#: Spread of the logarithm of generation times before any is learnt, and how far the
#: catalogue's figure may be off: nobody publishes times.
PLAN_SPREAD, PLAN_DOUBT = 0.35, 0.5

#: How far the slowest tenth may stretch beyond what was seen: they are few, and vary.
TAIL_DOUBT = 1 / 3

#: Nothing generates quicker; keeps logarithms finite.
SHORTEST_S = 0.01

#: Chances to be done by the times that are planned.
_CHANCES = [(number + 0.5) / 100 for number in range(100)]

#: Starts that are played through; more go on at the pace that these end with.
MOST_PLAYED = 20_000

#: Steps of the places and of the luck of jobs: however many there are, they fill
#: [0, 1) evenly, and one says nothing of the other.
STEP_PLACE, STEP_LUCK = 0.754877666246693, 0.618033988749895
#: Keeps kinds of work from taking the same places.
STEP_KIND = 0.569840290998053

#: Nine times in ten a normal value lies below so many of its spreads.
NINE_IN_TEN = NormalDist().inv_cdf(0.9)


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

    def times_s(self, *, doubts: bool) -> list[float]:
        """Generation times that are expected, ascending, each as likely as another.

        With doubts they are as long as they may be, nine times in ten.
        """
        if self.is_learnt:
            times_s = sorted(max(time_s, SHORTEST_S) for time_s in self.learnt_s)
        else:
            normal = NormalDist(math.log(max(self.typical_s, SHORTEST_S)), PLAN_SPREAD)
            times_s = [math.exp(score) for score in map(normal.inv_cdf, _CHANCES)]
        if not doubts:
            return times_s
        slow_s, stretch = times_s[len(times_s) * 9 // 10], 1 + self.doubt
        return [stretch * s * max(1.0, s / slow_s) ** TAIL_DOUBT for s in times_s]

    @property
    def doubt(self) -> float:
        """How far the mean may be above what is known of it, nine times in ten."""
        if not self.is_learnt:
            return PLAN_DOUBT
        mean_s = fmean(self.learnt_s)
        spread = pstdev(self.learnt_s) / mean_s if mean_s else 0.0
        return NINE_IN_TEN * spread / math.sqrt(len(self.learnt_s))


@dataclass(frozen=True, slots=True)
class Polling:
    """How predictions are polled."""

    #: Least seconds between two polls.
    poll_min_s: float = 5.0
    #: Seconds to the first poll; None is as generation times are learnt.
    first_poll_s: float | None = None

    def held_s(self, work: Work, *, doubts: bool) -> list[float]:
        """How long videos keep their slots, ascending, each as likely as another."""
        schedule = PollSchedule.of(work.learnt_s, work.typical_s, self.poll_min_s)
        first_s = self.first_poll_s
        polls_s = [schedule.first_s(luck=0.5) if first_s is None else first_s]
        polls_s[0] = max(self.poll_min_s, polls_s[0])
        expected_s = work.times_s(doubts=doubts)
        times_s = [min(LONGEST_GENERATION_S, time_s) for time_s in expected_s]
        while polls_s[-1] < times_s[-1]:
            polls_s.append(polls_s[-1] + schedule.next_s(polls_s[-1]) + NOTICE_S)
        noticed_s = (polls_s[bisect_left(polls_s, time_s)] for time_s in times_s)
        return [ANSWER_S + s + NOTICE_S for s in noticed_s]


@dataclass(frozen=True, slots=True)
class Makespan:
    """Seconds until the last video is there, if nothing fails."""

    #: As likely to be less as to be more.
    likely_s: float
    #: Less than this nine times in ten, what is not known of the times included.
    late_s: float


def makespan(
    works: Sequence[Work],
    limits: Limits,
    polling: Polling | None = None,
    under_way: Sequence[Work] = (),
) -> Makespan:
    """How long `works` take, their rows in mixed order, starting now.

    Args:
        works: what is to be rendered.
        limits: the account's.
        polling: how predictions are polled; None is the settings' default.
        under_way: what holds slots already, as if it had only just begun.
    """
    waiting = [work for work in works if work.jobs]
    every = [*waiting, *(work for work in under_way if work.jobs)]
    if not every:
        return Makespan(0.0, 0.0)
    cases = (
        _done_s(every, len(waiting), limits, polling or Polling(), doubts=doubts)
        for doubts in (False, True)
    )
    return Makespan(*cases)


def _done_s(
    works: Sequence[Work],
    queued: int,
    limits: Limits,
    polling: Polling,
    *,
    doubts: bool,
) -> float:
    """Seconds until all is there; works after the `queued` are under way."""
    held_s = [polling.held_s(work, doubts=doubts) for work in works]
    played = _mixed(works, held_s, queued)
    starts_s = _starts_s(played, limits)
    last_s = max(map(sum, zip(starts_s, played, strict=True)))
    count, at_once = sum(work.jobs for work in works), limits.concurrent_videos
    if doubts:
        # One of those that end last may be among the slowest that there are.
        pairs = zip(works, held_s, strict=True)
        slowest_s = max(_slowest_s(s, work.jobs) for work, s in pairs)
        # Luck moves the last start, where slots are waited for.
        waiting = max(0, count - at_once)
        spread_s = pstdev(played) * math.sqrt(waiting) / at_once
        last_s = max(last_s, starts_s[-1] + slowest_s) + NINE_IN_TEN * spread_s

    def waited(limit: int) -> float:
        return max(0.0, count / limit - 1) - max(0.0, len(played) / limit - 1)

    not_played_s = max(
        waited(limits.videos_per_minute) * TOKEN_S,
        waited(at_once) * fmean(played),
    )
    return last_s + not_played_s + FETCH_S


def _slowest_s(held_s: Sequence[float], count: int) -> float:
    """What so many of these do not exceed, nine times in ten."""
    return held_s[min(len(held_s) - 1, int(len(held_s) * 0.9 ** (1 / count)))]


def _mixed(
    works: Sequence[Work], held_s: Sequence[Sequence[float]], queued: int
) -> list[float]:
    """How long starts in mixed order keep their slots, as spread as they should be.

    A job's place and luck hang on its number within its kind alone: one more job is one
    more start among the same others, so more work never ends sooner.
    """
    share = min(1.0, MOST_PLAYED / sum(work.jobs for work in works))
    placed = sorted(
        (
            kind < queued,
            (number * STEP_PLACE + kind * STEP_KIND) % 1,
            held_s[kind][int((0.5 + number * STEP_LUCK) % 1 * len(held_s[kind]))],
        )
        for kind, work in enumerate(works)
        for number in range(math.ceil(work.jobs * share))
    )
    return [each_s for _, _, each_s in placed]


def _starts_s(times_s: Sequence[float], limits: Limits) -> list[float]:
    """When each of these starts gets its permit, in their order."""
    starts_s: list[float] = []
    ends_s: list[float] = []
    start_s = 0.0
    per_window, at_once = limits.videos_per_minute, limits.concurrent_videos
    for number, held_s in enumerate(times_s):
        if number >= per_window:
            start_s = max(start_s, starts_s[number - per_window] + TOKEN_S)
        if number < at_once:
            heapq.heappush(ends_s, start_s + held_s)
        else:
            start_s = max(start_s, ends_s[0])
            heapq.heapreplace(ends_s, start_s + held_s)
        starts_s.append(start_s)
    return starts_s
