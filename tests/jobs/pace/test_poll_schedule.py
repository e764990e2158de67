"""Polls: close while most end, never closer than is asked, never far apart."""

import math
import random
from collections import deque
from statistics import fmean, median

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobs.pace.poll_schedule import (
    EARLY_SHARE,
    ENOUGH_LEARNT,
    LATEST_FIRST_POLL_S,
    PLANNED_FIRST_POLL_S,
    STUCK_GAP_S,
    PollSchedule,
)

POLL_MIN_S = 5.0

jitter = st.floats(0, 1, exclude_max=True)
polls_s = st.floats(0.05, 600)
#: Whatever may have been written down: nothing, absurd, all equal, of two kinds.
learnt_s = (
    st.lists(st.floats(0, 1e9), max_size=40)
    | st.builds(lambda s, n: [s] * n, st.floats(0, 1e9), st.integers(1, 200))
    | st.builds(
        lambda one, other, n: [one, other] * n,
        st.floats(1, 100),
        st.floats(100, 900),
        st.integers(1, 50),
    )
)
schedules = st.builds(PollSchedule.of, learnt_s, st.floats(0, 1e9), polls_s)


@settings(deadline=None)
@given(schedules, jitter, st.floats(0, 1e9))
def test_polls_keep_to_what_the_provider_asks(
    schedule: PollSchedule, lucky: float, generating_s: float
) -> None:
    least_s = schedule.poll_min_s
    assert least_s <= schedule.first_s(lucky) <= max(least_s, LATEST_FIRST_POLL_S)
    gap_s = schedule.next_s(generating_s)
    assert gap_s >= least_s
    assert gap_s <= max(least_s, EARLY_SHARE * generating_s)


@settings(deadline=None)
@given(schedules, jitter, st.floats(0, 3_600))
def test_whatever_was_learnt_an_end_is_noticed_in_bounded_polls_and_time(
    schedule: PollSchedule, lucky: float, ends_s: float
) -> None:
    polled_s = polls_until(schedule, ends_s, lucky)
    least_s = schedule.poll_min_s
    assert len(polled_s) <= ends_s / least_s + 2
    lag_s = polled_s[-1] - ends_s
    if len(polled_s) > 1:
        assert lag_s <= max(least_s, EARLY_SHARE * ends_s) + 1e-6
    else:
        assert lag_s <= max(least_s, LATEST_FIRST_POLL_S)


@pytest.mark.parametrize("typical_s", [90.0, 3_600.0])
def test_a_plan_figure_never_keeps_the_first_poll_for_long(typical_s: float) -> None:
    planned = PollSchedule.of([], typical_s, POLL_MIN_S)
    assert planned.first_s(0.5) <= PLANNED_FIRST_POLL_S < typical_s
    # Whatever is known already, however little, makes it sooner.
    assert PollSchedule.of([9.0], typical_s, POLL_MIN_S).first_s(0.5) == 9.0


def test_the_catalogue_counts_until_enough_is_learnt() -> None:
    slow = [300.0] * (ENOUGH_LEARNT - 1)
    assert PollSchedule.of(slow, 40.0, POLL_MIN_S).first_s(0.5) == 16.0
    assert PollSchedule.of([*slow, 300.0], 40.0, POLL_MIN_S).first_s(0.5) == 300.0


def test_few_polls_notice_an_end_about_as_soon_as_an_even_spacing() -> None:
    """Median 60 s, one of twenty takes five times as long; each time 200 are learnt."""
    drawn = luck_of(2)
    seen = []
    for _ in range(20):
        schedule = PollSchedule.of(lognormal(200, drawn), 90.0, POLL_MIN_S)
        seen += [polled(schedule, s, drawn) for s in lognormal(1_000, drawn)]
    even = fmean(math.ceil(s / POLL_MIN_S) for s in lognormal(20_000, drawn))
    assert fmean(polls for polls, _ in seen) < 0.55 * even
    lags_s = sorted(lag_s for _, lag_s in seen)
    assert median(lags_s) < 3.5
    assert lags_s[19_000] < 10.0


