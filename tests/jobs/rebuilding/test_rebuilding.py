"""What a store tells of a job is taken for what it says, and for no more."""

from typing import Any

import pytest

from jobs.job import Job
from jobs.quality import Finding, Quality, Verdict
from jobs.rebuilding import Kept, known
from jobs.states import State

JOB = Job("a", 2, "m", {}, 210_000, "a.mp4")
TIME = "2027-01-15T08:00:00+00:00"


def an_attempt(outcome: str, number: int = 1, charged: str = "0.21") -> dict[str, Any]:
    return {
        "number": number,
        "sent_at": TIME,
        "outcome": outcome,
        "charged_usd": charged,
        "refunded_usd": "0",
        "prediction_id": f"p{number}",
        "error": None,
    }


def a_row(state: str, *attempts: dict[str, Any], **more: Any) -> dict[str, Any]:
    last = attempts[-1]["prediction_id"] if attempts else None
    row = {"state": state, "attempts": list(attempts), "prediction_id": last}
    return {**row, "error": None, **more}


@pytest.mark.parametrize(
    ("row", "state", "attempts"),
    [
        (None, State.WAITING, 0),
        (a_row("waiting"), State.WAITING, 0),
        (a_row("waiting", an_attempt("failed")), State.WAITING, 1),
        (
            a_row("unknown", an_attempt("failed"), an_attempt("unknown", 2)),
            "waiting",
            1,
        ),
        (a_row("generating", an_attempt("generating")), State.GENERATING, 1),
        (a_row("generated", an_attempt("completed")), State.GENERATING, 1),
        (a_row("failed", an_attempt("failed")), State.FAILED, 1),
        (a_row("cancelled"), State.CANCELLED, 0),
        # Its video is not there.
        (a_row("stored", an_attempt("completed")), State.WAITING, 0),
    ],
)
def test_a_report_tells_what_was_over_or_under_way(
    row: dict[str, Any] | None, state: State, attempts: int
) -> None:
    found = known(JOB, None, row)
    assert (found.state, len(found.attempts)) == (state, attempts)
    assert found.charged_usd_micros == attempts * 210_000


def test_provenance_beside_a_video_proves_that_it_is_stored() -> None:
    quality = Quality((Finding("flicker", Verdict.REVIEW, 9.5, 1.25),))
    told = {
        "prediction_id": "p2",
        "sent_at": TIME,
        "attempts": 2,
        "charged_usd": "0.42",
        "sha256": "ab",
        "quality": quality.to_document(),
    }
    found = known(JOB, Kept("v/a.mp4", 7, told), a_row("failed", an_attempt("failed")))
    assert (found.state, found.video, found.video_bytes) == (State.STORED, "v/a.mp4", 7)
    assert (found.prediction_id, found.charged_usd_micros) == ("p2", 420_000)
    assert found.quality == quality


def test_a_video_that_another_row_made_is_known_by_the_report() -> None:
    row = a_row("reused", video="v/b.mp4", bytes=8, sha256="cd", reused_from="w/b")
    found = known(JOB, None, row)
    assert (found.state, found.video, found.source_job) == (
        State.REUSED,
        "v/b.mp4",
        "w/b",
    )
