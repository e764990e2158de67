"""What is told of a window is about that window, and exact."""

import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.fleet import job_id, job_of, prompt
from bench.sampling import average_at_once, landed

moments = st.integers(0, 50)


def made(
    begun_s: float, completed_s: float, *, looks: int = 1, number: int = 0
) -> dict[str, Any]:
    return {
        "prompt": prompt(number),
        "created_at": begun_s,
        "completed_at": completed_s,
        "looks": looks,
    }


@given(st.lists(st.tuples(moments, moments)), moments, st.integers(1, 20))
def test_the_average_at_once_is_that_of_every_second(
    spans: list[tuple[int, int]], from_s: int, length_s: int
) -> None:
    together = [made(a, max(a, b)) for a, b in spans]
    to_s = from_s + length_s
    by_second = [
        sum(each["created_at"] <= second < each["completed_at"] for each in together)
        for second in range(from_s, to_s)
    ]
    found = average_at_once({"predictions": together}, from_s, to_s)
    assert found == pytest.approx(sum(by_second) / length_s)


def test_the_lag_is_from_completed_to_the_file_and_only_of_the_window(
    tmp_path: Path,
) -> None:
    for number, stored_s in ((0, 105.0), (1, 112.5), (2, 140.0)):
        file = tmp_path / f"{job_id(number)}.mp4"
        file.touch()
        os.utime(file, (stored_s, stored_s))
    books = {
        "predictions": [
            made(10, 99, number=0),
            made(10, 110, number=1, looks=3),
            made(10, 119, number=2, looks=4),
            made(10, 115, number=3),
            made(10, 120, number=2),
        ]
    }
    found = landed(tmp_path, books, 100, 120)
    assert found.lags_s == [2.5, 21.0]
    assert found.looks == [3, 4]
    assert found.missing == 1


@given(st.integers(0, 9_999_999))
def test_a_prompt_tells_its_job(number: int) -> None:
    assert job_of(prompt(number)) == job_id(number)
