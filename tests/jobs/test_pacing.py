"""Waits: never too short for the provider, never too long for whoever waits."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.pacing import (
    LONGEST_COOLING_S,
    LONGEST_LOOK_S,
    collect_again_s,
    cooling_s,
    first_look_s,
    next_look_s,
    settle_again_s,
)
from jobs.settling import ENOUGH_LOOKS

luck = st.floats(0, 1, exclude_max=True)
polls_s = st.floats(0.05, 600)


@given(st.lists(st.floats(0, 1e9)), st.floats(0, 1e4), polls_s)
def test_the_first_look_is_not_before_the_least_wait(
    learnt: list[float], typical_s: float, poll_min_s: float
) -> None:
    assert first_look_s(learnt, typical_s, poll_min_s) >= poll_min_s


def test_the_first_look_follows_the_catalogue_until_enough_is_learnt() -> None:
    assert first_look_s([10.0] * 4, 60.0, 5.0) == 60.0
    assert first_look_s([10.0] * 5, 60.0, 5.0) == 10.0
    assert first_look_s([90.0, 80.0, 40.0, 50.0, 60.0, 70.0], 60.0, 5.0) == 60.0


def test_one_slow_prediction_does_not_put_off_all_first_looks() -> None:
    assert first_look_s([30.0] * 9 + [100_000.0], 60.0, 5.0) == 30.0


@given(st.floats(-1e6, 1e9), polls_s, luck)
def test_looks_keep_to_what_the_provider_asks(
    generating_s: float, poll_min_s: float, lucky: float
) -> None:
    wait_s = next_look_s(generating_s, poll_min_s, lucky)
    assert poll_min_s <= wait_s <= 1.1 * max(poll_min_s, LONGEST_LOOK_S)


@given(st.floats(0, 1e6), st.floats(0, 1e6), luck)
def test_looks_grow_apart(early_s: float, later_s: float, lucky: float) -> None:
    early_s, later_s = sorted((early_s, later_s))
    assert next_look_s(early_s, 5.0, lucky) <= next_look_s(later_s, 5.0, lucky)


@given(st.integers(1, 10_000), st.none() | st.floats(), luck)
def test_an_account_rests_for_a_bounded_time(
    strikes: int, retry_after_s: float | None, lucky: float
) -> None:
    rest_s = cooling_s(strikes, retry_after_s, lucky)
    assert 0 < rest_s <= 1.25 * LONGEST_COOLING_S


@pytest.mark.parametrize(
    ("retry_after_s", "rest_s"),
    [
        (None, 2.0),
        (30.0, 30.0),
        (1e9, LONGEST_COOLING_S),
        (math.inf, LONGEST_COOLING_S),
        (0.0, 0.2),
        (-7.0, 2.0),
    ],
)
def test_the_provider_says_how_long_within_reason(
    retry_after_s: float | None, rest_s: float
) -> None:
    assert cooling_s(1, retry_after_s, luck=0.5) == pytest.approx(rest_s)


@given(st.integers(1, 100), luck)
def test_the_rest_grows_with_every_refusal(strikes: int, lucky: float) -> None:
    assert cooling_s(strikes, None, lucky) <= cooling_s(strikes + 1, None, lucky)


@given(st.integers(0, 10**9), luck)
def test_a_video_is_tried_again_soon_and_at_least_every_quarter_hour(
    tries: int, lucky: float
) -> None:
    assert 0 < collect_again_s(tries, lucky) <= 900


@given(st.floats(1, 86_400))
def test_a_lost_answer_is_looked_for_often_enough_to_be_absent(settle_s: float) -> None:
    """Otherwise the waiting for looks would outlast the settling time by far."""
    unknown_s, looks = min(5.0, settle_s / 4), 0
    while looks < ENOUGH_LOOKS:
        looks += 1
        wait_s = settle_again_s(unknown_s, settle_s)
        assert wait_s >= 1
        unknown_s += wait_s
    assert unknown_s <= max(settle_s, 10.0)
