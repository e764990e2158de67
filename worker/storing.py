"""Keeping a fetched video: under which key, with which files beside it.

Stores may hang, so they get threads of their own: those of the ledger must stay free
for what was just paid.
"""

import json
import logging
import math
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cache, partial
from pathlib import PurePosixPath
from typing import Any, ParamSpec, TypeVar

from jobs.job import ENDING, POSTER_ENDING
from jobs.money import usd
from jobs.quality import Quality
from jobs.records import BatchRecord, JobRecord
from jobs.storage import KeyTakenError, Store, StoreError
from worker.concurrency import in_pool
from worker.downloads import Download, Fetched
from worker.inspection import Wanted, inspect

log = logging.getLogger("reelmill.collect")

P = ParamSpec("P")
T = TypeVar("T")

_JSON = json.JSONEncoder(ensure_ascii=False)

#: Files of one process that are kept at the same time.
THREADS = 8

#: A store that took something so lately is not asked before a video is fetched for it.
TRUSTED_S = 30.0


async def in_thread(do: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Do something with a store, in a thread."""
    return await in_pool(_threads(), do, *args, **kwargs)


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


class Readiness:
    """Whether a store takes videos, found out before one is fetched for it.

    A video that was fetched and not kept is fetched again, and many wait while a store
    refuses; so the store is asked without one.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._lock = threading.Lock()
        self._asked_at_s = -math.inf
        self._error: StoreError | None = None
        self._refused_bytes = 0

    def check(self, since_s: float) -> None:
        """Return if the store takes videos, as far as can be told without one.

        Args:
            since_s: by the monotonic clock; an answer that is newer will do.

        Raises:
            StoreError: it does not.
        """
        with self._lock:
            trusted_s = TRUSTED_S if self._error is None else 0.0
            if self._asked_at_s + trusted_s < since_s:
                # What is full may still take something small.
                size_bytes = self._refused_bytes
                with suppress(StoreError), self.watched(size_bytes):
                    store_at(self._url).check_writable(size_bytes)
            if self._error:
                raise StoreError(str(self._error), self._error.words)

    @contextmanager
    def watched(self, size_bytes: int) -> Iterator[None]:
        """Keep so many bytes meanwhile; what came of it is remembered."""
        try:
            yield
        except StoreError as error:
            self._remember(error, size_bytes)
            raise
        # Not after any other error, which tells nothing of the store.
        self._remember(None, 0)

    def _remember(self, error: StoreError | None, refused_bytes: int) -> None:
        self._refused_bytes = refused_bytes
        self._error, self._asked_at_s = error, time.monotonic()


@cache
def readiness_of(url: str) -> Readiness:
    """That of the store at a URL, for all of this process."""
    return Readiness(url)


@dataclass(frozen=True, slots=True)
class Kept:
    """A video that is safe in its store."""

    #: Path or URL.
    place: str
    fetched: Fetched
    #: Key of its poster in the store; None if it has none.
    poster: str | None
    #: What its figures come to; None if it was not inspected.
    quality: Quality | None


@dataclass(frozen=True, slots=True)
class _Spot:
    """Where a video goes."""

    key: str
    #: Whether what is there may be replaced.
    is_own: bool
    #: What an earlier try wrote beside it, if it came so far and died.
    provenance: Mapping[str, Any]

    def beside(self, ending: str) -> str:
        """The key of what goes with the video."""
        return self.key.removesuffix(ENDING) + ending


def keep(
    batch: BatchRecord, record: JobRecord, download: Download, wanted: Wanted
) -> Kept:
    """Check and keep a video, its provenance and what else is wanted.

    Raises:
        DownloadError: it is no video.
        NoRoomError: this machine cannot hold it.
        StoreError: the store does not take them; without a poster they are kept too.
    """
    store = store_at(batch.store)
    # In a folder it is moved to its place, and is not asked for a second time once
    # it is there: it must outlive a power cut. From a bucket a cut takes nothing.
    fetched = download.end(lasting=store.local)
    seen = inspect(record.job, fetched.path, wanted)
    with readiness_of(batch.store).watched(fetched.size_bytes):
        spot = _keep_video(store, record, fetched)
        provenance = _provenance(batch, record, fetched)
        if seen.quality:
            provenance["quality"] = seen.to_document()
        shown = _keep_beside(store, spot, provenance, seen.poster)
        return Kept(store.place(spot.key), fetched, shown, seen.quality)


def _keep_video(store: Store, record: JobRecord, fetched: Fetched) -> _Spot:
    """Keep a video where no other is; where that was."""
    spot = _free_spot(store, record)
    put = partial(store.put, content_type="video/mp4", sha256=fetched.sha256)
    try:
        put(spot.key, fetched.path, replace=spot.is_own)
    except KeyTakenError:
        # By a row of the same name that is kept at this moment, or whose provenance
        # was lost; or it is in a bucket that cannot tell.
        spot = _own_spot(store, record)
        put(spot.key, fetched.path)
    return spot


def _keep_beside(
    store: Store, spot: _Spot, provenance: Mapping[str, Any], poster: bytes | None
) -> str | None:
    """Keep the provenance of a video and then its poster; the poster's key.

    The provenance names the poster before it is there: a worker that dies in between
    has only to be followed by one that keeps it, and no poster is left without a name.
    """
    key = spot.beside(POSTER_ENDING)
    name = PurePosixPath(key).name
    there = spot.provenance.get("poster") == name and _has(store, key)

    def write(name: str | None) -> None:
        text = _lines({**provenance, "poster": name})
        store.put(spot.beside(".json"), text.encode(), "application/json")

    write(name if poster or there else None)
    if there or not poster:
        return key if there else None
    try:
        store.put(key, poster, "image/jpeg", replace=False)
    except StoreError as error:
        log.warning("%s has no poster: %s", store.place(spot.key), error)
        # It is safe whatever its provenance says of a poster.
        with suppress(StoreError):
            write(None)
        return None
    return key


def _has(store: Store, key: str) -> bool:
    with suppress(StoreError):
        return bool(store.size_bytes(key))
    return False


def _free_spot(store: Store, record: JobRecord) -> _Spot:
    """The job's key, or one beside it where another paid video has it already.

    A template of keys may leave out the batch; then the same row of two nights would
    have one key, and the second video would replace the first.
    """
    spot = _Spot(record.job.key, is_own=False, provenance={})
    raw = store.get(spot.beside(".json"))
    if raw is None:
        return spot
    provenance = _read(raw)
    # By the prediction: another ledger may have a batch and a job of the same names.
    own = {attempt.prediction_id for attempt in record.attempts}
    if provenance.get("prediction_id") in own - {None}:
        return replace(spot, is_own=True, provenance=provenance)
    return _own_spot(store, record)


def _own_spot(store: Store, record: JobRecord) -> _Spot:
    """A key that no other video has."""
    stem = record.job.key.removesuffix(ENDING)
    spot = _Spot(f"{stem}-{record.prediction_id}{ENDING}", is_own=True, provenance={})
    return replace(spot, provenance=_read(store.get(spot.beside(".json"))))


def _read(raw: bytes | None) -> Mapping[str, Any]:
    try:
        provenance = json.loads(raw or b"{}")
    except ValueError:
        return {}
    return provenance if isinstance(provenance, dict) else {}


def _lines(provenance: Mapping[str, Any]) -> str:
    # A line each for who reads it. `indent` of `json.dumps` would go without its C
    # code, and be dearer than to write the video.
    write = _JSON.encode
    lines = (f"  {write(name)}: {write(said)}" for name, said in provenance.items())
    return "{\n" + ",\n".join(lines) + "\n}\n"


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
