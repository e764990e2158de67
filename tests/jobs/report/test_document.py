"""The report: its sums, its warnings, and the step it names for each trouble."""

import json
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobs.answers import Billed, Listed
from jobs.money import usd_micros
from jobs.pace.limits import Limits
from jobs.records import BatchRecord, Failure, JobRecord
from jobs.report.document import as_json, json_chunks, report
from jobs.report.invoice import invoice
from jobs.report.notices import KEPT_S
from jobs.report.page import as_html, html_chunks
from jobs.report.sheet import as_csv, csv_lines
from jobs.states import FINAL, State
from tests.jobs.report.reported import (
    DEARER,
    MODEL,
    NOW_S,
    SPRING,
    batches,
    documents,
    job_records,
    micros,
    of,
    one_job,
    one_try,
    seconds,
)


def amount(document: dict[str, Any], name: str) -> int:
    return usd_micros(document[name])


def test_the_document_keeps_its_contract() -> None:
    document = of(one_job(State.STORED, one_try(), video="videos/spring/mug.mp4"))
    assert document["batch"] == "spring"
    assert document["state"] == "finished"
    assert document["jobs"] == {
        "total": 1,
        "stored": 1,
        "reused": 0,
        "failed": 0,
        "cancelled": 0,
        "unresolved": 0,
        "unfinished": 0,
    }
    assert document["cost"] == {
        "estimated_usd": "0.21",
        "unpriced": 0,
        "unquoted": 0,
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
            "ended_at": None,
            "charged_usd": "0.21",
            "refunded_usd": "0.00",
            "error": None,
        }
    ]
    assert (row["id"], row["line"], row["model"]) == ("mug", 2, MODEL)
    assert (row["state"], row["error"]) == ("stored", None)
    assert (row["prediction_id"], row["video"]) == ("p1", "videos/spring/mug.mp4")


@settings(max_examples=60, deadline=None)
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


@settings(max_examples=60, deadline=None)
@given(documents)
def test_whatever_is_counted_twice_is_counted_alike(document: dict[str, Any]) -> None:
    rows, lines = document["rows"], document["by_model"]
    failures, timeline = document["failures"], document["timeline"]
    for name, count in document["jobs"].items():
        of_lines = "jobs" if name == "total" else name
        assert sum(line[of_lines] for line in lines) == count
    for name in ("estimated_usd", "wasted_usd", "net_usd"):
        assert sum(amount(line, name) for line in lines) == amount(
            document["cost"], name
        )
    tries = [attempt for row in rows for attempt in row["attempts"]]
    assert document["attempts"]["total"] == len(tries)
    several = [row for row in rows if len(row["attempts"]) > 1]
    assert document["attempts"]["jobs_with_several"] == len(several)
    assert sum(timeline["starts"] if timeline else []) == len(tries)
    failed = [row for row in rows if row["state"] == "failed"]
    assert sum(reason["jobs"] for reason in failures) == len(failed)
    for name in ("charged_usd", "refunded_usd"):
        assert sum(amount(reason, name) for reason in failures) == sum(
            amount(row, name) for row in failed
        )
    timed = [row for row in rows if row["generated_s"] is not None]
    assert sum(time["count"] for time in document["times"]) == len(timed)


@settings(max_examples=60, deadline=None)
@given(documents)
def test_the_invoice_by_model_is_the_invoice(document: dict[str, Any]) -> None:
    for name in ("billed_usd", "billed_refunded_usd", "billed_net_usd"):
        if "invoice" not in document:
            assert not any(name in line for line in document["by_model"])
            continue
        total = amount(document["invoice"], name)
        assert total == sum(amount(line, name) for line in document["by_model"])
        of_invoice = document["invoice"]["by_model"]
        assert total == sum(amount(line, name) for line in of_invoice)


@settings(max_examples=60, deadline=None)
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


@settings(max_examples=50, deadline=None)
@given(documents)
def test_json_says_the_document_again(document: dict[str, Any]) -> None:
    told = document | {"rows": list(document["rows"])}
    assert json.loads(as_json(document)) == told
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
        JobRecord(replace(job, duration_s=seconds), State.STORED)
        for seconds in (10, 5, 10, None)
    ]
    found = [(kind["duration_s"], kind["jobs"]) for kind in of(*kinds)["by_model"]]
    assert found == [(None, 1), (5, 1), (10, 2)]


