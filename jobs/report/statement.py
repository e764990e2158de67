"""A statement: what the batches of a time cost, by batch, by model and by label.

An attempt counts in the time in which it was sent, with its charge and its refund,
because that is when the provider takes the money; a job counts where its newest attempt
was sent, and one that never was, where its batch was made. So every cent and every job
stands in exactly one of two months that follow each other. The attempts come from the
ledger, or from a kept `report.json` where the job records are deleted.
"""

import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from typing import Any

from jobs.job import Job
from jobs.money import usd, usd_micros
from jobs.records import Attempt, BatchRecord, JobRecord
from jobs.report.figures import DAY_S, Sum, wasted_usd_micros
from jobs.states import State
from jobs.text import iso_ms

#: Figures of each line, as a report has them.
COUNTS = ("stored", "reused", "failed", "cancelled", "unresolved", "unfinished")
AMOUNTS = ("charged_usd", "refunded_usd", "net_usd", "wasted_usd")
FIGURES = ("jobs", *COUNTS, "attempts", *AMOUNTS)

#: No batch is older, and a provider asked for earlier times only refuses.
FIRST_YEAR = 2020

_FIRST_S = datetime(FIRST_YEAR, 1, 1, tzinfo=UTC).timestamp()
_SPAN = re.compile(r"(\d{1,5})([hdw])")
_SPAN_S = {"h": 3_600, "d": DAY_S, "w": 7 * DAY_S}

#: Lines of a kept report: the one after which the rows come, and that of no rows.
_ROWS, _NO_ROWS = b'"rows": [', b'"rows": []'


class PeriodError(ValueError):
    """Not a time, or one that ends before it begins; says what to write."""


class ReportFileError(ValueError):
    """A file that is no report, or not whole."""


@dataclass(frozen=True, slots=True)
class Period:
    """A time, from its first moment to before its last, in Unix seconds."""

    since_s: float
    until_s: float

    def holds(self, at_s: float) -> bool:
        """Whether a moment belongs to it."""
        return self.since_s <= at_s < self.until_s


def period(since: str, until: str | None, now_s: float) -> Period:
    """The time between two moments as a person writes them; until now if one is left.

    A date is the first moment of that day (UTC). `12h` is so long ago to the second;
    `30d` and `4w` are the beginning of that day, so that no day is cut.

    Raises:
        PeriodError: one of them is no moment or too long ago, or nothing lies between
            them.
    """
    begin_s = _moment_s("--since", since, now_s)
    end_s = now_s if until is None else _moment_s("--until", until, now_s)
    if end_s <= begin_s:
        raise PeriodError(f"nothing lies between --since {since} and {until or 'now'}")
    return Period(begin_s, end_s)


def _moment_s(option: str, text: str, now_s: float) -> float:
    if found := _SPAN.fullmatch(text.strip()):
        end_s = now_s if found[2] == "h" else now_s // DAY_S * DAY_S
        at_s = end_s - int(found[1]) * _SPAN_S[found[2]]
    else:
        try:
            day = date.fromisoformat(text.strip())
        except ValueError:
            words = "write it as 12h, 30d, 4w, or a day such as 2026-11-01"
            raise PeriodError(f"{option} {text}: {words}") from None
        at_s = datetime.combine(day, time(), UTC).timestamp()
    if at_s < _FIRST_S:
        words = f"no batch is so old; the earliest day is {FIRST_YEAR}-01-01"
        raise PeriodError(f"{option} {text}: {words}")
    return at_s


def record_of_row(row: Mapping[str, Any]) -> JobRecord:
    """What a row of a kept report tells of a job: model, state and attempts.

    Raises:
        ReportFileError: it lacks something, or has something else there.
    """
    try:
        attempts = tuple(
            Attempt(
                number=number,
                sent_at_s=datetime.fromisoformat(each["sent_at"]).timestamp(),
                outcome=str(each["outcome"]),
                price_usd_micros=None,
                charged_usd_micros=usd_micros(each["charged_usd"]),
                refunded_usd_micros=usd_micros(each["refunded_usd"]),
                prediction_id=each["prediction_id"],
            )
            for number, each in enumerate(row["attempts"], 1)
        )
        job = Job(str(row["id"]), 0, str(row["model"]), {}, None, "")
        return JobRecord(job, State(row["state"]), attempts)
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise ReportFileError(f"a row of it is none: {error!r}") from None


def kept_report(
    lines: Iterable[bytes], batch_id: str
) -> tuple[Mapping[str, Any], Iterator[Mapping[str, Any]]]:
    """The kept report of a batch without its rows, and the rows as they are needed.

    Each row is on a line of its own, so a report of any size takes little memory.

    Raises:
        ReportFileError: it is none, of another batch, or cut off; the last of these is
            known only at its end.
    """
    rest, before = iter(lines), list[bytes]()
    for line in rest:
        if line.strip() in (_ROWS, _NO_ROWS):
            break
        before.append(line)
    else:
        raise ReportFileError("it has no rows" if before else "it is missing")
    head = _read(b"".join(before).rstrip().removesuffix(b",") + b"}")
    if head.get("batch") != batch_id:
        raise ReportFileError(f"it is no report of {batch_id}")
    return head, iter(()) if line.strip() == _NO_ROWS else _rows(rest)


