"""The table of moves: what it allows, and what no history of events can reach."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.states import (
    BY_A_PERSON,
    FINAL,
    PAID,
    TRANSITIONS,
    WATCHED,
    Event,
    IllegalTransitionError,
    State,
    after,
)


def reachable_from(start: State) -> set[State]:
    """Every state that some history of events leads to."""
    found = {start}
    while more := {to for (at, _), to in TRANSITIONS.items() if at in found} - found:
        found |= more
    return found


@pytest.mark.parametrize("state", sorted(set(State) - FINAL))
def test_every_unfinished_job_can_still_be_stored_or_fail(state: State) -> None:
    assert {State.STORED, State.FAILED} <= reachable_from(state)


def test_what_is_neither_final_nor_waiting_is_watched() -> None:
    assert WATCHED.isdisjoint(FINAL)
    assert WATCHED | FINAL | {State.WAITING} == set(State)


@given(st.lists(st.sampled_from(Event), max_size=40))
def test_only_a_person_takes_a_job_out_of_a_final_state(history: list[Event]) -> None:
    state = State.WAITING
    for event in history:
        before = state
        try:
            state = after(state, event)
        except IllegalTransitionError:
            continue
        assert before not in FINAL or event in BY_A_PERSON


@given(st.lists(st.sampled_from(Event), max_size=40))
def test_a_job_that_may_be_paid_waits_again_only_with_proof(
    history: list[Event],
) -> None:
    proofs = {Event.RETURN, Event.ABSENT, Event.TRY_AGAIN}
    state = State.WAITING
    for event in history:
        before = state
        if (state, event) in TRANSITIONS:
            state = after(state, event)
            if before in PAID and state is State.WAITING:
                assert event in proofs


def test_a_lost_answer_is_never_simply_sent_again() -> None:
    ways_back = {
        event
        for (at, event), to in TRANSITIONS.items()
        if at in {State.UNKNOWN, State.UNRESOLVED} and to is State.WAITING
    }
    assert ways_back == {Event.ABSENT}
    assert State.SUBMITTING not in {
        to for (at, _), to in TRANSITIONS.items() if at is not State.ADMITTED
    }


def test_a_paid_job_cannot_be_cancelled() -> None:
    cancellable = {at for at, event in TRANSITIONS if event is Event.CANCEL}
    assert cancellable == {State.WAITING, State.ADMITTED, State.FOLLOWING}
