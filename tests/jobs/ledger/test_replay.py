"""Jobs are put back where they were in one step, and the ledger's sums agree."""

from dataclasses import replace

import pytest

from jobs.attempt.fingerprint import Fingerprint, FingerprintedJob
from jobs.ledger import Ledger
from jobs.provider.answers import Listed
from jobs.rebuilding.replay import (
    PATHS,
    day_field,
    replay,
    spent_by_day,
)
from jobs.records import Attempt, Failure, JobRecord
from jobs.states import FINAL, State
from jobs.transitions import Ref
from tests.audit import audit
from tests.conftest import Clock
from tests.jobs.ledger.play import ACCOUNT, PLENTY, PRICE, a_batch, a_job

ASK = Fingerprint("content", "written")
SENT_S = 1_700_000_000.0
REFUSED = Failure("moderation", "no")


def a_record(state: State, number: int = 1) -> JobRecord:
    """A job that came to a state in two attempts, the first of them given back."""
    charged = 0 if state in {State.UNRESOLVED, State.CANCELLED} else PRICE
    first = Attempt(1, SENT_S, "failed", PRICE, PRICE, PRICE, "p1", failure=REFUSED)
    known = "p2" if charged else None
    last = Attempt(2, SENT_S + 60, "generating", PRICE, charged, 0, known)
    links = {"mug.jpg": "https://example.com/u/1.jpg"}
    record = JobRecord(a_job(number), state, (first, last), links=links)
    match state:
        case State.STORED:
            return replace(
                record,
                video="videos/a.mp4",
                video_bytes=7,
                video_sha256="ab",
                poster="a.poster.jpg",
            )
        case State.FAILED:
            return replace(record, failure=REFUSED)
        case State.UNRESOLVED:
            seen = Listed("p9", record.job.model, SENT_S, "completed")
            return replace(record, failure=REFUSED, candidates=(seen,))
        case State.REUSED:
            return replace(
                record,
                attempts=(),
                video="videos/b.mp4",
                video_bytes=8,
                video_sha256="cd",
                source_job="winter/b",
            )
        case _:
            return record


@pytest.mark.parametrize("state", PATHS)
def test_a_job_is_put_back_as_it_was(ledger: Ledger, state: State) -> None:
    record = a_record(state)
    ledger.batches.create(a_batch())
    ledger.batches.add("spring", [record.job])
    assert ledger.transitions.replay(replay("spring", record, ASK))
    ref = Ref("spring", record.job.id)
    assert ledger.batches.load([ref]) == [record]
    assert audit(ledger, ACCOUNT) == []
    ledger.batches.open("spring")
    batch = ledger.batches.read("spring")
    assert batch
    assert batch.counts == {state: 1}
    assert batch.charged_usd_micros == record.charged_usd_micros
    assert batch.refunded_usd_micros == record.refunded_usd_micros
    assert not ledger.transitions.replay(replay("spring", record, ASK))
    ledger.permits.set_limits(ACCOUNT, PLENTY)
    assert ledger.permits.grant(ACCOUNT, 10, 30.0) == []
    assert audit(ledger, ACCOUNT) == []


def test_what_is_put_back_is_found_by_those_that_ask_for_the_same(
    ledger: Ledger,
) -> None:
    record = a_record(State.STORED)
    ledger.batches.create(a_batch())
    ledger.batches.add("spring", [record.job])
    assert ledger.transitions.replay(replay("spring", record, ASK))
    (found,) = ledger.dedup.preview(
        a_batch("summer"), [FingerprintedJob(record.job, ASK)]
    )
    assert (found.state, found.source_job) == (
        State.REUSED,
        Ref("spring", record.job.id),
    )


def test_what_is_or_may_be_under_way_is_due_and_at_once(
    simulated: Ledger, clock: Clock
) -> None:
    states = list(PATHS)
    simulated.batches.create(a_batch())
    for number, state in enumerate(states, 1):
        record = a_record(state, number)
        attempts = tuple(
            replace(a, prediction_id=a.prediction_id and f"{a.prediction_id}-{number}")
            for a in record.attempts
        )
        record = replace(record, attempts=attempts)
        simulated.batches.add("spring", [record.job])
        assert simulated.transitions.replay(replay("spring", record, ASK))
    due = [state for _, state in simulated.delay_queue.lease(ACCOUNT, 99, 30.0)]
    assert set(due) == {State.GENERATING, State.UNRESOLVED}
    clock.forward(7 * 86_400)
    left = {state for _, state in simulated.delay_queue.lease(ACCOUNT, 99, 30.0)}
    assert left == {State.GENERATING, State.UNRESOLVED}
    assert left.isdisjoint(FINAL)


def test_money_of_the_past_counts_on_its_day(ledger: Ledger) -> None:
    record = a_record(State.STORED)
    assert spent_by_day(record) == {day_field(SENT_S): 2 * PRICE}
    assert sum(spent_by_day(a_record(State.UNRESOLVED)).values()) == 2 * PRICE
    today = day_field(ledger.now_s())
    ledger.permits.spent(ACCOUNT, {today: PRICE})
    ledger.permits.spent(ACCOUNT, {today: PRICE})
    assert ledger.permits.read(ACCOUNT).today_usd_micros == 2 * PRICE
