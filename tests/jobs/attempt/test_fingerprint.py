"""When two rows ask for the same: the contents of pictures count, addresses do not."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.attempt.fingerprint import Fingerprint, Fingerprinter
from jobs.catalogue import builtin
from jobs.job import Job

KNOWN = builtin()
MUG = "https://example.com/mug.jpg"
SIGNED = f"{MUG}?signature=2"
CONTENT = "ab" * 32
OTHER = "cd" * 32


def a_job(
    model: str = "kling-v2.6-std", contents: Mapping[str, str] = {}, **inputs: Any
) -> Job:
    return Job(
        id="mug",
        line=2,
        model=KNOWN.find(model).id,
        inputs={"image": MUG, "prompt": "Slow orbit", **inputs},
        price_usd_micros=210_000,
        key="mug.mp4",
        contents=contents,
    )


def ask(job: Job) -> Fingerprint:
    return Fingerprinter(KNOWN).of(job)


def test_an_address_signed_anew_is_written_anew_and_has_the_same_content() -> None:
    first = ask(a_job(contents={MUG: CONTENT}))
    second = ask(a_job(contents={SIGNED: CONTENT}, image=SIGNED))
    assert first.content == second.content
    assert first.written != second.written


def test_another_content_behind_the_same_address_is_something_else() -> None:
    first = ask(a_job(contents={MUG: CONTENT}))
    second = ask(a_job(contents={MUG: OTHER}))
    assert first.content != second.content
    assert first.written == second.written


def test_without_all_contents_only_what_is_written_is_known() -> None:
    assert ask(a_job()).content == ""
    two = a_job("kling-v3.0-std", {MUG: CONTENT}, end_image=SIGNED)
    assert ask(two).content == ""
    assert ask(replace(two, contents={MUG: CONTENT, SIGNED: OTHER})).content


CHANGES: list[dict[str, Any]] = [
    {"prompt": "Slower orbit"},
    {"duration": 10},
    {"negative_prompt": "blur"},
    {"model": "kling-v2.1-std"},
    {"image": "https://example.com/lamp.jpg"},
]


@pytest.mark.parametrize("change", CHANGES)
def test_whatever_changes_the_video_is_something_else(change: dict[str, Any]) -> None:
    assert ask(a_job(**change)).written != ask(a_job()).written


def test_what_is_left_to_its_default_is_the_same_as_the_default() -> None:
    assert ask(a_job(duration=5)) == ask(a_job())


@given(st.lists(st.sampled_from(["a", "b", "c"]), max_size=12))
def test_rows_that_are_written_twice_are_told_apart_by_their_turn(
    prompts: list[str],
) -> None:
    asks = Fingerprinter(KNOWN)
    found = [asks.of(a_job(prompt=p, contents={MUG: CONTENT})) for p in prompts]
    assert len(set(found)) == len(prompts)
    # The same rows in another order ask for the same things.
    again = Fingerprinter(KNOWN)
    shuffled = [
        again.of(a_job(prompt=p, contents={MUG: CONTENT})) for p in reversed(prompts)
    ]
    assert set(shuffled) == set(found)
