"""A statement: what the batches of a time cost, by batch, by model and by label.

An attempt counts in the time in which it was sent, with its charge and its refund,
because that is when the provider takes the money; a job counts where its newest attempt
was sent, and one that never was, where its batch was made. So every cent and every job
stands in exactly one of two months that follow each other. Where the attempts come
from, the ledger or a kept report, is for whoever asks.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from jobs.money import usd_micros
from jobs.records import Attempt, BatchRecord, JobRecord
from jobs.report.formats import iso, usd
from jobs.report.kept import ReportFileError
from jobs.report.period import Period
from jobs.report.sums import FRUITLESS, Sum
from jobs.states import WATCHED, State

#: Figures of each line, as a report has them.
COUNTS = ("stored", "reused", "failed", "cancelled", "unresolved", "unfinished")
AMOUNTS = ("charged_usd", "refunded_usd", "net_usd", "wasted_usd")
FIGURES = ("jobs", *COUNTS, "attempts", *AMOUNTS)


@dataclass(frozen=True, slots=True)
class Entry:
    """What a statement needs of a job."""

    id: str
    model: str
    state: State
    attempts: Sequence[Attempt]


@dataclass(slots=True)
class Part:
    """What one batch adds to a statement."""

    batch: BatchRecord
    #: `ledger`, `report`, or `sums` where the batch's own sums had to do.
    read_from: str
    #: By full model id; None is a model that is not known.
    models: dict[str | None, Sum] = field(default_factory=dict)

    @property
    def whole(self) -> Sum:
        """All of it."""
        return Sum.of(self.models.values())


@dataclass(frozen=True, slots=True)
class Inexact:
    """A batch that could not be read job by job."""

    batch: BatchRecord
    why: str
    #: Whether its own sums stand for it; else nothing of it is in the statement.
    counted: bool


def entry_of(record: JobRecord) -> Entry:
    """A job of the ledger."""
    return Entry(record.job.id, record.job.model, record.state, record.attempts)


def entry_of_row(row: Mapping[str, Any]) -> Entry:
    """A row of a kept report.

    Raises:
        ReportFileError: it lacks something, or has something else there.
    """
    try:
        attempts = [
            Attempt(
                number=number,
                sent_at_s=datetime.fromisoformat(told["sent_at"]).timestamp(),
                outcome=str(told["outcome"]),
                price_usd_micros=None,
                charged_usd_micros=usd_micros(told["charged_usd"]),
                refunded_usd_micros=usd_micros(told["refunded_usd"]),
                prediction_id=told["prediction_id"],
            )
            for number, told in enumerate(row["attempts"], 1)
        ]
        state = State(row["state"])
        return Entry(str(row["id"]), str(row["model"]), state, attempts)
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise ReportFileError(f"a row of it is none: {error!r}") from None


def part_of(
    batch: BatchRecord, entries: Iterable[Entry], period: Period, read_from: str
) -> Part:
    """What a batch adds, job by job.

    Raises:
        ReportFileError: what was read of a report does not add up to what the ledger
            has.
    """
    part = Part(batch, read_from)
    jobs = charged_usd_micros = refunded_usd_micros = 0
    for entry in entries:
        jobs += 1
        charged_usd_micros += sum(a.charged_usd_micros for a in entry.attempts)
        refunded_usd_micros += sum(a.refunded_usd_micros for a in entry.attempts)
        _count(part, entry, period)
    booked = (batch.total, batch.charged_usd_micros, batch.refunded_usd_micros)
    read = (jobs, charged_usd_micros, refunded_usd_micros)
    if read_from == "report" and read != booked:
        raise ReportFileError(
            f"it has {jobs} jobs, ${usd(charged_usd_micros)} charged and "
            f"${usd(refunded_usd_micros)} refunded, and the ledger {batch.total}, "
            f"${usd(batch.charged_usd_micros)} and ${usd(batch.refunded_usd_micros)}"
        )
    return part


def part_of_sums(batch: BatchRecord, period: Period) -> Part:
    """A batch by its own sums, all of them where it was made, of no known model."""
    part = Part(batch, "sums")
    if period.holds(batch.created_at_s):
        own = part.models.setdefault(None, Sum())
        own.states.update(batch.counts)
        own.charged_usd_micros = batch.charged_usd_micros
        own.refunded_usd_micros = batch.refunded_usd_micros
    return part


def statement(
    parts: Iterable[Part],
    inexact: Iterable[Inexact],
    period: Period,
    labels: Mapping[str, str],
    now_s: float,
) -> dict[str, Any]:
    """The statement as a document; its amounts are decimal strings.

    Each of its totals is the sum of the lines of any one kind: by batch, by model, and
    by each label with the line of the batches without it.

    Args:
        parts: what each batch adds.
        inexact: batches that could not be read job by job.
        period: which time.
        labels: what was asked for: batches with these labels.
        now_s: unix seconds.
    """
    counted = [part for part in parts if part.whole != Sum()]
    counted.sort(key=lambda part: (part.batch.created_at_s, part.batch.id))
    return {
        "since": iso(period.since_s),
        "until": iso(period.until_s),
        "made_at": iso(now_s),
        "labels": dict(labels),
        "total": _line(counted),
        "by_batch": [_batch(part) | _figures(part.whole) for part in counted],
        "by_model": _by_model(counted),
        "by_label": _by_label(counted),
        "inexact": [
            {"batch": each.batch.id, "why": each.why, "counted": each.counted}
            for each in inexact
        ],
    }


def _count(part: Part, entry: Entry, period: Period) -> None:
    """Add what of a job falls into the time."""
    last = entry.attempts[-1] if entry.attempts else None
    sent = [a for a in entry.attempts if period.holds(a.sent_at_s)]
    at_s = last.sent_at_s if last else part.batch.created_at_s
    if not sent and not period.holds(at_s):
        return
    own = part.models.setdefault(entry.model, Sum())
    own.states[entry.state] += period.holds(at_s)
    own.attempts += len(sent)
    hopeful = entry.state is State.STORED or entry.state in WATCHED
    for attempt in sent:
        own.charged_usd_micros += attempt.charged_usd_micros
        own.refunded_usd_micros += attempt.refunded_usd_micros
        if not (hopeful and attempt is last and attempt.outcome not in FRUITLESS):
            lost = attempt.charged_usd_micros - attempt.refunded_usd_micros
            own.wasted_usd_micros += lost


def _figures(own: Sum) -> dict[str, Any]:
    """Jobs and money of a line."""
    told = own.line() | {"attempts": own.attempts}
    return {name: told[name] for name in FIGURES}


def _line(parts: Sequence[Part]) -> dict[str, Any]:
    whole = Sum.of(part.whole for part in parts)
    return {"batches": len(parts)} | _figures(whole)


def _batch(part: Part) -> dict[str, Any]:
    batch = part.batch
    return {
        "batch": batch.id,
        "manifest": batch.manifest,
        "account": batch.account,
        "created_at": iso(batch.created_at_s),
        "labels": dict(batch.labels),
        "read_from": part.read_from,
    }


def _by_model(parts: Sequence[Part]) -> list[dict[str, Any]]:
    """A line for each model; None is last, of batches that tell no model."""
    names = {name for part in parts for name in part.models}
    lines = []
    for name in sorted(names, key=lambda name: (name is None, name or "")):
        having = [part for part in parts if name in part.models]
        own = Sum.of(part.models[name] for part in having)
        lines.append({"model": name, "batches": len(having)} | _figures(own))
    return lines


def _by_label(parts: Sequence[Part]) -> list[dict[str, Any]]:
    """For each name its values; the value None is last: the batches without it."""
    lines = []
    for name in sorted({name for part in parts for name in part.batch.labels}):
        values: dict[str | None, list[Part]] = {}
        for part in parts:
            values.setdefault(part.batch.labels.get(name), []).append(part)
        lines += [
            {"label": name, "value": value} | _line(values[value])
            for value in sorted(values, key=lambda value: (value is None, value or ""))
        ]
    return lines
