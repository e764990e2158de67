"""How far jobs had come, by what their store tells: provenance and the last report.

Pure. Provenance beside a video proves that it is stored; the last report tells what was
over or under way by then. The moves that follow are `moves`'.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from jobs.job import Job
from jobs.money import usd_micros
from jobs.quality import Quality
from jobs.records import Attempt, Failure, JobRecord
from jobs.states import State

#: Outcomes of attempts that were surely over when a report was made.
ENDED = ("failed", "refused", "unsent", "absent", "abandoned")

#: States of a report in which a prediction is on its way, or its video is.
GOING = (State.GENERATING, State.OVERDUE, State.GENERATED)


@dataclass(frozen=True, slots=True)
class Kept:
    """A video in its store, as large as its provenance says."""

    #: Path or URL.
    place: str
    size_bytes: int
    #: What is told beside it.
    told: Mapping[str, Any]
    #: Key of its poster, if that is there.
    poster: str | None = None


def known(job: Job, kept: Kept | None, row: Mapping[str, Any] | None) -> JobRecord:
    """How far a job had come; it waits where nothing tells how it ended.

    Args:
        job: the job.
        kept: its video, if it is in the store.
        row: its row of the last report; if the video of another serves it, only where
            that video is in the store.
    """
    if kept:
        return _stored(job, kept, row)
    if row is None:
        return JobRecord(job, State.WAITING)
    state, attempts = State(row["state"]), _attempts(job, row)
    match state:
        case State.REUSED:
            return _reused(job, row)
        case State.FAILED | State.CANCELLED:
            error = row["error"]
            failure = Failure(error["code"], error["message"]) if error else None
            return JobRecord(job, state, attempts, failure=failure)
        case _ if state in GOING and attempts and attempts[-1].prediction_id:
            last = replace(attempts[-1], outcome="generating", ended_at_s=None)
            return JobRecord(job, State.GENERATING, (*attempts[:-1], last))
        case _:
            ended = tuple(each for each in attempts if each.outcome in ENDED)
            return JobRecord(job, State.WAITING, ended)


def unix_s(text: str) -> float:
    """Unix seconds of a time as reports and provenance have it."""
    return datetime.fromisoformat(text).timestamp()


def _stored(job: Job, kept: Kept, row: Mapping[str, Any] | None) -> JobRecord:
    """A job whose video is there; its attempts by the report, if that knows of it."""
    raw = kept.told
    prediction_id = raw.get("prediction_id")
    if row and row["prediction_id"] == prediction_id and row["state"] == State.STORED:
        attempts = _attempts(job, row)
    else:
        sent_at_s = unix_s(raw["sent_at"])
        attempts = (
            Attempt(
                number=int(raw["attempts"]),
                sent_at_s=sent_at_s,
                outcome="completed",
                price_usd_micros=job.price_usd_micros,
                charged_usd_micros=usd_micros(raw["charged_usd"]),
                refunded_usd_micros=usd_micros(raw.get("refunded_usd", "0")),
                prediction_id=prediction_id,
                ended_at_s=sent_at_s,
            ),
        )
    return JobRecord(
        job,
        State.STORED,
        attempts,
        video=kept.place,
        video_bytes=kept.size_bytes,
        video_sha256=raw.get("sha256"),
        poster=kept.poster,
        quality=Quality.from_document(raw["quality"]) if raw.get("quality") else None,
    )


def _reused(job: Job, row: Mapping[str, Any]) -> JobRecord:
    return JobRecord(
        job,
        State.REUSED,
        video=row["video"],
        video_bytes=row["bytes"],
        video_sha256=row["sha256"],
        # Reports of earlier versions tell of none.
        poster=row.get("poster"),
        source_job=row["reused_from"] or "",
    )


def _attempts(job: Job, row: Mapping[str, Any]) -> tuple[Attempt, ...]:
    return tuple(
        Attempt(
            number=raw["number"],
            sent_at_s=unix_s(raw["sent_at"]),
            outcome=raw["outcome"],
            price_usd_micros=job.price_usd_micros,
            charged_usd_micros=usd_micros(raw["charged_usd"]),
            refunded_usd_micros=usd_micros(raw["refunded_usd"]),
            prediction_id=raw["prediction_id"],
            # Reports of earlier versions tell of none.
            ended_at_s=unix_s(raw["ended_at"]) if raw.get("ended_at") else None,
            failure=Failure(**raw["error"]) if raw["error"] else None,
        )
        for raw in row["attempts"]
    )
