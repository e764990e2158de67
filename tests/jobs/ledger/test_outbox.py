"""Outbox are kept until they are told, and a batch at rest is due to be told of."""

from dataclasses import replace

from jobs import transitions
from jobs.ledger import Ledger
from jobs.notification import Kind, Notification
from jobs.states import Event
from jobs.transitions import Ref
from tests.conftest import Clock
from tests.jobs.ledger.ended import reported
from tests.jobs.ledger.play import (
    ACCOUNT,
    LEASE_S,
    PLENTY,
    PRICE,
    batch_of,
    grant,
    leased,
    open_batch,
    play,
    record_of,
)

NEWS = Notification.of(ACCOUNT, Kind.SCHEDULE, "the night begins", "", {"at": 1})


def test_a_telling_is_leased_comes_back_and_is_told_once(
    simulated: Ledger, clock: Clock
) -> None:
    assert simulated.outbox.add(NEWS)
    assert not simulated.outbox.add(NEWS)
    (untold,) = simulated.outbox.lease(ACCOUNT, 10, LEASE_S)
    assert (untold.notification, untold.tries, untold.delivered) == (NEWS, 0, ())
    assert simulated.outbox.lease(ACCOUNT, 10, LEASE_S) == []
    clock.forward(LEASE_S)
    assert simulated.outbox.lease(ACCOUNT, 10, LEASE_S) == [untold]
    simulated.outbox.done(NEWS)
    clock.forward(LEASE_S)
    assert simulated.outbox.lease(ACCOUNT, 10, LEASE_S) == []
    assert not simulated.outbox.add(NEWS)


def test_a_try_that_failed_is_remembered_and_put_off(
    simulated: Ledger, clock: Clock
) -> None:
    simulated.outbox.add(NEWS)
    (untold,) = simulated.outbox.lease(ACCOUNT, 10, LEASE_S)
    tried = replace(untold, tries=1, delivered=("mail",), since_s=clock())
    simulated.outbox.reschedule(tried, 100.0)
    clock.forward(99)
    assert simulated.outbox.lease(ACCOUNT, 10, LEASE_S) == []
    clock.forward(1)
    assert simulated.outbox.lease(ACCOUNT, 10, LEASE_S) == [tried]


def test_who_comes_late_with_a_failure_does_not_bring_back_what_is_told(
    simulated: Ledger, clock: Clock
) -> None:
    simulated.outbox.add(NEWS)
    (untold,) = simulated.outbox.lease(ACCOUNT, 10, LEASE_S)
    simulated.outbox.done(NEWS)
    simulated.outbox.reschedule(untold, 0.0)
    clock.forward(LEASE_S)
    assert simulated.outbox.lease(ACCOUNT, 10, LEASE_S) == []


def end(ledger: Ledger, ref: Ref) -> None:
    ways = (Event.CLAIM, Event.ACCEPT, Event.COMPLETE, Event.STORE)
    play(ledger, ref, *ways, prediction_id=f"p-{ref}")


def test_a_batch_that_its_budget_stops_is_due_once_it_rests(
    simulated: Ledger, clock: Clock
) -> None:
    simulated.permits.set_limits(ACCOUNT, PLENTY)
    one, _ = open_batch(simulated, jobs=2, budget_usd_micros=PRICE)
    rest = Ref("spring", "")
    assert grant(simulated) == [one]
    assert batch_of(simulated).stopped_by == "budget"
    assert not simulated.outbox.add_batch(batch_of(simulated))
    end(simulated, one)
    assert leased(simulated) == [rest]
    assert simulated.outbox.add_batch(batch_of(simulated))
    assert grant(simulated) == []
    clock.forward(1)
    reported(simulated)
    assert grant(simulated) == []
    clock.forward(LEASE_S)
    assert leased(simulated) == []
    simulated.batches.set_budget("spring", None)
    assert len(grant(simulated)) == 1


def test_a_batch_is_news_again_once_a_person_has_brought_jobs_back(
    ledger: Ledger,
) -> None:
    ledger.permits.set_limits(ACCOUNT, PLENTY)
    (ref,) = open_batch(ledger, jobs=1)
    failing = (Event.CLAIM, Event.REFUSE)
    for _ in range(2):
        assert grant(ledger) == [ref]
        play(ledger, ref, *failing)
        assert ledger.outbox.add_batch(batch_of(ledger))
        assert not ledger.outbox.add_batch(batch_of(ledger))
        retry = transitions.retry("spring", record_of(ledger, ref))
        ledger.transitions.apply([retry])
        assert not ledger.outbox.add_batch(batch_of(ledger))
