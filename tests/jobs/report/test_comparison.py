"""Two nights beside each other: what is told of a change, and what is none."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobs.catalogue import builtin
from jobs.pricing import usd_micros
from jobs.records import Failure, JobRecord
from jobs.report.comparison import SAME_ADDRESS, Night, comparison
from jobs.report.comparison_markdown import comparison_markdown
from jobs.states import State
from tests.jobs.report.reported import (
    MODEL,
    NOW_S,
    SPRING,
    job_records,
    one_job,
    one_try,
)

PICTURE = "https://example.com/mug.jpg"
AUTUMN = replace(SPRING, id="autumn")

lists = st.lists(job_records(), max_size=5, unique_by=lambda record: record.job.id)


def compared(before: list[JobRecord], after: list[JobRecord]) -> dict[str, Any]:
    nights = Night.of(SPRING, before), Night.of(AUTUMN, after)
    return comparison(*nights, builtin())


def asked(
    inputs: Mapping[str, Any], contents: Mapping[str, str] | None = None, **job: Any
) -> JobRecord:
    made = one_job(State.STORED, one_try())
    asks = {"image": PICTURE, "prompt": "a mug"} | dict(inputs)
    own = replace(made.job, inputs=asks, contents=contents or {}, **job)
    return replace(made, job=own)


@settings(max_examples=40)
@given(lists, lists)
def test_every_row_is_in_one_night_or_in_both(
    before: list[JobRecord], after: list[JobRecord]
) -> None:
    made = compared(before, after)
    assert made["same"] + len(made["new"]) == len(after)
    assert made["same"] + len(made["gone"]) == len(before)
    nets = [usd_micros(made[night]["net_usd"]) for night in ("before", "after")]
    assert usd_micros(made["net_difference_usd"]) == nets[1] - nets[0]
    failed = sum(record.state is State.FAILED for record in after)
    known = len(made["newly_failed"]) + len(made["still_failed"])
    assert known + sum(row["state"] == "failed" for row in made["new"]) == failed


@settings(max_examples=40)
@given(lists)
def test_a_night_beside_itself_has_no_change(night: list[JobRecord]) -> None:
    made = compared(night, night)
    told = ("new", "gone", "changed", "newly_failed", "now_stored")
    assert [made[name] for name in told] == [[]] * len(told)
    assert made["net_difference_usd"] == "0.00"


@pytest.mark.parametrize(
    ("before", "after", "changes"),
    [
        (asked({}), asked({"prompt": "two"}), [("prompt", "a mug", "two")]),
        # What is left out is what the provider takes then.
        (asked({}), asked({"duration": 5}), []),
        (asked({}), asked({"duration": 10}), [("duration", "5", "10")]),
        (
            asked({}),
            asked({}, model="another"),
            [("model", MODEL, "another")],
        ),
        # Signed addresses change every night, and their pictures do not.
        (
            asked({"image": "https://s/m.jpg?sig=1"}, {"https://s/m.jpg?sig=1": "aa"}),
            asked({"image": "https://s/m.jpg?sig=2"}, {"https://s/m.jpg?sig=2": "aa"}),
            [],
        ),
        (
            asked({}, {PICTURE: "aa"}),
            asked({}, {PICTURE: "bb"}),
            [("image", PICTURE, SAME_ADDRESS)],
        ),
        (asked({}, {PICTURE: "aa"}), asked({}), []),
        (
            asked({"image": "a.jpg"}),
            asked({"image": "b.jpg"}),
            [("image", "a.jpg", "b.jpg")],
        ),
    ],
)
def test_a_change_is_told_input_by_input(
    before: JobRecord, after: JobRecord, changes: list[tuple[str, str, str]]
) -> None:
    told = [
        (one["what"], one["before"], one["after"])
        for row in compared([before], [after])["changed"]
        for one in row["changes"]
    ]
    assert told == changes


def test_what_failed_now_or_has_its_video_now_is_named() -> None:
    failure = Failure("refused", "too small")
    bad = one_job(State.FAILED, one_try("failed", 210_000), failure=failure)
    slow = replace(one_try(), ended_at_s=NOW_S + 90)
    good = one_job(State.STORED, slow, generated_at_s=NOW_S + 90)
    worse, better = compared([good], [bad]), compared([bad], [good])
    assert [row["id"] for row in worse["newly_failed"]] == ["mug"]
    assert worse["net_difference_usd"] == "-0.21"
    assert [row["before"] for row in better["now_stored"]] == ["failed"]
    assert better["after"]["took_s"] == 90.0
    assert [time["after_p50_s"] for time in better["times"]] == [90.0]
    assert compared([bad], [bad])["still_failed"][0]["error"] == "too small"
    text = comparison_markdown(worse)
    assert "### Failed now, and not before: 1\n\n- `mug`, line 2: `too small`" in text
    assert "Difference: **-$0.21**" in text
