"""The money on the page of a report: the books, the invoice, and how to ask for it."""

from dataclasses import replace
from typing import Any

import pytest

from jobs.report.page import as_html
from jobs.states import State
from tests.jobs.report.parsed import Page
from tests.jobs.report.reported import SPRING, of, one_job, one_try

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
        ({}, "The invoice agrees with every attempt."),
        ({"differences": [DIFFERENCE]}, "differs from our books in 1 place."),
        ({"unexplained": [CHARGE]}, "has 1 charge that no attempt explains."),
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


def test_without_the_invoice_it_says_how_to_ask_for_it() -> None:
    page = Page(as_html(of(one_job(), batch=replace(SPRING, id="spring sale"))))
    assert "reelmill report 'spring sale' --billed" in page.words
