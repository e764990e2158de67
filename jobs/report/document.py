"""The report of a batch: what became of each row, what it cost, what to do next.

The document is kept as `report.json`, a contract that `report.schema.json` describes.
It is made in one pass over the jobs, and asks neither the ledger nor the clock nor the
provider. `page` shows it in a browser, `sheet` in a spreadsheet.
"""

import gzip
import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict
from importlib import resources
from io import BytesIO
from typing import Any

from jobs.job import Job
from jobs.money import usd, usd_micros, usd_or_none
from jobs.pace.limits import Limits
from jobs.provider.answers import Listed
from jobs.records import Attempt, BatchRecord, Failure, JobRecord
from jobs.report.figures import (
    Kind,
    Sum,
    Timeline,
    Times,
    generated_s,
    in_order,
    kind_of,
    price_usd_micros,
)
from jobs.report.next_steps import Reasons, is_at_risk, is_late, next_step, warnings
from jobs.states import State
from jobs.text import iso_ms

#: Candidates of an unresolved job that a report shows; `reelmill show` has them all.
MAX_CANDIDATES = 20

#: The billed amounts of a line of `by_model`.
BILLED = ("billed_usd", "billed_refunded_usd", "billed_net_usd")

#: Made once: `json.dumps` would make one for each row.
_JSON = json.JSONEncoder(ensure_ascii=False)


class Rows:
    """Rows that can be gone through as often as one likes.

    They are held as packed JSON, in a tenth of the memory of their text: a report of a
    hundred thousand rows takes some ten megabytes.
    """

    def __init__(self, rows: Iterable[Mapping[str, Any]]) -> None:
        packed = BytesIO()
        self._count = 0
        with gzip.open(packed, "wb", compresslevel=1) as file:
            for row in rows:
                # Half of a surrogate pair, which no file can hold, becomes a "?".
                file.write(_JSON.encode(row).encode(errors="replace") + b"\n")
                self._count += 1
        self._packed = packed.getvalue()

    def lines(self) -> Iterator[str]:
        """Each row as JSON on one line."""
        with gzip.open(
            BytesIO(self._packed), "rt", encoding="utf-8", newline="\n"
        ) as file:
            for line in file:
                yield line.rstrip("\n")

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return map(json.loads, self.lines())


