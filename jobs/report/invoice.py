"""The provider's billing beside our books: what agrees, what differs, what is left.

It joins billing records to attempts by the prediction's id; it never changes what is
booked. A difference is named, not explained away.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from jobs.money import usd
from jobs.provider.answers import Billed
from jobs.records import Attempt, JobRecord
from jobs.report.kinds import Kind, in_order, kind_of


@dataclass(slots=True)
class _Billing:
    """What the provider has booked for one prediction, or for several."""

    charged_usd_micros: int = 0
    refunded_usd_micros: int = 0

    def add(self, other: "_Billing") -> None:
        self.charged_usd_micros += other.charged_usd_micros
        self.refunded_usd_micros += other.refunded_usd_micros

    def told(self) -> dict[str, str]:
        return {
            "billed_usd": usd(self.charged_usd_micros),
            "billed_refunded_usd": usd(self.refunded_usd_micros),
            "billed_net_usd": usd(self.charged_usd_micros - self.refunded_usd_micros),
        }


def invoice(
    records: Iterable[JobRecord],
    billed: Sequence[Billed],
    known: Collection[str],
    during: tuple[float, float],
) -> dict[str, Any]:
    """The part of a report that compares it with the provider's billing.

    What is billed for its rows is told in all and by kind of job, as in `by_model`.

    Args:
        records: the jobs of the batch.
        billed: billing records from before its first attempt until now.
        known: predictions that the ledger knows, those of other batches included.
        during: unix seconds of the batch's first and last attempt; charges of another
            time are others'.
    """
    by_prediction = _by_prediction(billed)
    kinds: dict[Kind, _Billing] = defaultdict(_Billing)
    differences: list[dict[str, Any]] = []
    for record in records:
        own = kinds[kind_of(record.job)]
        for attempt in record.attempts:
            if attempt.prediction_id:
                entry = by_prediction.get(attempt.prediction_id, _Billing())
                own.add(entry)
                differences += _differences(record, attempt, entry)
    whole = _Billing()
    for each in kinds.values():
        whole.add(each)
    return {
        **whole.told(),
        "by_model": [kind._asdict() | kinds[kind].told() for kind in in_order(kinds)],
        "differences": differences,
        "unexplained": _unexplained(billed, known, during),
    }


def _by_prediction(billed: Iterable[Billed]) -> dict[str, _Billing]:
    found: dict[str, _Billing] = defaultdict(_Billing)
    for row in billed:
        entry = found[row.prediction_id]
        if row.kind == "deduct":
            entry.charged_usd_micros += row.amount_usd_micros
        else:
            entry.refunded_usd_micros += row.amount_usd_micros
    return found


def _differences(
    record: JobRecord, attempt: Attempt, entry: _Billing
) -> list[dict[str, Any]]:
    pairs = {
        "charge": (attempt.charged_usd_micros, entry.charged_usd_micros),
        "refund": (attempt.refunded_usd_micros, entry.refunded_usd_micros),
    }
    return [
        {
            "id": record.job.id,
            "attempt": attempt.number,
            "prediction_id": attempt.prediction_id,
            "what": f"{what} {_how(booked, billed)}",
            "booked_usd": usd(booked),
            "billed_usd": usd(billed),
        }
        for what, (booked, billed) in pairs.items()
        if booked != billed
    ]


def _how(booked_usd_micros: int, billed_usd_micros: int) -> str:
    if not billed_usd_micros:
        return "not billed, or not yet"
    if not booked_usd_micros:
        return "billed though none was expected"
    return "billed higher" if billed_usd_micros > booked_usd_micros else "billed lower"


def _unexplained(
    billed: Sequence[Billed], known: Collection[str], during: tuple[float, float]
) -> list[Mapping[str, Any]]:
    """Charges in the time of the batch that belong to no attempt we know of."""
    return [
        {
            "prediction_id": row.prediction_id,
            "model": row.model,
            "billed_usd": usd(row.amount_usd_micros),
            "at": datetime.fromtimestamp(row.created_at_s, UTC).isoformat(),
        }
        for row in billed
        if row.kind == "deduct"
        and row.prediction_id not in known
        and during[0] <= row.created_at_s <= during[1]
    ]
