"""Nothing is sent from a ledger that is older than what was sent, or without a mark."""

import math
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from jobs.ledger import Ledger, keys
from jobs.ledger.marks import StoreMarks
from jobs.ledger.workers import WorkerFacts
from jobs.states import State
from jobs.storage import Store
from tests.backups import backup
from tests.sandbox.running import RunningSandbox, running_sandbox
from tests.worker.workshop import PATIENCE_S, Workshop, workshop
from worker.dispatcher import Dispatcher


@pytest.fixture(scope="module")
def sandbox() -> Iterator[RunningSandbox]:
    with running_sandbox(tier="ultra", quality="small", generation_s=0.05) as running:
        yield running


@pytest.fixture
def silent() -> Iterator[str]:
    """The address of a server that takes connections and never answers."""
    with socket.socket() as made:
        made.bind(("127.0.0.1", 0))
        made.listen()
        yield f"http://127.0.0.1:{made.getsockname()[1]}"


def new_dispatcher(shop: Workshop) -> Dispatcher:
    """The dispatcher of a worker that just started."""
    account = shop.engine.account
    return Dispatcher(shop.engine, WorkerFacts("w@here", account=account, threads=4))


def tick_until_compared(shop: Workshop) -> Dispatcher:
    """The dispatcher of a new worker, once it has compared the ledger."""
    dispatcher = new_dispatcher(shop)
    end_s = time.monotonic() + PATIENCE_S
    while not dispatcher._is_compared():
        assert time.monotonic() < end_s
        time.sleep(0.01)
    return dispatcher


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
    # A claim that was given back is no evidence of what the ledger knows.
    assert not any(shop.record(r).provider_sent_at_s for r in shop.are(State.WAITING))


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
    tick_until_compared(shop)
    assert not shop.ledger.permits.read(shop.engine.account).older
    put_back()
    dispatcher = tick_until_compared(shop)
    assert shop.ledger.permits.read(shop.engine.account).older
    dispatcher.tick()
    assert shop.states() == {State.GENERATING: 1, State.WAITING: 2}


@pytest.mark.parametrize("is_new", [True, False], ids=["new", "was-away"])
def test_no_beat_grants_before_the_ledger_was_compared(
    shop: Workshop, monkeypatch: pytest.MonkeyPatch, *, is_new: bool
) -> None:
    shop.order(*map(shop.job, range(3)))
    shop.submit(1)
    dispatcher = tick_until_compared(shop)
    put_back = backup(shop.ledger)
    shop.submit(1)
    put_back()
    may_tell, look = threading.Event(), StoreMarks.must_be_known

    def look_later(marks: StoreMarks) -> None:
        may_tell.wait(PATIENCE_S)
        look(marks)

    monkeypatch.setattr(StoreMarks, "must_be_known", look_later)
    if is_new:
        dispatcher = new_dispatcher(shop)
    else:
        dispatcher._on_disconnect(ConnectionError("gone"))

    def is_held() -> bool:
        assert shop.states() == {State.GENERATING: 1, State.WAITING: 2}
        return bool(shop.ledger.permits.read(shop.engine.account).older)

    def beat() -> None:
        dispatcher.tick()

    for _ in range(5):
        beat()
        assert not is_held()
    may_tell.set()
    shop.until(is_held, beat)
    beat()
    assert is_held()


def test_the_billing_is_not_watched_before_the_ledger_was_compared(
    shop: Workshop,
) -> None:
    name = keys.account(shop.engine.account, "lock:billing")

    def is_watched() -> bool:
        return bool(shop.ledger.server.execute_command("EXISTS", name))

    dispatcher = new_dispatcher(shop)
    dispatcher.tick()
    assert not is_watched()
    shop.until(dispatcher._is_compared, lambda: None)
    dispatcher._clock_read_at = -math.inf
    dispatcher.tick()
    shop.until(is_watched, lambda: None)


def test_a_store_that_never_answers_holds_up_no_other(
    shop: Workshop, silent: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("worker.marks.PATIENCE_S", 0.5)
    monkeypatch.setenv("AWS_ENDPOINT", silent)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "a")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "b")
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    for number in range(3):
        shop.order(
            shop.job(number), batch=f"away-{number}", store=f"s3://away/{number}"
        )
    shop.order(shop.job(3), batch="well")
    tick_until_compared(shop)
    shop.submit()
    assert shop.states() == {State.WAITING: 3, State.GENERATING: 1}
    held = shop.ledger.batches.read("away-0")
    assert held
    assert "s3://away/0" in held.note


def test_an_account_that_a_restored_ledger_does_not_know_is_compared_too(
    ledger: Ledger, sandbox: RunningSandbox, home: Path
) -> None:
    store = str(home / "store")
    with (
        workshop(ledger, sandbox, home) as shop,
        workshop(ledger, sandbox, home) as other,
    ):
        shop.order(*map(shop.job, range(2)), batch="one", store=store)
        other.order(*map(other.job, range(2)), batch="two", store=store)
        account = other.engine.account
        do = ledger.server.execute_command
        do("SREM", "reelmill:accounts", account)
        do("DEL", f"reelmill:account:{account}")
        put_back = backup(ledger)
        other.engine.set_limits()
        other.submit(1)
        shop.submit(1)
        put_back()
        # As `rebuild` does once one of them is compared.
        StoreMarks(ledger, Store(store), shop.engine.account).accept()
        other.engine.set_limits()
        other.submit()
        assert max(other.paid().values()) == 1
        assert ledger.permits.read(account).older
        shop.submit()
        assert not ledger.permits.read(shop.engine.account).older


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
