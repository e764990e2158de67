"""The archive task: give back to the server what a finished batch took up in it.

It is sent for, now and then, to batches that have rested long enough. The steps, and
why none of them can lose anything, stand in `jobs.ledger.archiving`.
"""

from collections.abc import Sequence

from jobs.ledger import archiving
from jobs.ledger.archive_file import BadArchive
from jobs.ledger.archives import NotNow
from jobs.moves import Ref
from jobs.storage import StoreError
from worker import keeping
from worker.engine import Engine, log

#: Batches that one look sends for.
MOST = 10

#: Seconds until another worker is sent for a batch that was not brought to its end.
LEASE_S = 600.0


def ripe(engine: Engine) -> list[Ref]:
    """Batches that are to be archived now, as refs without a job."""
    rest_s = engine.settings.archive_after_s
    if rest_s is None:
        return []
    found = engine.ledger.archives.ripe(engine.account, rest_s, MOST, LEASE_S)
    return [Ref(batch_id, "") for batch_id in found]


async def archive(engine: Engine, refs: Sequence[Ref]) -> None:
    """Archive these batches, one after the other."""
    for ref in refs:
        try:
            await keeping.in_thread(_archive, engine, ref.batch)
        except NotNow as error:
            log.info("batch=%s is not archived now: %s", ref.batch, error)
        except (StoreError, BadArchive) as error:
            log.warning("batch=%s is not archived, tried again: %s", ref.batch, error)


def _archive(engine: Engine, batch_id: str) -> None:
    archives = engine.ledger.archives
    batch = engine.ledger.batches.read(batch_id)
    if batch is None:
        raise NotNow("the ledger does not have it")

    def beat() -> None:
        if engine.stopping:
            raise NotNow("this worker is told to stop")
        archives.extend(batch_id, LEASE_S)

    store = keeping.store_at(batch.store)
    days = engine.settings.reuse_days
    sealed = archiving.archive(engine.ledger, store, batch_id, beat, reuse_days=days)
    log.info("batch=%s archived: %s", batch_id, store.place(sealed.key))
