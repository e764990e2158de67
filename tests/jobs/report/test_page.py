"""The page of a report: what hostile text may not do to it, and where links go."""

import re
from base64 import b64encode
from dataclasses import replace
from hashlib import sha256
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
from hypothesis import given

from jobs.pace.limits import Limits
from jobs.provider.answers import Listed
from jobs.records import Failure, JobRecord
from jobs.report.document import report
from jobs.report.page import as_html, html_chunks, lead
from jobs.report.page_words import DISTURBING, visible
from jobs.states import State
from tests.jobs.report.parsed import Page
from tests.jobs.report.reported import (
    MODEL,
    NOW_S,
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
    assert not DISTURBING.search(text)
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
    check_rows(page, document)
    check_links(page)


def check_rows(page: Page, document: dict[str, Any]) -> None:
    """See that the script gets every row as it is."""
    for told, row in zip(page.rows, document["rows"], strict=True):
        assert told["id"] == visible(row["id"])
        assert told["prompt"] == visible(row["prompt"])
        assert told["charged"] == row["charged_usd"]
        assert told["line"] == row["line"]
        if row["error"]:
            *_, step, command = told["error"]
            expected = visible(row["error"]["next_step"]).split()
            assert f"{step} {command}".split() == expected


def check_links(page: Page) -> None:
    """See that every link is to the web or beside the page."""
    web = {"http", "https"}
    for attributes in page.all("a"):
        href = attributes["href"] or ""
        assert href.startswith(("#", "./")) or urlsplit(href).scheme in web
    beside = [attributes["src"] or "" for attributes in page.all("video")]
    for row in page.rows:
        beside += [link for link in (row["video"], row["poster"]) if link]
        assert not row["is_web"] or urlsplit(row["image"]).scheme in web
        links = [each.get("image") for each in row["candidates"] or []]
        assert all(link is None or urlsplit(link).scheme in web for link in links)
    for source in beside:
        assert source.startswith(("./", "../"))
        assert not urlsplit(source).scheme


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
    assert sources == ["./mug.mp4"]
    assert [attributes["href"] for attributes in page.all("link")] == ["data:,"]
    # The picture's own address is a link and a datum; nothing fetches it by itself.
    assert set(re.findall(r"https?://[^\s\"'<]+", text)) == {
        "https://example.com/mug.jpg"
    }


@pytest.mark.parametrize(
    ("key", "link"),
    [
        ("spring/tall/mug 1.mp4", "./tall/mug%201.mp4"),
        ("all/mug.mp4", "../all/mug.mp4"),
        ("spring/javascript:x.mp4", "./javascript%3Ax.mp4"),
    ],
)
def test_a_video_and_its_poster_are_linked_from_the_folder_of_the_page(
    key: str, link: str
) -> None:
    record = one_job(State.STORED, one_try(), poster=key)
    page = Page(as_html(of(replace(record, job=replace(record.job, key=key)))))
    (plain,) = page.all("video")
    (row,) = page.rows
    assert plain["src"] == plain["poster"] == row["video"] == row["poster"] == link
    assert unquote(link).removeprefix("./").removeprefix("../") in key


@pytest.mark.parametrize("key", ["/etc/passwd", "spring/../../x.mp4"])
def test_no_link_leaves_the_store(key: str) -> None:
    record = one_job(State.STORED, one_try(), poster=key)
    page = Page(as_html(of(replace(record, job=replace(record.job, key=key)))))
    assert page.all("video") == []
    assert [(row["video"], row["poster"]) for row in page.rows] == [(None, None)]


def test_only_a_stored_job_has_a_video_to_play() -> None:
    page = Page(as_html(of(one_job(State.GENERATED, one_try(), poster="spring/m.jpg"))))
    assert page.all("video") == []
    assert [(row["video"], row["poster"]) for row in page.rows] == [(None, None)]


def test_a_long_report_has_first_what_is_in_trouble() -> None:
    fine = [one_job(State.STORED)] * 70
    broken = replace(one_job(State.FAILED).job, id="broken-one", line=10**6)
    document = of(*fine, JobRecord(broken, State.FAILED))
    page = Page("".join(html_chunks(document, most_rows=65)))
    assert [row["id"] for row in page.rows] == ["broken-one"] + ["mug"] * 64
    assert "6 more jobs are in report.csv" in page.words


@pytest.mark.parametrize(
    ("jobs", "words"),
    [
        ({"total": 9, "stored": 7, "reused": 2}, "All 9 videos are here."),
        (
            {"total": 1_204, "stored": 1_200, "unfinished": 3, "unresolved": 1},
            "1,200 of 1,204 videos are here. 3 on the way, 1 for you to settle.",
        ),
    ],
)
def test_it_says_first_what_came_of_the_batch(jobs: dict[str, int], words: str) -> None:
    states = ("total", "stored", "reused", "failed", "cancelled", "unresolved")
    assert lead({**dict.fromkeys((*states, "unfinished"), 0), **jobs}) == words


def test_an_unresolved_row_comes_with_what_would_settle_it() -> None:
    seen = Listed("p 77", "kling", NOW_S + 2.4, "completed")
    lost = Failure("lost", "The connection broke.")
    sent = replace(one_try("unknown"), prediction_id=None)
    record = one_job(State.UNRESOLVED, sent, candidates=(seen,), failure=lost)
    page = Page(as_html(of(record)))
    assert "reelmill resolve spring mug --adopt 'p 77'" in page.words
    assert "reelmill resolve spring mug --absent" in page.words
    assert "$0.21 at stake" in page.words
    (row,) = page.rows
    assert [told["command"] for told in row["candidates"]] == [
        "reelmill resolve spring mug --adopt 'p 77'",
        "reelmill show spring mug",
        "reelmill resolve spring mug --absent",
    ]
    unpriced = replace(record, job=replace(record.job, price_usd_micros=None))
    assert "an unknown amount at stake" in Page(as_html(of(unpriced))).words


def test_candidates_can_be_told_apart() -> None:
    picture: dict[str, object] = {
        "prompt": "a mug",
        "image": "https://example.com/own.jpg",
    }
    harm: dict[str, object] = {"prompt": 7, "image": "javascript:alert(1)"}
    seen = (
        Listed("p1", MODEL, NOW_S + 2.4, "completed", picture),
        Listed("p2", "", NOW_S - 1, "processing", harm),
    )
    sent = replace(one_try("unknown"), prediction_id=None)
    document = of(one_job(State.UNRESOLVED, sent, candidates=seen))
    page = Page(as_html(document))
    words = " ".join(page.words.split())
    made = "completed, made 2026-05-28 20:26:42 UTC, 2.4 s after the row was sent"
    assert f"Adopt p1 {made} · prompt: a mug · its picture" in words
    made = "model unknown, processing, made 2026-05-28 20:26:39 UTC, 1 s before the"
    assert f"Adopt p2 {made} row was sent" in words
    links = [a["href"] for a in page.all("a")]
    assert "https://example.com/own.jpg" in links
    assert not [link for link in links if "javascript" in (link or "")]
    (row,) = page.rows
    assert [each.get("image") for each in row["candidates"]][:2] == [
        "https://example.com/own.jpg",
        None,
    ]


def test_failures_are_told_once_with_the_next_step() -> None:
    unsafe = Failure("moderation", "The picture is not safe.")
    tries = replace(one_try("failed"), refunded_usd_micros=0)
    jobs = [
        JobRecord(
            replace(one_job().job, id=f"mug-{n}"),
            State.FAILED,
            (tries,),
            failure=unsafe,
        )
        for n in range(9)
    ]
    page = Page(as_html(of(*jobs)))
    todo = page.words.partition("Skip to the videos")[2].partition("Needs JavaScript")[
        0
    ]
    assert "9 jobs" in todo
    assert "run that: unchanged they are refused again." in todo
    assert "3 more" in todo
    links = [a["href"] for a in page.all("a")]
    assert "#job=mug-0" in links
    (more,) = (link for link in links if (link or "").startswith("#reason="))
    (shown,) = page.reasons
    assert more == f"#reason={shown[0]}"
    assert {row["reason"] for row in page.rows} == {0}
    assert "Where it went: moderation ($1.89)" in " ".join(page.words.split())


def test_videos_in_other_folders_are_counted_and_their_rows_say_whose_they_are() -> (
    None
):
    own = one_job(State.STORED, one_try())
    reused = [
        one_job(State.REUSED, video=f"./videos/{batch}/mug.mp4", leader=f"{batch}/cup")
        for batch in ("autumn", "autumn", "spring")
    ]
    page = Page(as_html(of(own, *reused)))
    words = " ".join(page.words.split())
    assert "All 4 videos are there." in words
    assert (
        "2 of them lie outside this folder, beside it in the store: "
        "autumn (2 videos). Copy them with this page, or the whole store."
    ) in words
    assert words.count("reused from autumn/cup") == 2
    assert words.count("reused from cup") == 1
    at_home = " ".join(Page(as_html(of(own, own))).words.split())
    assert "All 2 videos are here." in at_home
    assert "outside" not in at_home


def test_it_tells_how_the_time_went_against_the_limits() -> None:
    first = replace(one_try("failed"), ended_at_s=NOW_S + 30)
    second = replace(one_try(number=2), ended_at_s=NOW_S + 90)
    record = one_job(State.STORED, first, second)
    limits = Limits(videos_per_minute=3, concurrent_videos=500)
    document = report(SPRING, [record], NOW_S + 100, limits=limits)
    document["attempts"]["throttled"] = 2
    words = " ".join(Page(as_html(document)).words.split())
    assert "2 attempts in all; 1 job needed more than one;" in words
    assert "asked to slow down 2 times (429)" in words
    assert "limit 3" in words
    assert "limit 500" in words
    assert "1 min 30 s" in words
    assert as_html(document).count('class="limit"') == 1
