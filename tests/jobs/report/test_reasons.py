"""Reasons of failures: the same words are one reason, whatever job they name."""

from dataclasses import replace
from typing import Any

import pytest

from jobs.records import Failure, JobRecord
from jobs.report.reasons import MOST_IDS, MOST_REASONS, SEVERAL
from jobs.states import State
from tests.jobs.report.reported import of, one_job, one_try


def failed(code: str, message: str, name: str = "mug") -> JobRecord:
    record = one_job(State.FAILED, one_try("failed"), failure=Failure(code, message))
    return replace(record, job=replace(record.job, id=name))


def reasons(*records: JobRecord) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = of(*records)["failures"]
    return found


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Prediction 5f2c was refused.", "prediction a81b  was refused."),
        ("no answer from https://a.example/x?y=1", "no answer from http://b.example"),
        ("'a red mug' is not safe", "'a gun' is not safe"),
        ("refused before, as a-1f/mug: no", "refused before, as b-2c/lamp-x: no"),
    ],
)
def test_words_that_differ_in_particulars_are_one_reason(one: str, other: str) -> None:
    (reason,) = reasons(failed("x", one, "a"), failed("x", other, "b"))
    assert (reason["jobs"], reason["ids"]) == (2, ["a", "b"])
    assert reason["message"] == one


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (("x", "no"), ("y", "no")),
        (("x", "can't read it, don't know why"), ("x", "can't find it, don't ask")),
    ],
)
def test_other_words_are_another_reason(
    one: tuple[str, str], other: tuple[str, str]
) -> None:
    assert len(reasons(failed(*one), failed(*other))) == 2


def test_the_most_frequent_reason_comes_first_in_its_most_frequent_words() -> None:
    words = ["code 1 again", "code 2 again", "code 2 again", "never"]
    found = reasons(*(failed("x", said, f"job-{n}") for n, said in enumerate(words)))
    assert [(reason["message"], reason["jobs"]) for reason in found] == [
        ("code 2 again", 3),
        ("never", 1),
    ]
    assert found[0]["charged_usd"] == "0.63"


def test_only_some_jobs_are_named_and_only_so_many_reasons() -> None:
    many = [failed("x", "no", f"job-{n}") for n in range(MOST_IDS + 5)]
    (reason,) = reasons(*many)
    assert reason["ids"] == [f"job-{n}" for n in range(MOST_IDS)]
    letters = "abcdefghijklmnopqrstuvwxyz"
    all_different = [failed("x", f"{a}{b}") for a in letters for b in letters]
    found = reasons(*all_different)
    assert len(found) == MOST_REASONS + 1
    assert found[0]["message"] == SEVERAL
    assert sum(reason["jobs"] for reason in found) == len(all_different)


def test_one_command_retries_a_reason_only_where_it_pays_for_nothing_in_vain() -> None:
    late = [failed("timeout", "too late", name) for name in ("a", "b")]
    (alone,) = reasons(*late)
    assert alone["next_step"].endswith("reelmill retry spring")
    refused = [failed("moderation", "no", name) for name in ("c", "d")]
    first, second = reasons(*late, *refused)
    assert {first["code"], second["code"]} == {"timeout", "moderation"}
    steps = {reason["code"]: reason["next_step"] for reason in (first, second)}
    assert steps["timeout"].endswith("reelmill retry spring JOB")
    assert "reelmill" not in steps["moderation"]
    assert reasons(late[0])[0]["next_step"].endswith("reelmill retry spring a")
