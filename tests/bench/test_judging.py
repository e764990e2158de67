"""Figures are of what was observed: the books of the provider, the files on disk."""

import pytest

from bench.judging import Outcome, Prediction, accounts, quantile, read_books, timing


def prediction(
    job_id: str, *, created_at_s: float = 0.0, completed_at_s: float = 10.0
) -> Prediction:
    return Prediction(job_id, created_at_s, completed_at_s, looks=2, fetched=True)


def test_predictions_of_other_prompts_are_left_out() -> None:
    told = {"created_at": 1.0, "completed_at": 3.0, "looks": 2, "fetched_at": None}
    books = {"predictions": [{**told, "prompt": "a"}, {**told, "prompt": "lesson"}]}
    assert read_books(books, {"a": "mug-1"}) == [
        Prediction("mug-1", 1.0, 3.0, 2, False)
    ]


def test_lag_is_from_the_end_of_the_generation_to_the_file() -> None:
    found = timing(
        Outcome(
            ("a", "b"),
            [prediction("a"), prediction("b", completed_at_s=20.0)],
            {"a": 11.0, "b": 24.0},
        ),
        begun_at_s=-1.0,
    )
    assert found["lag_p50_s"] == pytest.approx(1.0)
    assert found["lag_max_s"] == pytest.approx(4.0)
    assert found["wall_s"] == pytest.approx(25.0)
    assert found["ideal_s"] == pytest.approx(20.0)
    assert found["gets_per_job"] == pytest.approx(2.0)


def test_a_job_that_was_paid_twice_and_a_video_that_nobody_fetched_are_counted() -> (
    None
):
    left = Prediction("b", 0.0, 10.0, looks=0, fetched=False)
    paid = [prediction("a"), prediction("a"), prediction("a"), left]
    assert accounts(Outcome(("a", "b", "c"), paid, {"a": 11.0})) == {
        "lost": 2,
        "paid_twice": 1,
        "paid_too_many": 2,
        "paid_for_nothing": 1,
    }


@pytest.mark.parametrize(
    ("share", "value"), [(0.0, 1), (0.5, 50), (0.95, 95), (0.951, 96), (1.0, 100)]
)
def test_a_quantile_is_a_value_that_was_observed(share: float, value: int) -> None:
    assert quantile(range(1, 101), share) == value


def test_of_nothing_a_quantile_is_nothing() -> None:
    assert quantile([], 0.5) == 0.0
