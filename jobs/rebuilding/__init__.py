"""What became of jobs whose ledger is lost, by what others remember of them. Pure.

Provenance beside a video proves that it is stored; the last report tells what was over
by then; the provider's history tells the rest. A job waits again only if all of them
together prove that no prediction of it exists. The moves that follow are `replay`'s.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from jobs.attempt import reconciling
from jobs.attempt.reconciling import (
    Absent,
    Adopt,
    Ambiguous,
    Finding,
    LostSubmission,
)
from jobs.job import Job
from jobs.money import usd_micros
from jobs.pace.waits import RETENTION_S
from jobs.provider.answers import FRUITLESS, Listed
from jobs.records import Attempt, Failure, JobRecord
from jobs.states import State
from jobs.transitions import Ref

#: Between the clocks of whoever made a batch and of the provider, at most.
SKEW_S = 300.0

#: Candidates of one job that are written down for a person.
MAX_CANDIDATES = 200

#: ... and those of all jobs together, for a ledger lies in memory.
ALL_CANDIDATES = 200_000

#: Of an unresolved job of which some candidates are not written down.
CLIPPED_CODE = "unresolved-clipped"

#: Outcomes of attempts that were surely over when a report was made.
ENDED = ("failed", "refused", "unsent", "absent", "abandoned")

#: States of a report that are taken for what they say.
OVER = frozenset({State.FAILED, State.CANCELLED})

#: States of jobs that nothing was sent for, and that would be.
TO_BE_SENT = frozenset({State.WAITING, State.ADMITTED, State.FOLLOWING})

#: How a lost ledger is told of a job that a person must resolve.
UNCLEAR = "the ledger was lost; it may be one of the predictions that no row has"
FORGOTTEN = "the ledger was lost, too long ago for the provider's history to tell"


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


@dataclass(frozen=True, slots=True)
class Doubt:
    """A job of which nobody has told how it ended."""

    #: What was or would have been sent; no prediction of it is older than its time.
    lost: LostSubmission
    #: The prediction that was on its way by the last report.
    prediction_id: str = ""
    #: Unix seconds of that report, if the job was over by then without a video;
    #: somebody may have tried it again since.
    over_by_s: float | None = None

    @property
    def since_s(self) -> float:
        """Unix seconds before which no prediction that is sought was created."""
        return self.lost.sent_at_s if self.over_by_s is None else self.over_by_s


def stored(job: Job, kept: Kept, row: Mapping[str, Any] | None) -> JobRecord:
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
    )


def over(job: Job, row: Mapping[str, Any]) -> JobRecord | None:
    """A job that was over without a video by the last report; None if it was not."""
    if row["state"] not in OVER:
        return None
    error = row["error"]
    failure = Failure(error["code"], error["message"]) if error else None
    return JobRecord(job, State(row["state"]), _attempts(job, row), failure=failure)


def reused(job: Job, row: Mapping[str, Any]) -> JobRecord:
    """A job that took another's video by the last report; that is looked for before."""
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


def under_way(row: Mapping[str, Any]) -> str:
    """The prediction that was on its way by the last report; empty if none was."""
    going = (State.GENERATING, State.OVERDUE, State.GENERATED)
    return str(row["prediction_id"] or "") if row["state"] in going else ""


def explain(
    doubts: Sequence[Doubt], listed: Iterable[Listed], *, trusted: bool, now_s: float
) -> dict[Ref, Finding]:
    """What became of each; of one that was over, only what may have followed.

    Args:
        doubts: every job of the account that is in doubt.
        listed: predictions that belong to no job we know of, but those of doubts.
        trusted: whether the provider is known to show inputs just as they were sent;
            else what differs proves no stranger.
        now_s: unix seconds.
    """
    free = {each.prediction_id: each for each in _live_first(listed)}
    found: dict[Ref, Finding] = {}
    for doubt in doubts:
        known = free.get(doubt.prediction_id)
        if known and known.status not in FRUITLESS:
            found[doubt.lost.ref] = Adopt(free.pop(known.prediction_id).prediction_id)
    left = [d for d in doubts if d.lost.ref not in found]
    for doubt in sorted(left, key=lambda d: d.over_by_s is not None):
        own = _first_match(doubt, free.values())
        if own:
            found[doubt.lost.ref] = Adopt(free.pop(own.prediction_id).prediction_id)
    rest = [c if trusted else replace(c, inputs=None) for c in free.values()]
    for doubt in left:
        finding = None
        if doubt.lost.ref not in found:
            finding = _without_match(doubt, rest, now_s)
        if finding:
            found[doubt.lost.ref] = finding
    return found


