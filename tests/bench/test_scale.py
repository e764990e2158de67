"""What grows with the jobs: one small size measured, and the judgement of growth."""

from argparse import Namespace
from typing import Any

import pytest

from bench.results import markdown
from bench.scale import FIGURES, answer, page, worse_than_linear


@pytest.fixture(scope="module")
def numbers() -> dict[str, Any]:
    return answer(Namespace(jobs=[300]))


def test_every_figure_is_measured(numbers: dict[str, Any]) -> None:
    (size,) = numbers["sizes"]
    assert set(FIGURES) <= set(size)
    assert all(size[name] > 0 for name in FIGURES)


def test_an_archived_job_takes_less_than_a_finished_one(
    numbers: dict[str, Any],
) -> None:
    (size,) = numbers["sizes"]
    assert size["archived_bytes"] < size["finished_bytes"]


def test_the_page_has_a_column_for_each_size(numbers: dict[str, Any]) -> None:
    text = markdown(page(numbers))
    assert "300 jobs" in text
    assert "from one size to the next: nothing." in text


@pytest.mark.parametrize(
    ("name", "less", "more", "is_worse"),
    [
        ("enqueue_s", 2.0, 20.0, False),
        ("enqueue_s", 2.0, 40.0, True),
        ("waiting_bytes", 900.0, 930.0, False),
        ("waiting_bytes", 900.0, 1_900.0, True),
        ("beat_due_ms", 0.1, 0.4, False),
        ("list_s", 0.5, 5.0, True),
    ],
)
def test_growth_is_judged_by_what_may_grow(
    name: str, less: float, more: float, is_worse: bool
) -> None:
    sizes: list[dict[str, Any]] = [{"jobs": 1_000, name: less}]
    sizes.append({"jobs": 10_000, name: more})
    assert bool(worse_than_linear(sizes)) == is_worse