def _rows(lines: Iterator[bytes]) -> Iterator[Mapping[str, Any]]:
    for line in lines:
        if line.strip() == b"]":
            return
        yield _read(line.strip().removesuffix(b","))
    raise ReportFileError("it is cut off: its end is missing")


def _read(text: bytes) -> Mapping[str, Any]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ReportFileError(f"it cannot be read: {error}") from None
    if not isinstance(found, dict):
        raise ReportFileError("a part of it is no object")
    return found


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

    def add(self, record: JobRecord, period: Period) -> None:
        """Count what of a job falls into the time."""
        attempts = record.attempts
        sent = [each for each in attempts if period.holds(each.sent_at_s)]
        at_s = attempts[-1].sent_at_s if attempts else self.batch.created_at_s
        if not sent and not period.holds(at_s):
            return
        own = self.models.setdefault(record.job.model, Sum())
        own.states[record.state] += period.holds(at_s)
        own.attempts += len(sent)
        own.charged_usd_micros += sum(each.charged_usd_micros for each in sent)
        own.refunded_usd_micros += sum(each.refunded_usd_micros for each in sent)
        own.wasted_usd_micros += wasted_usd_micros(record.state, attempts, sent)


@dataclass(frozen=True, slots=True)
class Inexact:
    """A batch that could not be read job by job."""

    batch: BatchRecord
    why: str
    #: Whether its own sums stand for it; else nothing of it is in the statement.
    counted: bool


def part_of(
    batch: BatchRecord, records: Iterable[JobRecord], period: Period, read_from: str
) -> Part:
    """What a batch adds, job by job.

    Raises:
        ReportFileError: what was read of a report does not add up to what the ledger
            has.
    """
    part, read = Part(batch, read_from), Counter[str]()
    for record in records:
        read["jobs"] += 1
        read["charged"] += record.charged_usd_micros
        read["refunded"] += record.refunded_usd_micros
        part.add(record, period)
    booked = Counter(
        jobs=batch.total,
        charged=batch.charged_usd_micros,
        refunded=batch.refunded_usd_micros,
    )
    if read_from == "report" and read != booked:
        words = [
            f"{sums['jobs']} jobs, ${usd(sums['charged'])} charged and "
            f"${usd(sums['refunded'])} refunded"
            for sums in (read, booked)
        ]
        raise ReportFileError(f"it has {words[0]}, and the ledger {words[1]}")
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
        "since": iso_ms(period.since_s),
        "until": iso_ms(period.until_s),
        "made_at": iso_ms(now_s),
        "labels": dict(labels),
        "total": _line([part.whole for part in counted]),
        "by_batch": [_batch(part) | _figures(part.whole) for part in counted],
        "by_model": _by_model(counted),
        "by_label": _by_label(counted),
        "inexact": [
            {"batch": each.batch.id, "why": each.why, "counted": each.counted}
            for each in inexact
        ],
    }


def _figures(own: Sum) -> dict[str, Any]:
    """Jobs and money of a line."""
    line = own.line() | {"attempts": own.attempts}
    return {name: line[name] for name in FIGURES}


def _line(sums: Sequence[Sum]) -> dict[str, Any]:
    return {"batches": len(sums)} | _figures(Sum.of(sums))


def _batch(part: Part) -> dict[str, Any]:
    batch = part.batch
    return {
        "batch": batch.id,
        "manifest": batch.manifest,
        "account": batch.account,
        "created_at": iso_ms(batch.created_at_s),
        "labels": dict(batch.labels),
        "read_from": part.read_from,
    }


def _by_model(parts: Sequence[Part]) -> list[dict[str, Any]]:
    """A line for each model; None is last, of batches that tell no model."""
    sums = [(name, own) for part in parts for name, own in part.models.items()]
    return [{"model": name} | _line(own) for name, own in _grouped(sums)]


def _by_label(parts: Sequence[Part]) -> list[dict[str, Any]]:
    """For each name its values; the value None is last: the batches without it."""
    return [
        {"label": name, "value": value} | _line(own)
        for name in sorted({name for part in parts for name in part.batch.labels})
        for value, own in _grouped((p.batch.labels.get(name), p.whole) for p in parts)
    ]


def _grouped(
    sums: Iterable[tuple[str | None, Sum]],
) -> list[tuple[str | None, list[Sum]]]:
    groups = defaultdict[str | None, list[Sum]](list)
    for name, own in sums:
        groups[name].append(own)
    return sorted(groups.items(), key=lambda group: (group[0] is None, group[0] or ""))
