"""The due-set: nothing unfinished is forgotten, and nobody is sent for twice."""

import pytest

from jobs import transitions
from jobs.ledger import Ledger
from jobs.ledger.transitions import Applied
from jobs.pace.limits import Limits
from jobs.states import WATCHED, Event, State
from jobs.transitions import Ref
from tests.conftest import Clock
from tests.jobs.ledger.ended import reported
from tests.jobs.ledger.play import (
    ACCOUNT,
    LEASE_S,
    PLENTY,
    grant,
    leased,
    open_batch,
    play,
    record_of,
)

#: How a job comes to each state that somebody must look at.
WAYS = {
    State.ADMITTED: (),
    State.SUBMITTING: (Event.CLAIM,),
    State.UNKNOWN: (Event.CLAIM, Event.LOSE),
    State.UNRESOLVED: (Event.CLAIM, Event.LOSE, Event.GIVE_UP),
    State.GENERATING: (Event.CLAIM, Event.ACCEPT),
    State.OVERDUE: (Event.CLAIM, Event.ACCEPT, Event.OVERDUE),
    State.GENERATED: (Event.CLAIM, Event.ACCEPT, Event.COMPLETE),
}
A_DAY_S = 86_400.0

#: The batch itself, which is due once it is over.
OVER = Ref("spring", "")


def admitted(ledger: Ledger, jobs: int = 1) -> list[Ref]:
    ledger.permits.set_limits(ACCOUNT, PLENTY)
    open_batch(ledger, jobs=jobs)
    return grant(ledger)


def test_every_state_that_must_be_looked_at_has_a_way_here() -> None:
    # Those that follow are looked after in test_twins.
    assert set(WAYS) == WATCHED - {State.FOLLOWING}


@pytest.mark.parametrize("state", sorted(WAYS))
def test_work_of_a_dead_process_comes_back(
    simulated: Ledger, clock: Clock, state: State
) -> None:
    ref, _ = admitted(simulated, 2)
    assert play(simulated, ref, *WAYS[state]).state is state
    clock.forward(A_DAY_S)
    assert (ref, state) in simulated.delay_queue.lease(ACCOUNT, 10, LEASE_S)


def test_what_is_leased_is_nobody_elses_until_the_lease_ends(
    simulated: Ledger, clock: Clock
) -> None:
    refs = admitted(simulated, 3)
    assert leased(simulated) == []
    clock.forward(LEASE_S)
    assert leased(simulated, 2) == refs[:2]
    assert leased(simulated) == refs[2:]
    clock.forward(LEASE_S - 0.01)
    assert leased(simulated) == []
    clock.forward(0.01)
    assert set(leased(simulated)) == set(refs)


def test_an_extended_lease_holds(simulated: Ledger, clock: Clock) -> None:
    (ref,) = admitted(simulated)
    clock.forward(LEASE_S - 1)
    simulated.delay_queue.extend(ACCOUNT, [ref], LEASE_S)
    clock.forward(LEASE_S - 1)
    assert leased(simulated) == []
    clock.forward(1)
    assert leased(simulated) == [ref]
    assert record_of(simulated, ref).polls == 0


def test_a_look_is_counted_until_the_next_move(ledger: Ledger) -> None:
    (ref,) = admitted(ledger)
    play(ledger, ref, Event.CLAIM, Event.LOSE)
    ledger.delay_queue.postpone(ACCOUNT, {ref: 3.0})
    ledger.delay_queue.postpone(ACCOUNT, {ref: 3.0})
    assert record_of(ledger, ref).polls == 2
    ledger.delay_queue.postpone(ACCOUNT, {ref: 3.0}, polled=False)
    assert record_of(ledger, ref).polls == 2
    assert play(ledger, ref, Event.ADOPT).polls == 0


@pytest.mark.parametrize("seconds", [7.5])
def test_postponed_means_so_much_later(
    simulated: Ledger, clock: Clock, seconds: float
) -> None:
    (ref,) = admitted(simulated)
    simulated.delay_queue.postpone(ACCOUNT, {ref: seconds})
    clock.forward(seconds - 0.01)
    assert leased(simulated) == []
    clock.forward(0.01)
    assert leased(simulated) == [ref]


def test_neither_postponing_nor_extending_makes_a_job_due_that_is_not(
    ledger: Ledger,
) -> None:
    (ref,) = admitted(ledger)
    play(ledger, ref, Event.CANCEL)
    ledger.server.execute_command("DEL", "reelmill:account:acme:due")
    ghosts = [ref, Ref("spring", "nobody"), Ref("nothing", "")]
    ledger.delay_queue.extend(ACCOUNT, ghosts, LEASE_S)
    ledger.delay_queue.postpone(ACCOUNT, dict.fromkeys(ghosts, 1.0))
    assert ledger.delay_queue.count(ACCOUNT) == 0
    assert ledger.batches.load(ghosts[1:]) == [None, None]


