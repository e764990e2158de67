"""The makespan: how long an account takes until the last video of some work is there.

It plays the ledger's rules for permits through with plain numbers: a start needs a slot
and a rate token, and both come back in their time. It knows nothing of batches, money
or refusals, and takes no account of attempts that fail; how long one video keeps its
slot stands in `occupancy`.
"""

import heapq
import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from jobs.pace.limits import WINDOW_S, Limits
from jobs.pace.occupancy import ANSWER_S, NINE_IN_TEN, Looking, Occupancy, Work

__all__ = ["Looking", "Makespan", "Work", "makespan"]

#: From the end that was noticed to the video in the store.
FETCH_S = 5.0

#: A rate token counts from its permit until one window after the answer.
TOKEN_S = WINDOW_S + ANSWER_S

#: Starts that are played through; more go on at the pace that these end with.
MOST_PLAYED = 20_000

#: Steps of the places and of the luck of jobs: however many there are, they fill
#: [0, 1) evenly, and one says nothing of the other.
STEP_PLACE, STEP_LUCK = 0.754877666246693, 0.618033988749895
#: Keeps kinds of work from taking the same places.
STEP_KIND = 0.569840290998053


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
    looking: Looking | None = None,
    under_way: Sequence[Work] = (),
) -> Makespan:
    """How long `works` take, their rows in mixed order, starting now.

    Args:
        works: what is to be rendered.
        limits: the account's.
        looking: how predictions are looked at; None is the settings' default.
        under_way: what holds slots already, as if it had only just begun.
    """
    likely = _Case.of(works, under_way, looking or Looking(), 0.0)
    late = _Case.of(works, under_way, looking or Looking(), 1.0)
    if not likely.count:
        return Makespan(0.0, 0.0)
    return Makespan(
        likely_s=likely.done_s(limits, 0.5),
        late_s=late.done_s(limits, 0.9) + NINE_IN_TEN * late.spread_s(limits),
    )


@dataclass(frozen=True, slots=True)
class _Case:
    """All work with times as they are believed to be."""

    works: tuple[Work, ...]
    #: How long each of the works keeps a slot.
    occupancies: tuple[Occupancy, ...]
    #: Starts that are played through in their order: which work, how long.
    played: list[tuple[int, float]]

    @classmethod
    def of(
        cls,
        works: Sequence[Work],
        under_way: Sequence[Work],
        looking: Looking,
        doubt: float,
    ) -> "_Case":
        """The case that times are `doubt` of their doubt longer than is known."""
        every = (*works, *under_way)
        occupancies = tuple(Occupancy.of(work, looking, doubt) for work in every)
        first = len(works)
        begun = _mixed(range(first, len(every)), every, occupancies)
        rest = _mixed(range(first), every, occupancies)
        return cls(every, occupancies, begun + rest)

    @property
    def count(self) -> int:
        return sum(work.jobs for work in self.works)

    @property
    def mean_s(self) -> float:
        """Mean time that a video keeps its slot."""
        pairs = zip(self.works, self.occupancies, strict=True)
        return sum(work.jobs * held.mean_s for work, held in pairs) / self.count

    def spread_s(self, limits: Limits) -> float:
        """How far luck moves the last start, where slots are waited for."""
        pairs = zip(self.works, self.occupancies, strict=True)
        variance_s2 = sum(work.jobs * held.variance_s2 for work, held in pairs)
        waiting = max(0.0, 1 - limits.concurrent_videos / self.count)
        return math.sqrt(variance_s2 * waiting) / limits.concurrent_videos

    def done_s(self, limits: Limits, chance: float) -> float:
        """Seconds by which all videos are there, with this chance."""
        starts_s = _starts_s(self.played, limits)
        last_s = self._last_end_s(starts_s, chance) + self._not_played_s(limits)
        # A burst that was not played may be a whole window later than the even pace.
        bursts_s = (self.count - 1) // limits.videos_per_minute * TOKEN_S
        shortest_s = min(held.times_s[0] for held in self.occupancies)
        return max(last_s, bursts_s + shortest_s) + FETCH_S

    def _last_end_s(self, starts_s: Sequence[float], chance: float) -> float:
        """Seconds by which all have ended: the chances of each multiply."""
        tables = [_logarithms(held) for held in self.occupancies]
        longest_s = max(map(len, tables))
        after_s = starts_s[-1] - longest_s
        kinds = (kind for kind, _ in self.played)
        starts = Counter(
            (math.ceil(start_s), kind)
            for start_s, kind in zip(starts_s, kinds, strict=True)
            if start_s > after_s
        )
        wanted = math.log(chance)
        low, high = math.floor(starts_s[-1]), math.ceil(starts_s[-1]) + longest_s
        while high - low > 1:
            middle = (low + high) // 2
            if _sum_at(middle, starts, tables) < wanted:
                low = middle
            else:
                high = middle
        return high

    def _not_played_s(self, limits: Limits) -> float:
        """Seconds that the starts take which were not played through."""
        played, count = len(self.played), self.count

        def waited(limit: int) -> float:
            return max(0.0, count / limit - 1) - max(0.0, played / limit - 1)

        by_rate_s = waited(limits.videos_per_minute) * TOKEN_S
        return max(by_rate_s, waited(limits.concurrent_videos) * self.mean_s)


