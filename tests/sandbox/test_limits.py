import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.limits import WINDOW_S, Slots, Window

gaps = st.lists(st.floats(0, 40), min_size=1, max_size=60)


@given(gaps, st.integers(1, 5))
def test_no_60_seconds_see_more_starts_than_the_limit(
    waits_s: list[float], limit: int
) -> None:
    window, now_s, starts = Window(), 0.0, []
    for wait_s in waits_s:
        now_s += wait_s
        if window.wait_s(now_s, limit) <= 0:
            window.add(now_s)
            starts.append(now_s)
    most = max(
        sum(start - WINDOW_S < other <= start for other in starts) for start in starts
    )
    assert most == window.worst <= limit


def test_a_start_fits_again_exactly_when_the_oldest_is_60_seconds_old() -> None:
    window = Window()
    window.add(10.0)
    window.add(30.0)
    assert window.wait_s(40.0, 2) == 30.0
    assert window.wait_s(69.5, 2) == 0.5
    assert window.wait_s(70.0, 2) == 0.0


def test_a_lower_limit_waits_for_as_many_as_are_over_it() -> None:
    window = Window()
    for at_s in (0.0, 1.0, 2.0):
        window.add(at_s)
    assert window.wait_s(2.0, 1) == 60.0


@given(st.lists(st.tuples(st.floats(0, 10), st.floats(0.1, 30))), st.integers(1, 4))
def test_no_more_work_than_slots_and_none_idle_while_somebody_waits(
    jobs: list[tuple[float, float]], limit: int
) -> None:
    slots, now_s = Slots(), 0.0
    spans: list[tuple[float, float]] = []
    for gap_s, length_s in jobs:
        now_s += gap_s
        starts_s = slots.take(now_s, length_s, limit)
        busy = sum(start <= starts_s < end for start, end in spans)
        assert starts_s >= now_s
        assert busy < limit
        if starts_s > now_s:
            assert any(end == pytest.approx(starts_s) for _, end in spans)
        spans.append((starts_s, starts_s + length_s))
