"""What follows from an answer: where money may be spent, the dear reading wins."""

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.attempt.failures import (
    after_poll,
    after_submit,
    file_gone,
    upload_expired,
    while_it_lasts,
)
from jobs.attempt.links import EXPIRED_CODE
from jobs.pace.waits import RETENTION_S, Expected
from jobs.provider.answers import (
    Accepted,
    AccountTrouble,
    Completed,
    Missing,
    Over,
    PollAgain,
    PollAnswer,
    Refused,
    Running,
    SubmitAnswer,
    Throttled,
    Unsent,
)
from jobs.records import Attempt, Failure, JobRecord
from jobs.states import Event, State
from jobs.transitions import Slot, Token, Transition
from tests.jobs.ledger.play import PRICE, a_job
from tests.strategies import poll_answers, submit_answers

SENT_AT_S = 1_000.0


def record(state: State = State.SUBMITTING, tries: int = 1) -> JobRecord:
    paid = Attempt(1, SENT_AT_S, "failed", PRICE, PRICE, PRICE, prediction_id="p0")
    now = Attempt(1, SENT_AT_S, "sent", PRICE)
    if state is not State.SUBMITTING:
        now = replace(now, charged_usd_micros=PRICE, prediction_id="p1")
    several = (*[paid] * (tries - 1), now)
    numbered = tuple(replace(a, number=n) for n, a in enumerate(several, 1))
    return JobRecord(a_job(1), state, numbered, fencing_token=tries)


def submitted(answer: SubmitAnswer) -> Transition:
    return after_submit(
        "spring",
        record(),
        answer,
        now_s=SENT_AT_S + 1,
        first_poll_s=40.0,
        reconcile_in_s=5.0,
    )


@given(submit_answers)
def test_a_job_is_sent_again_only_if_nothing_was_created(answer: SubmitAnswer) -> None:
    move = submitted(answer)
    assert move.throttled == isinstance(answer, Throttled)
    nothing = isinstance(answer, Unsent | Throttled | AccountTrouble)
    assert (move.event is Event.RETURN) == nothing
    released = -move.reserved_usd_micros - move.charged_usd_micros
    assert released == (PRICE if nothing or isinstance(answer, Refused) else 0)
    assert (move.charged_usd_micros == PRICE) == isinstance(answer, Accepted)


def polled(
    answer: PollAnswer, *, tries: int = 1, attempts: int = 3, after_s: float = 60.0
) -> Transition | None:
    return after_poll(
        "spring",
        record(State.GENERATING, tries),
        answer,
        now_s=SENT_AT_S + after_s,
        lease_s=30.0,
        poll_min_s=5.0,
        attempts=attempts,
    )


def test_a_prediction_that_is_unknown_after_its_time_has_failed() -> None:
    move = polled(Missing("unknown"), after_s=RETENTION_S)
    assert move is not None
    assert (move.event, move.refunded_usd_micros) == (Event.FAIL, 0)


ENDS = [
    (Over("failed", 1200, "not allowed"), Event.FAIL, 0, "moderation"),
    (Over("failed", 1400, "?"), Event.FAIL, PRICE, "bad-parameter"),
    (Over("failed", 1401, "?"), Event.FAIL, PRICE, "bad-parameter"),
    (Over("failed", 1402, "?"), Event.FAIL, PRICE, "picture-unreachable"),
    (
        Over("failed", 1402, "?", cured=True),
        Event.TRY_AGAIN,
        PRICE,
        "picture-unreachable",
    ),
    (Over("failed", 0, "?"), Event.FAIL, PRICE, "failed"),
    (Over("failed", 77, "?"), Event.FAIL, PRICE, "failed"),
    (Over("failed", 5000, "?"), Event.TRY_AGAIN, PRICE, "provider-error"),
    (Over("failed", 5003, "?"), Event.TRY_AGAIN, PRICE, "provider-error"),
    (Over("failed", 5004, "?"), Event.TRY_AGAIN, PRICE, "provider-timeout"),
    (Over("timeout", 0, "?"), Event.TRY_AGAIN, PRICE, "timeout"),
    (Over("timeout", 1200, "?"), Event.TRY_AGAIN, 0, "moderation"),
    (Over("cancelled", 0, "?"), Event.FAIL, PRICE, "cancelled"),
    (Over("deleted", 0, "?"), Event.FAIL, 0, "deleted"),
]


