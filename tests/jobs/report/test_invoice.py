"""The provider's billing beside our books: every difference is named."""

from dataclasses import replace
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.money import usd
from jobs.provider.answers import Billed
from jobs.records import Attempt, JobRecord
from jobs.report.invoice import invoice
from jobs.states import State
from tests.jobs.report.reported import MODEL, NOW_S, job_records, one_job, one_try

PRICE = 210_000
DURING = (NOW_S - 5, NOW_S + 60)


def billed(
    prediction_id: str,
    amount: int = PRICE,
    kind: str = "deduct",
    at_s: float = NOW_S,
) -> Billed:
    record = f"{kind}-{prediction_id}"
    return Billed(record, prediction_id, MODEL, kind, amount, at_s)


@pytest.mark.parametrize(
    ("rows", "what", "billed_usd"),
    [
        ([], "charge not billed, or not yet", "0.00"),
        ([billed("p1", 250_000)], "charge billed higher", "0.25"),
        ([billed("p1", 200_000)], "charge billed lower", "0.20"),
        (
            [billed("p1"), billed("p1", kind="refund")],
            "refund billed though none was expected",
            "0.21",
        ),
    ],
)
def test_every_difference_is_named(
    rows: list[Billed], what: str, billed_usd: str
) -> None:
    told = invoice([one_job(State.STORED, one_try())], rows, {"p1"}, DURING)
    (difference,) = told["differences"]
    assert (difference["id"], difference["attempt"]) == ("mug", 1)
    assert (difference["prediction_id"], difference["what"]) == ("p1", what)
    assert told["billed_usd"] == billed_usd


def test_only_a_strangers_charge_of_the_time_is_unexplained() -> None:
    rows = [billed("p1"), billed("s1", 420_000), billed("of-another-batch")]
    rows += [billed("later", at_s=NOW_S + 61), billed("before", at_s=NOW_S - 6)]
    known = {"p1", "of-another-batch"}
    told = invoice([one_job(State.STORED, one_try())], rows, known, DURING)
    assert told["billed_usd"] == "0.21"
    (stranger,) = told["unexplained"]
    assert (stranger["prediction_id"], stranger["billed_usd"]) == ("s1", "0.42")


def test_an_attempt_without_an_id_is_compared_with_nothing() -> None:
    unknown = replace(one_try("unknown"), prediction_id=None, charged_usd_micros=0)
    told = invoice([one_job(State.UNRESOLVED, unknown)], [billed("")], set(), DURING)
    assert told["differences"] == []


def rows_of(attempt: Attempt) -> list[Billed]:
    assert attempt.prediction_id
    found = [billed(attempt.prediction_id, attempt.charged_usd_micros)]
    if attempt.refunded_usd_micros:
        back = attempt.refunded_usd_micros
        found.append(billed(attempt.prediction_id, back, "refund"))
    return found


@given(records=st.lists(job_records(), max_size=3), shuffler=st.randoms())
def test_books_that_are_billed_as_booked_equal_them_in_any_order(
    records: list[JobRecord], shuffler: Random
) -> None:
    distinct: list[JobRecord] = []
    rows: list[Billed] = []
    for number, record in enumerate(records):
        # No two attempts share a prediction: the ledger sees to that.
        tries = tuple(
            replace(attempt, prediction_id=f"p{number}-{attempt.number}")
            for attempt in record.attempts
        )
        distinct.append(replace(record, attempts=tries))
        rows += [row for attempt in tries for row in rows_of(attempt)]
    shuffler.shuffle(rows)
    told = invoice(distinct, rows, {row.prediction_id for row in rows}, DURING)
    assert told["differences"] == []
    assert told["unexplained"] == []
    charged = sum(record.charged_usd_micros for record in distinct)
    refunded = sum(record.refunded_usd_micros for record in distinct)
    assert told["billed_usd"] == usd(charged)
    assert told["billed_refunded_usd"] == usd(refunded)
    assert told["billed_net_usd"] == usd(charged - refunded)
