"""The report: its sums, its contract, and what is billed beside it."""

import json
import tracemalloc
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]  # no types

from jobs.money import usd_micros
from jobs.pace.limits import Limits
from jobs.provider.answers import Billed, Listed
from jobs.records import Failure, JobRecord
from jobs.report.document import report, schema
from jobs.report.invoice import invoice
from jobs.states import FINAL, State
from tests.jobs.report.reported import (
    MODEL,
    NOW_S,
    SPRING,
    as_json,
    documents,
    of,
    one_job,
    one_try,
)

VALIDATOR = Draft202012Validator(json.loads(schema()))


def amount(document: dict[str, Any], name: str) -> int:
    return usd_micros(document[name])


def test_the_document_keeps_its_contract() -> None:
    document = of(one_job(State.STORED, one_try(), video="videos/spring/mug.mp4"))
    assert document["batch"] == "spring"
    assert document["state"] == "finished"
    assert (document["jobs"]["total"], document["jobs"]["stored"]) == (1, 1)
    cost = {name: document["cost"][name] for name in ("charged_usd", "budget_usd")}
    assert cost == {"charged_usd": "0.21", "budget_usd": "20.00"}
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
    assert [row["estimated_usd"] for row in document["rows"]] == [None]
    assert document["cost"]["unpriced"] == 1
    assert "an unknown amount at stake" in " ".join(document["warnings"])
    assert "$0.00 at stake" not in " ".join(document["warnings"])


def test_the_candidates_of_an_unresolved_job_come_with_what_is_billed() -> None:
    listed = Listed("p9", MODEL, NOW_S, "completed", {"prompt": "a mug"})
    other = Listed("p8", MODEL, NOW_S, "processing")
    job = one_job(State.UNRESOLVED, candidates=(listed, other))
    bill = Billed("b1", "p9", MODEL, "deduct", 105_000, NOW_S)
    asked = invoice([job], [bill, bill], [], (NOW_S - 1, NOW_S + 1))
    (row,) = report(SPRING, [job], NOW_S, invoice=asked)["rows"]
    found = [(c["prediction_id"], c["billed_usd"]) for c in row["candidates"]]
    assert found == [("p9", "0.21"), ("p8", None)]
    (unasked,) = of(job)["rows"]
    assert unasked["candidates"][0]["billed_usd"] is None


def test_rows_are_held_in_a_tenth_of_their_text() -> None:
    made = of(
        *(replace(one_job(), job=replace(one_job().job, line=n)) for n in range(900))
    )
    assert len(made["rows"]) == 900
    assert [row["line"] for row in made["rows"]] == list(range(900))
    size_bytes = len(as_json(made))
    tracemalloc.start()
    kept = type(made["rows"])(made["rows"])
    held_bytes, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(kept) == 900
    assert held_bytes < size_bytes / 10


@settings(max_examples=60, deadline=None)
@given(documents)
def test_every_report_is_as_the_schema_says(document: dict[str, Any]) -> None:
    errors = VALIDATOR.iter_errors(json.loads(as_json(document)))
    assert [f"{error.json_path}: {error.message}" for error in errors] == []


def full() -> dict[str, Any]:
    """A report in which nothing is missing."""
    seen = Listed("p9", "kling", NOW_S, "completed", {"prompt": "a mug"})
    jobs = [
        one_job(State.STORED, one_try()),
        one_job(State.FAILED, one_try("failed"), failure=Failure("x", "no")),
        one_job(State.UNRESOLVED, one_try("unknown"), candidates=(seen,)),
    ]
    billed = invoice(jobs, [], [], (0.0, 4e9))
    made = report(SPRING, jobs, NOW_S + 9, limits=Limits(10, 3), invoice=billed)
    return dict(json.loads(as_json(made)))


@pytest.mark.parametrize(
    "slip",
    [
        lambda made: made.pop("cost"),
        lambda made: made.update(total=3),
        lambda made: made["cost"].update(charged_usd=0.21),
        lambda made: made["rows"][0].update(state="lost"),
        lambda made: made["rows"][2].pop("candidates"),
    ],
)
def test_a_slip_is_refused(slip: Callable[[dict[str, Any]], object]) -> None:
    made = full()
    assert VALIDATOR.is_valid(made)
    slip(made)
    assert not VALIDATOR.is_valid(made)
