"""The page of a report: what hostile text may not do to it, and where links go."""

import re
from base64 import b64encode
from dataclasses import replace
from hashlib import sha256
from itertools import combinations, islice
from string import ascii_lowercase
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
from hypothesis import given

from jobs.answers import Listed
from jobs.pace.limits import Limits
from jobs.records import Failure, JobRecord
from jobs.report.document import report
from jobs.report.page import MOST_PLAIN, as_html, html_chunks, lead
from jobs.report.page_words import DISTURBING, visible
from jobs.report.reasons import MOST_REASONS, SEVERAL
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
    texts,
)

#: What a page has no use for; what would be fetched or sent is among it.
UNUSED = {"iframe", "object", "embed", "base", "frame", "applet", "source", "track"}


@given(documents)
def test_whatever_a_row_says_stays_text(document: dict[str, Any]) -> None:
    text = as_html(document)
    text.encode()
    assert not DISTURBING.search(text)
    page = Page(text)
    tags = [tag for tag, _ in page.elements]
    assert not UNUSED & set(tags)
    assert tags.count("img") == 0
    assert tags.count("style") == tags.count("link") == tags.count("form") == 1
    kinds = [kind for kind, _ in page.raw]
    assert kinds.count("script") == kinds.count("style") == 1
    assert set(kinds) == {"script", "style", "application/json"}
    for _, attributes in page.elements:
        assert not [n for n in attributes if n.startswith("on") or n == "style"]


@given(documents)
def test_the_script_gets_every_row_as_it_is(document: dict[str, Any]) -> None:
    page = Page(as_html(document))
    for told, row in zip(page.rows, document["rows"], strict=True):
        assert told["id"] == visible(row["id"])
        assert told["prompt"] == visible(row["prompt"])
        assert told["charged"] == row["charged_usd"]
        assert told["line"] == row["line"]
        if row["error"]:
            *_, step, command = told["error"]
            assert (
                f"{step} {command}".split()
                == visible(row["error"]["next_step"]).split()
            )
    for kind, text in page.raw:
        assert kind != "application/json" or "<" not in text


@given(documents)
def test_every_link_is_to_the_web_or_beside_the_page(document: dict[str, Any]) -> None:
    page = Page(as_html(document))
    for attributes in page.all("a"):
        href = attributes["href"] or ""
        at_home = href.startswith(("#", "./"))
        assert at_home or urlsplit(href).scheme in {"http", "https"}
    beside = [attributes["src"] or "" for attributes in page.all("video")]
    for row in page.rows:
        beside += [link for link in (row["video"], row["poster"]) if link]
        assert not row["is_web"] or urlsplit(row["image"]).scheme in {"http", "https"}
        for each in row["candidates"] or []:
            link = each.get("image")
            assert link is None or urlsplit(link).scheme in {"http", "https"}
    for source in beside:
        assert source.startswith(("./", "../"))
        assert not urlsplit(source).scheme


@given(texts)
def test_a_page_shows_the_prompt_as_it_was_written(prompt: str) -> None:
    record = one_job(State.FAILED)
    asked = replace(record, job=replace(record.job, inputs={"prompt": prompt}))
    page = Page(as_html(of(asked)))
    assert visible(prompt).strip() in page.words
    assert [row["prompt"] for row in page.rows] == [visible(prompt)]


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
        ("spring/mug.mp4", "./mug.mp4"),
        ("spring/tall/mug 1.mp4", "./tall/mug%201.mp4"),
        ("all/mug.mp4", "../all/mug.mp4"),
        ("mug.mp4", "../mug.mp4"),
        ("spring-sale/mug.mp4", "../spring-sale/mug.mp4"),
        ("spring/javascript:x.mp4", "./javascript%3Ax.mp4"),
        ("spring/50%.mp4", "./50%25.mp4"),
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


@pytest.mark.parametrize("key", ["/etc/passwd", "spring/../../x.mp4", ""])
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


