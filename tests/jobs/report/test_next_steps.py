"""What a person can do: a step for each trouble, one for all that share a reason."""

from dataclasses import replace
from typing import Any

import pytest

from jobs.records import Failure, JobRecord
from jobs.report.next_steps import KEPT_S, MAX_IDS, MAX_REASONS, SEVERAL
from jobs.report.page import html_chunks
from jobs.report.sheet import csv_lines
from jobs.states import State
from tests.jobs.report.reported import NOW_S, SPRING, of, one_job, one_try


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
    rows = of(failed("x", one, "a"), failed("x", other, "b"))["rows"]
    assert {row["error"]["reason"] for row in rows} == {reason["key"]}


def test_the_most_frequent_reason_comes_first_in_the_words_of_its_first_job() -> None:
    words = ["never", "code 2 again", "code 1 again", "code 2 again"]
    found = reasons(*(failed("x", said, f"job-{n}") for n, said in enumerate(words)))
    assert [(reason["message"], reason["jobs"]) for reason in found] == [
        ("code 2 again", 3),
        ("never", 1),
    ]
    assert found[0]["charged_usd"] == "0.63"


def test_only_some_jobs_are_named_and_only_so_many_reasons() -> None:
    many = [failed("x", "no", f"job-{n}") for n in range(MAX_IDS + 5)]
    (reason,) = reasons(*many)
    assert reason["ids"] == [f"job-{n}" for n in range(MAX_IDS)]
    letters = "abcdefghijklmnopqrstuvwxyz"
    all_different = [failed("x", f"{a}{b}") for a in letters for b in letters]
    found = reasons(*all_different)
    assert len(found) == MAX_REASONS + 1
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
    (error,) = [row["error"] for row in document["rows"]]
    assert error["code"] == code
    assert error["message"] == "the provider's words"
    assert step in error["next_step"]
    assert step in "".join(html_chunks(document))
    assert step in "".join(csv_lines(document))


def test_a_command_in_the_report_can_be_pasted_into_a_shell() -> None:
    record = one_job(State.UNRESOLVED)
    odd = replace(record, job=replace(record.job, id="mug; rm -rf ~"))
    step = next(iter(of(odd)["rows"]))["error"]["next_step"]
    assert step.endswith("reelmill resolve spring 'mug; rm -rf ~'")


@pytest.mark.parametrize(
    ("sent_s", "made_s", "state", "warned"),
    [
        (KEPT_S - 3600, None, State.GENERATED, True),
        (KEPT_S - 3600, 3600, State.GENERATED, False),
        (KEPT_S - 3600, None, State.STORED, False),
        (3600, None, State.GENERATED, False),
    ],
)
def test_a_video_that_the_provider_may_delete_is_told(
    sent_s: float, made_s: float | None, state: State, warned: bool
) -> None:
    made_at_s = None if made_s is None else NOW_S - made_s
    attempt = replace(one_try(), sent_at_s=NOW_S - sent_s)
    record = one_job(state, attempt, generated_at_s=made_at_s)
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
