"""When a batch ends is told from what is known, and what was seen counts the more."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobs.states import State
from producer.watching.eta import Estimate, Pace, estimate, left
from tests.producer.watching.snapshots import NOW_S, account, counts, mix, snapshot


def played(minutes: int, per_minute: int, waiting: int, **seen: Any) -> Estimate:
    """What is expected once so many minutes went by at an even pace."""
    pace = Pace()
    for second in range(0, 60 * minutes + 1, 5):
        done = second * per_minute // 60
        now = snapshot(
            {State.STORED: done, State.WAITING: waiting - done, State.GENERATING: 100},
            now_s=NOW_S + second,
            seen={"mix": mix(90.0) if not second else None, **seen},
        )
        pace = pace.after(now)
    return estimate(now, pace)


@given(
    counts,
    st.integers(0, 10_000),
    st.floats(1, 1e5),
    st.booleans(),
    st.integers(0, 2),
)
@settings(max_examples=60, deadline=None)
def test_an_end_is_never_before_now_and_there_only_if_something_comes_by_itself(
    counts: dict[State, int], then: int, ago_s: float, known: bool, workers: int
) -> None:
    seen = {"mix": mix(90.0) if known else None, "workers": workers}
    before = snapshot({State.STORED: then}, now_s=NOW_S - ago_s, seen=seen)
    now = snapshot(counts, seen=seen)
    left_s = estimate(now, Pace().after(before).after(now)).left_s
    if left_s is None:
        assert left(now) or now.count(State.FOLLOWING)
    else:
        assert 0 <= left_s < float("inf")
        assert bool(left_s) <= bool(left(now))
        assert workers or not now.count(State.WAITING)


def test_before_anything_has_come_the_limits_and_the_times_tell_the_end() -> None:
    now = snapshot({State.WAITING: 400}, seen={"mix": mix(*[90.0] * 50)})
    left_s = estimate(now, Pace().after(now)).left_s
    # 40 a minute: ten windows, and the last video.
    assert left_s is not None
    assert 9 * 60 + 90 <= left_s <= 11 * 60 + 90
    beside = replace(now, mix=mix(*[90.0] * 50, beside=400))
    shared_s = estimate(beside, Pace().after(beside)).left_s
    assert shared_s is not None
    assert shared_s > 1.7 * left_s


def test_a_pace_that_was_seen_for_long_outweighs_the_plan() -> None:
    left_s = played(minutes=30, per_minute=10, waiting=1_000).left_s
    assert left_s is not None
    # 700 and 100 are left at ten a minute; the plan would have had them in 20.
    assert 60 * 80 * 0.75 <= left_s <= 60 * 80


def test_once_nothing_waits_the_end_comes_nearer() -> None:
    ends = []
    pace = Pace()
    for second in (0, 30, 60):
        now = snapshot(
            {State.GENERATING: 10}, now_s=NOW_S + second, seen={"mix": mix(90.0)}
        )
        pace = pace.after(now)
        ends.append(estimate(now, pace).left_s)
    assert ends == sorted(ends, reverse=True, key=lambda left_s: left_s or 0.0)
    assert ends[0] is not None
    assert ends[2] == pytest.approx(ends[0] - 60)


@pytest.mark.parametrize(
    "held",
    [
        {"paused": True},
        {"stopped_by": "budget"},
        {"of": account(paused=True)},
        {"of": account(trouble="key")},
        {"seen": {"workers": 0, "mix": mix(90.0)}},
        # 0.84 is charged, and two of ten at 0.21 wait.
        {"budget_usd_micros": 1_250_000},
        {"of": account(daily_budget_usd_micros=900_000, today_usd_micros=500_000)},
        {"held_until_s": NOW_S + 1},
    ],
)
def test_what_a_hold_or_a_budget_ends_before_has_no_end(held: dict[str, Any]) -> None:
    words: dict[str, Any] = {"seen": {"mix": mix(90.0)}} | held
    now = snapshot({State.STORED: 8, State.WAITING: 2}, **words)
    assert estimate(now, Pace().after(now)).left_s is None


@pytest.mark.parametrize(
    "lasts",
    [
        {"budget_usd_micros": 1_260_000},
        {"of": account(daily_budget_usd_micros=920_000, today_usd_micros=500_000)},
        {"held_until_s": NOW_S - 1},
        # It is the budget that the price was; the dear ones went first.
        {"charged_usd_micros": 2_000_000, "budget_usd_micros": 2_100_000},
    ],
)
def test_a_budget_that_lasts_leaves_the_end_as_it_is(lasts: dict[str, Any]) -> None:
    words: dict[str, Any] = {"seen": {"mix": mix(90.0)}} | lasts
    now = snapshot({State.STORED: 8, State.WAITING: 2}, **words)
    free = snapshot({State.STORED: 8, State.WAITING: 2}, seen={"mix": mix(90.0)})
    expected = estimate(now, Pace().after(now))
    assert expected.left_s == estimate(free, Pace().after(free)).left_s
    assert expected.left_s


def test_a_cooldown_of_the_account_holds_the_end_off() -> None:
    seen = {"mix": mix(90.0)}
    now = snapshot({State.WAITING: 3}, seen=seen)
    cooling = account(cooling_until_s=NOW_S + 500)
    later = snapshot({State.WAITING: 3}, seen=seen, of=cooling)
    soon_s = estimate(now, Pace().after(now)).left_s
    late_s = estimate(later, Pace().after(later)).left_s
    assert soon_s is not None
    assert late_s == pytest.approx(soon_s + 500)


def test_a_projection_adds_what_waits_to_what_is_spent_and_reserved() -> None:
    now = snapshot(
        {State.STORED: 4, State.GENERATING: 1, State.WAITING: 4, State.REUSED: 5},
        refunded_usd_micros=10_000,
        reserved_usd_micros=210_000,
        estimated_usd_micros=1_890_000,
    )
    expected = estimate(now, Pace())
    # A budget counts what was charged, whatever of it came back.
    assert expected.projected_usd_micros == 840_000 + 210_000 + 4 * 210_000
    assert expected.projected_net_usd_micros == expected.projected_usd_micros - 10_000


@given(st.lists(st.tuples(st.floats(0.2, 400), st.integers(0, 50)), max_size=200))
@settings(max_examples=50, deadline=None)
def test_a_pace_remembers_little_however_long_it_is_watched(
    steps: list[tuple[float, int]],
) -> None:
    pace, at_s, done = Pace(), NOW_S, 0
    for step_s, more in steps:
        at_s, done = at_s + step_s, done + more
        pace = pace.after(snapshot({State.STORED: done}, now_s=at_s))
        assert len(pace.seen) < 250
        assert pace.per_minute is None or pace.per_minute > 0
