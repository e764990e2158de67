"""The report: its sums, its forms, and what hostile text may not do to them."""

import csv
import io
import json
from dataclasses import replace
from decimal import Decimal
from html.parser import HTMLParser
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.job import Job
from jobs.pricing import usd_micros
from jobs.records import Attempt, BatchRecord, Failure, JobRecord
from jobs.report import (
    KEPT_S,
    as_csv,
    as_html,
    as_json,
    csv_lines,
    html_chunks,
    json_chunks,
    report,
)
from jobs.report_csv import FORMULA_STARTS
from jobs.report_html import MOST_ROWS
from jobs.states import FINAL, State

NOW_S = 1_780_000_000.0
MODEL = "kwaivgi/kling-v2.6-std/image-to-video"

HOSTILE = [
    "<script>alert(1)</script>",
    "\"><img src=x onerror='alert(1)'>",
    "javascript:alert(1)",
    "JaVaScRiPt:alert(1)",
    "data:text/html,<script>alert(1)</script>",
    "//example.com/mug.jpg",
    "https://[example.com/",
    "=1+1",
    "+1",
    "-1",
    "@SUM(A1)",
    "\t=1",
    "\r=1",
    "\n=1",
    "\uff1d1",
    "{{ 7 * 7 }}",
    "a,b\r\n=c",
    "</article></style></textarea>",
    "\x00",
    "../../mug",
    "",
]
texts = st.sampled_from(HOSTILE) | st.text(max_size=12)
micros = st.integers(0, 10**10)
seconds = st.floats(0, 4e9)


@st.composite
def attempts(draw: st.DrawFn, number: int) -> Attempt:
    charged = draw(micros)
    return Attempt(
        number=number,
        sent_at_s=draw(seconds),
        outcome=draw(st.sampled_from(["generating", "completed", "failed", "unknown"])),
        price_usd_micros=draw(st.none() | micros),
        charged_usd_micros=charged,
        refunded_usd_micros=draw(st.integers(0, charged)),
        prediction_id=draw(st.none() | texts),
        failure=draw(st.none() | st.builds(Failure, texts, texts)),
    )


@st.composite
def job_records(draw: st.DrawFn) -> JobRecord:
    job = Job(
        id=draw(texts),
        line=draw(st.integers(1, 10**6)),
        model=draw(st.sampled_from([MODEL, "another"])),
        inputs={
            "prompt": draw(texts),
            "image": draw(texts),
            "duration": draw(st.sampled_from([None, 5, 10])),
        },
        price_usd_micros=draw(st.none() | micros),
        key=draw(texts),
        data=draw(st.dictionaries(texts, texts, max_size=3)),
    )
    return JobRecord(
        job,
        state=draw(st.sampled_from(State)),
        attempts=tuple(draw(attempts(n)) for n in range(1, draw(st.integers(1, 4)))),
        video=draw(st.none() | texts),
        video_bytes=draw(st.none() | st.integers(0, 10**12)),
        video_sha256=draw(st.none() | texts),
        failure=draw(st.none() | st.builds(Failure, texts, texts)),
    )


batches = st.builds(
    BatchRecord,
    id=texts,
    manifest=texts,
    account=texts,
    store=texts,
    priority=st.integers(1, 9),
    attempts=st.integers(1, 5),
    budget_usd_micros=st.none() | micros,
    created_at_s=seconds,
    complete=st.booleans(),
    paused=st.booleans(),
    stopped_by=st.sampled_from(["", "budget", "something"]),
)
documents = st.builds(report, batches, st.lists(job_records(), max_size=5), seconds)


def one_job(state: State = State.STORED, *tries: Attempt, **changes: Any) -> JobRecord:
    inputs = {"prompt": "a mug", "image": "https://example.com/mug.jpg"}
    job = Job("mug", 2, MODEL, inputs, 210_000, "spring/mug.mp4")
    return replace(JobRecord(job, state, tries), **changes)


def one_try(outcome: str = "completed", refunded: int = 0, number: int = 1) -> Attempt:
    price = 210_000
    return Attempt(number, NOW_S, outcome, price, price, refunded, f"p{number}")


SPRING = BatchRecord(
    id="spring",
    manifest="spring.csv",
    account="default",
    store="./videos",
    priority=1,
    attempts=3,
    budget_usd_micros=20_000_000,
    created_at_s=NOW_S,
    complete=True,
)


def of(*jobs: JobRecord, batch: BatchRecord = SPRING) -> dict[str, Any]:
    return report(batch, jobs, NOW_S)


def amount(document: dict[str, Any], name: str) -> int:
    return usd_micros(document[name])