def _mixed(
    kinds: Iterable[int], works: Sequence[Work], occupancies: Sequence[Occupancy]
) -> list[tuple[int, float]]:
    """Starts of these kinds in mixed order, with times that spread as they should.

    A job's place and luck hang on its number within its kind alone: one more job is one
    more start among the same others, so more work never ends sooner.
    """
    kinds = list(kinds)
    count = sum(works[kind].jobs for kind in kinds)
    share = min(1.0, MOST_PLAYED / max(1, count))
    placed = [
        (
            (number * STEP_PLACE + kind * STEP_KIND) % 1,
            kind,
            occupancies[kind].at((0.5 + number * STEP_LUCK) % 1),
        )
        for kind in kinds
        for number in range(math.ceil(works[kind].jobs * share))
    ]
    placed.sort()
    return [(kind, held_s) for _, kind, held_s in placed]


def _starts_s(played: Sequence[tuple[int, float]], limits: Limits) -> list[float]:
    """When each of these starts gets its permit, in their order."""
    starts_s: list[float] = []
    ends_s: list[float] = []
    start_s = 0.0
    per_window, at_once = limits.videos_per_minute, limits.concurrent_videos
    for number, (_, held_s) in enumerate(played):
        if number >= per_window:
            start_s = max(start_s, starts_s[number - per_window] + TOKEN_S)
        if number < at_once:
            heapq.heappush(ends_s, start_s + held_s)
        else:
            start_s = max(start_s, ends_s[0])
            heapq.heapreplace(ends_s, start_s + held_s)
        starts_s.append(start_s)
    return starts_s


def _logarithms(held: Occupancy) -> list[float]:
    """The logarithm of the chance to be over, by whole seconds since the start.

    Looks are a step apart, and luck moves them; so each step rises evenly, from the
    middle between two looks to the next.
    """
    gaps_s = [after - before for before, after in pairwise(held.times_s)]
    middles_s = [s + gap_s / 2 for s, gap_s in zip(held.times_s, gaps_s, strict=False)]
    first_s = max(0.0, held.times_s[0] - gaps_s[0] / 2)
    marks_s = [first_s, *middles_s, held.times_s[-1]]
    points = zip(marks_s, (0.0, *held.chances), strict=True)
    logarithms = [-math.inf] * math.ceil(first_s)
    for (from_s, low), (to_s, high) in pairwise(points):
        for at_s in range(math.ceil(from_s), math.ceil(to_s)):
            chance = low + (high - low) * (at_s - from_s) / (to_s - from_s)
            logarithms.append(math.log(chance) if chance > 0 else -math.inf)
    return logarithms


def _sum_at(
    at_s: int, starts: Counter[tuple[int, int]], tables: Sequence[Sequence[float]]
) -> float:
    """The logarithm of the chance that all of these have ended by then."""
    total = 0.0
    for (start_s, kind), count in starts.items():
        since_s = at_s - start_s
        if since_s < 0:
            return -math.inf
        if since_s < len(tables[kind]):
            total += count * tables[kind][since_s]
    return total
