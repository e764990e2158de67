"""Deleting the job records of batches that were over and reported long enough ago.

One worker of an account does it now and then. It may die on any line: a batch that was
begun is gone on with, and none is begun whose report is not in its store.
"""

import logging

from jobs.ledger import LedgerError
from jobs.ledger.permits import DAY_S
from jobs.records import BatchRecord
from jobs.storage import StoreError
from worker import keeping
from worker.engine import Engine

log = logging.getLogger("reelmill.deleting")

#: Seconds from one round to the next, and about the most batches of one.
EVERY_S = 600.0
MOST = 100


async def delete_old(engine: Engine) -> None:
    """Delete what is old enough, if it is time for it and nobody else does."""
    locks = engine.ledger.locks
    name = locks.deleting(engine.account)
    try:
        if await engine.call(locks.take, name, "taken", EVERY_S):
            await keeping.in_thread(delete, engine)
    except LedgerError as error:
        log.warning("old job records are deleted later: %s", error)
    except Exception:
        # Nobody awaits this: what is raised here would be told to nobody.
        log.exception("old job records were not deleted")


def delete(engine: Engine) -> None:
    """Delete the job records of batches that are old enough, block by block.

    Those that are kept for now, as their store is away, keep no younger ones back.
    """
    keep_s = engine.settings.keep_days * DAY_S
    until_s = engine.now_s() - keep_s
    kept = deleted = 0
    away: set[str] = set()
    while deleted < MOST and not engine.stopping:
        page = engine.ledger.batches.reported_before(
            engine.account, until_s, kept, MOST
        )
        if not page:
            return
        for batch_id in page:
            if _delete(engine, batch_id, keep_s, away):
                deleted += 1
            else:
                kept += 1


def _delete(engine: Engine, batch_id: str, keep_s: float, away: set[str]) -> bool:
    """Delete the job records of a batch; false if there are some left."""
    batches = engine.ledger.batches
    batch = batches.read(batch_id)
    if batch is None or not (batch.deleted_at_s or _is_told(engine, batch, away)):
        return False
    reuse_s = round(engine.settings.reuse_days * DAY_S)
    left: int | None = 1
    while left and not engine.stopping:
        left = batches.delete_jobs(batch_id, keep_s, reuse_s)
    if left == 0:
        log.info("batch=%s: its job records are deleted", batch_id)
    return left == 0


def _is_told(engine: Engine, batch: BatchRecord, away: set[str]) -> bool:
    """Whether the report of a batch is in its store; stores that fail are `away`."""
    if batch.store in away:
        return False
    try:
        there = keeping.store_at(batch.store).size_bytes(f"{batch.id}/report.json")
    except StoreError as error:
        log.warning("batch=%s keeps its job records for now: %s", batch.id, error)
        away.add(batch.store)
        return False
    if not there:
        log.warning("batch=%s has lost its report, which is written anew", batch.id)
        # No report is of this version: it is due, and the batch is kept as long again.
        engine.ledger.delay_queue.drop_batch(batch.account, batch.id, "")
    return bool(there)