def test_the_document_keeps_its_contract() -> None:
    document = of(one_job(State.STORED, one_try(), video="videos/spring/mug.mp4"))
    assert document["batch"] == "spring"
    assert document["state"] == "finished"
    assert document["jobs"] == {
        "total": 1,
        "stored": 1,
        "failed": 0,
        "cancelled": 0,
        "unresolved": 0,
        "unfinished": 0,
    }
    assert document["cost"] == {
        "estimated_usd": "0.21",
        "unpriced": 0,
        "charged_usd": "0.21",
        "refunded_usd": "0.00",
        "net_usd": "0.21",
        "wasted_usd": "0.00",
        "budget_usd": "20.00",
    }
    (row,) = document["rows"]
    assert row["attempts"] == [
        {
            "number": 1,
            "prediction_id": "p1",
            "outcome": "completed",
            "sent_at": "2026-05-28T20:26:40.000Z",
            "charged_usd": "0.21",
            "refunded_usd": "0.00",
            "error": None,
        }
    ]
    assert (row["id"], row["line"], row["model"]) == ("mug", 2, MODEL)
    assert (row["state"], row["error"]) == ("stored", None)
    assert (row["prediction_id"], row["video"]) == ("p1", "videos/spring/mug.mp4")


@given(st.lists(job_records(), max_size=6), batches, seconds)
def test_totals_are_the_sums_of_rows_and_of_models(
    jobs: list[JobRecord], batch: BatchRecord, now_s: float
) -> None:
    document = report(batch, iter(jobs), now_s)
    cost, counts, rows = document["cost"], document["jobs"], document["rows"]
    for name in ("charged_usd", "refunded_usd"):
        total = amount(cost, name)
        assert total == sum(amount(row, name) for row in rows)
        assert total == sum(amount(kind, name) for kind in document["by_model"])
        tries = [attempt for row in rows for attempt in row["attempts"]]
        assert total == sum(amount(attempt, name) for attempt in tries)
    known = [row for row in rows if row["estimated_usd"] is not None]
    assert amount(cost, "estimated_usd") == sum(
        amount(r, "estimated_usd") for r in known
    )
    assert cost["unpriced"] == len(rows) - len(known)
    net = amount(cost, "charged_usd") - amount(cost, "refunded_usd")
    assert amount(cost, "net_usd") == net
    assert 0 <= amount(cost, "wasted_usd") <= net
    assert counts["total"] == len(jobs) == sum(counts.values()) - counts["total"]


@given(st.lists(job_records(), max_size=6), st.booleans())
def test_a_batch_is_finished_when_all_of_it_is_over(
    jobs: list[JobRecord], complete: bool
) -> None:
    document = of(*jobs, batch=replace(SPRING, complete=complete))
    over = complete and all(record.state in FINAL for record in jobs)
    assert document["state"] == ("finished" if over else "incomplete")


@pytest.mark.parametrize("state", State)
def test_one_job_that_is_not_over_keeps_a_batch_unfinished(state: State) -> None:
    document = of(one_job(State.STORED), one_job(state))
    assert document["state"] == ("finished" if state in FINAL else "incomplete")


@given(documents)
def test_json_says_the_document_again(document: dict[str, Any]) -> None:
    assert json.loads(as_json(document)) == document
    assert list(json.loads(as_json(document))) == [
        *(name for name in document if name != "rows"),
        "rows",
    ]


@given(micros)
def test_amounts_parse_back_exactly(price: int) -> None:
    record = one_job(State.WAITING)
    priced = replace(record, job=replace(record.job, price_usd_micros=price))
    (row,) = json.loads(as_json(of(priced)))["rows"]
    assert Decimal(row["estimated_usd"]) * 10**6 == price


@given(documents)
def test_no_cell_of_the_spreadsheet_is_a_formula(document: dict[str, Any]) -> None:
    text = as_csv(document)
    assert text.startswith("\ufeffid,")
    header, *lines = csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline=""))
    assert len(lines) == len(document["rows"])
    for line in (header, *lines):
        assert len(line) == len(header)
        assert not [cell for cell in line if cell.startswith(FORMULA_STARTS)]


@given(documents)
def test_a_defused_cell_still_says_what_it_said(document: dict[str, Any]) -> None:
    text = as_csv(document).removeprefix("\ufeff")
    for line, row in zip(
        csv.DictReader(io.StringIO(text, newline="")), document["rows"], strict=True
    ):
        assert line["prompt"] in {row["prompt"], f"'{row['prompt']}"}
        assert line["charged_usd"] == row["charged_usd"]
        for name, value in row["data"].items():
            assert line[f"data.{name}"] in {value, f"'{value}"}


