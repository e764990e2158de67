"""The rows of a report: a job each, what became of it, what it cost, what to do next.

It only words what the ledger holds of one job; what all rows come to is added up by
its neighbours `sums`, `times`, `timeline` and `reasons`.
"""

import json
from collections.abc import Iterable, Iterator
from typing import Any

from jobs.job import Job
from jobs.provider.answers import Listed
from jobs.records import Attempt, BatchRecord, Failure, JobRecord
from jobs.report.bill import Bill
from jobs.report.formats import iso, iso_or_none, usd, usd_or_none
from jobs.report.kinds import Kind
from jobs.report.steps import next_step
from jobs.report.sums import price_usd_micros
from jobs.report.times import generated_s
from jobs.states import State

#: Candidates of an unresolved job that a report shows; `reelmill show` has them all.
MOST_CANDIDATES = 20

#: Made once: `json.dumps` would make one for each row.
_JSON = json.JSONEncoder(ensure_ascii=False)


class Rows:
    """Rows in the order in which they were added, gone through as often as one likes.

    Each is held as its line of JSON, in a third of the memory of a dict.
    """

    def __init__(self, rows: Iterable[dict[str, Any]] = ()) -> None:
        self.texts = [_JSON.encode(row) for row in rows]

    def append(self, row: dict[str, Any]) -> None:
        """Add a row at the end."""
        self.texts.append(_JSON.encode(row))

    def __len__(self) -> int:
        return len(self.texts)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return map(json.loads, self.texts)

    def __getitem__(self, place: int) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.texts[place])
        return found


def row(
    batch: BatchRecord, record: JobRecord, kind: Kind, bill: Bill
) -> dict[str, Any]:
    """A job as the document has it.

    Args:
        batch: its batch.
        record: all that happened to it.
        kind: what decides its price.
        bill: what the provider bills, of which its candidates may be.
    """
    job = record.job
    kept = (record.video or "").removeprefix(f"{batch.store}/")
    told = {
        "id": job.id,
        "line": job.line,
        "model": kind.model,
        "duration_s": kind.duration_s,
        "options": kind.options,
        "prompt": _prompt(job),
        "image": job.image,
        "state": record.state.value,
        "video": record.video,
        "key": kept if kept != record.video and kept else job.key,
        "poster": record.poster,
        "bytes": record.video_bytes,
        "sha256": record.video_sha256,
        "generated_s": generated_s(record),
        "prediction_id": record.prediction_id,
        "reused_from": record.leader if record.state is State.REUSED else None,
        "attempts": [_attempt(attempt) for attempt in record.attempts],
        "estimated_usd": usd_or_none(price_usd_micros(record)),
        "charged_usd": usd(record.charged_usd_micros),
        "refunded_usd": usd(record.refunded_usd_micros),
        "error": _error(batch.id, record),
        "data": dict(job.data),
    }
    if record.state is State.UNRESOLVED:
        nearest = record.candidates[:MOST_CANDIDATES]
        told["candidates"] = [_candidate(each, bill) for each in nearest]
    return told


def _attempt(attempt: Attempt) -> dict[str, Any]:
    failure = attempt.failure
    return {
        "number": attempt.number,
        "prediction_id": attempt.prediction_id,
        "outcome": attempt.outcome,
        "sent_at": iso(attempt.sent_at_s),
        "ended_at": iso_or_none(attempt.ended_at_s),
        "charged_usd": usd(attempt.charged_usd_micros),
        "refunded_usd": usd(attempt.refunded_usd_micros),
        "error": failure and {"code": failure.code, "message": failure.message},
    }


def _candidate(candidate: Listed, bill: Bill) -> dict[str, Any]:
    """A prediction that may be the job's own."""
    return {
        "prediction_id": candidate.prediction_id,
        "model": candidate.model,
        "created_at": iso(candidate.created_at_s),
        "status": candidate.status,
        "billed_usd": bill.stranger_usd(candidate.prediction_id),
        "prompt": _shown(candidate, "prompt"),
        "image": _shown(candidate, "image"),
    }


def _shown(candidate: Listed, name: str) -> str | None:
    """An input of a candidate; None where the provider's history does not show it."""
    value = (candidate.inputs or {}).get(name)
    return value if isinstance(value, str) else None


def _error(batch_id: str, record: JobRecord) -> dict[str, str] | None:
    """Why there is no video, and what to do about it; None where all is well."""
    failure = record.failure
    if failure is None:
        if record.state not in {State.FAILED, State.UNRESOLVED}:
            return None
        failure = Failure(record.state.value, "No reason was written down.")
    return {
        "code": failure.code,
        "message": failure.message,
        "next_step": next_step(batch_id, record.job.id, record.state, failure.code),
    }


def _prompt(job: Job) -> str:
    """What the person asked to see; the shots of a multi-shot job one by one."""
    shots = job.inputs.get("multi_prompt") or ()
    several = [shot["prompt"] for shot in shots if shot.get("prompt")]
    return str(job.inputs.get("prompt") or " / ".join(several))
