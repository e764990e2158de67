"""The end of a batch: its report; and long after, its job records are deleted."""

import logging
from collections.abc import Sequence

from jobs.ledger import JobsDeletedError
from jobs.ledger.permits import DAY_S
from jobs.records import BatchRecord
from jobs.report.document import report
from jobs.report.files import report_files
from jobs.storage import StoreError
from jobs.transitions import Ref
from worker import storing
from worker.engine import Engine
from worker.notify import notify_batch

log = logging.getLogger("reelmill.finish")

#: Seconds until a store that does not take a report is asked again.
AGAIN_S = 60.0

#: Seconds from one round of deleting to the next, and about the most batches of one.
DELETE_EVERY_S = 600.0
MAX_DELETED = 100


async def finish(engine: Engine, refs: Sequence[Ref]) -> None:
    """Write the reports of these batches beside their videos."""
    for ref in refs:
        async with engine.holding([ref]):
            # Before the jobs are read: what changes later belongs to the next version.
            due = engine.ledger.delay_queue
            version = await engine.call(due.report_version, ref.batch)
            try:
                await storing.in_thread(_report, engine, ref.batch)
            except StoreError as error:
                log.warning("batch=%s report is not kept yet: %s", ref.batch, error)
                note = engine.ledger.batches.note
                await engine.call(note, ref.batch, str(error))
                await engine.call(due.postpone, engine.account, {ref: AGAIN_S})
                continue
            except JobsDeletedError:  # it was reported long ago
                log.info("batch=%s was reported before", ref.batch)
        await engine.call(notify_batch, engine.settings, engine.ledger, ref.batch)
        await engine.call(due.drop_batch, engine.account, ref.batch, version)


def _report(engine: Engine, batch_id: str) -> None:
    batches = engine.ledger.batches
    batch = batches.read(batch_id)
    if batch is None or batch.deleted_at_s:
        return
    store = storing.store_at(batch.store)
    # A large report is much work to make; a store that takes nothing says so before.
    store.check_writable()
    limits = engine.ledger.permits.read(batch.account).limits
    jobs = batches.jobs(batch_id)
    document = report(batch, jobs, engine.now_s(), limits=limits)
    files = report_files(document, batch, batches.records, engine.catalogue)
    for file in files:
        store.put_chunks(f"{batch_id}/{file.name}", file.chunks, file.content_type)
    if batch.note:
        batches.release(batch_id)
    log.info("batch=%s reported: %s", batch_id, store.place(f"{batch_id}/report.html"))


async def delete_old(engine: Engine) -> None:
    """Delete job records of batches that were over and reported long enough ago.

    One worker of an account does it now and then. It may die on any line: a batch that
    was begun is gone on with, and none is begun whose report is not in its store.
    """
    await engine.now_and_then(
        "deleting", DELETE_EVERY_S, lambda: storing.in_thread(delete, engine)
    )


def delete(engine: Engine) -> None:
    """Delete the job records of batches that are old enough, block by block.

    Those that are kept for now, as their store is away, keep no younger ones back.
    """
    keep_s = engine.settings.keep_days * DAY_S
    until_s = engine.now_s() - keep_s
    kept = deleted = 0
    away: set[str] = set()
    while deleted < MAX_DELETED and not engine.stopping:
        page = engine.ledger.batches.reported_before(
            engine.account, until_s, kept, MAX_DELETED
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
        there = storing.store_at(batch.store).size_bytes(f"{batch.id}/report.json")
    except StoreError as error:
        log.warning("batch=%s keeps its job records for now: %s", batch.id, error)
        away.add(batch.store)
        return False
    if not there:
        log.warning("batch=%s has lost its report, which is written anew", batch.id)
        # No report is of this version: it is due, and the batch is kept as long again.
        engine.ledger.delay_queue.drop_batch(batch.account, batch.id, "")
    return bool(there)
