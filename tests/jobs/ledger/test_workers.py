"""Who is at work, by their own word and the server's clock."""

from jobs.ledger import Ledger
from jobs.ledger.workers import KEPT_S, SILENT_S, WorkerFacts
from tests.conftest import Clock

MUG = WorkerFacts("1@mug", "mug", 1, "0.1", "a", 5.0, 8, ahead_s=-3_600.0)
LAMP = WorkerFacts("2@lamp", "lamp")


def test_a_worker_lives_while_it_is_heard_of(simulated: Ledger, clock: Clock) -> None:
    workers = simulated.workers
    workers.heartbeat(MUG)
    clock.forward(SILENT_S / 2)
    workers.heartbeat(LAMP)
    assert [w.facts for w in workers.alive()] == [MUG, LAMP]
    clock.forward(SILENT_S / 2)
    assert [w.facts for w in workers.alive()] == [LAMP]
    assert [w.facts.name for w in workers.known()] == ["1@mug", "2@lamp"]


def test_one_that_left_or_was_silent_for_long_is_forgotten(
    simulated: Ledger, clock: Clock
) -> None:
    workers = simulated.workers
    workers.heartbeat(MUG)
    workers.heartbeat(LAMP)
    workers.leave(LAMP.name)
    assert [w.facts for w in workers.known()] == [MUG]
    clock.forward(KEPT_S)
    workers.heartbeat(LAMP)
    assert [w.facts for w in workers.known()] == [LAMP]


def test_a_worker_of_another_version_may_say_more_or_less(ledger: Ledger) -> None:
    ledger.workers.heartbeat(LAMP)
    told = '{"name":"3@new","humour":"good"}'
    ledger.server.execute_command("HSET", "reelmill:workers:facts", "2@lamp", told)
    (found,) = ledger.workers.known()
    assert found.facts == WorkerFacts("2@lamp")
