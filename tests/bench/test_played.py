"""The provider that is played: what it counts, and what it forgets."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.played import Odds, Provider
from jobs.answers import Accepted, AnswerLost, Completed, Over, Running
from jobs.moves import Ref

REF = Ref("night", "a")
SMOOTH = Odds(throttled=0, lost=0, failed=0, moderated=0, stragglers=0)


def provider(odds: Odds = SMOOTH) -> Provider:
    return Provider(Random(1), 60.0, odds=odds)  # noqa: S311 - as in the day itself


times = st.lists(st.integers(0, 300).map(float), min_size=1, max_size=60)


@given(times)
def test_most_starts_are_those_of_the_fullest_minute(began: list[float]) -> None:
    own = provider()
    own.began_s.extend(began)
    fullest = max(sum(at <= t < at + 60 for t in began) for at in began)
    assert own.most_starts() == fullest


@given(st.lists(st.tuples(st.integers(0, 99), st.integers(1, 99)), min_size=1))
def test_most_at_once_are_those_of_the_fullest_moment(
    spans: list[tuple[int, int]],
) -> None:
    own = provider()
    for begin, length in spans:
        own.began_s.append(begin)
        own.ended_s.append(begin + length)
    fullest = max(sum(b <= at < b + n for b, n in spans) for at, _ in spans)
    assert own.most_at_once() == fullest


def test_what_was_begun_runs_until_it_is_completed() -> None:
    own = provider()
    answered_s, answer = own.submit(REF, 1, 100.0)
    assert isinstance(answer, Accepted)
    assert answered_s > 100
    assert isinstance(own.look(answer.prediction_id, answered_s), Running)
    assert isinstance(own.look(answer.prediction_id, 9_999.0), Completed)
    own.settle(answer.prediction_id)
    assert not own.paid


def test_a_second_video_of_a_job_is_paid_twice() -> None:
    own = provider()
    own.submit(REF, 1, 100.0)
    assert own.twice == 0
    own.submit(REF, 2, 200.0)
    assert own.twice == 1


def test_one_that_failed_may_be_followed_by_another() -> None:
    own = provider(Odds(throttled=0, lost=0, failed=1.0, moderated=0))
    _, answer = own.submit(REF, 1, 100.0)
    assert isinstance(answer, Accepted)
    assert isinstance(own.look(answer.prediction_id, 9_999.0), Over)
    own.settle(answer.prediction_id)
    own.submit(REF, 2, 10_000.0)
    assert own.twice == 0


@pytest.mark.parametrize(("luck", "exists"), [(0.1, False), (0.9, True)])
def test_half_of_the_lost_answers_are_of_something_that_exists(
    luck: float, exists: bool
) -> None:
    class Chosen(Random):
        def random(self) -> float:
            return luck

    own = Provider(Chosen(), 60.0, odds=Odds(throttled=0, lost=1.0))
    _, answer = own.submit(REF, 1, 100.0)
    assert isinstance(answer, AnswerLost)
    assert (own.created(REF, 1) is not None) == exists
