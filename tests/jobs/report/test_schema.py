"""The schema of `report.json`: it takes every report and refuses slips."""

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]  # no types

from jobs.pace.limits import Limits
from jobs.provider.answers import Listed
from jobs.records import Failure
from jobs.report.document import as_json, report
from jobs.report.invoice import invoice
from jobs.report.schema import text
from jobs.states import State
from tests.jobs.report.reported import NOW_S, SPRING, documents, one_job, one_try

SCHEMA = json.loads(text())
VALIDATOR = Draft202012Validator(SCHEMA)


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


Slip = Callable[[dict[str, Any]], object]
SLIPS: dict[str, Slip] = {
    "a key is missing": lambda made: made.pop("cost"),
    "a key is new": lambda made: made.update(total=3),
    "an amount is a number": lambda made: made["cost"].update(charged_usd=0.21),
    "a state is unknown": lambda made: made["rows"][0].update(state="lost"),
    "an attempt is from 0": lambda made: made["rows"][0]["attempts"][0].update(
        number=0
    ),
    "a reason is of no job": lambda made: made["failures"][0].update(jobs=0),
    "candidates are missing": lambda made: made["rows"][2].pop("candidates"),
    "nobody knows when the invoice was": lambda made: made["invoice"].pop("asked_at"),
}


@pytest.mark.parametrize("slip", SLIPS)
def test_a_slip_is_refused(slip: str) -> None:
    made = full()
    assert VALIDATOR.is_valid(made)
    wrong = copy.deepcopy(made)
    # Rows are sorted by id, which is the same: so by their states.
    assert [row["state"] for row in wrong["rows"]] == ["stored", "failed", "unresolved"]
    SLIPS[slip](wrong)
    assert not VALIDATOR.is_valid(wrong)
