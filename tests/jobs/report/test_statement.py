"""Statements: every cent and every job in one place, and lines that add up."""

import csv
import io
import json
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobs.money import usd, usd_micros
from jobs.records import BatchRecord, JobRecord
from jobs.report.document import report
from jobs.report.sheet import statement_lines
from jobs.report.statement import (
    AMOUNTS,
    COUNTS,
    FIGURES,
    Inexact,
    Part,
    Period,
    PeriodError,
    ReportFileError,
    kept_report,
    part_of,
    part_of_sums,
    period,
    record_of_row,
    statement,
)
from jobs.states import State
from tests.jobs.report.reported import (
    NOW_S,
    SPRING,
    as_json,
    batches,
    job_records,
    one_job,
    one_try,
)

EVER = Period(0.0, 1e10)
DAY_S = 86_400.0

labels = st.dictionaries(
    st.sampled_from(["team", "year"]), st.sampled_from(["shoes", "hats", "@all"])
)


@st.composite
def nights(draw: st.DrawFn) -> tuple[BatchRecord, list[JobRecord]]:
    """A batch whose sums are those of its jobs, with labels."""
    jobs = draw(st.lists(job_records(), max_size=3))
    batch = replace(
        draw(batches),
        labels=draw(labels),
        counts={state: sum(j.state is state for j in jobs) for state in State},
        charged_usd_micros=sum(job.charged_usd_micros for job in jobs),
        refunded_usd_micros=sum(job.refunded_usd_micros for job in jobs),
    )
    return batch, jobs


def part(night: tuple[BatchRecord, list[JobRecord]], during: Period) -> Part:
    batch, jobs = night
    return part_of(batch, jobs, during, "ledger")


def stated(parts: Iterable[Part], during: Period = EVER) -> dict[str, Any]:
    return statement(parts, [], during, {}, NOW_S)


