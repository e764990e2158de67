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
    ANSWER_S,
    MOST_PLAYED,
    NOTICE_S,
    PLAN_DOUBT,
    Makespan,
    Polling,
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
    "silver, more than slots": (SILVER, 0.10, [Kind(280, 90.0), Kind(80, 150.0)]),
    "bound by rate, slots to spare": (Limits(3, 300), 0.10, [Kind(40, 60.0, 0.5)]),
    "a little of both": (Limits(20, 40), 0.10, [Kind(160, 100.0, 0.4)]),
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


@settings(deadline=None, max_examples=12)
@given(st.integers(1, 10**6), st.integers(1, 10**6), all_limits)
def test_what_is_not_played_through_goes_on_without_a_leap(
    jobs: int, more: int, limits: Limits
) -> None:
    fewer = makespan([Work(jobs, 90.0)], limits)
    several = makespan([Work(jobs + more, 90.0)], limits)
    assert at_least(several, fewer)
    windows = (jobs + more) // limits.videos_per_minute + 1
    rounds = (jobs + more) / limits.concurrent_videos + 2
    assert several.likely_s <= windows * 62 + rounds * 120 + 900


def test_the_pace_beyond_what_is_played_is_that_of_the_limits() -> None:
    played, twice = (
        makespan([Work(n, 90.0)], SILVER).likely_s
        for n in (MOST_PLAYED, 2 * MOST_PLAYED)
    )
    assert twice == pytest.approx(2 * played, rel=0.02)


@settings(deadline=None)
@given(mixes, few_limits, works)
def test_what_is_under_way_already_holds_up_the_rest(
    mix: list[Work], limits: Limits, begun: Work
) -> None:
    busy = makespan(mix, limits, under_way=[begun])
    assert at_least(busy, makespan(mix, limits))


def test_nothing_to_do_takes_no_time() -> None:
    assert makespan([], SILVER) == Makespan(0.0, 0.0)
    assert makespan([Work(0, 90.0)], SILVER) == Makespan(0.0, 0.0)


def test_rarer_looks_notice_the_end_later() -> None:
    often, seldom = (
        makespan([Work(5, 90.0)], BRONZE, Polling(poll_min_s=wait_s))
        for wait_s in (5.0, 120.0)
    )
    assert seldom.likely_s > often.likely_s


def test_what_is_only_planned_is_foretold_with_more_doubt() -> None:
    times = [90.0 * math.exp(0.35 * step / 10) for step in range(-20, 21)]
    planned, learnt = (
        makespan([Work(200, 90.0, samples)], BRONZE) for samples in ((), times)
    )
    assert planned.late_s / planned.likely_s > 1.2 * learnt.late_s / learnt.likely_s


def test_a_slot_is_kept_until_the_poll_that_finds_the_end() -> None:
    work = Work(1, 1.0, [90.0] * 9)
    held_s = Polling(first_poll_s=12.0).held_s(work, doubts=False)
    assert 90.0 < held_s[0] - ANSWER_S - NOTICE_S < 90.0 + 2 * POLL_MIN_S
    late = Polling(first_poll_s=200.0).held_s(work, doubts=False)
    assert late == [ANSWER_S + 200.0 + NOTICE_S] * 9
    soon = Polling(first_poll_s=1.0).held_s(Work(1, 1.0, [2.0] * 9), doubts=False)
    assert soon == [ANSWER_S + POLL_MIN_S + NOTICE_S] * 9


@settings(deadline=None)
@given(works)
def test_slots_are_kept_for_longer_where_there_are_doubts(work: Work) -> None:
    believed, feared = (Polling().held_s(work, doubts=d) for d in (False, True))
    assert believed == sorted(believed)
    assert all(b <= f for b, f in zip(believed, feared, strict=True))


def test_few_samples_are_doubted_more_than_many() -> None:
    few, many = (Work(1, 1.0, [60.0, 90.0, 120.0, 80.0, 100.0] * n) for n in (1, 40))
    assert Work(1, 90.0, [60.0] * 4).doubt == PLAN_DOUBT
    assert many.doubt < few.doubt < PLAN_DOUBT
    assert Work(1, 90.0, [0.0] * 5).doubt == 0.0


def at_least(one: Makespan, other: Makespan) -> bool:
    """Whether it takes as long or longer, but for the rounding of sums."""
    hair = 1 + 1e-9
    return one.likely_s * hair >= other.likely_s and one.late_s * hair >= other.late_s
