"""The page of a report: what hostile text may not do to it, and where links go."""

import re
from base64 import b64encode
from dataclasses import replace
from hashlib import sha256
from typing import Any
from urllib.parse import urlsplit

import pytest
from hypothesis import given

from jobs.records import JobRecord
from jobs.report.page import as_html, html_chunks
from jobs.states import State
from jobs.text import visible_block
from tests.jobs.report.parsed import Page
from tests.jobs.report.reported import (
    SPRING,
    documents,
    of,
    one_job,
    one_try,
)

#: What a page has no use for; what would be fetched or sent is among it.
UNUSED = {"iframe", "object", "embed", "base", "frame", "applet", "source", "track"}


@given(documents)
def test_whatever_a_row_says_stays_text_and_leads_nowhere_else(
    document: dict[str, Any],
) -> None:
    text = as_html(document)
    text.encode()
    assert visible_block(text) == text
    page = Page(text)
    tags = [tag for tag, _ in page.elements]
    assert not {"img", *UNUSED} & set(tags)
    assert tags.count("style") == tags.count("link") == tags.count("form") == 1
    kinds = [kind for kind, _ in page.raw]
    assert kinds.count("script") == kinds.count("style") == 1
    assert set(kinds) == {"script", "style", "application/json"}
    assert not [t for kind, t in page.raw if kind.endswith("json") and "<" in t]
    for _, attributes in page.elements:
        assert not [n for n in attributes if n.startswith("on") or n == "style"]
    assert page.rows == list(document["rows"])
    check_links(page)


def check_links(page: Page) -> None:
    """See that every link is to the web or beside the page."""
    web = {"http", "https"}
    for attributes in page.all("a"):
        href = attributes["href"] or ""
        assert href.startswith(("#", "./")) or urlsplit(href).scheme in web


def test_only_our_own_script_and_style_may_run() -> None:
    text = as_html(of(one_job(State.STORED, one_try())))
    (policy,) = re.findall(r'Content-Security-Policy"\s+content="([^"]+)"', text)
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    # Data becomes text in every case: no way in which it could become markup is used.
    (script,) = (content for kind, content in Page(text).raw if kind == "script")
    assert not re.search(r"HTML|document\.write|eval\(|Function\(|srcdoc", script)
    for kind, content in Page(text).raw:
        digest = b64encode(sha256(content.encode()).digest()).decode()
        assert (f"'sha256-{digest}'" in policy) == (kind in {"script", "style"})


def test_the_page_asks_nothing_of_the_network() -> None:
    text = as_html(of(one_job(State.STORED, one_try())))
    page = Page(text)
    assert "@import" not in text
    assert "url(" not in text
    sources = [
        attributes["src"] for _, attributes in page.elements if "src" in attributes
    ]
    assert sources == []
    assert [attributes["href"] for attributes in page.all("link")] == ["data:,"]
    # The picture's own address is a link and a datum; nothing fetches it by itself.
    named = set(re.findall(r"https?://[^\s\"'<]+", text))
    assert named == {"https://example.com/mug.jpg", "http://www.w3.org/2000/svg"}


def test_a_long_report_has_first_what_is_in_trouble() -> None:
    fine = [one_job(State.STORED)] * 70
    broken = replace(one_job(State.FAILED).job, id="broken-one", line=10**6)
    document = of(*fine, JobRecord(broken, State.FAILED))
    page = Page("".join(html_chunks(document, max_rows=65)))
    assert [row["id"] for row in page.rows] == ["broken-one"] + ["mug"] * 64
    assert "6 more jobs are in report.csv" in page.words


def test_videos_in_other_folders_are_counted() -> None:
    own = one_job(State.STORED, one_try())
    reused = [
        one_job(
            State.REUSED, video=f"./videos/{batch}/mug.mp4", source_job=f"{batch}/cup"
        )
        for batch in ("autumn", "autumn", "spring")
    ]
    page = Page(as_html(of(own, *reused)))
    words = " ".join(page.words.split())
    assert "All 4 videos are there." in words
    assert "2 of them lie outside this folder, beside it in the store." in words
    at_home = " ".join(Page(as_html(of(own, own))).words.split())
    assert "All 2 videos are here." in at_home
    assert "outside" not in at_home


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