@pytest.mark.parametrize("speed", [0.25, 4.0])
@pytest.mark.parametrize("is_told", [True, False])
def test_another_speed_of_the_provider_is_learnt(speed: float, is_told: bool) -> None:
    """A few hundred videos later polls are as good as if it had never been another."""
    drawn = luck_of(speed)
    there = PollSchedule.of(lognormal(200, drawn, speed), 90.0, POLL_MIN_S)
    newest = deque(lognormal(200, drawn), maxlen=200)
    for _ in range(8):
        schedule = PollSchedule.of(newest, 90.0, POLL_MIN_S)
        for ends_s in lognormal(100, drawn, speed):
            newest.append(lesson(schedule, ends_s, drawn, is_told=is_told))
    learnt = PollSchedule.of(newest, 90.0, POLL_MIN_S)
    wanted, came = (
        [polled(each, s, drawn) for s in lognormal(4_000, drawn, speed)]
        for each in (there, learnt)
    )
    for which in (0, 1):
        ratio = fmean(c[which] for c in came) / fmean(w[which] for w in wanted)
        assert 0.7 < ratio < 1.35


def test_what_polls_themselves_teach_does_not_drift() -> None:
    """Without a word of the provider times are bracketed by polls, not stretched."""
    drawn = luck_of(4)
    newest = deque(lognormal(200, drawn), maxlen=200)
    for _ in range(40):
        schedule = PollSchedule.of(newest, 90.0, POLL_MIN_S)
        for ends_s in lognormal(100, drawn):
            newest.append(lesson(schedule, ends_s, drawn, is_told=False))
    assert median(newest) == pytest.approx(60.0, rel=0.1)


@settings(deadline=None)
@given(
    schedules,
    st.floats(0, 1e6),
    st.integers(0, 9),
    st.none() | st.floats(0, 1e9),
    jitter,
)
def test_what_is_learnt_lies_between_two_polls(
    schedule: PollSchedule,
    seen_s: float,
    polls: int,
    inference_s: float | None,
    lucky: float,
) -> None:
    learnt = schedule.took_s(seen_s, polls, inference_s, lucky)
    assert 0 <= learnt <= seen_s
    if polls:
        assert learnt >= seen_s - schedule.next_s(seen_s) - 1e-6


@pytest.mark.parametrize(
    ("polls", "inference_s", "learnt"),
    [
        (3, None, 66.5),
        (3, 66.0, 66.0),
        (3, 40.0, 66.5),  # it was seen running later: it had waited in a queue
        (3, 400.0, 66.5),
        (0, 8.0, 8.0),
        (0, None, 52.5),
    ],
)
def test_the_provider_is_believed_where_polls_agree(
    polls: int, inference_s: float | None, learnt: float
) -> None:
    schedule = PollSchedule(POLL_MIN_S, from_s=60.0)
    assert schedule.took_s(70.0, polls, inference_s, jitter=0.5) == learnt


@pytest.mark.parametrize("generating_s", [3_700.0])
def test_what_never_ends_is_polled_once_a_minute(generating_s: float) -> None:
    schedule = PollSchedule.of((), 60.0, POLL_MIN_S)
    assert schedule.next_s(generating_s) == STUCK_GAP_S


def luck_of(seed: float) -> random.Random:
    """Made-up times, the same in every run."""
    return random.Random(seed)


def lognormal(count: int, drawn: random.Random, speed: float = 1.0) -> list[float]:
    """Generation times, one of twenty five times as long."""
    return [
        speed
        * 60.0
        * math.exp(0.35 * drawn.gauss(0.0, 1.0))
        * (5.0 if drawn.random() < 0.05 else 1.0)
        for _ in range(count)
    ]


def polls_until(schedule: PollSchedule, ends_s: float, lucky: float) -> list[float]:
    """The polls of a prediction that ends after so long."""
    polls_s = [schedule.first_s(lucky)]
    while polls_s[-1] < ends_s:
        polls_s.append(polls_s[-1] + schedule.next_s(polls_s[-1]))
    return polls_s


def polled(
    schedule: PollSchedule, ends_s: float, drawn: random.Random
) -> tuple[int, float]:
    """How many polls it took, and how late the end was noticed."""
    polls_s = polls_until(schedule, ends_s, drawn.random())
    return len(polls_s), polls_s[-1] - ends_s


def lesson(
    schedule: PollSchedule, ends_s: float, drawn: random.Random, *, is_told: bool
) -> float:
    """What is learnt of it, with or without the provider's word."""
    polls_s = polls_until(schedule, ends_s, drawn.random())
    told_s = ends_s if is_told else None
    return schedule.took_s(polls_s[-1], len(polls_s) - 1, told_s, drawn.random())
