"""Marks of claims, left in the stores of their batches before anything is sent.

A store that takes no mark takes no video either, so its batches start nothing while it
does not. What marks are for stands in `jobs.ledger.marks`.
"""

import asyncio
import logging
from collections import defaultdict
from collections.abc import Iterable, Mapping
from contextlib import suppress

from jobs import transitions
from jobs.ledger import LedgerError
from jobs.ledger.marks import Marked, OlderLedgerError, StoreMarks
from jobs.records import BatchRecord, JobRecord
from jobs.settings import worker_name
from jobs.storage import StoreError
from jobs.transitions import Ref
from worker import storing
from worker.concurrency import gather_all
from worker.engine import Engine

log = logging.getLogger("reelmill.marks")

#: Patience with a store, in seconds: what is claimed must leave soon, or not at all.
PATIENCE_S = 8.0

#: A batch whose store takes no mark starts nothing for so long.
HELD_S = 30.0

#: What was marked, by the URL of its store.
Left = list[tuple[str, Marked]]


async def leave_marks(
    engine: Engine, claimed: Mapping[Ref, JobRecord], marks: Mapping[str, str]
) -> tuple[dict[Ref, JobRecord], Left]:
    """Leave the marks of these claims; those that may be sent, the rest is given back.

    `marks` are those under which they were made, by batch.
    """
    by_batch: dict[str, list[Ref]] = defaultdict(list)
    for ref in claimed:
        by_batch[ref.batch].append(ref)
    left: Left = []

    async def leave(name: str, refs: list[Ref]) -> None:
        batch = await engine.call(engine.ledger.batches.read, name)
        if batch and (marked := await _leave(engine, batch, marks[name], refs)):
            left.append((batch.store, marked))

    await gather_all(leave(*each) for each in by_batch.items())
    may_leave = {ref for _, marked in left for ref in marked.claims}
    kept_back = (
        transitions.release(r.batch, c)
        for r, c in claimed.items()
        if r not in may_leave
    )
    await engine.apply(list(kept_back))
    return {ref: record for ref, record in claimed.items() if ref in may_leave}, left


async def take_earlier_marks(engine: Engine, left: Left) -> None:
    """Take the marks away for which these stand; what stays is taken by the next."""
    for url, marked in left:
        with suppress(StoreError, LedgerError):
            await storing.in_thread(_marks(engine, url).take_earlier, marked)


async def compare(engine: Engine) -> None:
    """Look whether the ledger is older than what was sent; the account is held then.

    A store that does not answer soon is asked again before anything of it is sent.
    """
    unfinished = await engine.call(engine.ledger.batches.unfinished)
    urls = {batch.store for batch in unfinished if batch.account == engine.account}
    await gather_all(_compare(engine, url) for url in urls)


async def _compare(engine: Engine, url: str) -> None:
    def look() -> None:
        _marks(engine, url).must_be_known()

    try:
        await asyncio.wait_for(storing.in_thread(look), PATIENCE_S)
    except (StoreError, TimeoutError) as error:
        words = "it cannot be told whether the ledger is whole: %s"
        log.warning(words, _why(url, error))
    except OlderLedgerError as error:
        log.error("%s", error)


def _why(url: str, error: Exception) -> str:
    return str(error) or f"{url}: no answer within {PATIENCE_S:g} s"


def _marks(engine: Engine, url: str) -> StoreMarks:
    return StoreMarks(engine.ledger, storing.store_at(url), engine.account)


async def _leave(
    engine: Engine, batch: BatchRecord, mark: str, refs: Iterable[Ref]
) -> Marked | None:
    """The claims that may be sent; None if nothing may."""

    def leave() -> Marked:
        return _marks(engine, batch.store).leave(mark, list(refs), worker_name())

    try:
        marked = await asyncio.wait_for(storing.in_thread(leave), PATIENCE_S)
    except OlderLedgerError as error:
        log.error("nothing is sent: %s", error)
    except (StoreError, TimeoutError) as error:
        why = _why(batch.store, error)
        log.warning("nothing is sent of %s, no mark can be left: %s", batch.id, why)
        until_s = engine.now_s() + HELD_S
        await engine.call(engine.ledger.batches.hold, batch.id, why, until_s)
    else:
        if batch.held_until_s:
            await engine.call(engine.ledger.batches.release, batch.id)
        return marked
    return None