def test_without_a_script_the_first_rows_are_there() -> None:
    page = Page(as_html(of(*[one_job(State.STORED)] * (MOST_PLAIN + 1))))
    videos = page.all("video")
    assert len(videos) == MOST_PLAIN
    assert {video["preload"] for video in videos} == {"none"}
    assert f"first {MOST_PLAIN} of {MOST_PLAIN + 1} jobs" in page.words


def test_a_page_comes_in_pieces_of_so_many_rows() -> None:
    document = of(*[one_job(State.STORED)] * 5_000)
    sizes = [len(chunk) for chunk in html_chunks(document)]
    assert max(sizes) < sum(sizes) / 4


@pytest.mark.parametrize(
    ("jobs", "words"),
    [
        ({"total": 0}, "There are no jobs in it."),
        ({"total": 1, "stored": 1}, "1 of 1 video is here."),
        ({"total": 9, "stored": 7, "reused": 2}, "All 9 videos are here."),
        ({"total": 3, "failed": 2}, "0 of 3 videos are here. 2 failed."),
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


def test_two_reasons_of_one_code_have_rows_of_their_own() -> None:
    says = ["The mug is wrong.", "The bag 7 is wrong.", "The bag 8 is wrong.", "New."]
    failed = [
        one_job(State.FAILED, failure=Failure("refused", words)) for words in says
    ]
    waiting = one_job(State.WAITING, failure=Failure("refused", says[0]))
    document = of(*failed, waiting)
    assert [reason["jobs"] for reason in document["failures"]] == [2, 1, 1]
    page = Page(as_html(document))
    rows = [row for row in page.rows if row["state"] == "failed"]
    told = {row["error"][1]: row["reason"] for row in rows}
    by_words = {reason["message"]: n for n, reason in enumerate(document["failures"])}
    assert told == {says[2]: 0} | {words: by_words.get(words, 0) for words in says}
    assert [row["reason"] for row in page.rows if row["state"] != "failed"] == [None]
    # A link goes on to lead to them when there are other reasons, too.
    before = dict(zip(by_words, (key for key, *_ in page.reasons), strict=True))
    fewer = Page(as_html(of(failed[0])))
    assert [key for key, *_ in fewer.reasons] == [before[says[0]]]


def test_reasons_beyond_those_that_are_told_apart_share_one() -> None:
    failed = [
        one_job(State.FAILED, failure=Failure("refused", f"no {one} {other}"))
        for one, other in islice(combinations(ascii_lowercase, 2), MOST_REASONS + 3)
    ]
    document = of(*failed)
    page = Page(as_html(document))
    rest = [reason["message"] for reason in document["failures"]].index(SEVERAL)
    assert [row["reason"] for row in page.rows].count(rest) == 3


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


def test_labels_are_named() -> None:
    document = of(one_job()) | {"labels": {"team": "<shoes>"}}
    assert "team=<shoes>" in Page(as_html(document)).words


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


def test_a_batch_of_which_nothing_was_sent_has_no_times() -> None:
    words = Page(as_html(of(one_job(State.WAITING)))).words
    assert "How long a video took" not in words
    assert "Started in a minute" not in words


def test_of_many_reasons_the_first_are_open_and_of_many_candidates_three() -> None:
    failed = [
        JobRecord(
            replace(one_job().job, id=f"mug-{word}"),
            State.FAILED,
            failure=Failure("refused", f"The {word} is wrong."),
        )
        for word in "abcdefghijklmnop"
    ]
    seen = tuple(Listed(f"p{n}", "kling", NOW_S, "completed") for n in range(5))
    page = Page(as_html(of(*failed, one_job(State.UNRESOLVED, candidates=seen))))
    todo = page.words.partition("Videos")[2].partition("page has")[0]
    assert "4 more reasons" in todo
    assert "2 more candidates" in todo
    (unresolved,) = (row for row in page.rows if row["candidates"])
    assert len(unresolved["candidates"]) == 7
