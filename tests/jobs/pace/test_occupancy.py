"""How long a slot is kept: never shorter than a look, and as spread as was learnt."""

import math
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobs.moves import LONGEST_GENERATION_S
from jobs.pace.occupancy import ANSWER_S, NOTICE_S, PLAN_DOUBT, Looking, Occupancy, Work
from jobs.pace.poll_schedule import LATE_SHARE

times_s = st.lists(st.floats(0, 10_000), max_size=30)
works = st.builds(Work, st.just(1), st.floats(0, 1e4), times_s)
lookings = st.builds(
    Looking, st.floats(0.05, 600), st.none() | st.floats(0.05, LONGEST_GENERATION_S)
)


@settings(deadline=None)
@given(works, lookings, st.sampled_from([0.0, 1.0]))
def test_chances_rise_to_certainty(work: Work, looking: Looking, doubt: float) -> None:
    held = Occupancy.of(work, looking, doubt)
    assert all(before < after for before, after in pairwise(held.times_s))
    assert all(before <= after for before, after in pairwise(held.chances))
    assert held.chances[-1] == 1.0
    assert held.chances[0] >= 0.0


@settings(deadline=None)
@given(works, lookings)
def test_doubt_never_makes_it_shorter(work: Work, looking: Looking) -> None:
    believed, feared = (Occupancy.of(work, looking, doubt) for doubt in (0.0, 1.0))
    assert feared.times_s == believed.times_s
    pairs = zip(feared.chances, believed.chances, strict=True)
    assert all(late <= soon + 1e-9 for late, soon in pairs)


@settings(deadline=None)
@given(works, lookings, st.floats(0, 1, exclude_max=True))
def test_every_video_has_one_of_the_times(
    work: Work, looking: Looking, luck: float
) -> None:
    held = Occupancy.of(work, looking)
    assert held.at(luck) in held.times_s
    assert held.times_s[0] <= held.mean_s * (1 + 1e-9)
    assert held.mean_s <= held.times_s[-1] * (1 + 1e-9)
    assert held.variance_s2 >= 0


def test_a_slot_is_kept_until_the_look_that_finds_the_end() -> None:
    work = Work(1, 1.0, [90.0] * 9)
    held = Occupancy.of(work, Looking())
    finds_s = next(look_s for look_s in Looking().times_s(work) if look_s >= 90.0)
    assert finds_s <= 90.0 * (1 + LATE_SHARE)
    assert held.at(0.5) == ANSWER_S + finds_s + NOTICE_S
    assert held.mean_s == pytest.approx(ANSWER_S + finds_s + NOTICE_S)


def test_a_first_look_that_is_set_comes_first() -> None:
    work = Work(1, 1.0, [90.0] * 9)
    assert Looking(first_look_s=12.0).times_s(work)[0] == 12.0
    assert Looking(first_look_s=1.0).times_s(work)[0] == 5.0


def test_the_median_of_the_plan_is_the_figure_of_the_catalogue() -> None:
    held = Occupancy.of(Work(1, 90.0), Looking(poll_min_s=1.0))
    half_s = held.at(0.5) - ANSWER_S - NOTICE_S
    assert 90.0 <= half_s <= 90.0 * (1 + LATE_SHARE)


def test_what_is_learnt_counts_in_its_shares() -> None:
    learnt = [60.0] * 10 + [300.0] * 10
    held = Occupancy.of(Work(1, 1.0, learnt), Looking())
    assert 60.0 < held.at(0.3) < 60.0 * (1 + LATE_SHARE) + 5.0
    assert held.at(0.6) > 300.0
    assert held.at(0.9) < 300.0 * (1 + LATE_SHARE) + 5.0


def test_slower_ones_than_were_seen_are_expected() -> None:
    learnt = [90.0 * math.exp(0.4 * step / 10) for step in range(-20, 21)]
    held = Occupancy.of(Work(1, 1.0, learnt), Looking())
    assert held.at(0.9995) > 1.1 * max(learnt)


def test_few_samples_are_doubted_more_than_many() -> None:
    few, many = (Work(1, 1.0, [60.0, 90.0, 120.0, 80.0, 100.0] * n) for n in (1, 40))
    assert Work(1, 90.0, [60.0] * 4).doubt == PLAN_DOUBT
    assert many.doubt < few.doubt < PLAN_DOUBT
    assert Work(1, 90.0, [0.0] * 5).doubt == 0.0
