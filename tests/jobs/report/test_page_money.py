"""The money on the page of a report: the books, the invoice, and how to ask for it."""

from dataclasses import replace
from typing import Any

import pytest

from jobs.report.document import report
from jobs.report.page import as_html
from jobs.states import State
from tests.jobs.report.parsed import Page
from tests.jobs.report.reported import NOW_S, SPRING, of, one_job, one_try

INVOICE: dict[str, Any] = {
    "billed_usd": "0.42",
    "billed_refunded_usd": "0.00",
    "billed_net_usd": "0.42",
    "differences": [],
    "unexplained": [],
}
DIFFERENCE = {
    "id": "mug",
    "attempt": 1,
    "prediction_id": "p1",
    "what": "charge billed higher",
    "booked_usd": "0.21",
    "billed_usd": "0.42",
}
CHARGE = {
    "prediction_id": "stranger",
    "model": "kling",
    "billed_usd": "0.21",
    "at": "2026-05-28T20:26:42+00:00",
}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"differences": [DIFFERENCE]}, "differs from our books in 1 place."),
        (
            {"unexplained": [CHARGE] * 9},
            "has 9 charges ($1.89) for predictions of no row here nor of another batch",
        ),
    ],
)
def test_the_invoice_stands_beside_the_books(
    changes: dict[str, Any], words: str
) -> None:
    document = of(one_job(State.STORED, one_try())) | {"invoice": INVOICE | changes}
    page = Page(as_html(document))
    assert words in page.words
    assert "$0.42" in page.words
    for told in changes:
        assert document["invoice"][told][0]["prediction_id"] in page.words


def test_an_invoice_of_another_time_says_when_it_was_asked_for() -> None:
    job = one_job(State.STORED, one_try())
    earlier = INVOICE | {"asked_at": "2026-05-27T08:00:00.000Z", "by_model": []}
    page = Page(as_html(report(SPRING, [job], NOW_S, invoice=earlier)))
    assert "agrees, as of 27 May 2026, 08:00 UTC" in page.words
    assert "reelmill report spring --billed" in page.words
    asked_now = report(SPRING, [job], NOW_S, invoice=INVOICE | {"by_model": []})
    assert asked_now["invoice"]["asked_at"] == asked_now["made_at"]
    assert "--billed" not in Page(as_html(asked_now)).words


def test_a_budget_is_used_by_what_is_charged_whatever_comes_back() -> None:
    refunded = replace(one_try("failed"), refunded_usd_micros=210_000)
    batch = replace(SPRING, budget_usd_micros=840_000)
    job = one_job(State.STORED, refunded, one_try(number=2))
    assert "50% of the budget is used" in Page(as_html(of(job, batch=batch))).words


def test_the_difference_to_the_estimate_is_told_at_the_end() -> None:
    over, waiting = one_job(State.STORED, one_try()), one_job(State.WAITING)
    cheaper = replace(over, job=replace(over.job, price_usd_micros=500_000))
    assert "It came to $0.29 less than estimated." in Page(as_html(of(cheaper))).words
    words = Page(as_html(of(cheaper, waiting))).words
    assert "less than estimated" not in words
    assert "not all of them are over" in words
