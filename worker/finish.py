"""The finish task: write the report of a batch in which nothing is left to do."""

from collections.abc import Sequence

from jobs.ledger.batches import JobsDeletedError
from jobs.report.document import report
from jobs.report.files import report_files
from jobs.storage import StoreError
from jobs.transitions import Ref
from worker import keeping
from worker.engine import Engine, log
from worker.notify import notify_batch

#: Seconds until a store that does not take a report is asked again.
AGAIN_S = 60.0


async def finish(engine: Engine, refs: Sequence[Ref]) -> None:
    """Write the reports of these batches beside their videos."""
    for ref in refs:
        async with engine.holding([ref]):
            # Before the jobs are read: what changes later belongs to the next version.
            due = engine.ledger.delay_queue
            version = await engine.call(due.report_version, ref.batch)
            try:
                await keeping.in_thread(_report, engine, ref.batch)
            except StoreError as error:
                await _not_now(engine, ref, error)
                continue
            except JobsDeletedError:  # it was reported long ago
                log.info("batch=%s was reported before", ref.batch)
        await engine.call(notify_batch, engine.settings, engine.ledger, ref.batch)
        await engine.call(due.drop_batch, engine.account, ref.batch, version)


async def _not_now(engine: Engine, ref: Ref, error: StoreError) -> None:
    log.warning("batch=%s report is not kept yet: %s", ref.batch, error)
    await engine.call(engine.ledger.batches.note, ref.batch, str(error))
    await engine.call(
        engine.ledger.delay_queue.postpone, engine.account, {ref: AGAIN_S}
    )


def _report(engine: Engine, batch_id: str) -> None:
    batches = engine.ledger.batches
    batch = batches.read(batch_id)
    if batch is None or batch.deleted_at_s:
        return
    store = keeping.store_at(batch.store)
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