def test_options_that_raise_the_price_make_a_line_of_their_own() -> None:
    plain = replace(one_job().job, model=DEARER, duration_s=5)
    loud = replace(plain, id="loud", inputs={**plain.inputs, "sound": True})
    quiet = replace(plain, id="quiet", inputs={**plain.inputs, "sound": False})
    jobs = [JobRecord(job, State.STORED) for job in (loud, plain, quiet)]
    document = of(*jobs)
    found = [(line["options"], line["jobs"]) for line in document["by_model"]]
    assert found == [("", 2), ("sound", 1)]
    assert [row["options"] for row in document["rows"]] == ["sound", "", ""]


def test_the_candidates_of_an_unresolved_job_come_with_what_is_billed() -> None:
    listed = Listed("p9", MODEL, NOW_S, "completed", {"prompt": "a mug"})
    other = Listed("p8", MODEL, NOW_S, "processing")
    job = one_job(State.UNRESOLVED, candidates=(listed, other))
    bill = Billed("b1", "p9", MODEL, "deduct", 210_000, NOW_S)
    asked = invoice([job], [bill], [], (NOW_S - 1, NOW_S + 1))
    (row,) = report(SPRING, [job], NOW_S, invoice=asked)["rows"]
    assert row["candidates"] == [
        {
            "prediction_id": "p9",
            "model": MODEL,
            "created_at": "2026-05-28T20:26:40.000Z",
            "status": "completed",
            "billed_usd": "0.21",
            "prompt": "a mug",
            "image": None,
        },
        {
            "prediction_id": "p8",
            "model": MODEL,
            "created_at": "2026-05-28T20:26:40.000Z",
            "status": "processing",
            "billed_usd": None,
            "prompt": None,
            "image": None,
        },
    ]
    (unasked,) = of(job)["rows"]
    assert unasked["candidates"][0]["billed_usd"] is None


def test_limits_labels_and_refusals_of_the_account_are_told() -> None:
    batch = replace(SPRING, labels={"team": "shoes"}, throttled=7)
    document = report(batch, [one_job()], NOW_S, limits=Limits(10, 3))
    assert document["limits"] == {"videos_per_minute": 10, "concurrent_videos": 3}
    assert document["labels"] == {"team": "shoes"}
    assert document["attempts"]["throttled"] == 7
    assert of(one_job())["limits"] is None


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


def test_prices_without_a_quote_are_told_of() -> None:
    by_list = one_job(State.STORED, one_try())
    by_list = replace(by_list, job=replace(by_list.job, quoted=False))
    document = of(by_list, one_job(State.STORED, one_try()), one_job(State.REUSED))
    assert document["cost"]["unquoted"] == 1
    (warning,) = document["warnings"]
    assert "without a quote of the provider: 1." in warning
    assert warning.endswith("reelmill report spring --billed")
    unknown = replace(by_list, job=replace(by_list.job, price_usd_micros=None))
    cost = of(unknown)["cost"]
    assert (cost["unpriced"], cost["unquoted"]) == (1, 0)


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
    waiting = one_job(State.WAITING)
    assert of(waiting)["warnings"] == []
    (warning,) = of(waiting, batch=replace(SPRING, **changes))["warnings"]
    assert words in warning


@pytest.mark.parametrize(
    "changes", [{"stopped_by": "budget"}, {"paused": True}, {"aside": True}]
)
def test_where_nothing_is_left_nothing_is_held_up(changes: dict[str, Any]) -> None:
    batch = replace(SPRING, **changes)
    assert of(one_job(), one_job(State.FAILED), batch=batch)["warnings"] == []
    assert of(one_job(), one_job(State.WAITING), batch=batch)["warnings"]
    assert of(one_job(State.UNRESOLVED), batch=batch)["warnings"][1:]


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


@settings(max_examples=50, deadline=None)
@given(documents)
def test_the_pieces_are_the_whole(document: dict[str, Any]) -> None:
    assert "".join(json_chunks(document)) == as_json(document)
    assert "".join(csv_lines(document)) == as_csv(document)
    assert "".join(html_chunks(document)) == as_html(document)