def test_a_batch_that_goes_on_is_not_due(ledger: Ledger) -> None:
    (ref,) = admitted(ledger)
    play(ledger, ref, Event.CLAIM, Event.LOSE, Event.GIVE_UP)
    assert ledger.delay_queue.count(ACCOUNT) == 2
    play(ledger, ref, Event.ABSENT)
    assert ledger.delay_queue.count(ACCOUNT) == 0
    play(ledger, ref, Event.CANCEL)
    assert leased(ledger) == [Ref("spring", "")]


def in_report(ledger: Ledger) -> tuple[Ref, str]:
    """A batch that a worker has begun to report; one of its jobs, and the version."""
    ledger.permits.set_limits(ACCOUNT, PLENTY)
    ref, *_ = open_batch(ledger, budget_usd_micros=0)
    assert grant(ledger) == []
    assert leased(ledger) == [OVER]
    return ref, ledger.delay_queue.report_version("spring")


def test_a_batch_that_changed_during_its_report_is_reported_again(
    simulated: Ledger, clock: Clock
) -> None:
    ref, version = in_report(simulated)
    clock.forward(1)
    play(simulated, ref, Event.CANCEL)
    # Nobody else is sent for it while somebody is at it, however long it takes.
    assert leased(simulated) == []
    simulated.delay_queue.extend(ACCOUNT, [OVER], LEASE_S)
    clock.forward(1)
    simulated.delay_queue.drop_batch(ACCOUNT, "spring", version)
    assert leased(simulated) == [OVER]
    reported(simulated)
    clock.forward(LEASE_S)
    assert leased(simulated) == []


def test_an_older_report_that_is_kept_last_is_made_anew(
    simulated: Ledger, clock: Clock
) -> None:
    ref, version = in_report(simulated)
    play(simulated, ref, Event.CANCEL)
    clock.forward(LEASE_S)
    assert leased(simulated) == [OVER]
    reported(simulated)
    # Whoever had begun before wakes up and keeps what it had.
    simulated.delay_queue.drop_batch(ACCOUNT, "spring", version)
    assert leased(simulated) == [OVER]
    reported(simulated)
    clock.forward(LEASE_S)
    assert leased(simulated) == []


@pytest.mark.parametrize("back_s", [3_600.0])
def test_a_server_whose_clock_is_set_back_goes_on_at_once(
    simulated: Ledger, clock: Clock, back_s: float
) -> None:
    simulated.permits.set_limits(
        ACCOUNT, Limits(videos_per_minute=2, concurrent_videos=9)
    )
    open_batch(simulated, jobs=4)
    first, second = grant(simulated)
    for ref in (first, second):
        play(simulated, ref, Event.CLAIM, Event.ACCEPT, prediction_id=ref.job)
    simulated.delay_queue.postpone(ACCOUNT, {first: 10.0, second: 10.0})
    simulated.delay_queue.lease(ACCOUNT, 10, LEASE_S)
    clock.forward(-back_s)
    assert simulated.delay_queue.lease(ACCOUNT, 10, LEASE_S) == []
    assert grant(simulated) == []
    clock.forward(10.0)
    assert {ref for ref, _ in simulated.delay_queue.lease(ACCOUNT, 10, LEASE_S)} == {
        first,
        second,
    }
    # Starts of the minute before count on to its end, and no longer.
    assert grant(simulated) == []
    clock.forward(60.0)
    assert len(grant(simulated)) == 2


def test_looks_count_and_rejected_rows_go_on_after_a_clock_was_set_back(
    simulated: Ledger, clock: Clock
) -> None:
    lost, refused = admitted(simulated, 2)
    play(simulated, lost, Event.CLAIM, Event.LOSE)
    record = record_of(simulated, refused)
    give_back = transitions.release("spring", record, again_at_s=clock.now_s + 30.0)
    assert simulated.transitions.apply([give_back]) == [Applied.YES]
    simulated.delay_queue.lease(ACCOUNT, 10, LEASE_S)
    simulated.delay_queue.postpone(ACCOUNT, {lost: 1.0}, apart_s=45.0)
    clock.forward(-A_DAY_S)
    simulated.delay_queue.lease(ACCOUNT, 10, LEASE_S)
    simulated.delay_queue.postpone(ACCOUNT, {lost: 1.0}, apart_s=45.0)
    assert record_of(simulated, lost).polls == 2
    clock.forward(31.0)
    assert grant(simulated) == [refused]
