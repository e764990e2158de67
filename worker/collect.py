"""The collect task: fetch a paid video, check it, keep it, mark it.

Everything here may be done twice: the same bytes are kept under the same key. A video
that cannot be fetched or kept now is tried again until its time at the provider ends.
"""

import asyncio
import json
import logging
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from jobs import failures, moves, pacing
from jobs.moves import Ref
from jobs.pricing import usd
from jobs.records import BatchRecord, JobRecord
from jobs.states import State
from jobs.storage import Store, StoreError
from worker.engine import Engine
from worker.files import Fetched, NotFetched

log = logging.getLogger("reelmill.collect")

#: Videos of one block that are fetched at the same time.
SIDE_BY_SIDE = 8


async def collect(engine: Engine, refs: Sequence[Ref]) -> None:
    """Fetch and keep the videos of a block of generated jobs."""
    records = await engine.load(refs, State.GENERATED)
    if not records:
        return
    batches = await engine.batches(records)
    room = asyncio.Semaphore(SIDE_BY_SIDE)
    async with engine.holding(list(records)):
        await asyncio.gather(
            *(
                _collect_one(engine, batches[ref.batch], ref, record, room)
                for ref, record in records.items()
            )
        )


async def _collect_one(
    engine: Engine,
    batch: BatchRecord,
    ref: Ref,
    record: JobRecord,
    room: asyncio.Semaphore,
) -> None:
    folder = Path(tempfile.gettempdir())
    with tempfile.NamedTemporaryFile(dir=folder, suffix=".mp4") as file:
        try:
            async with room:
                path = Path(file.name)
                fetched = await engine.files.fetch(record.output or "", path)
                place = await engine.call(_keep, batch, record, fetched)
        except (NotFetched, StoreError) as error:
            await _not_now(engine, ref, record, error)
            return
    size, sha256 = fetched.size_bytes, fetched.sha256
    await engine.make([moves.store(ref.batch, record, place, size, sha256)])


async def _not_now(
    engine: Engine, ref: Ref, record: JobRecord, error: NotFetched | StoreError
) -> None:
    log.warning("job=%s video is not kept yet: %s", ref, error)
    now_s = engine.now_s()
    age_s = now_s - (record.generated_at_s or now_s)
    if isinstance(error, NotFetched) and age_s > pacing.RETENTION_S:
        gone = failures.file_gone(ref.batch, record, str(error), now_s)
        await engine.make([gone])
        return
    wait_s = pacing.collect_again_s(record.looks, engine.luck())
    if isinstance(error, StoreError):
        await engine.call(engine.ledger.batches.note, ref.batch, str(error))
    await engine.call(engine.ledger.due.postpone, engine.account, {ref: wait_s})


def _keep(batch: BatchRecord, record: JobRecord, fetched: Fetched) -> str:
    """Keep the video and its provenance; where the video is now."""
    store = Store(batch.store)
    key = _free_key(store, batch, record)
    store.put_file(key, fetched.path, "video/mp4")
    told = json.dumps(_provenance(batch, record, fetched), ensure_ascii=False, indent=2)
    store.put_text(_beside(key), told, "application/json")
    return store.place(key)


def _free_key(store: Store, batch: BatchRecord, record: JobRecord) -> str:
    """The job's key, or one beside it where another batch's paid video has it already.

    A template of keys may leave out the batch; then the same row of two nights would
    have one key, and the second video would replace the first.
    """
    key = record.job.key
    told = store.get(_beside(key))
    try:
        there = json.loads(told) if told else None
    except ValueError:
        there = {}
    own = {"batch": batch.id, "job": record.job.id}
    if not isinstance(there, dict | None):
        there = {}
    if there is None or {name: there.get(name) for name in own} == own:
        return key
    return f"{key.removesuffix('.mp4')}-{batch.id}.mp4"


def _beside(key: str) -> str:
    return key.removesuffix(".mp4") + ".json"


def _provenance(
    batch: BatchRecord, record: JobRecord, fetched: Fetched
) -> dict[str, Any]:
    """Where a video comes from, for whoever finds it later without the ledger."""
    sent_at = datetime.fromtimestamp(record.attempt.sent_at_s, UTC)
    return {
        "batch": batch.id,
        "job": record.job.id,
        "manifest": batch.manifest,
        "line": record.job.line,
        "model": record.job.model,
        "inputs": dict(record.job.inputs),
        "prediction_id": record.prediction_id,
        "attempts": len(record.attempts),
        "charged_usd": usd(record.charged_usd_micros),
        "sent_at": sent_at.isoformat(),
        "source": record.output,
        "bytes": fetched.size_bytes,
        "sha256": fetched.sha256,
    }
