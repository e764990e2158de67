"""A task that fails by a mistake of ours: alone, later each time, and not unseen."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from jobs import settings
from jobs.broker import make_app
from jobs.ledger import Ledger
from jobs.ledger.delay_queue import MAX_WAIT_S
from jobs.transitions import Ref
from tests.conftest import Clock
from tests.jobs.ledger.play import ACCOUNT, PLENTY, grant, open_batch
from worker.app import do
from worker.engine import Engine

LEASE_S = 30.0


@pytest.fixture
def engine(simulated: Ledger, home: Path) -> Engine:
    chosen = settings.read({}, home=home, account=ACCOUNT, lease_s=LEASE_S)
    made = Engine(chosen, make_app(chosen.ledger_url))
    made.ledger.close()
    made.ledger = simulated
    return made


def admitted(ledger: Ledger, jobs: int) -> list[Ref]:
    ledger.permits.set_limits(ACCOUNT, PLENTY)
    open_batch(ledger, jobs=jobs)
    return grant(ledger)


def leased(ledger: Ledger) -> set[Ref]:
    return {ref for ref, _ in ledger.delay_queue.lease(ACCOUNT, 100, LEASE_S)}


def test_one_bad_job_holds_up_none_of_its_block(engine: Engine) -> None:
    bad, *others = admitted(engine.ledger, 5)
    done: list[Ref] = []

    async def work(_: Engine, refs: Sequence[Ref]) -> None:
        if bad in refs:
            raise KeyError("of a model that nobody knows")
        done.extend(refs)

    engine.run(do(engine, "reelmill.submit", work, [others[0], bad, *others[1:]]))
    assert done == others
    (crash,) = engine.ledger.crashes.recent(ACCOUNT)
    assert (crash.ref, crash.times) == (bad, 1)
    assert crash.words == "reelmill.submit failed (KeyError)"


def test_it_is_tried_again_at_growing_distance(engine: Engine, clock: Clock) -> None:
    (bad,) = admitted(engine.ledger, 1)

    async def work(_: Engine, _refs: Sequence[Ref]) -> None:
        raise ZeroDivisionError

    waited: list[float] = []
    for _ in range(10):
        engine.run(do(engine, "reelmill.submit", work, [bad]))
        (crash,) = engine.ledger.crashes.recent(ACCOUNT)
        clock.forward(crash.in_s - 0.5)
        assert leased(engine.ledger) == set()
        clock.forward(0.5)
        assert leased(engine.ledger) == {bad}
        waited.append(round(crash.in_s))
    assert waited[:4] == [30, 60, 120, 240]
    assert waited[-1] == MAX_WAIT_S
    assert crash.times == 10


def test_what_does_not_fail_again_is_forgotten(engine: Engine, clock: Clock) -> None:
    first, second = admitted(engine.ledger, 2)
    crashes = engine.ledger.crashes
    wait_s = crashes.add(ACCOUNT, first, "it failed", LEASE_S)
    clock.forward(2 * wait_s + 61.0)
    assert crashes.recent(ACCOUNT) == []
    crashes.add(ACCOUNT, second, "it failed", LEASE_S)
    assert crashes.add(ACCOUNT, first, "it failed", LEASE_S) == wait_s
    assert {crash.times for crash in crashes.recent(ACCOUNT)} == {1}


def test_a_ledger_that_is_away_is_no_mistake_of_ours(engine: Engine) -> None:
    (ref,) = admitted(engine.ledger, 1)

    async def work(made: Engine, _refs: Sequence[Ref]) -> None:
        await made.call(made.ledger.server.execute_command, "NO-SUCH-COMMAND")

    engine.run(do(engine, "reelmill.submit", work, [ref]))
    assert engine.ledger.crashes.recent(ACCOUNT) == []
