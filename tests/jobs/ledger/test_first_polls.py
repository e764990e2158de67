"""First polls come sooner once one of their kind was done sooner than expected."""

from jobs.ledger import Ledger, keys
from jobs.ledger.transitions import Applied
from jobs.states import Event
from jobs.transitions import Ref, accept
from tests.conftest import Clock
from tests.jobs.ledger.play import (
    ACCOUNT,
    LEASE_S,
    PLENTY,
    a_job,
    everything,
    grant,
    leased,
    open_batch,
    play,
    record_of,
)

KIND = a_job(1).kind
POLL_MIN_S = 5.0

#: When first polls are, unless brought forward.
PLANNED_S = 60.0


def generating(
    ledger: Ledger, jobs: int, batch: str = "spring", first_s: float = PLANNED_S
) -> list[Ref]:
    """Jobs that are sent and accepted now."""
    ledger.permits.set_limits(ACCOUNT, PLENTY)
    open_batch(ledger, batch, jobs)
    refs = grant(ledger)
    for ref in refs:
        claimed = play(ledger, ref, Event.CLAIM)
        accepted = accept(batch, claimed, f"{ref}", first_s)
        assert ledger.transitions.apply([accepted]) == [Applied.YES]
    return refs


def bring_forward(ledger: Ledger, took_s: float) -> int:
    return ledger.delay_queue.bring_forward(ACCOUNT, KIND, took_s, POLL_MIN_S)


def test_what_is_not_polled_yet_is_polled_when_it_is_likely_done(
    simulated: Ledger, clock: Clock
) -> None:
    early = generating(simulated, 2)
    clock.forward(6)
    late = generating(simulated, 2, "summer")
    clock.forward(4)
    assert bring_forward(simulated, 10.0) == 4
    assert leased(simulated) == early[:1]
    clock.forward(0.1)
    assert leased(simulated) == early[1:]
    clock.forward(5.7)
    assert leased(simulated) == []
    clock.forward(0.5)
    assert leased(simulated) == late
    # They are polled sooner, which counts as no poll.
    assert all(record_of(simulated, ref).polls == 0 for ref in early + late)


def test_no_lease_is_broken(simulated: Ledger, clock: Clock) -> None:
    (ref,) = generating(simulated, 1)
    clock.forward(PLANNED_S)
    assert leased(simulated) == [ref]
    before = everything(simulated)[keys.account(ACCOUNT, "due")]
    assert bring_forward(simulated, 10.0) == 0
    assert everything(simulated)[keys.account(ACCOUNT, "due")] == before
    clock.forward(LEASE_S - 1)
    assert leased(simulated) == []


def test_no_first_poll_is_closer_than_the_provider_asks(
    simulated: Ledger, clock: Clock
) -> None:
    (ref,) = generating(simulated, 1)
    bring_forward(simulated, 0.3)
    clock.forward(POLL_MIN_S - 0.1)
    assert leased(simulated) == []
    clock.forward(0.1)
    assert leased(simulated) == [ref]


def test_what_is_accepted_a_little_later_knows_it_too(
    simulated: Ledger, clock: Clock
) -> None:
    """Whoever sends it may have decided before on its first poll."""
    bring_forward(simulated, 10.0)
    (ref,) = generating(simulated, 1)
    clock.forward(10)
    assert leased(simulated) == [ref]
    clock.forward(100)
    generating(simulated, 1, "summer")
    clock.forward(PLANNED_S - 1)
    assert Ref("summer", ref.job) not in leased(simulated)
