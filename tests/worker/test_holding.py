"""Leases while work goes on: extended, let go, and given back."""

import asyncio
import threading
from pathlib import Path

import pytest

from jobs import settings
from jobs.broker import make_app
from jobs.ledger import Ledger
from jobs.transitions import Ref
from tests.conftest import Clock
from tests.jobs.ledger.play import ACCOUNT, PLENTY, grant, open_batch
from worker.engine import Engine

LEASE_S = 0.3
SOON_S = 5.0
A_LEASE_S = 30.0


@pytest.fixture
def engine(simulated: Ledger, home: Path) -> Engine:
    chosen = settings.read({}, home=home, account=ACCOUNT)
    # Shorter than a person may set it, so that an extension is soon.
    chosen = chosen.model_copy(update={"lease_s": LEASE_S})
    made = Engine(chosen, make_app(chosen.ledger_url))
    made.ledger.close()
    made.ledger = simulated
    simulated.permits.set_limits(ACCOUNT, PLENTY)
    open_batch(simulated, jobs=3)
    return made


def due(ledger: Ledger) -> set[Ref]:
    return {ref for ref, _ in ledger.delay_queue.lease(ACCOUNT, 100, A_LEASE_S)}


def test_an_extension_under_way_overrides_nothing_that_is_written_next(
    engine: Engine, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    refs = grant(engine.ledger)
    begun, go_on = threading.Event(), threading.Event()
    extend = engine.ledger.delay_queue.extend

    def late(account: str, held: list[Ref], _lease_s: float) -> None:
        begun.set()
        go_on.wait()
        extend(account, held, A_LEASE_S)

    async def work() -> None:
        async with engine.holding(refs) as held:
            await engine.call(begun.wait)
            letting_go = asyncio.create_task(held.let_go(refs))
            await asyncio.sleep(0)
            go_on.set()
            await letting_go
            waits_s = dict.fromkeys(refs, SOON_S)
            await engine.call(engine.ledger.delay_queue.postpone, ACCOUNT, waits_s)

    monkeypatch.setattr(engine.ledger.delay_queue, "extend", late)
    engine.run(work())
    clock.forward(SOON_S)
    assert due(engine.ledger) == set(refs)


def test_only_what_is_still_held_goes_back(engine: Engine, clock: Clock) -> None:
    done, *others = grant(engine.ledger)

    async def work() -> None:
        async with engine.holding([done, *others]) as held:
            await held.let_go([done])
            waits_s = {done: SOON_S}
            await engine.call(engine.ledger.delay_queue.postpone, ACCOUNT, waits_s)
            raise asyncio.CancelledError

    engine.stopping = True
    engine.run(work())
    assert due(engine.ledger) == set(others)
    clock.forward(SOON_S)
    assert due(engine.ledger) == {done}
