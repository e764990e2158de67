"""The archive task, on a real ledger and a folder: what it does and what it leaves."""

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from jobs.ledger import Ledger, archiving
from jobs.moves import Ref
from jobs.states import State
from jobs.storage import Store
from tests.producer.running import quick_sandbox
from tests.sandbox.running import RunningSandbox
from tests.worker.workshop import Workshop, workshop
from worker.archive import archive, ripe
from worker.finish import finish


@pytest.fixture(scope="module")
def sandbox() -> Iterator[RunningSandbox]:
    with quick_sandbox(generation_s=0.1) as running:
        yield running


@pytest.fixture
def shop(ledger: Ledger, sandbox: RunningSandbox, home: Path) -> Iterator[Workshop]:
    with workshop(ledger, sandbox, home, archive_after="0") as opened:
        yield opened


def finished(shop: Workshop) -> list[Ref]:
    """A batch that is stored and reported."""
    refs = shop.order(shop.job(1), shop.job(2))
    shop.until_all(State.STORED)
    due = shop.ledger.due.lease(shop.engine.account, 10, 30.0)
    shop.engine.run(finish(shop.engine, [ref for ref, _ in due]))
    return refs


def test_a_reported_batch_is_archived_beside_its_report(shop: Workshop) -> None:
    refs = finished(shop)
    told = [shop.record(ref) for ref in refs]
    sent = ripe(shop.engine)
    assert sent == [Ref("spring", "")]
    assert ripe(shop.engine) == []
    shop.engine.run(archive(shop.engine, sent))
    batch = shop.ledger.batches.read("spring")
    assert batch
    assert (shop.store / "spring" / batch.archived).is_file()
    assert shop.ledger.batches.load(refs) == [None, None]
    # A report that comes late finds it so, and leaves the one that is there.
    report = shop.store / "spring" / "spring" / "report.json"
    before = report.read_bytes()
    shop.engine.run(finish(shop.engine, sent))
    assert report.read_bytes() == before
    archiving.recall(shop.ledger, Store(batch.store), "spring")
    assert [shop.record(ref) for ref in refs] == told
    shop.check()


def test_nothing_is_archived_by_a_worker_that_is_told_never_to(
    shop: Workshop,
) -> None:
    finished(shop)
    never = {"archive_after": "never"}
    shop.engine.settings = shop.engine.settings.model_copy(update=never)
    assert ripe(shop.engine) == []


def test_what_cannot_be_archived_says_why_and_stays_as_it_is(
    shop: Workshop, caplog: pytest.LogCaptureFixture
) -> None:
    refs = finished(shop)
    told = [shop.record(ref) for ref in refs]
    shop.engine.stopping = True
    with caplog.at_level(logging.INFO):
        shop.engine.run(archive(shop.engine, [Ref("spring", ""), Ref("autumn", "")]))
    assert "spring is not archived now: this worker is told to stop" in caplog.text
    assert "autumn is not archived now: the ledger does not have it" in caplog.text
    shop.engine.stopping = False
    folder = shop.store / "spring" / "spring"
    moved = folder.rename(folder.with_name("moved"))
    folder.write_text("in the way")
    with caplog.at_level(logging.WARNING):
        shop.engine.run(archive(shop.engine, [Ref("spring", "")]))
    assert "is not archived, tried again" in caplog.text
    assert [shop.record(ref) for ref in refs] == told
    folder.unlink()
    moved.rename(folder)
    shop.check()