def report(
    batch: BatchRecord,
    jobs: Iterable[JobRecord],
    now_s: float,
    *,
    limits: Limits | None = None,
    invoice: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """The document that is kept as `report.json`: its amounts are decimal strings.

    Its totals are the sums of its rows.

    Args:
        batch: the batch as the ledger has it.
        jobs: its jobs in the order of the manifest, gone through once.
        now_s: unix seconds.
        limits: those of its account, where they are known.
        invoice: what `invoice` found, where the provider was asked: just now, or
            when its `asked_at` says.
    """
    counts = _Counts(batch, now_s, invoice)
    rows = Rows(map(counts.row, jobs))
    whole = Sum.of(counts.kinds.values())
    finished = batch.complete and not whole.unfinished and not whole.unresolved
    document = {
        "batch": batch.id,
        "state": "finished" if finished else "incomplete",
        "jobs": whole.counts(),
        "cost": whole.cost() | {"budget_usd": usd_or_none(batch.budget_usd_micros)},
        "warnings": list(warnings(batch, whole, counts.at_risk, counts.late)),
        "failures": counts.reasons.to_list(),
        "by_model": counts.by_model(),
        "attempts": {
            "total": whole.attempts,
            "jobs_with_several": whole.several,
            "throttled": batch.throttled,
        },
        "timeline": counts.timeline.to_dict(),
        "times": counts.times.to_list(),
        "limits": limits and asdict(limits),
        "manifest": batch.manifest,
        "labels": dict(batch.labels),
        "account": batch.account,
        "store": batch.store,
        "created_at": iso_ms(batch.created_at_s),
        "made_at": iso_ms(now_s),
    }
    if invoice is not None:
        document["invoice"] = {"asked_at": iso_ms(now_s), **invoice}
    return document | {"rows": rows}


def json_chunks(document: Mapping[str, Any]) -> Iterator[str]:
    """The document as JSON in pieces, so that its text need not be held whole.

    The rows come last, each on a line of its own: `kept_report` relies on that.
    """
    lead = "{"
    for name in (*(name for name in document if name != "rows"), "rows"):
        yield f"{lead}\n {json.dumps(name)}: "
        yield from _value(document[name])
        lead = ","
    yield "\n}\n"


def _value(value: object) -> Iterator[str]:
    """A value on one line; of a list each item on its own."""
    if not value or not isinstance(value, list | Rows):
        yield "[]" if isinstance(value, Rows) else _JSON.encode(value)
        return
    lead = "["
    for item in value.lines() if isinstance(value, Rows) else map(_JSON.encode, value):
        yield f"{lead}\n  {item}"
        lead = ","
    yield "\n ]"


def schema() -> str:
    """The JSON Schema (draft 2020-12) of `report.json`, as it lies in its file."""
    file = resources.files("jobs.report") / "report.schema.json"
    return file.read_text(encoding="utf-8")


class _Counts:
    """All that is kept of the jobs while they go by."""

    def __init__(
        self, batch: BatchRecord, now_s: float, invoice: Mapping[str, Any] | None
    ) -> None:
        self._batch = batch
        self._now_s = now_s
        self._invoice = invoice
        #: What is billed for predictions that no row has.
        self._strangers: Counter[str] = Counter()
        for charge in (invoice or {}).get("unexplained", ()):
            self._strangers[charge["prediction_id"]] += usd_micros(charge["billed_usd"])
        self.kinds: defaultdict[Kind, Sum] = defaultdict(Sum)
        self.reasons = Reasons(batch.id)
        self.timeline = Timeline(now_s)
        self.times = Times()
        self.at_risk = 0
        #: Ids of what the provider goes on with for too long.
        self.late: list[str] = []

    def row(self, record: JobRecord) -> dict[str, Any]:
        """Count one job, and say what its row of the document is."""
        kind = kind_of(record.job)
        row = self._row(record, kind)
        self.kinds[kind].add(record)
        self.timeline.add(record)
        self.times.add(kind, row["generated_s"])
        self.at_risk += is_at_risk(record, self._now_s)
        if is_late(record):
            self.late.append(record.job.id)
        if record.state is State.FAILED:
            row["error"]["reason"] = self.reasons.add(record, row["error"])
        return row

    def by_model(self) -> list[dict[str, Any]]:
        """A line for each kind, beside it what is billed, where that is known."""
        billed = {}
        for line in (self._invoice or {}).get("by_model", ()):
            kind = Kind(line["model"], line["duration_s"], line["options"])
            billed[kind] = {name: line[name] for name in BILLED}
        nothing = {} if self._invoice is None else dict.fromkeys(BILLED, usd(0))
        return [
            kind._asdict() | self.kinds[kind].line() | billed.get(kind, nothing)
            for kind in in_order(self.kinds)
        ]

    def _row(self, record: JobRecord, kind: Kind) -> dict[str, Any]:
        job, batch = record.job, self._batch
        stored = (record.video or "").removeprefix(f"{batch.store}/")
        row = {
            "id": job.id,
            "line": job.line,
            "model": kind.model,
            "duration_s": kind.duration_s,
            "options": kind.options,
            "prompt": _prompt(job),
            "image": job.image,
            "state": record.state.value,
            "video": record.video,
            "key": stored if stored != record.video and stored else job.key,
            "poster": record.poster,
            "quality": record.quality and record.quality.to_document(),
            "bytes": record.video_bytes,
            "sha256": record.video_sha256,
            "generated_s": generated_s(record),
            "prediction_id": record.prediction_id,
            "reused_from": record.source_job if record.state is State.REUSED else None,
            "attempts": [_attempt(attempt) for attempt in record.attempts],
            "estimated_usd": usd_or_none(price_usd_micros(record)),
            "charged_usd": usd(record.charged_usd_micros),
            "refunded_usd": usd(record.refunded_usd_micros),
            "error": _error(batch.id, record),
            "data": dict(job.data),
        }
        if record.state is State.UNRESOLVED:
            nearest = record.candidates[:MAX_CANDIDATES]
            row["candidates"] = [self._candidate(each) for each in nearest]
        return row

    def _candidate(self, candidate: Listed) -> dict[str, Any]:
        """A prediction that may be the job's own."""
        billed = self._strangers.get(candidate.prediction_id)
        return {
            "prediction_id": candidate.prediction_id,
            "model": candidate.model,
            "created_at": iso_ms(candidate.created_at_s),
            "status": candidate.status,
            "billed_usd": usd_or_none(billed),
            "prompt": _shown(candidate, "prompt"),
            "image": _shown(candidate, "image"),
        }


def _attempt(attempt: Attempt) -> dict[str, Any]:
    ended_s, failure = attempt.ended_at_s, attempt.failure
    return {
        "number": attempt.number,
        "prediction_id": attempt.prediction_id,
        "outcome": attempt.outcome,
        "sent_at": iso_ms(attempt.sent_at_s),
        "ended_at": None if ended_s is None else iso_ms(ended_s),
        "charged_usd": usd(attempt.charged_usd_micros),
        "refunded_usd": usd(attempt.refunded_usd_micros),
        "error": failure and {"code": failure.code, "message": failure.message},
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