@pytest.mark.parametrize(("over", "event", "refund", "code"), ENDS)
def test_an_end_without_a_video_is_booked_by_its_reason(
    over: Over, event: Event, refund: int, code: str
) -> None:
    move = polled(over)
    assert move is not None
    assert (move.event, move.refunded_usd_micros) == (event, refund)
    assert f'"code":"{code}"' in move.write["attempt:1"]


def test_there_are_never_more_paid_attempts_than_allowed() -> None:
    broken = Over("failed", 5000, "oh")
    second, third = polled(broken, tries=2), polled(broken, tries=3)
    assert second is not None
    assert second.event is Event.TRY_AGAIN
    assert third is not None
    assert third.event is Event.FAIL
    only = polled(broken, attempts=1)
    assert only is not None
    assert only.event is Event.FAIL


@given(poll_answers, st.floats(0, RETENTION_S, exclude_max=True))
def test_only_the_word_of_the_provider_ends_a_paid_prediction(
    answer: PollAnswer, after_s: float
) -> None:
    move = polled(answer, after_s=after_s)
    if isinstance(answer, Completed):
        assert move is not None
        assert move.event is Event.COMPLETE
        assert move.write["output"].split() == list(answer.outputs)
        assert ("failure" in move.write) is not bool(answer.outputs)
    elif isinstance(answer, Over):
        assert move is not None
        assert move.event in (Event.FAIL, Event.TRY_AGAIN)
        assert 0 <= move.refunded_usd_micros <= PRICE
    else:
        assert move is None


USUAL = Expected(usual_s=100.0, late_s=400.0, overdue_s=3_600.0)


def lasting(
    answer: PollAnswer, after_s: float, state: State = State.GENERATING
) -> Transition | Failure | None:
    job = record(state)
    return while_it_lasts("spring", job, answer, USUAL, SENT_AT_S + after_s)


@given(poll_answers, st.floats(0, 10 * RETENTION_S))
def test_however_long_it_takes_a_paid_prediction_is_awaited(
    answer: PollAnswer, after_s: float
) -> None:
    follows = lasting(answer, after_s)
    if isinstance(answer, Completed | Over) or after_s < USUAL.late_s:
        assert follows is None
    elif after_s < USUAL.overdue_s:
        assert isinstance(follows, Failure)
        assert follows.code == "late"
    else:
        assert isinstance(follows, Transition)
        assert (follows.event, follows.slot) == (Event.OVERDUE, Slot.FREE)
        assert follows.charged_usd_micros == follows.refunded_usd_micros == 0
        assert '"code": "overdue"' in follows.write["failure"]


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (
            Running("warming_up"),
            "the provider says warming_up, which is no known status",
        ),
        (Missing("no such task"), "the provider does not know it: no such task"),
        (PollAgain("HTTP 503: busy"), "the last poll brought: HTTP 503: busy"),
    ],
)
def test_what_takes_long_is_told_with_the_words_of_the_provider(
    answer: PollAnswer, said: str
) -> None:
    sent = "sent 01 Jan 00:16 UTC, and such videos take 100 s"
    assert lasting(answer, 400.0) == Failure("late", f"{sent}; {said}")
    free = "its slot is free, and it is collected if it ends"
    told = lasting(answer, 5_000.0, State.OVERDUE)
    assert told == Failure("overdue", f"{sent}; {free}; {said}")


def test_a_job_without_its_upload_fails_as_if_it_had_never_been_granted() -> None:
    move = upload_expired("spring", record(), 100.0)
    assert move.event is Event.REFUSE
    assert (move.slot, move.token) == (Slot.FREE, Token.DROP)
    assert (move.reserved_usd_micros, move.charged_usd_micros) == (-PRICE, 0)
    failure = json.loads(move.write["failure"])
    assert failure["code"] == EXPIRED_CODE
    assert "run the manifest again" in failure["message"]


def test_a_file_that_is_gone_was_paid_for_nothing() -> None:
    move = file_gone("spring", record(State.GENERATED), "HTTP 404", SENT_AT_S)
    assert (move.event, move.refunded_usd_micros) == (Event.FAIL, 0)
    assert "file-gone" in move.write["failure"]