def added(lines: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """The figures of several lines as those of one."""
    whole: dict[str, Any] = dict.fromkeys(FIGURES, 0)
    for line in lines:
        for name in FIGURES:
            whole[name] += usd_micros(line[name]) if name in AMOUNTS else line[name]
    return whole | {name: usd(whole[name]) for name in AMOUNTS}


@settings(max_examples=40)
@given(st.lists(nights(), max_size=3))
def test_its_totals_are_the_sums_of_the_lines_of_each_kind(
    several: list[tuple[BatchRecord, list[JobRecord]]],
) -> None:
    made = stated(part(night, EVER) for night in several)
    total = {name: made["total"][name] for name in FIGURES}
    assert added(made["by_batch"]) == total
    assert added(made["by_model"]) == total
    for label in {line["label"] for line in made["by_label"]}:
        lines = [line for line in made["by_label"] if line["label"] == label]
        assert added(lines) == total
        assert sum(line["batches"] for line in lines) == made["total"]["batches"]
    for line in (made["total"], *made["by_batch"], *made["by_model"]):
        assert line["jobs"] == sum(line[name] for name in COUNTS)


@settings(max_examples=40)
@given(nights(), st.floats(0, 4e9))
def test_two_months_that_follow_each_other_make_one_whole(
    night: tuple[BatchRecord, list[JobRecord]], at_s: float
) -> None:
    halves = [Period(0.0, at_s), Period(at_s, 1e10)]
    totals = [stated([part(night, half)])["total"] for half in halves]
    whole = stated([part(night, EVER)])["total"]
    assert added(totals) == {name: whole[name] for name in FIGURES}


@settings(max_examples=40)
@given(nights())
def test_over_all_time_a_batch_costs_what_its_report_says(
    night: tuple[BatchRecord, list[JobRecord]],
) -> None:
    """Among it what is wasted, which is worked out in two places."""
    batch, jobs = night
    cost = report(batch, jobs, NOW_S)["cost"]
    total = stated([part(night, EVER)])["total"]
    assert {name: total[name] for name in AMOUNTS} == {n: cost[n] for n in AMOUNTS}


@settings(max_examples=40)
@given(nights(), st.floats(0, 4e9))
def test_a_kept_report_tells_the_same_as_the_ledger(
    night: tuple[BatchRecord, list[JobRecord]], at_s: float
) -> None:
    batch, jobs = night
    text = as_json(report(batch, jobs, NOW_S)).encode()
    # A report has milliseconds, so that is how a time of one may be cut.
    during = Period(float(int(at_s)), 1e10)
    rows = kept_report(text.splitlines(keepends=True), batch.id)[1]
    read = part_of(batch, map(record_of_row, rows), during, "report")
    assert read.models == part(night, during).models


def test_an_attempt_counts_when_it_was_sent_and_its_job_with_the_newest() -> None:
    first = replace(one_try("failed", refunded=210_000), sent_at_s=NOW_S)
    second = replace(one_try(number=2), sent_at_s=NOW_S + DAY_S)
    night = SPRING, [one_job(State.STORED, first, second), one_job(State.REUSED)]
    today = stated([part(night, Period(NOW_S, NOW_S + DAY_S))])["total"]
    tomorrow = stated([part(night, Period(NOW_S + DAY_S, NOW_S + 2 * DAY_S))])["total"]
    assert (today["stored"], today["reused"], today["attempts"]) == (0, 1, 1)
    assert (today["charged_usd"], today["refunded_usd"]) == ("0.21", "0.21")
    assert (tomorrow["stored"], tomorrow["reused"], tomorrow["attempts"]) == (1, 0, 1)
    assert tomorrow["net_usd"] == "0.21"
    assert stated([part(night, Period(0.0, NOW_S))])["by_batch"] == []


def test_batches_without_a_label_have_a_line_of_their_own() -> None:
    night = [one_job(State.STORED, one_try())]
    shoes = replace(SPRING, id="shoes", labels={"team": "shoes"})
    made = stated([part((shoes, night), EVER), part((SPRING, night), EVER)])
    lines = [(x["label"], x["value"], x["net_usd"]) for x in made["by_label"]]
    assert lines == [("team", "shoes", "0.21"), ("team", None, "0.21")]
    text = "".join(statement_lines(made))
    assert "\r\nlabel,team,shoes," in text
    assert "\r\nwithout label,team,," in text


def test_a_batch_that_nobody_can_read_counts_whole_where_it_was_made() -> None:
    batch = replace(SPRING, counts={State.STORED: 2}, charged_usd_micros=420_000)
    whole = part_of_sums(batch, Period(NOW_S, NOW_S + 1))
    assert not part_of_sums(batch, Period(NOW_S + 1, NOW_S + 2)).models
    left = [Inexact(batch, "it is missing", counted=True)]
    made = statement([whole], left, EVER, {}, NOW_S)
    assert (made["total"]["stored"], made["total"]["net_usd"]) == (2, "0.42")
    assert [line["model"] for line in made["by_model"]] == [None]
    assert made["inexact"] == [
        {"batch": "spring", "why": "it is missing", "counted": True}
    ]
    lines = sheet_of(made)
    assert [line["note"] for line in lines] == ["", "it is missing", ""]
    assert (lines[-1]["by"], lines[-1]["name"]) == ("model", "unknown")


def sheet_of(made: dict[str, Any]) -> list[dict[str, str]]:
    """The lines of a statement as a spreadsheet reads them."""
    text = "".join(statement_lines(made)).removeprefix("\ufeff")
    return list(csv.DictReader(io.StringIO(text, newline="")))


def kept(*jobs: JobRecord) -> list[bytes]:
    return as_json(report(SPRING, jobs, NOW_S)).encode().splitlines(keepends=True)


def test_a_report_that_does_not_add_up_to_the_ledger_is_not_believed() -> None:
    rows = kept_report(kept(one_job(State.STORED, one_try())), "spring")[1]
    with pytest.raises(
        ReportFileError, match=r"\$0.21 charged and .* the ledger 0 jobs, \$0.00"
    ):
        part_of(SPRING, map(record_of_row, rows), EVER, "report")


@pytest.mark.parametrize("broken", ["cut", "other", "attempt"])
def test_a_file_that_is_no_report_is_named_for_one(broken: str) -> None:
    lines = kept(one_job(State.STORED, one_try()))
    row = json.loads(lines[-3].rstrip(b",\n"))
    cut = {
        "cut": lines[:-2],
        "other": [line.replace(b'"spring"', b'"autumn"') for line in lines],
        "attempt": [
            *lines[:-3],
            json.dumps(row | {"attempts": [{"sent_at": "soon"}]}).encode(),
            *lines[-2:],
        ],
    }
    with pytest.raises(ReportFileError):
        list(map(record_of_row, kept_report(cut[broken], "spring")[1]))


@pytest.mark.parametrize(
    ("since", "until", "expected"),
    [
        ("12h", None, (NOW_S - 12 * 3_600, NOW_S)),
        ("4w", "0d", (1_779_926_400 - 28 * DAY_S, 1_779_926_400)),
        ("2026-05-01", "2026-05-28", (1_777_593_600, 1_779_926_400)),
    ],
)
def test_a_time_is_written_as_a_span_or_as_days_of_utc(
    since: str, until: str | None, expected: tuple[float, float]
) -> None:
    found = period(since, until, NOW_S)
    assert (found.since_s, found.until_s) == expected


@pytest.mark.parametrize(
    ("since", "until", "said"),
    [
        ("soon", None, "--since soon: write it as 12h"),
        ("2031-01-01", None, "nothing lies between --since 2031-01-01 and now"),
        ("0001-01-01", None, "--since 0001-01-01: no batch is so old; .*2020-01-01"),
    ],
)
def test_what_is_no_time_says_what_to_write(
    since: str, until: str | None, said: str
) -> None:
    with pytest.raises(PeriodError, match=said):
        period(since, until, NOW_S)
