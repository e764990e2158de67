"""A job: what it writes into the ledger, and when two ask for the same video."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.job import Job

inputs = st.dictionaries(
    st.text(max_size=8),
    st.text(max_size=8)
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.lists(st.text(max_size=8), max_size=3),
    max_size=5,
)
jobs = st.builds(
    Job,
    id=st.text(min_size=1, max_size=8),
    line=st.integers(1, 10**9),
    model=st.text(max_size=8),
    inputs=inputs,
    price_usd_micros=st.none() | st.integers(0, 10**9),
    key=st.text(max_size=8),
    data=st.dictionaries(st.text(max_size=8), st.text(max_size=8), max_size=3),
)

MUG = Job("mug", 2, "model", {"image": "mug.jpg"}, 210_000, "spring/mug.mp4")


@given(jobs)
def test_a_job_comes_back_from_the_ledger_as_it_was(job: Job) -> None:
    assert Job.from_json(job.to_json()) == job


@given(jobs, jobs)
def test_the_digest_tells_what_is_asked_for_and_nothing_else(
    job: Job, other: Job
) -> None:
    same = replace(other, model=job.model, inputs=job.inputs)
    assert same.digest() == job.digest()


@pytest.mark.parametrize(
    "changes", [{"model": "other"}, {"inputs": {"image": "cup.jpg"}}, {"inputs": {}}]
)
def test_another_request_has_another_digest(changes: dict[str, Any]) -> None:
    assert replace(MUG, **changes).digest() != MUG.digest()


@pytest.mark.parametrize(
    ("given_inputs", "image"),
    [
        ({"image": "mug.jpg"}, "mug.jpg"),
        ({"images": [], "image": "mug.jpg"}, "mug.jpg"),
    ],
)
def test_its_picture_is_the_first_one(given_inputs: dict[str, Any], image: str) -> None:
    assert replace(MUG, inputs=given_inputs).image == image
