"""Keeping a fetched video: under which key, and what is told beside it.

It decides nothing about when, and moves no job; that is `collect`. Stores may take
their time or hang until their patience ends, so they get threads of their own: those
of the ledger must stay free for what was just paid.
"""

import asyncio
import json
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from functools import cache, partial
from typing import Any, ParamSpec, TypeVar

from jobs.pricing import usd
from jobs.records import BatchRecord, JobRecord
from jobs.storage import KeyTaken, Store
from worker.files import Download, Fetched

P = ParamSpec("P")
T = TypeVar("T")

_JSON = json.JSONEncoder(ensure_ascii=False)

#: Files of one process that are kept at the same time.
THREADS = 8


async def in_thread(do: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Do something with a store, in a thread."""
    loop = asyncio.get_running_loop()
    return await loop.run_in_executor(_threads(), partial(do, *args, **kwargs))


@cache
def _threads() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(THREADS, "store")


@cache
def store_at(url: str) -> Store:
    """The store at a URL; its connections are used again.

    Raises:
        StoreError: it cannot be opened.
    """
    return Store(url)


def keep(
    batch: BatchRecord, record: JobRecord, download: Download
) -> tuple[str, Fetched]:
    """Check and keep a video and its provenance; where the video is now, and what.

    Raises:
        NotFetched: it is no video.
        NoRoom: this machine cannot hold it.
        StoreError: the store does not take them.
    """
    store = store_at(batch.store)
    # In a folder it is moved to its place, and is not asked for a second time once
    # it is there: it must outlive a power cut. From a bucket a cut takes nothing.
    fetched = download.end(lasting=store.local)
    key, is_own = _free_key(store, record)
    put = partial(store.put_file, content_type="video/mp4", sha256=fetched.sha256)
    try:
        put(key, fetched.path, replace=is_own)
    except KeyTaken:
        # By a row of the same name that is kept at this moment, or whose provenance
        # was lost.
        key = _own_key(record)
        put(key, fetched.path)
    told = _lines(_provenance(batch, record, fetched))
    store.put_text(_beside(key), told, "application/json")
    return store.place(key), fetched


def _free_key(store: Store, record: JobRecord) -> tuple[str, bool]:
    """The job's key, or one beside it where another paid video has it already.

    A template of keys may leave out the batch; then the same row of two nights would
    have one key, and the second video would replace the first. With the key whether
    what is there is the job's own.
    """
    key = record.job.key
    told = store.get(_beside(key))
    if told is None:
        return key, False
    try:
        there = json.loads(told)
    except ValueError:
        there = None
    # By the prediction: another ledger may have a batch and a job of the same names.
    own = {attempt.prediction_id for attempt in record.attempts}
    if isinstance(there, dict) and there.get("prediction_id") in own - {None}:
        return key, True
    return _own_key(record), True


def _own_key(record: JobRecord) -> str:
    return f"{record.job.key.removesuffix('.mp4')}-{record.prediction_id}.mp4"


def _lines(told: Mapping[str, Any]) -> str:
    # A line each for who reads it. `indent` of `json.dumps` would go without its C
    # code, and be dearer than to write the video.
    lines = (f"  {_JSON.encode(name)}: {_JSON.encode(told[name])}" for name in told)
    return "{\n" + ",\n".join(lines) + "\n}\n"


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
        "refunded_usd": usd(record.refunded_usd_micros),
        "sent_at": sent_at.isoformat(),
        "source": record.output,
        "bytes": fetched.size_bytes,
        "sha256": fetched.sha256,
    }
