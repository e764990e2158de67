"""Deleting old job records, on a real ledger and a folder: what stays and waits."""

import logging

import pytest

from jobs.records import BatchRecord
from jobs.states import State
from jobs.transitions import Ref
from tests.audit import audit
from tests.worker.workshop import Workshop
from worker import finish as finishing
from worker.finish import delete, delete_old, finish


@pytest.fixture
def shop(shop: Workshop) -> Workshop:
    """One that deletes job records as soon as they are reported."""
    now = {"keep_days": 0}
    shop.engine.settings = shop.engine.settings.model_copy(update=now)
    return shop


def finished(shop: Workshop, batch_id: str = "spring") -> list[Ref]:
    """A batch that is stored and reported."""
    refs = shop.order(shop.job(1), shop.job(2), batch=batch_id)
    shop.until_all(State.STORED)
    report(shop)
    return refs


def report(shop: Workshop) -> None:
    due = shop.ledger.delay_queue.lease(shop.engine.account, 10, 30.0)
    shop.engine.run(finish(shop.engine, [ref for ref, _ in due]))


def batch(shop: Workshop) -> BatchRecord:
    found = shop.ledger.batches.read("spring")
    assert found
    return found


def test_the_job_records_of_a_reported_batch_are_deleted_once(shop: Workshop) -> None:
    refs = finished(shop)
    shop.engine.run(delete_old(shop.engine))
    assert shop.ledger.batches.load(refs) == [None, None]
    assert batch(shop).total == len(refs)
    # A report that comes late leaves the one that is there.
    report = shop.store / "spring" / "spring" / "report.json"
    before = report.read_bytes()
    shop.engine.run(finish(shop.engine, [Ref("spring", "")]))
    assert report.read_bytes() == before
    delete(shop.engine)
    assert audit(shop.ledger, shop.engine.account) == []


def test_what_is_not_old_enough_stays(shop: Workshop) -> None:
    refs = finished(shop)
    kept = {"keep_days": 1}
    shop.engine.settings = shop.engine.settings.model_copy(update=kept)
    delete(shop.engine)
    assert None not in shop.ledger.batches.load(refs)


def test_without_its_report_nothing_of_a_batch_is_deleted(
    shop: Workshop, caplog: pytest.LogCaptureFixture
) -> None:
    refs = finished(shop)
    kept = shop.store / "spring" / "spring" / "report.json"
    kept.unlink()
    with caplog.at_level(logging.WARNING):
        delete(shop.engine)
    assert "has lost its report, which is written anew" in caplog.text
    assert None not in shop.ledger.batches.load(refs)
    report(shop)
    assert kept.is_file()
    delete(shop.engine)
    assert shop.ledger.batches.load(refs) == [None, None]


def test_batches_whose_store_is_gone_keep_no_younger_one_from_being_deleted(
    shop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(finishing, "MAX_DELETED", 1)
    kept = finished(shop, "old")
    gone = finished(shop, "new")
    folder = shop.store / "old"
    moved = folder.rename(folder.with_name("moved"))
    folder.write_text("in the way")
    delete(shop.engine)
    assert None not in shop.ledger.batches.load(kept)
    assert shop.ledger.batches.load(gone) == [None, None]
    # As soon as its store is back, its turn comes.
    folder.unlink()
    moved.rename(folder)
    delete(shop.engine)
    assert shop.ledger.batches.load(kept) == [None, None]


def test_who_is_told_to_stop_leaves_the_rest_to_the_next(shop: Workshop) -> None:
    refs = finished(shop)
    shop.ledger.batches.deleted_at_once = 1
    assert shop.ledger.batches.delete_jobs("spring", 0.0, 60) == 1
    shop.engine.stopping = True
    delete(shop.engine)
    assert sum(r is None for r in shop.ledger.batches.load(refs)) == 1
    shop.engine.stopping = False
    are_gone = [None, None]
    # The worker's reading of the ledger's clock may be a little behind.
    shop.until(
        lambda: shop.ledger.batches.load(refs) == are_gone, lambda: delete(shop.engine)
    )
