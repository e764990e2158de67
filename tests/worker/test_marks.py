"""Nothing is sent from a ledger that is older than what was sent, or without a mark."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from jobs.ledger import Ledger
from jobs.ledger.workers import WorkerFacts
from jobs.states import State
from tests.backups import backup
from tests.sandbox.running import RunningSandbox, running_sandbox
from tests.worker.workshop import PATIENCE_S, Workshop, workshop
from worker.pulse import Pulse


@pytest.fixture(scope="module")
def sandbox() -> Iterator[RunningSandbox]:
    with running_sandbox(tier="ultra", quality="small", generation_s=0.05) as running:
        yield running


@pytest.fixture
def shop(ledger: Ledger, sandbox: RunningSandbox, home: Path) -> Iterator[Workshop]:
    with workshop(ledger, sandbox, home) as made:
        yield made


def beat_until_compared(shop: Workshop) -> Pulse:
    """The pulse of a worker that just started, once it has looked at the ledger."""
    pulse = Pulse(shop.engine, WorkerFacts("w@here", account=shop.engine.account))
    end_s = time.monotonic() + PATIENCE_S
    while not pulse._is_compared():
        assert time.monotonic() < end_s
        time.sleep(0.01)
    return pulse


def test_a_ledger_put_back_in_mid_batch_sends_nothing_again(shop: Workshop) -> None:
    shop.order(*map(shop.job, range(6)))
    shop.submit(2)
    put_back = backup(shop.ledger)
    shop.submit(2)
    put_back()
    shop.submit()
    shop.submit()
    assert len(shop.books()) == 4
    assert max(shop.paid().values()) == 1
    account = shop.ledger.permits.read(shop.engine.account)
    assert account.older == str(shop.store / "spring")
    assert shop.states() == {State.GENERATING: 2, State.WAITING: 4}


def test_what_an_older_ledger_had_granted_is_not_sent_either(shop: Workshop) -> None:
    shop.order(*map(shop.job, range(2)))
    granted = shop.ledger.permits.grant(shop.engine.account, 9, 30.0)
    put_back = backup(shop.ledger)
    shop.submit_these(granted)
    put_back()
    shop.submit_these(granted)
    assert len(shop.books()) == 2
    assert shop.states() == {State.WAITING: 2}


def test_a_worker_that_starts_on_an_older_ledger_grants_nothing(shop: Workshop) -> None:
    shop.order(*map(shop.job, range(3)))
    shop.submit(1)
    put_back = backup(shop.ledger)
    shop.submit(1)
    beat_until_compared(shop)
    assert not shop.ledger.permits.read(shop.engine.account).older
    put_back()
    pulse = beat_until_compared(shop)
    assert shop.ledger.permits.read(shop.engine.account).older
    pulse.beat()
    assert shop.states() == {State.GENERATING: 1, State.WAITING: 2}


def test_a_pulse_whose_server_was_away_looks_again_before_it_grants(
    shop: Workshop,
) -> None:
    pulse = beat_until_compared(shop)
    pulse._are_away(ConnectionError("gone"))
    assert not pulse._compared


def test_a_store_that_takes_no_mark_holds_its_batch_and_no_other(
    shop: Workshop,
) -> None:
    broken, well = shop.store / "broken", shop.store / "well"
    shop.order(shop.job(1), batch="broken", store=str(broken))
    shop.order(shop.job(2), batch="well", store=str(well))
    in_the_way = broken / ".reelmill"
    broken.mkdir(parents=True)
    in_the_way.write_text("no folder")
    shop.submit()
    assert [row["inputs"]["prompt"] for row in shop.books()] == [
        shop.job(2).inputs["prompt"]
    ]
    held = shop.ledger.batches.read("broken")
    assert held
    assert str(broken) in held.note
    assert held.counts == {State.WAITING: 1}
    assert shop.submit() == []
    in_the_way.unlink()
    shop.ledger.batches.hold("broken", held.note, shop.ledger.now_s())
    shop.submit()
    assert len(shop.books()) == 2
    released = shop.ledger.batches.read("broken")
    assert released
    assert not released.note


def test_few_marks_are_kept_whatever_is_sent(shop: Workshop) -> None:
    shop.order(*map(shop.job, range(6)))
    for _ in range(6):
        shop.submit(1)
    marks = list((shop.store / "spring" / ".reelmill").glob("*/marks/*"))
    assert len(marks) == 1
    assert len(shop.books()) == 6
