"""The provider's billing beside our books: what agrees, what differs, what is left.

It joins billing records to attempts by the prediction's id; it never changes what is
booked. A difference is named, not explained away.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

from jobs.money import usd
from jobs.provider.answers import Billed
from jobs.records import Attempt, JobRecord
from jobs.report.figures import Kind, in_order, kind_of


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
    charged: Counter[str] = Counter()
    refunded: Counter[str] = Counter()
    for entry in billed:
        book = charged if entry.kind == "deduct" else refunded
        book[entry.prediction_id] += entry.amount_usd_micros
    #: Charged and refunded micro-dollars of each kind.
    kinds: dict[Kind, tuple[int, int]] = defaultdict(lambda: (0, 0))
    differences: list[dict[str, Any]] = []
    for record in records:
        kind = kind_of(record.job)
        kinds[kind] = kinds[kind]  # each kind has a line
        for attempt in filter(lambda each: each.prediction_id, record.attempts):
            of = attempt.prediction_id or ""
            own = charged[of], refunded[of]
            kinds[kind] = kinds[kind][0] + own[0], kinds[kind][1] + own[1]
            differences += _differences(record, attempt, *own)
    return {
        **_line(*map(sum, zip((0, 0), *kinds.values(), strict=True))),
        "by_model": [k._asdict() | _line(*kinds[k]) for k in in_order(kinds)],
        "differences": differences,
        "unexplained": [
            {
                "prediction_id": entry.prediction_id,
                "model": entry.model,
                "billed_usd": usd(entry.amount_usd_micros),
                "at": datetime.fromtimestamp(entry.created_at_s, UTC).isoformat(),
            }
            for entry in billed
            if entry.kind == "deduct"
            and entry.prediction_id not in known
            and during[0] <= entry.created_at_s <= during[1]
        ],
    }


def _line(charged_usd_micros: int, refunded_usd_micros: int) -> dict[str, str]:
    return {
        "billed_usd": usd(charged_usd_micros),
        "billed_refunded_usd": usd(refunded_usd_micros),
        "billed_net_usd": usd(charged_usd_micros - refunded_usd_micros),
    }


def _differences(
    record: JobRecord,
    attempt: Attempt,
    charged_usd_micros: int,
    refunded_usd_micros: int,
) -> Iterator[dict[str, Any]]:
    for what, booked, billed in (
        ("charge", attempt.charged_usd_micros, charged_usd_micros),
        ("refund", attempt.refunded_usd_micros, refunded_usd_micros),
    ):
        if booked != billed:
            yield {
                "id": record.job.id,
                "attempt": attempt.number,
                "prediction_id": attempt.prediction_id,
                "what": f"{what} {_how(booked, billed)}",
                "booked_usd": usd(booked),
                "billed_usd": usd(billed),
            }


def _how(booked_usd_micros: int, billed_usd_micros: int) -> str:
    if not billed_usd_micros:
        return "not billed, or not yet"
    if not booked_usd_micros:
        return "billed though none was expected"
    return "billed higher" if billed_usd_micros > booked_usd_micros else "billed lower"
