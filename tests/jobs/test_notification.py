"""What people are told: of what, in which words, signed, and how often it is tried."""

import hashlib
import hmac
import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.notification import (
    DAY_S,
    Kind,
    Notification,
    batch_notification,
    retry_in_s,
    signature,
    web_request,
)
from jobs.records import BatchRecord
from jobs.states import State

SLACK = "https://hooks.slack.com/services/T0/B0/x"
WEB = "https://example.com/told"


def batch(**changes: Any) -> BatchRecord:
    given_counts = changes.pop("counts", {State.STORED: 3})
    made = BatchRecord(
        id="spring-1f0c33ab",
        manifest="spring.csv",
        account="acme",
        store="s3://shop/videos",
        priority=1,
        attempts=3,
        budget_usd_micros=2_000_000,
        created_at_s=1_000.0,
        complete=True,
        counts=given_counts,
        estimated_usd_micros=630_000,
        charged_usd_micros=840_000,
        refunded_usd_micros=210_000,
    )
    return replace(made, **changes)


def told(**changes: Any) -> Notification:
    notification = batch_notification(batch(**changes))
    assert notification is not None
    return notification


@pytest.mark.parametrize(
    ("changes", "kind"),
    [
        ({}, Kind.FINISHED),
        ({"counts": {State.STORED: 1, State.UNRESOLVED: 1}}, Kind.UNRESOLVED),
        ({"counts": {State.STORED: 1, State.OVERDUE: 1}}, Kind.OVERDUE),
        ({"counts": {State.UNRESOLVED: 1, State.OVERDUE: 1}}, Kind.UNRESOLVED),
        ({"counts": {State.WAITING: 1, State.OVERDUE: 1}}, None),
        ({"counts": {State.WAITING: 2}, "stopped_by": "budget"}, Kind.STOPPED),
        (
            {
                "counts": {State.WAITING: 2, State.UNRESOLVED: 1},
                "stopped_by": "daily-budget",
            },
            Kind.STOPPED,
        ),
        ({"counts": {State.WAITING: 2}}, None),
        ({"counts": {State.STORED: 9, State.GENERATED: 1}}, None),
        (
            {
                "counts": {State.WAITING: 2, State.GENERATING: 1},
                "stopped_by": "budget",
            },
            None,
        ),
        ({"complete": False}, None),
    ],
)
def test_a_batch_is_told_of_once_it_rests(
    changes: dict[str, Any], kind: Kind | None
) -> None:
    notification = batch_notification(batch(**changes))
    assert (notification.kind if notification else None) == kind


def test_all_that_a_person_wants_to_know_is_in_the_text() -> None:
    assert told().text.splitlines() == [
        "spring-1f0c33ab: 3 videos stored, none is missing",
        (
            "Cost: $0.63 ($0.84 charged, $0.21 refunded) of a budget of $2.00. "
            "Manifest: spring.csv"
        ),
        "Report: s3://shop/videos/spring-1f0c33ab/report.html",
    ]
    mixed = told(counts={State.STORED: 1, State.REUSED: 1, State.FAILED: 2}).text
    assert "2 of 4 videos stored, 2 failed" in mixed
    assert "reelmill report spring-1f0c33ab" in mixed
    stake = told(counts={State.UNRESOLVED: 1}, reserved_usd_micros=210_000).text
    assert "($0.21 at stake): reelmill show spring-1f0c33ab" in stake
    overdue = told(counts={State.STORED: 1, State.OVERDUE: 2})
    assert overdue.subject.endswith("1 of 3 videos stored, 2 overdue")
    assert "reelmill show spring-1f0c33ab --state overdue" in overdue.text
    stopped = told(counts={State.WAITING: 1}, stopped_by="budget").text
    assert "larger --budget" in stopped
    day = told(counts={State.WAITING: 1}, stopped_by="daily-budget").text
    assert "REELMILL_DAILY_BUDGET" in day


def test_a_program_gets_counts_and_exact_amounts() -> None:
    _, body = web_request(told(), WEB, "", 0.0)
    assert json.loads(body) | {"text": "", "id": ""} == {
        "id": "",
        "kind": "finished",
        "account": "acme",
        "text": "",
        "batch": "spring-1f0c33ab",
        "manifest": "spring.csv",
        "stopped_by": None,
        "round": 0,
        "report": "s3://shop/videos/spring-1f0c33ab/report.html",
        "labels": {},
        "jobs": {
            "total": 3,
            "stored": 3,
            "reused": 0,
            "failed": 0,
            "cancelled": 0,
            "unresolved": 0,
            "unfinished": 0,
        },
        "cost": {
            "estimated_usd": "0.63",
            "charged_usd": "0.84",
            "refunded_usd": "0.21",
            "net_usd": "0.63",
            "budget_usd": "2.00",
        },
    }


def test_the_same_outcome_is_one_notification_until_a_person_brings_jobs_back() -> None:
    assert told().id == told().id
    others = {
        told(rounds=1).id,
        told(account="other").id,
        told(charged_usd_micros=1).id,
        told(counts={State.STORED: 2, State.FAILED: 1}).id,
    }
    assert len(others - {told().id}) == 4


def test_slack_gets_nothing_but_a_text_in_which_nobody_is_called() -> None:
    notification = told(manifest="<!channel> & co.csv")
    headers, body = web_request(notification, SLACK, "whisper", 0.0)
    assert headers == {"content-type": "application/json"}
    assert list(json.loads(body)) == ["text"]
    assert "&lt;!channel&gt; &amp; co.csv" in json.loads(body)["text"]


def test_a_signature_is_over_the_time_and_the_very_bytes() -> None:
    headers, body = web_request(told(), WEB, "whisper", 1_800_000_000.9)
    at, _, given_digest = headers["reelmill-signature"].partition(",v1=")
    assert at == "t=1800000000"
    digest = hmac.new(b"whisper", b"1800000000." + body, hashlib.sha256)
    assert given_digest == digest.hexdigest()
    assert signature("other", 1_800_000_000, body) != headers["reelmill-signature"]
    assert headers["reelmill-id"] == told().id


@given(st.text(max_size=200), st.text(max_size=200))
def test_a_notification_survives_the_ledger_and_its_subject_is_one_line(
    subject: str, details: str
) -> None:
    notification = Notification.of("acme", Kind.SCHEDULE, subject, details, {"at": 1})
    assert Notification.from_json(notification.to_json()) == notification
    assert len(notification.subject.splitlines()) <= 1
    assert notification.subject.isprintable()


@given(st.integers(1, 1_000), st.floats(0, 1, exclude_max=True))
def test_tries_grow_apart_to_a_day_and_no_further(tries: int, jitter: float) -> None:
    assert 0 < retry_in_s(tries, jitter) <= retry_in_s(tries + 1, jitter) <= DAY_S
    assert retry_in_s(tries, 0.0) <= retry_in_s(tries, jitter)
    assert retry_in_s(100, jitter) == DAY_S
