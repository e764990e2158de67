"""Predictions that go on far beyond the times of their kind hold nobody else up."""

import pytest

from jobs.ledger import Ledger
from jobs.ledger.transitions import Applied
from jobs.pace.limits import Limits
from jobs.pace.waits import MAX_GENERATION_S
from jobs.records import Failure
from jobs.states import Event, State
from jobs.transitions import Ref, abandon
from tests.audit import audit
from tests.conftest import Clock
from tests.jobs.ledger.play import (
    ACCOUNT,
    batch_of,
    grant,
    open_batch,
    play,
    record_of,
    reject,
)

LATE = Failure("late", "the provider says processing")
SENT = (Event.CLAIM, Event.ACCEPT)


def generating(ledger: Ledger, clock: Clock, at_once: int, jobs: int) -> list[Ref]:
    """A batch as many of whose jobs generate as may do so at once."""
    ledger.permits.set_limits(ACCOUNT, Limits(1_000, at_once))
    refs = open_batch(ledger, jobs=jobs)
    for ref in grant(ledger):
        play(ledger, ref, *SENT, prediction_id=f"p-{ref.job}", now_s=clock())
    return refs


def note(ledger: Ledger, *refs: Ref) -> None:
    ledger.delay_queue.postpone(
        ACCOUNT, dict.fromkeys(refs, 60.0), late=dict.fromkeys(refs, LATE)
    )


def test_two_that_never_end_leave_their_two_slots_to_the_rest(
    simulated: Ledger, clock: Clock
) -> None:
    first, second, *rest = generating(simulated, clock, 2, 4)
    assert grant(simulated) == []
    for ref in (first, second):
        play(simulated, ref, Event.OVERDUE)
    assert grant(simulated) == rest
    for number, ref in enumerate(rest):
        play(simulated, ref, *SENT, prediction_id=f"q{number}")
        play(simulated, ref, Event.COMPLETE, Event.STORE)
    assert batch_of(simulated).counts == {State.OVERDUE: 2, State.STORED: 2}
    assert audit(simulated, ACCOUNT) == []


def test_what_429s_taught_leaves_out_what_is_overdue(
    simulated: Ledger, clock: Clock
) -> None:
    stuck, *rest = generating(simulated, clock, 1, 2)
    simulated.permits.set_limits(ACCOUNT, Limits(1_000, 9))
    for _ in range(2):
        reject(simulated, rest[0], cooldown_s=0.0)
    assert simulated.permits.read(ACCOUNT).adaptive_concurrency == 1
    assert grant(simulated) == []
    play(simulated, stuck, Event.OVERDUE)
    assert len(grant(simulated)) == 1


@pytest.mark.parametrize(
    ("event", "state"),
    [(Event.COMPLETE, State.GENERATED), (Event.FAIL, State.FAILED)],
)
def test_an_end_that_comes_late_counts_like_any_other(
    simulated: Ledger, clock: Clock, event: Event, state: State
) -> None:
    (ref,) = generating(simulated, clock, 1, 1)
    assert play(simulated, ref, Event.OVERDUE).failure is not None
    assert simulated.delay_queue.late(ACCOUNT, 9) == [ref]
    ended = play(simulated, ref, event)
    assert ended.state is state
    assert (ended.failure is None) == (state is not State.FAILED)
    assert simulated.delay_queue.late(ACCOUNT, 9) == []
    assert audit(simulated, ACCOUNT) == []


def test_the_slot_of_what_is_given_up_is_held_as_long_as_it_may_be_rendered(
    simulated: Ledger, clock: Clock
) -> None:
    (ref, other) = generating(simulated, clock, 1, 2)
    clock.forward(MAX_GENERATION_S - 60.0)
    given_up = abandon("spring", record_of(simulated, ref), clock())
    assert simulated.transitions.apply([given_up]) == [Applied.YES]
    assert grant(simulated) == []
    clock.forward(60.0)
    assert grant(simulated) == [other]


def test_giving_up_what_is_overdue_takes_no_slot(
    simulated: Ledger, clock: Clock
) -> None:
    (ref, other) = generating(simulated, clock, 1, 2)
    play(simulated, ref, Event.OVERDUE, Event.ABANDON)
    assert grant(simulated) == [other]
    assert audit(simulated, ACCOUNT) == []
