"""Waits: never too short for the provider, never too long for whoever waits."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.attempt.reconciling import MIN_POLLS
from jobs.pace.poll_schedule import ENOUGH_LEARNT
from jobs.pace.waits import (
    LATE,
    MAX_COOLING_S,
    MIN_LATE_S,
    Expected,
    collect_again_s,
    cooldown_s,
    reconcile_again_s,
)

jitter = st.floats(0, 1, exclude_max=True)
times_s = st.floats(0.1, 1e5)


@given(st.lists(times_s, max_size=30), times_s, st.floats(1, 604_800))
def test_a_prediction_takes_long_before_it_is_overdue_and_never_sooner_than_set(
    learnt_s: list[float], typical_s: float, set_s: float
) -> None:
    expected = Expected.of(learnt_s, typical_s, set_s)
    assert expected.overdue_s >= max(set_s, expected.late_s)
    if len(learnt_s) < ENOUGH_LEARNT:
        assert (expected.usual_s, expected.overdue_s) == (typical_s, set_s)
    else:
        assert expected.overdue_s >= LATE * expected.usual_s
    if expected.late_s < expected.overdue_s:
        assert expected.late_s == max(MIN_LATE_S, LATE * expected.usual_s)


def test_a_few_that_took_for_ever_do_not_change_what_is_usual() -> None:
    expected = Expected.of([*[100.0] * 95, *[90_000.0] * 5], 60.0, 3_600.0)
    assert expected == Expected(usual_s=100.0, late_s=400.0, overdue_s=3_600.0)
    slow = Expected.of([1_200.0] * 9, 60.0, 3_600.0)
    assert (slow.late_s, slow.overdue_s) == (4_800.0, 4_800.0)


@given(st.integers(1, 10_000), st.none() | st.floats(), jitter)
def test_an_account_cools_down_for_a_bounded_time(
    consecutive: int, retry_after_s: float | None, lucky: float
) -> None:
    seconds = cooldown_s(consecutive, retry_after_s, lucky)
    assert 0 < seconds <= 1.25 * MAX_COOLING_S


@pytest.mark.parametrize(
    ("retry_after_s", "seconds"),
    [
        (None, 2.0),
        (30.0, 30.0),
        (1e9, MAX_COOLING_S),
        (math.inf, MAX_COOLING_S),
        (0.0, 0.2),
        (-7.0, 2.0),
    ],
)
def test_the_provider_says_how_long_within_reason(
    retry_after_s: float | None, seconds: float
) -> None:
    assert cooldown_s(1, retry_after_s, jitter=0.5) == pytest.approx(seconds)


@given(st.integers(0, 10**9), jitter)
def test_a_video_is_tried_again_soon_and_at_least_every_quarter_hour(
    tries: int, lucky: float
) -> None:
    assert 0 < collect_again_s(tries, lucky) <= 900


@given(st.floats(1, 86_400))
def test_a_lost_answer_is_looked_for_often_enough_to_be_absent(
    settling_s: float,
) -> None:
    """Otherwise the waiting for looks would outlast the settling time by far."""
    unknown_s, looks = min(5.0, settling_s / 4), 0
    while looks < MIN_POLLS:
        looks += 1
        wait_s = reconcile_again_s(unknown_s, settling_s)
        assert wait_s >= 1
        unknown_s += wait_s
    assert unknown_s <= max(settling_s, 10.0)
