"""A copy of a batch says all that was asked for, and nothing else is taken for one."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.attempt.links import Link
from jobs.job import Job
from jobs.rebuilding import copies
from jobs.rebuilding.copies import BatchCopyError, key_of, named
from tests.jobs.ledger.play import a_batch, a_job

texts = st.text(
    st.characters(codec="utf-8") | st.sampled_from("\n\r\x85\u2028"), max_size=20
)
links = st.dictionaries(texts, st.builds(Link, texts, st.floats(0, 1e12)), max_size=3)
jobs = st.builds(
    lambda number, prompt, price, data: replace(
        a_job(number, price), inputs={"prompt": prompt}, data=data
    ),
    st.integers(1, 10**6),
    texts,
    st.none() | st.integers(0, 10**9),
    st.dictionaries(texts, texts, max_size=3),
)


@given(st.lists(st.tuples(jobs, links), max_size=4), st.none() | st.integers(0, 10**9))
def test_what_is_copied_is_read_again(
    asked: list[tuple[Job, dict[str, Link]]], budget: int | None
) -> None:
    labels = {"team": "shoes"}
    batch = a_batch(budget_usd_micros=budget, fresh=True, folder="shop", labels=labels)
    found = copies.read("".join(copies.lines(batch, asked)))
    assert found.batch == batch
    assert found.jobs == tuple(job for job, _ in asked)
    merged: dict[str, Link] = {}
    for _, several in asked:
        merged |= several
    assert found.links == merged


def test_a_copy_that_is_not_whole_is_refused() -> None:
    text = "".join(copies.lines(a_batch(), [(a_job(1), {})]))
    for broken in ("", "{}", "[]", text[:-20], text + "{}\n", "\x00", "{}\n5\n"):
        with pytest.raises(BatchCopyError):
            copies.read(broken)


def test_a_copy_that_lacks_whole_lines_is_refused() -> None:
    none: dict[str, Link] = {}
    asked = [(a_job(number), none) for number in (1, 2, 3)]
    rows = "".join(copies.lines(a_batch(), asked)).splitlines(keepends=True)
    for count in range(1, len(rows)):
        with pytest.raises(BatchCopyError, match="cut off"):
            copies.read("".join(rows[:count]))
    with pytest.raises(BatchCopyError, match="2 of its 3 jobs"):
        copies.read("".join(rows[:2] + rows[3:]))


def test_a_key_names_its_ledger_and_batch_and_other_keys_name_none() -> None:
    assert named(key_of("abc", "spring-1")) == ("abc", "spring-1")
    for other in ("spring/report.json", ".reelmill/abc", ".reelmill/a/b/c.jsonl", ""):
        assert named(other) is None
