"""Schedules in the ledger: a firing is one scheduler's, and none is lost."""

import pytest

from jobs.ledger import Ledger
from jobs.schedule import Firing
from tests.conftest import Clock
from tests.jobs.test_schedule import a_schedule

NIGHTLY = a_schedule()


#: What came of a firing.
DONE = Firing(1.0, 1.0)


@pytest.fixture
def fire_s(simulated: Ledger, clock: Clock) -> float:
    """When the schedule that is there is due."""
    assert simulated.schedules.add(NIGHTLY)
    clock.forward(3600)
    return clock.now_s


def test_a_schedule_fires_only_what_comes_after_it(
    simulated: Ledger, clock: Clock
) -> None:
    assert simulated.schedules.add(NIGHTLY)
    (standing,) = simulated.schedules.all()
    assert standing.schedule == NIGHTLY
    assert standing.done_until_s == clock.now_s
    assert not simulated.schedules.claim("nightly", clock.now_s, "a", 60)


def test_a_name_is_given_once(simulated: Ledger) -> None:
    assert simulated.schedules.add(NIGHTLY)
    other = a_schedule(cron="0 3 * * *")
    assert not simulated.schedules.add(other)
    assert simulated.schedules.add(other, replace=True)
    standing = simulated.schedules.read("nightly")
    assert standing is not None
    assert standing.schedule == other


def test_a_claim_of_a_dead_one_is_taken_over(
    simulated: Ledger, clock: Clock, fire_s: float
) -> None:
    schedules = simulated.schedules
    assert schedules.claim("nightly", fire_s, "dead", 60)
    clock.forward(59)
    assert not schedules.claim("nightly", fire_s, "quick", 60)
    clock.forward(1)
    assert schedules.claim("nightly", fire_s, "quick", 60)
    assert not schedules.hold("nightly", "dead", 60)
    assert not schedules.done("nightly", "dead", fire_s, DONE)
    assert schedules.done("nightly", "quick", fire_s, DONE)


def test_what_is_removed_fires_no_more(simulated: Ledger, fire_s: float) -> None:
    assert simulated.schedules.claim("nightly", fire_s, "a", 60)
    assert simulated.schedules.remove("nightly")
    assert not simulated.schedules.remove("nightly")
    assert simulated.schedules.read("nightly") is None
    assert simulated.schedules.all() == []
    assert not simulated.schedules.done("nightly", "a", fire_s, DONE)
    assert simulated.schedules.firings("nightly") == []
    assert not simulated.schedules.claim("nightly", fire_s, "b", 60)


def test_a_beat_is_that_of_an_account_and_a_machine(
    simulated: Ledger, clock: Clock
) -> None:
    schedules = simulated.schedules
    assert schedules.heartbeat_s("acme") == 0.0
    schedules.heartbeat("acme", "7@attic")
    clock.forward(10)
    schedules.heartbeat("other", "8@cellar")
    assert set(schedules.heartbeats()) == {"acme/7@attic", "other/8@cellar"}
    assert schedules.heartbeat_s("acme") == clock.now_s - 10
    assert schedules.heartbeat_s("acme", "attic") == clock.now_s - 10
    assert schedules.heartbeat_s("acme", "cellar") == 0.0
    clock.forward(31 * 86_400)
    schedules.heartbeat("other", "8@cellar")
    assert schedules.heartbeat_s("acme") == 0.0
