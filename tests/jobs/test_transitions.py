"""What each event does to the money: nothing is lost and nothing appears."""

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs import transitions
from jobs.records import Attempt, Failure, JobRecord
from jobs.states import FINAL, TRANSITIONS, Event, State, after
from jobs.transitions import (
    Ref,
    Slot,
    Token,
    Transition,
    attempt_from_json,
    attempt_json,
)
from tests.jobs.ledger.play import OWN_STEPS, PRICE, a_job, move_by

#: Steps that the ledger takes by itself, where jobs share a video; no money moves.
SHARING = OWN_STEPS - {Event.GRANT}
texts = st.text(max_size=20)
micros = st.integers(0, 10**12)
failures = st.none() | st.builds(Failure, texts, texts)
attempts = st.builds(
    Attempt,
    number=st.integers(1, 20),
    sent_at_s=st.floats(0, 4e9),
    outcome=st.text(min_size=1),
    price_usd_micros=st.none() | st.integers(1, 10**12),
    charged_usd_micros=micros,
    refunded_usd_micros=micros,
    prediction_id=st.none() | st.text(min_size=1),
    ended_at_s=st.none() | st.floats(1, 4e9),
    failure=failures,
)


@given(attempts)
def test_an_attempt_is_read_as_it_was_written(attempt: Attempt) -> None:
    assert attempt_from_json(attempt_json(attempt)) == attempt


@given(st.text().filter(lambda text: "/" not in text), texts)
def test_a_reference_is_read_as_it_was_written(batch: str, job: str) -> None:
    assert Ref.parse(str(Ref(batch, job))) == Ref(batch, job)


def admitted(price: int | None = PRICE) -> JobRecord:
    return JobRecord(a_job(1, price), State.ADMITTED, fencing_token=1)


def then(record: JobRecord, move: Transition) -> JobRecord:
    """The job after a move, by the fields it writes and erases."""
    kept = {transitions.attempt_field(a.number): a for a in record.attempts}
    for name, value in move.write.items():
        if name.startswith("attempt:"):
            kept[name] = attempt_from_json(value)
    for name in move.erase:
        kept.pop(name, None)
    state = after(record.state, move.event)
    return replace(record, state=state, attempts=tuple(kept.values()))


@given(st.data(), st.sampled_from([None, 0, 1, PRICE]))
def test_along_every_path_the_books_balance(
    data: st.DataObject, price: int | None
) -> None:
    """What is reserved, charged and in a slot follows from where the job is."""
    record, worth = admitted(price), price or 0
    reserved, charged, refunded, slot = worth, 0, 0, True
    for number in range(30):
        possible = [
            e for at, e in TRANSITIONS if at is record.state and e not in SHARING
        ]
        if not possible:
            break
        event = data.draw(st.sampled_from(possible))
        if event is Event.GRANT:
            record = replace(
                record, state=State.ADMITTED, fencing_token=record.fencing_token + 1
            )
            reserved, slot = reserved + worth, True
            continue
        move = move_by("spring", record, event, f"p{number}")
        assert (move.state, move.fencing_token) == (record.state, record.fencing_token)
        reserved += move.reserved_usd_micros
        charged += move.charged_usd_micros
        refunded += move.refunded_usd_micros
        stays = {Slot.KEEP: slot, Slot.TAKE: True, Slot.LEND: slot}
        slot = stays.get(move.slot, False)
        record = then(record, move)
        open_money = {
            *(State.ADMITTED, State.SUBMITTING, State.UNKNOWN, State.UNRESOLVED)
        }
        assert reserved == (worth if record.state in open_money else 0)
        assert charged == record.charged_usd_micros
        assert refunded == record.refunded_usd_micros <= charged
        assert slot == (record.state in open_money | {State.GENERATING})
    assert reserved == 0 or record.state not in FINAL


def test_an_attempt_that_never_left_is_none() -> None:
    claimed = then(admitted(), transitions.claim("spring", admitted(), 30.0))
    assert [a.outcome for a in claimed.attempts] == ["sent"]
    back = transitions.release("spring", claimed)
    assert then(claimed, back).attempts == ()
    assert back.token is Token.DROP


def test_an_attempt_that_was_absent_stays_in_the_record() -> None:
    claimed = then(admitted(), transitions.claim("spring", admitted(), 30.0))
    lost = then(claimed, transitions.mark_unknown("spring", claimed, "no answer", 5.0))
    gone = then(lost, transitions.mark_absent("spring", lost, 200.0))
    assert [(a.outcome, a.number) for a in gone.attempts] == [("absent", 1)]
    again = replace(gone, state=State.ADMITTED, fencing_token=2)
    second = then(again, transitions.claim("spring", again, 30.0))
    assert [a.number for a in second.attempts] == [1, 2]
    assert second.charged_usd_micros == 0


@pytest.mark.parametrize("refund", [True, False])
@pytest.mark.parametrize("again", [True, False])
def test_only_a_last_failure_is_the_failure_of_the_job(
    *, refund: bool, again: bool
) -> None:
    attempt = Attempt(1, 7.0, "generating", PRICE, PRICE, prediction_id="p1")
    record = JobRecord(a_job(1), State.GENERATING, (attempt,), fencing_token=1)
    failure = Failure("provider-error", "oh")
    end = transitions.end("spring", record, failure, 9.0, refund=refund, again=again)
    assert end.refunded_usd_micros == (PRICE if refund else 0)
    assert ("failure" in end.write) is not again
    assert json.loads(end.write["attempt:1"])["failure"]["code"] == "provider-error"


def test_a_waiting_job_is_cancelled_without_giving_back_what_it_has_not() -> None:
    waiting = replace(admitted(), state=State.WAITING)
    move = transitions.cancel("spring", waiting)
    assert move.reserved_usd_micros == 0
    assert (move.slot, move.token) == (Slot.KEEP, Token.KEEP)


def test_a_job_without_a_price_moves_no_money() -> None:
    record = admitted(None)
    assert record.job.price_usd_micros is None
    claimed = then(record, transitions.claim("spring", record, 30.0))
    accepted = transitions.accept("spring", claimed, "p1", 40.0)
    assert accepted.charged_usd_micros == accepted.reserved_usd_micros == 0
