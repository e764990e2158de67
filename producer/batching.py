"""From a survey to a batch: its name, and its jobs handed over to the ledger.

A batch is known by its content, so the same manifest is the same batch, and running it
again goes on where it was. What a manifest asks for is found out in `survey`.
"""

import hashlib
import re
from collections import deque
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path, PurePosixPath

from jobs import transitions
from jobs.attempt.fingerprint import FingerprintedJob
from jobs.attempt.links import EXPIRED_CODE
from jobs.ledger import Ledger
from jobs.records import BatchRecord
from jobs.settings import Settings
from jobs.states import FINAL, State
from jobs.storage import normal
from producer.rebuilding.copying import keep_copy
from producer.survey import Survey

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
    asked = f"{found.digest}\n{account_id}\n{normal(store)}"
    digits = hashlib.sha256(asked.encode()).hexdigest()[:DIGEST_DIGITS]
    return f"{stem or 'batch'}-{digits}"


def turn(ledger: Ledger, first: str, *, fresh: bool) -> str:
    """Which batch of one manifest is meant: the newest, or with `fresh` a new one.

    Each time that all is rendered afresh is a batch of its own: `first`, `first-2`, …
    One that is not over yet is gone on with by the same word, so that an interrupted
    one is not paid again from its beginning; without the word nobody pays for it.
    """
    newest, number = first, 1
    while ledger.batches.read(following := f"{first}-{number + 1}"):
        newest, number = following, number + 1
    there = ledger.batches.read(newest)
    if fresh and there and is_over(there):
        return f"{first}-{number + 1}"
    if not fresh and there and there.fresh and not is_over(there):
        return first if number == 2 else f"{first}-{number - 1}"  # noqa: PLR2004 - the first has no number
    return newest


def is_over(batch: BatchRecord) -> bool:
    """Whether nothing of a batch is left to do."""
    over = sum(batch.counts.get(state, 0) for state in FINAL)
    return batch.complete and over == batch.total


def to_be(
    found: Survey, settings: Settings, name: str, *, fresh: bool, now_s: float
) -> BatchRecord:
    """The batch that a survey is to become, as long as there is none of that name."""
    return BatchRecord(
        id=name,
        manifest=encodable(found.source),
        account=settings.account_id,
        store=normal(settings.store),
        priority=1,
        attempts=settings.attempts,
        budget_usd_micros=None,
        created_at_s=now_s,
        complete=False,
        fresh=fresh,
        folder=encodable(str(Path.cwd())),
    )


def encodable(name: str) -> str:
    r"""Text with what UTF-8 has not, such as bytes of a file's name, as escapes.

    >>> encodable("caf\udce9.csv")
    'caf\\udce9.csv'
    """
    return name.encode("utf-8", "backslashreplace").decode()


def enqueue(
    ledger: Ledger, found: Survey, batch: BatchRecord, *, alone: bool
) -> BatchRecord:
    """The batch of a surveyed manifest: a new one, or the one there is.

    A batch that was only half handed over is completed. Of an existing one the jobs
    that were not sent yet are brought up to date; a budget that is given replaces its
    own. Labels that it does not have are added; those it has stay. What failed only for
    the age of an uploaded picture is sent again.

    Args:
        ledger: where it goes.
        found: what the manifest asks for.
        batch: what `to_be` made of it.
        alone: put all other batches of the account aside.
    """
    is_new = ledger.batches.create(batch)
    there = ledger.batches.read(batch.id) or batch
    if alone:
        ledger.batches.put_aside_others(batch.account, batch.id)
    added = ledger.batches.adding(batch.id, _named(found, batch.id))
    if is_new or not there.complete:
        keep_copy(ledger, there, (job for job, _ in added))
    else:
        deque(added, maxlen=0)
    ledger.batches.open(batch.id)
    if not is_new:
        ledger.batches.add_labels(batch.id, batch.labels)
    if batch.budget_usd_micros is not None:
        ledger.batches.set_budget(batch.id, batch.budget_usd_micros)
    if batch.priority > 1:
        ledger.batches.set_priority(batch.id, batch.priority)
    now = ledger.batches.read(batch.id) or batch
    if now.counts.get(State.FAILED):
        _retry_expired(ledger, batch.id)
    return ledger.batches.read(batch.id) or batch


def _named(found: Survey, batch: str) -> Iterator[FingerprintedJob]:
    """The jobs at their prices, with the name of their batch in their keys."""
    for job, ask in found.asked():
        model = found.catalogue.find(job.model)
        priced = found.combinations.priced(job, model)
        yield FingerprintedJob(
            replace(priced, key=job.key.replace("{batch}", batch)), ask
        )


def _retry_expired(ledger: Ledger, batch: str) -> None:
    expired = [
        transitions.retry(batch, record)
        for record in ledger.batches.jobs(batch)
        if record.state is State.FAILED
        and record.failure
        and record.failure.code == EXPIRED_CODE
    ]
    for start in range(0, len(expired), BLOCK):
        ledger.transitions.apply(expired[start : start + BLOCK])