class Page(HTMLParser):
    """What a browser would make of a page: its elements and their attributes."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.words = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.words += data


@given(documents)
def test_whatever_a_row_says_stays_text(document: dict[str, Any]) -> None:
    page = Page(as_html(document))
    tags = [tag for tag, _ in page.elements]
    assert not {"script", "img", "iframe", "link", "object", "form"} & set(tags)
    assert tags.count("article") == len(document["rows"])
    assert tags.count("style") == 1
    for _, attributes in page.elements:
        assert not [name for name in attributes if name.startswith("on")]


@given(documents)
def test_every_link_is_to_the_web_or_beside_the_page(document: dict[str, Any]) -> None:
    for tag, attributes in Page(as_html(document)).elements:
        if tag == "a":
            assert urlsplit(attributes["href"] or "").scheme in {"http", "https"}
        if tag == "video":
            source = attributes["src"] or ""
            assert source.startswith(("./", "../"))
            assert not urlsplit(source).scheme
            assert attributes["preload"] == "none"


@given(texts)
def test_a_page_shows_the_prompt_as_it_was_written(prompt: str) -> None:
    record = one_job(State.FAILED)
    asked = replace(record, job=replace(record.job, inputs={"prompt": prompt}))
    # HTML has no NUL and one kind of line end.
    expected = prompt.replace("\x00", "\ufffd").replace("\r\n", "\n").strip()
    shown = Page(as_html(of(asked))).words
    assert expected in shown.replace("\x00", "\ufffd").replace("\r\n", "\n")


def test_the_page_asks_nothing_of_the_network() -> None:
    text = as_html(of(one_job(State.STORED, one_try())))
    assert "default-src 'none'" in text
    assert "@import" not in text
    assert "url(" not in text
    assert text.count("src=") == text.count('src="./mug.mp4"') == 1
    assert text.count("https://") == text.count("https://example.com/mug.jpg")


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
def test_a_video_is_linked_from_the_folder_of_the_page(key: str, link: str) -> None:
    record = one_job(State.STORED, one_try())
    page = Page(as_html(of(replace(record, job=replace(record.job, key=key)))))
    (found,) = [
        attributes["src"] for tag, attributes in page.elements if tag == "video"
    ]
    assert found == link
    assert unquote(link).removeprefix("./").removeprefix("../") in key


@pytest.mark.parametrize("key", ["/etc/passwd", "spring/../../x.mp4", ""])
def test_no_link_leaves_the_store(key: str) -> None:
    record = one_job(State.STORED, one_try())
    page = Page(as_html(of(replace(record, job=replace(record.job, key=key)))))
    assert "video" not in [tag for tag, _ in page.elements]


def test_only_a_stored_job_has_a_video_to_play() -> None:
    page = Page(as_html(of(one_job(State.GENERATED, one_try()))))
    assert "video" not in [tag for tag, _ in page.elements]


def test_a_long_report_shows_first_what_is_in_trouble() -> None:
    fine = [one_job(State.STORED)] * MOST_ROWS
    broken = replace(one_job(State.FAILED).job, id="broken-one", line=10**6)
    text = as_html(of(*fine, JobRecord(broken, State.FAILED)))
    assert text.index("broken-one") < text.index(">mug<")
    assert text.count("<article") == MOST_ROWS
    assert "1 more job is in report.csv" in text


@pytest.mark.parametrize(
    ("record", "wasted"),
    [
        (one_job(State.STORED, one_try()), "0.00"),
        (one_job(State.STORED, one_try("failed"), one_try(number=2)), "0.21"),
        (one_job(State.STORED, one_try("failed", 210_000), one_try(number=2)), "0.00"),
        (one_job(State.STORED, one_try("completed"), one_try(number=2)), "0.21"),
        (one_job(State.FAILED, one_try("failed")), "0.21"),
        (one_job(State.FAILED, one_try("failed", 200_000)), "0.01"),
        (one_job(State.FAILED, one_try("completed")), "0.21"),
        (one_job(State.GENERATING, one_try("generating")), "0.00"),
        (one_job(State.GENERATED, one_try("completed")), "0.00"),
        (one_job(State.WAITING, one_try("failed")), "0.21"),
        (one_job(State.ADMITTED, one_try("failed")), "0.21"),
        (one_job(State.UNKNOWN, one_try("unknown")), "0.00"),
        (one_job(State.CANCELLED), "0.00"),
    ],
)
def test_wasted_is_what_was_paid_and_brings_no_video(
    record: JobRecord, wasted: str
) -> None:
    assert of(record)["cost"]["wasted_usd"] == wasted


def test_an_unknown_price_is_never_nothing() -> None:
    record = one_job(State.UNRESOLVED)
    unpriced = replace(record, job=replace(record.job, price_usd_micros=None))
    document = of(unpriced)
    assert document["rows"][0]["estimated_usd"] is None
    assert document["cost"]["unpriced"] == 1
    assert "an unknown amount at stake" in " ".join(document["warnings"])
    assert "$0.00 at stake" not in " ".join(document["warnings"])
    assert "<dd>unknown</dd>" in as_html(document)


def test_rows_come_in_the_order_of_the_manifest() -> None:
    job = one_job().job
    lines = [JobRecord(replace(job, line=n), State.STORED) for n in (5, 2, 9)]
    assert [row["line"] for row in of(*lines)["rows"]] == [2, 5, 9]


def test_models_are_told_apart_by_their_duration() -> None:
    job = one_job().job
    kinds = [
        JobRecord(replace(job, inputs={"duration": seconds}), State.STORED)
        for seconds in (10, 5, 10, None)
    ]
    found = [(kind["duration_s"], kind["jobs"]) for kind in of(*kinds)["by_model"]]
    assert found == [(None, 1), (5, 1), (10, 2)]


@pytest.mark.parametrize(
    ("state", "code", "step"),
    [
        (State.FAILED, "moderation", "Change its prompt"),
        (State.FAILED, "refused", "Correct its row"),
        (State.FAILED, "bad-parameter", "Correct its row"),
        (State.FAILED, "picture-unreachable", "reach its picture, then: reelmill"),
        (State.FAILED, "timeout", "reelmill retry spring mug"),
        (State.UNRESOLVED, "lost", "reelmill resolve spring mug"),
        (State.WAITING, "timeout", "goes on by itself"),
    ],
)
def test_each_trouble_comes_with_its_next_step(
    state: State, code: str, step: str
) -> None:
    document = of(one_job(state, failure=Failure(code, "the provider's words")))
    error = document["rows"][0]["error"]
    assert error["code"] == code
    assert error["message"] == "the provider's words"
    assert step in error["next_step"]
    assert step in as_html(document)
    assert step in as_csv(document)


def test_a_failure_without_a_reason_says_so() -> None:
    error = of(one_job(State.FAILED))["rows"][0]["error"]
    assert error["message"] == "No reason was written down."


def test_a_command_in_the_report_can_be_pasted_into_a_shell() -> None:
    record = one_job(State.UNRESOLVED)
    odd = replace(record, job=replace(record.job, id="mug; rm -rf ~"))
    step = of(odd)["rows"][0]["error"]["next_step"]
    assert step.endswith("reelmill resolve spring 'mug; rm -rf ~'")


@pytest.mark.parametrize(
    ("age_s", "state", "warned"),
    [
        (KEPT_S - 3600, State.GENERATED, True),
        (KEPT_S - 3600, State.STORED, False),
        (3600, State.GENERATED, False),
    ],
)
def test_a_video_that_the_provider_may_delete_is_told(
    age_s: float, state: State, warned: bool
) -> None:
    record = one_job(state, replace(one_try(), sent_at_s=NOW_S - age_s))
    told = any("seven days" in warning for warning in of(record)["warnings"])
    assert told is warned


def test_the_seven_days_of_a_video_begin_when_it_was_made() -> None:
    tried = replace(one_try(), sent_at_s=NOW_S - KEPT_S + 3600)
    record = one_job(State.GENERATED, tried, generated_at_s=NOW_S - 3600)
    assert of(record)["warnings"] == []


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"stopped_by": "budget"}, "Stopped by its budget of $20.00"),
        ({"stopped_by": "account"}, "Stopped by account"),
        ({"paused": True}, "reelmill resume spring"),
        ({"complete": False}, "Not all rows"),
    ],
)
def test_what_holds_a_batch_up_is_told(changes: dict[str, Any], words: str) -> None:
    assert of(one_job())["warnings"] == []
    (warning,) = of(one_job(), batch=replace(SPRING, **changes))["warnings"]
    assert words in warning


def test_the_shots_of_a_job_are_its_prompt() -> None:
    job = one_job().job
    shots = {"multi_prompt": [{"prompt": "near"}, {"duration": 5}, {"prompt": "far"}]}
    (row,) = of(JobRecord(replace(job, inputs=shots), State.STORED))["rows"]
    assert row["prompt"] == "near / far"


def test_a_batch_without_jobs_has_a_report() -> None:
    document = of()
    assert document["state"] == "finished"
    assert json.loads(as_json(document))["rows"] == []
    assert as_csv(document).count("\r\n") == 1
    assert "By model" not in as_html(document)


@given(documents)
def test_the_pieces_are_the_whole(document: dict[str, Any]) -> None:
    assert "".join(json_chunks(document)) == as_json(document)
    assert "".join(csv_lines(document)) == as_csv(document)
    assert "".join(html_chunks(document)) == as_html(document)
