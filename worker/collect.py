"""The collect task: fetch a paid video, check it, keep it, mark it.

Everything here may be done twice: the same bytes are kept under the same key. A video
that cannot be fetched or kept now is tried again until its time at the provider ends;
while its store takes nothing, its batch starts nothing new.
"""

import logging
import random
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from jobs import transitions
from jobs.attempt import failures
from jobs.pace import waits
from jobs.provider.answers import Completed, Over
from jobs.records import BatchRecord, JobRecord
from jobs.states import State
from jobs.storage import StoreError
from jobs.transitions import Ref
from worker import inspection, storing
from worker.concurrency import gather_all
from worker.downloads import Download, DownloadError, NoRoomError, partial_file
from worker.engine import Engine

log = logging.getLogger("reelmill.collect")

#: Looks in vain after which a single video is worth a note: a host may need a moment.
NOTED_AFTER = 3

#: A batch is held this much longer than until the next try, which ends the hold.
HELD_LONGER_S = 30.0

#: Answers that name no video, after the first, which are believed.
ENOUGH_WITHOUT = 8

Trouble = DownloadError | NoRoomError | StoreError


class NoVideoError(DownloadError):
    """The provider says that the video is made, and names none."""


class EndedError(DownloadError):
    """The provider said that it is made, and says now how it ended without a video."""

    def __init__(self, answer: Over) -> None:
        super().__init__(answer.reason or f"the provider says {answer.status}")
        self.answer = answer


async def collect(engine: Engine, refs: Sequence[Ref]) -> None:
    """Fetch and keep the videos of a block of generated jobs."""
    records, batches = await engine.load_all(refs, State.GENERATED)
    if not records:
        return
    async with engine.holding(list(records)) as held:

        async def collect_one(ref: Ref, record: JobRecord) -> None:
            await _collect_one(engine, batches[ref.batch], ref, record)
            held.discard(ref)

        await gather_all(collect_one(*pair) for pair in records.items())


async def _collect_one(
    engine: Engine, batch: BatchRecord, ref: Ref, record: JobRecord
) -> None:
    try:
        async with engine.files.room:
            if engine.stopping:
                await engine.release_leases([ref])
                return
            ready = storing.readiness_of(batch.store).check
            await storing.in_thread(ready, time.monotonic())
            with partial_file(engine.settings.home) as path:
                record, download = await _receive(engine, ref, record, path)
                async with inspection.wanted(engine, record) as wanted:
                    kept = await storing.in_thread(
                        storing.keep, batch, record, download, wanted
                    )
    except EndedError as error:
        await _end(engine, batch, ref, record, error.answer)
        return
    except (DownloadError, NoRoomError, StoreError) as error:
        await _not_now(engine, ref, record, error)
        return
    video = (kept.place, kept.fetched.size_bytes, kept.fetched.sha256)
    stored = transitions.store(ref.batch, record, *video, kept.poster, kept.quality)
    await engine.apply([stored])
    if batch.note:
        await engine.call(engine.ledger.batches.release, ref.batch)


async def _receive(
    engine: Engine, ref: Ref, record: JobRecord, path: Path
) -> tuple[JobRecord, Download]:
    """The video for `path`, by a fresh link if those we have lead nowhere.

    The record has the link that led to it.
    """
    receive, links = engine.files.receive_first, (record.output or "").split()
    try:
        link, download = await receive(links, path)
    except DownloadError as error:
        answer = None
        if error.gone and record.prediction_id:
            answer = await engine.provider.poll(record.prediction_id)
        if isinstance(answer, Over):
            raise EndedError(answer) from None
        if not isinstance(answer, Completed):
            raise
        if not links and not answer.outputs:
            raise NoVideoError(answer.words) from None
        if answer.outputs in ((), tuple(links)):
            raise
        log.info("job=%s has another link", ref)
        renew = engine.ledger.transitions.renew
        await engine.call(renew, ref.batch, record, " ".join(answer.outputs))
        link, download = await receive(answer.outputs, path)
    return replace(record, output=link), download


async def _end(
    engine: Engine, batch: BatchRecord, ref: Ref, record: JobRecord, answer: Over
) -> None:
    """Let it end as if its first poll had said so."""
    move = failures.after_poll(
        ref.batch,
        record,
        answer,
        now_s=engine.now_s(),
        lease_s=engine.settings.lease_s,
        poll_min_s=engine.settings.poll_min_s,
        attempts=batch.attempts,
    )
    await engine.apply([move] if move else [])


async def _not_now(engine: Engine, ref: Ref, record: JobRecord, error: Trouble) -> None:
    log.warning("job=%s video is not kept yet: %s", ref, error)
    now_s, batches = engine.now_s(), engine.ledger.batches
    age_s = now_s - (record.generated_at_s or now_s)
    about = (ref.batch, record, str(error), now_s)
    if isinstance(error, NoVideoError) and record.polls >= ENOUGH_WITHOUT:
        await engine.apply([failures.no_video(*about)])
        return
    if isinstance(error, DownloadError) and age_s > waits.RETENTION_S:
        await engine.apply([failures.file_gone(*about)])
        return
    wait_s = waits.collect_again_s(record.polls, random.random())
    if isinstance(error, NoVideoError):
        wait_s = max(wait_s, engine.settings.poll_min_s)
    if not isinstance(error, DownloadError):
        until_s = now_s + wait_s + HELD_LONGER_S
        await engine.call(batches.hold, ref.batch, str(error), until_s)
    elif record.polls >= NOTED_AFTER:
        words = f"the video of {ref.job} cannot be fetched: {error}"
        await engine.call(batches.note, ref.batch, words)
    await engine.call(engine.ledger.delay_queue.postpone, engine.account, {ref: wait_s})
