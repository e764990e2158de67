"""The report of a batch: what became of each row and what it cost.

It sees each job once and hands it to whoever counts: `sums`, `timeline`, `times` and
`reasons`; it asks neither the ledger nor the clock nor the provider. The same document
becomes a page in `page` and a spreadsheet in `sheet`; what each key of it means stands
in `report.schema.json`.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from operator import itemgetter
from typing import Any

from jobs.pace.limits import Limits
from jobs.records import BatchRecord, JobRecord
from jobs.report.bill import Bill
from jobs.report.formats import iso, usd_or_none
from jobs.report.kinds import Kind, in_order, kind_of
from jobs.report.notices import is_at_risk, is_late, notices
from jobs.report.reasons import Reasons
from jobs.report.rows import Rows, row
from jobs.report.sums import Sum
from jobs.report.timeline import Timeline
from jobs.report.times import Times

_JSON = json.JSONEncoder(ensure_ascii=False)


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
        jobs: its jobs, gone through once.
        now_s: unix seconds.
        limits: those of its account, where they are known.
        invoice: what `invoice` found, where the provider was asked: just now, or
            when its `asked_at` says.
    """
    counted = _Counted(batch, now_s, Bill(invoice))
    for record in jobs:
        counted.add(record)
    whole = counted.whole()
    finished = batch.complete and not whole.unfinished and not whole.unresolved
    return {
        "batch": batch.id,
        "state": "finished" if finished else "incomplete",
        "jobs": whole.counts(),
        "cost": whole.cost() | {"budget_usd": usd_or_none(batch.budget_usd_micros)},
        "warnings": notices(batch, whole, counted.at_risk, counted.late),
        "failures": counted.reasons.told(),
        "by_model": counted.by_model(),
        "attempts": whole.tries() | {"throttled": batch.throttled},
        "timeline": counted.timeline.told(),
        "times": counted.times.told(),
        "limits": limits and _limits(limits),
        "manifest": batch.manifest,
        "labels": dict(batch.labels),
        "account": batch.account,
        "store": batch.store,
        "created_at": iso(batch.created_at_s),
        "made_at": iso(now_s),
        **({} if invoice is None else {"invoice": _asked(invoice, now_s)}),
        "rows": counted.in_order(),
    }


def json_chunks(document: Mapping[str, Any]) -> Iterator[str]:
    """The document as JSON in pieces, so that its text need not be held whole."""
    lead = "{"
    for name in (*(name for name in document if name != "rows"), "rows"):
        yield f"{lead}\n {json.dumps(name)}: "
        yield from _value(document[name])
        lead = ","
    yield "\n}\n"


def _value(value: object) -> Iterator[str]:
    """A value on one line; of a list each item on its own."""
    if not isinstance(value, list | Rows):
        yield _JSON.encode(value)
        return
    if not value:
        yield "[]"
        return
    lead = "["
    texts = value.texts if isinstance(value, Rows) else map(_JSON.encode, value)
    for item in texts:
        yield f"{lead}\n  {item}"
        lead = ","
    yield "\n ]"


def as_json(document: Mapping[str, Any]) -> str:
    """The document as JSON, one row a line: see `json_chunks`."""
    return "".join(json_chunks(document))


class _Counted:
    """All that is kept of the jobs while they go by."""

    def __init__(self, batch: BatchRecord, now_s: float, bill: Bill) -> None:
        self._batch = batch
        self._now_s = now_s
        self._bill = bill
        self._kinds: dict[Kind, Sum] = {}
        self._rows = Rows()
        #: Line and id of the newest; whether all came in the order of the manifest.
        self._newest: tuple[int, str] = (0, "")
        self._in_order = True
        self.reasons = Reasons(batch.id)
        self.timeline = Timeline(now_s)
        self.times = Times()
        self.at_risk = 0
        #: Ids of what the provider goes on with for too long.
        self.late: list[str] = []

    def add(self, record: JobRecord) -> None:
        """Count one job."""
        kind = kind_of(record.job)
        told = row(self._batch, record, kind, self._bill)
        self._rows.append(told)
        newest = record.job.line, record.job.id
        self._in_order &= self._newest <= newest
        self._newest = newest
        self._kinds.setdefault(kind, Sum()).add(record)
        self.reasons.add(record, told["error"])
        self.timeline.add(record)
        self.times.add(kind.model, kind.duration_s, told["generated_s"])
        self.at_risk += is_at_risk(record, self._now_s)
        if is_late(record):
            self.late.append(record.job.id)

    def whole(self) -> Sum:
        """What all kinds come to."""
        return Sum.of(self._kinds.values())

    def by_model(self) -> list[dict[str, Any]]:
        """A line for each kind, beside it what is billed, where that is known."""
        return [
            kind._asdict() | self._kinds[kind].line() | self._bill.line(kind)
            for kind in in_order(self._kinds)
        ]

    def in_order(self) -> Rows:
        """The rows in the order of the manifest."""
        if self._in_order:
            return self._rows
        return Rows(sorted(self._rows, key=itemgetter("line", "id")))


def _asked(invoice: Mapping[str, Any], now_s: float) -> dict[str, Any]:
    return {"asked_at": iso(now_s), **invoice}


def _limits(limits: Limits) -> dict[str, int]:
    return {
        "videos_per_minute": limits.videos_per_minute,
        "concurrent_videos": limits.concurrent_videos,
    }