def earlier(job: Job, row: Mapping[str, Any]) -> tuple[Attempt, ...]:
    """Its attempts that were over by the last report; none is sought any more."""
    return tuple(each for each in _attempts(job, row) if each.outcome in ENDED)


def adopted(
    job: Job, prediction_id: str, at_s: float, before: Sequence[Attempt]
) -> JobRecord:
    """A job whose prediction was found; it is looked at next.

    Args:
        job: the job.
        prediction_id: its prediction.
        at_s: unix seconds when that was created.
        before: its attempts that were over before.
    """
    attempt = Attempt(
        number=len(before) + 1,
        sent_at_s=at_s,
        outcome="generating",
        price_usd_micros=job.price_usd_micros,
        charged_usd_micros=job.price_usd_micros or 0,
        prediction_id=prediction_id,
    )
    return JobRecord(job, State.GENERATING, (*before, attempt))


def unresolved(
    job: Job, finding: Ambiguous, at_s: float, before: Sequence[Attempt], most: int
) -> JobRecord:
    """A job that may be paid; a person decides.

    Args:
        job: the job.
        finding: what it may be.
        at_s: unix seconds since when it may have been sent.
        before: its attempts that were over before.
        most: candidates that are kept, those next to `at_s` first.
    """
    near = sorted(finding.candidates, key=lambda c: abs(c.created_at_s - at_s))
    kept, count = tuple(near[:most]), len(near)
    # It is looked for from the first of them on; clocks may differ.
    at_s = min([at_s, *(c.created_at_s for c in near)])
    failure = Failure("unresolved", UNCLEAR if kept else FORGOTTEN)
    if len(kept) < count:
        words = f"{UNCLEAR}; {len(kept)} of the {count} are listed"
        failure = Failure(CLIPPED_CODE, words)
    attempt = Attempt(
        len(before) + 1, at_s, "unknown", job.price_usd_micros, failure=failure
    )
    return JobRecord(
        job, State.UNRESOLVED, (*before, attempt), failure=failure, candidates=kept
    )


def most_candidates(unclear: int) -> int:
    """How many candidates each of so many jobs may keep."""
    return max(1, min(MAX_CANDIDATES, ALL_CANDIDATES // max(1, unclear)))


def is_clipped(record: JobRecord) -> bool:
    """Whether it has more candidates than are written down."""
    return record.failure is not None and record.failure.code == CLIPPED_CODE


def _live_first(listed: Iterable[Listed]) -> list[Listed]:
    """An attempt that ended without a video has been followed by another."""
    return sorted(
        listed, key=lambda c: (c.status in FRUITLESS, c.created_at_s, c.prediction_id)
    )


def _first_match(doubt: Doubt, listed: Iterable[Listed]) -> Listed | None:
    lost = doubt.lost
    for each in listed:
        if (
            each.inputs is not None
            and each.model in ("", lost.model)
            and each.created_at_s >= doubt.since_s - SKEW_S
            and not (doubt.over_by_s is not None and each.status in FRUITLESS)
            and reconciling.is_as_sent(lost, each.inputs)
        ):
            return each
    return None


def _without_match(
    doubt: Doubt, listed: Sequence[Listed], now_s: float
) -> Finding | None:
    lost = replace(doubt.lost, sent_at_s=doubt.since_s)
    since_s = now_s - lost.sent_at_s
    hidden = [each for _, each in reconciling.candidates([lost], listed, SKEW_S)]
    if hidden:
        return Ambiguous(tuple(hidden))
    if doubt.over_by_s is not None:
        return None
    return Ambiguous(()) if since_s > RETENTION_S else Absent()


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


def unix_s(text: str) -> float:
    """Unix seconds of a time as reports and provenance have it."""
    return datetime.fromisoformat(text).timestamp()
