"""The finish task: write the report of a batch in which nothing is left to do."""

from collections.abc import Sequence

from jobs import report
from jobs.moves import Ref
from jobs.report_files import report_files
from jobs.storage import Store, StoreError
from worker.engine import Engine, log


async def finish(engine: Engine, refs: Sequence[Ref]) -> None:
    """Write the reports of these batches beside their videos."""
    for ref in refs:
        try:
            await engine.call(_report, engine, ref.batch)
        except StoreError as error:
            log.warning("batch=%s report is not kept yet: %s", ref.batch, error)
            await engine.call(engine.ledger.batches.note, ref.batch, str(error))
            continue
        await engine.call(engine.ledger.due.drop_batch, engine.account, ref.batch)


def _report(engine: Engine, batch_id: str) -> None:
    batches = engine.ledger.batches
    batch = batches.read(batch_id)
    if batch is None:
        return
    document = report.report(batch, batches.jobs(batch_id), engine.now_s())
    store = Store(batch.store)
    files = report_files(
        document, batch, lambda: batches.jobs(batch_id), engine.catalogue
    )
    for file in files:
        store.keep(f"{batch_id}/{file.name}", file.text, file.content_type)
    log.info("batch=%s reported: %s", batch_id, store.place(f"{batch_id}/report.html"))
