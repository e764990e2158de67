"""The stand-in counts exactly, and draws the same times for the same prompts."""

from itertools import count
from pathlib import Path
from statistics import median

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.standin.books import WINDOW_S, Books, BusyError, Limits
from bench.standin.times import STRAGGLER_FACTOR, Times
from bench.standin.video import video
from worker import mp4

gaps = st.lists(st.floats(0, 40), min_size=1, max_size=40)
prompts = st.text(max_size=20)


def filled(
    moments_s: list[float], took_s: float = 10.0, limits: Limits | None = None
) -> Books:
    books, names = Books(limits or Limits()), count()
    for now_s in moments_s:
        try:
            books.create(str(next(names)), "m", {}, now_s, lambda _: took_s)
        except BusyError:
            continue
    return books


def summed(steps_s: list[float]) -> list[float]:
    return [sum(steps_s[: place + 1]) for place in range(len(steps_s))]


def most_in_a_window(starts_s: list[float]) -> int:
    return max(
        sum(end - WINDOW_S < start <= end for start in starts_s) for end in starts_s
    )


@given(gaps)
def test_the_worst_window_is_the_fullest_of_all(steps_s: list[float]) -> None:
    moments_s = summed(steps_s)
    assert filled(moments_s).worst_window == most_in_a_window(moments_s)


@given(gaps, st.floats(1, 100))
def test_the_most_at_once_is_counted_at_every_start(
    steps_s: list[float], took_s: float
) -> None:
    moments_s = summed(steps_s)
    together = [
        sum(s <= now_s < s + took_s for s in moments_s[: place + 1])
        for place, now_s in enumerate(moments_s)
    ]
    assert filled(moments_s, took_s).most_at_once == max(together)


@given(gaps, st.integers(1, 5), st.integers(1, 5))
def test_nothing_gets_past_the_limits_and_all_that_did_not_is_counted(
    steps_s: list[float], rate: int, room: int
) -> None:
    books = filled(summed(steps_s), 30.0, Limits(rate, room))
    assert books.worst_window <= rate
    assert books.most_at_once <= room
    assert len(books.predictions) + books.refused_429 == len(steps_s)


def test_without_limits_nothing_is_refused() -> None:
    assert filled([0.0] * 500).refused_429 == 0


@given(prompts, st.integers())
def test_a_prompt_takes_the_same_time_whoever_asks(prompt: str, seed: int) -> None:
    took_s = Times(20.0, 0.35, seed).took_s(prompt)
    assert took_s == Times(20.0, 0.35, seed).took_s(prompt)
    assert 0 < took_s < 20 * 300


def test_times_lie_around_their_median_with_the_share_of_stragglers_asked_for() -> None:
    words = [f"mug {number}" for number in range(4_000)]
    plain, some = Times(20.0, 0.35, 7), Times(20.0, 0.35, 7, stragglers=0.05)
    drawn_s = [plain.took_s(each) for each in words]
    late = [
        each
        for each in words
        if some.took_s(each) > STRAGGLER_FACTOR * 0.99 * plain.took_s(each)
    ]
    assert median(drawn_s) == pytest.approx(20.0, rel=0.05)
    assert sum(drawn_s) / 4_000 == pytest.approx(plain.mean_s, rel=0.05)
    assert len(late) / 4_000 == pytest.approx(0.05, abs=0.02)


def test_another_seed_draws_other_times() -> None:
    assert Times(20.0, 0.35, 1).took_s("mug") != Times(20.0, 0.35, 2).took_s("mug")


@pytest.mark.parametrize("size_bytes", [1_000, 200_000])
def test_the_video_is_whole_and_of_the_size_asked_for(
    tmp_path: Path, size_bytes: int
) -> None:
    file = tmp_path / "video.mp4"
    file.write_bytes(video(size_bytes))
    assert file.stat().st_size == size_bytes
    mp4.check(file)


def test_a_video_cannot_be_smaller_than_its_boxes() -> None:
    with pytest.raises(ValueError, match="has at least"):
        video(100)
