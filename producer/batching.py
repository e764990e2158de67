"""From a survey to a batch: its name, and its jobs handed over to the ledger.

A batch is known by its content, so the same manifest is the same batch, and running it
again goes on where it was. What a manifest asks for is found out in `survey`.
"""

import hashlib
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import PurePosixPath

from jobs import moves
from jobs.asking import Asked
from jobs.ledger import Ledger
from jobs.links import EXPIRED_CODE
from jobs.records import BatchRecord
from jobs.settings import Settings
from jobs.states import FINAL, State
from jobs.storage import normal
from producer.survey import Survey, digest

#: Digits of the digest that a batch id carries.
DIGEST_DIGITS = 8

LONGEST_STEM = 40

#: Retries that are written down in one round trip.
BLOCK = 500


def batch_id(found: Survey, account_id: str, store: str) -> str:
    """Name of the batch of a manifest: its file's, and a digest of what it asks.

    Account and store belong to it: the same rows for another account or another
    store are another batch.
    """
    name = PurePosixPath(found.source.rstrip("/")).name
    stem = name.rpartition(".")[0] or name
    stem = re.sub(r"[^A-Za-z0-9_-]+", "-", stem).strip("-")[:LONGEST_STEM]
    asked = f"{digest(found)}\n{account_id}\n{normal(store)}"
    digits = hashlib.sha256(asked.encode()).hexdigest()[:DIGEST_DIGITS]
    return f"{stem or 'batch'}-{digits}"


def turn(ledger: Ledger, first: str, *, fresh: bool) -> str:
    """Which of the batches of one manifest is meant: the newest, or with `fresh` a new one.

    Each time that all is rendered afresh is a batch of its own: `first`, `first-2`, …
    One that is not over yet is gone on with, so that an interrupted one is not paid
    again from its beginning.
    """
    newest, number = first, 1
    while ledger.batches.read(following := f"{first}-{number + 1}"):
        newest, number = following, number + 1
    there = ledger.batches.read(newest)
    if fresh and there and is_over(there):
        return f"{first}-{number + 1}"
    return newest


def is_over(batch: BatchRecord) -> bool:
    """Whether nothing of a batch is left to do."""
    over = sum(batch.counts.get(state, 0) for state in FINAL)
    return batch.complete and over == batch.total


def enqueue(
    ledger: Ledger,
    found: Survey,
    settings: Settings,
    batch: str,
    *,
    budget_usd_micros: int | None,
    priority: int,
    fresh: bool,
    now_s: float,
) -> BatchRecord:
    """The batch of a surveyed manifest: a new one, or the one there is.

    A batch that was only half handed over is completed. Of an existing one the jobs
    that were not sent yet are brought up to date; a budget that is given replaces its
    own. What failed only for the age of an uploaded picture is sent again.
    """
    record = BatchRecord(
        id=batch,
        manifest=found.source,
        account=settings.account_id,
        store=normal(settings.store),
        priority=priority,
        attempts=settings.attempts,
        budget_usd_micros=budget_usd_micros,
        created_at_s=now_s,
        complete=False,
    )
    ledger.batches.create(record)
    if not settings.redis_url:
        ledger.batches.put_aside_others(settings.account_id, batch)
    ledger.batches.add(batch, _named(found, batch), fresh=fresh)
    ledger.batches.open(batch)
    if budget_usd_micros is not None:
        ledger.batches.set_budget(batch, budget_usd_micros)
    now = ledger.batches.read(batch) or record
    if now.counts.get(State.FAILED):
        _retry_expired(ledger, batch)
    return ledger.batches.read(batch) or record


def _named(found: Survey, batch: str) -> Iterator[Asked]:
    """The jobs with the name of their batch in their keys."""
    for job, ask in found.asked():
        yield Asked(replace(job, key=job.key.replace("{batch}", batch)), ask)


def _retry_expired(ledger: Ledger, batch: str) -> None:
    expired = [
        moves.retry(batch, record)
        for record in ledger.batches.jobs(batch)
        if record.state is State.FAILED
        and record.failure
        and record.failure.code == EXPIRED_CODE
    ]
    for start in range(0, len(expired), BLOCK):
        ledger.moves.make(expired[start : start + BLOCK])
