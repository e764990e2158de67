"""The makespan: what bounds it, and that the ledger itself takes as long as it says."""

import math
import random
from dataclasses import dataclass, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobs.ledger import Ledger
from jobs.pace.limits import Limits, tiers
from jobs.pace.makespan import (
    Makespan,
    Work,
    makespan,
)
from jobs.pace.poll_schedule import LATE_SHARE, PollSchedule
from tests.conftest import Clock
from tests.jobs.pace.night import POLL_MIN_S, Generation, Night

DAY_S = 86_400.0

BRONZE, SILVER = tiers()["bronze"], tiers()["silver"]

all_limits = st.builds(Limits, st.integers(1, 5_000), st.integers(1, 5_000))
few_limits = st.builds(Limits, st.integers(1, 30), st.integers(1, 30))
times_s = st.lists(st.floats(1, 900), max_size=12)
works = st.builds(Work, st.integers(1, 60), st.floats(5, 300), times_s)
mixes = st.lists(works, min_size=1, max_size=3)


@dataclass(frozen=True, slots=True)
class Kind:
    """Log-normal generation times; stragglers among them take five times as long."""

    jobs: int
    middle_s: float
    spread: float = 0.35
    stragglers: float = 0.0

    def draw_s(self, luck: random.Random) -> float:
        slow = 5.0 if luck.random() < self.stragglers else 1.0
        return slow * self.middle_s * math.exp(self.spread * luck.gauss(0.0, 1.0))

    def learnt(self, luck: random.Random) -> Work:
        return Work(self.jobs, 1.0, [self.draw_s(luck) for _ in range(200)])


SCENARIOS = {
    "bronze, a few": (BRONZE, 0.20, [Kind(5, 90.0)]),
    "bronze, mixed": (BRONZE, 0.10, [Kind(25, 80.0), Kind(15, 150.0), Kind(8, 240.0)]),
    "bound by rate, slots to spare": (Limits(3, 300), 0.10, [Kind(40, 60.0, 0.5)]),
}


@pytest.mark.parametrize("name", SCENARIOS)
def test_the_ledger_takes_as_long_as_is_foretold(
    name: str, simulated: Ledger, clock: Clock
) -> None:
    """Within a tenth in the middle of three nights; a fifth where few make it up."""
    limits, error, kinds = SCENARIOS[name]
    luck = random.Random(name)  # noqa: S311 - made-up times, the same in every run
    learnt = [kind.learnt(luck) for kind in kinds]
    schedules = [PollSchedule.of(work.learnt_s, 1.0, POLL_MIN_S) for work in learnt]
    foretold = makespan(learnt, limits)
    nights_s = []
    for night in ("first", "second", "third"):
        generations = [
            Generation(kind.draw_s(luck), schedule)
            for kind, schedule in zip(kinds, schedules, strict=True)
            for _ in range(kind.jobs)
        ]
        luck.shuffle(generations)
        other = random.Random(night)  # noqa: S311 - as above, whatever looks there are
        played = Night(simulated, clock, generations, other, night)
        nights_s.append(played.last(limits))
        clock.forward(DAY_S)
    _, middle_s, _ = sorted(nights_s)
    assert foretold.likely_s == pytest.approx(middle_s, rel=error)
    assert middle_s <= foretold.late_s


@settings(deadline=None)
@given(mixes, few_limits | all_limits)
def test_it_is_never_sooner_than_rate_and_slots_allow(
    mix: list[Work], limits: Limits
) -> None:
    foretold = makespan(mix, limits)
    count = sum(work.jobs for work in mix)
    fastest_s = min(
        min(work.learnt_s, default=0.0) if work.is_learnt else 0.0 for work in mix
    )
    windows = (count - 1) // limits.videos_per_minute
    rounds = math.ceil(count / limits.concurrent_videos)
    assert foretold.likely_s >= 60 * windows + fastest_s
    assert foretold.likely_s >= rounds * fastest_s
    assert foretold.late_s >= foretold.likely_s


@settings(deadline=None)
@given(st.integers(1, 3_000), st.floats(1, 900), few_limits | all_limits)
def test_videos_that_all_take_the_same_take_what_can_be_reckoned(
    jobs: int, each_s: float, limits: Limits
) -> None:
    foretold = makespan([Work(jobs, 1.0, [each_s] * 9)], limits)
    windows = (jobs - 1) // limits.videos_per_minute
    rounds = math.ceil(jobs / limits.concurrent_videos)
    least_s = max(rounds * each_s, 60 * windows + each_s)
    # A permit, the step between two looks that the end lies in, a fetch.
    step_s = max(5.0, LATE_SHARE * each_s)
    most_s = windows * 62 + rounds * (each_s + step_s + 3) + step_s + 10
    assert least_s <= foretold.likely_s <= most_s


@settings(deadline=None)
@given(mixes, few_limits | all_limits, st.data())
def test_more_work_is_never_done_sooner(
    mix: list[Work], limits: Limits, data: st.DataObject
) -> None:
    which = data.draw(st.integers(0, len(mix) - 1))
    more = data.draw(st.integers(1, 40))
    larger = list(mix)
    larger[which] = replace(mix[which], jobs=mix[which].jobs + more)
    assert at_least(makespan(larger, limits), makespan(mix, limits))


@settings(deadline=None)
@given(mixes, few_limits | all_limits, st.integers(0, 50), st.integers(0, 50))
def test_higher_limits_never_take_longer(
    mix: list[Work], limits: Limits, per_minute: int, at_once: int
) -> None:
    higher = Limits(
        limits.videos_per_minute + per_minute, limits.concurrent_videos + at_once
    )
    assert at_least(makespan(mix, limits), makespan(mix, higher))


def at_least(one: Makespan, other: Makespan) -> bool:
    """Whether it takes as long or longer, but for the rounding of sums."""
    hair = 1 + 1e-9
    return one.likely_s * hair >= other.likely_s and one.late_s * hair >= other.late_s
