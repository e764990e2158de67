"""The report: its sums, its warnings, and the step it names for each trouble."""

import json
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings

from jobs.money import usd_micros
from jobs.provider.answers import Billed, Listed
from jobs.records import Failure, JobRecord
from jobs.report.document import as_json, report
from jobs.report.invoice import invoice
from jobs.report.notices import KEPT_S
from jobs.report.page import as_html
from jobs.report.sheet import as_csv
from jobs.states import FINAL, State
from tests.jobs.report.reported import (
    MODEL,
    NOW_S,
    SPRING,
    documents,
    of,
    one_job,
    one_try,
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


@settings(max_examples=60)
@given(documents)
def test_totals_are_the_sums_of_rows_attempts_models_and_reasons(
    document: dict[str, Any],
) -> None:
    cost, counts, rows = document["cost"], document["jobs"], document["rows"]
    lines, failures = document["by_model"], document["failures"]
    tries = [attempt for row in rows for attempt in row["attempts"]]
    failed = [row for row in rows if row["state"] == "failed"]
    for name in ("charged_usd", "refunded_usd"):
        assert amount(cost, name) == total(rows, name) == total(tries, name)
        assert total(failures, name) == total(failed, name)
    for name in ("estimated_usd", "charged_usd", "refunded_usd", "wasted_usd"):
        assert total(lines, name) == amount(cost, name)
    known = [row for row in rows if row["estimated_usd"] is not None]
    assert amount(cost, "estimated_usd") == total(known, "estimated_usd")
    assert cost["unpriced"] == len(rows) - len(known)
    net = amount(cost, "charged_usd") - amount(cost, "refunded_usd")
    assert amount(cost, "net_usd") == total(lines, "net_usd") == net
    assert 0 <= amount(cost, "wasted_usd") <= net
    for name, count in counts.items():
        of_lines = "jobs" if name == "total" else name
        assert sum(line[of_lines] for line in lines) == count
    assert counts["total"] == len(rows) == sum(counts.values()) - counts["total"]
    several = [row for row in rows if len(row["attempts"]) > 1]
    assert document["attempts"]["total"] == len(tries)
    assert document["attempts"]["jobs_with_several"] == len(several)
    timeline = document["timeline"]
    assert sum(timeline["starts"] if timeline else []) == len(tries)
    assert sum(reason["jobs"] for reason in failures) == len(failed)
    timed = [row for row in rows if row["generated_s"] is not None]
    assert sum(time["count"] for time in document["times"]) == len(timed)
    check_invoice(document)
    assert json.loads(as_json(document)) == document | {"rows": list(rows)}
    assert list(json.loads(as_json(document)))[-1] == "rows"


def total(parts: Iterable[dict[str, Any]], name: str) -> int:
    return sum(amount(part, name) for part in parts)


def check_invoice(document: dict[str, Any]) -> None:
    """See that the invoice by model is the invoice."""
    lines, billed = document["by_model"], document.get("invoice")
    for name in ("billed_usd", "billed_refunded_usd", "billed_net_usd"):
        if billed is None:
            assert not any(name in line for line in lines)
        else:
            of_invoice = total(billed["by_model"], name)
            assert amount(billed, name) == total(lines, name) == of_invoice


@pytest.mark.parametrize("state", State)
def test_one_job_that_is_not_over_keeps_a_batch_unfinished(state: State) -> None:
    document = of(one_job(State.STORED), one_job(state))
    assert document["state"] == ("finished" if state in FINAL else "incomplete")


@pytest.mark.parametrize(
    ("record", "wasted"),
    [
        (one_job(State.STORED, one_try()), "0.00"),
        (one_job(State.STORED, one_try("failed"), one_try(number=2)), "0.21"),
        (one_job(State.STORED, one_try("failed", 210_000), one_try(number=2)), "0.00"),
        (one_job(State.STORED, one_try("completed"), one_try(number=2)), "0.21"),
        (one_job(State.FAILED, one_try("failed", 200_000)), "0.01"),
        (one_job(State.GENERATING, one_try("generating")), "0.00"),
        (one_job(State.WAITING, one_try("failed")), "0.21"),
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


def test_the_candidates_of_an_unresolved_job_come_with_what_is_billed() -> None:
    listed = Listed("p9", MODEL, NOW_S, "completed", {"prompt": "a mug"})
    other = Listed("p8", MODEL, NOW_S, "processing")
    job = one_job(State.UNRESOLVED, candidates=(listed, other))
    bill = Billed("b1", "p9", MODEL, "deduct", 210_000, NOW_S)
    asked = invoice([job], [bill], [], (NOW_S - 1, NOW_S + 1))
    (row,) = report(SPRING, [job], NOW_S, invoice=asked)["rows"]
    found = [(c["prediction_id"], c["billed_usd"]) for c in row["candidates"]]
    assert found == [("p9", "0.21"), ("p8", None)]
    (unasked,) = of(job)["rows"]
    assert unasked["candidates"][0]["billed_usd"] is None


@pytest.mark.parametrize(
    ("state", "code", "step"),
    [
        (State.FAILED, "moderation", "Change its prompt"),
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
        ({"paused": True}, "reelmill resume spring"),
        ({"complete": False}, "Not all rows"),
    ],
)
def test_what_holds_a_batch_up_is_told(changes: dict[str, Any], words: str) -> None:
    waiting = one_job(State.WAITING)
    assert of(waiting)["warnings"] == []
    (warning,) = of(waiting, batch=replace(SPRING, **changes))["warnings"]
    assert words in warning


@pytest.mark.parametrize("changes", [{"stopped_by": "budget"}, {"paused": True}])
def test_where_nothing_is_left_nothing_is_held_up(changes: dict[str, Any]) -> None:
    batch = replace(SPRING, **changes)
    assert of(one_job(), one_job(State.FAILED), batch=batch)["warnings"] == []
    assert of(one_job(), one_job(State.WAITING), batch=batch)["warnings"]
    assert of(one_job(State.UNRESOLVED), batch=batch)["warnings"][1:]
