"""From a manifest to a batch: survey it whole, then hand its jobs to the ledger.

The manifest is read twice and never held: once to find every problem and the price,
once to enqueue. A batch is known by its content, so the same manifest is the same
batch, and running it again goes on where it was.
"""

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from jobs.catalogue import Catalogue
from jobs.job import Job
from jobs.ledger import Ledger
from jobs.limits import WINDOW_S, Limits
from jobs.records import BatchRecord
from jobs.rows import Problem
from jobs.settings import Settings
from jobs.storage import normal
from producer.exits import Stop
from producer.reading import Options, plan

#: Problems that are kept to be shown; the rest are counted.
MOST_PROBLEMS = 1_000

#: Digits of the digest that a batch id carries.
DIGEST_DIGITS = 8

LONGEST_STEM = 40


@dataclass(slots=True)
class Share:
    """The jobs of one model and duration."""

    jobs: int = 0
    #: Of those whose price is known.
    price_usd_micros: int = 0
    unpriced: int = 0


@dataclass(slots=True)
class Survey:
    """What a manifest asks for, without holding its rows."""

    path: Path
    jobs: int = 0
    shares: dict[tuple[str, int], Share] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    problem_count: int = 0
    #: Seconds that all jobs generate, one after another, as the catalogue expects.
    generation_s: float = 0.0
    #: Hex digest of all jobs in order.
    digest: str = ""

    @property
    def price_usd_micros(self) -> int:
        """Price of all jobs whose price is known, one attempt each."""
        return sum(share.price_usd_micros for share in self.shares.values())

    @property
    def unpriced(self) -> int:
        """Jobs whose price the list does not have."""
        return sum(share.unpriced for share in self.shares.values())

    def duration_s(self, limits: Limits) -> float:
        """Seconds that it takes under an account's limits, if nothing goes wrong."""
        if not self.jobs:
            return 0.0
        windows = (self.jobs - 1) // limits.videos_per_minute
        last_s = self.generation_s / self.jobs
        at_once_s = self.generation_s / limits.concurrent_videos
        return max(windows * WINDOW_S + last_s, at_once_s)


def survey(path: Path, options: Options, catalogue: Catalogue) -> Survey:
    """Read a manifest through: its problems, or its jobs and their price."""
    found = Survey(path)
    digest = hashlib.sha256()
    for item in plan(path, options, catalogue):
        if isinstance(item, Problem):
            found.problem_count += 1
            if len(found.problems) < MOST_PROBLEMS:
                found.problems.append(item)
            continue
        _digest(digest, item)
        model = catalogue.find(item.model)
        kind = (model.name, model.duration_s(item.inputs))
        share = found.shares.setdefault(kind, Share())
        share.jobs += 1
        share.price_usd_micros += item.price_usd_micros or 0
        share.unpriced += item.price_usd_micros is None
        found.generation_s += model.typical_s(item.inputs)
        found.jobs += 1
    found.digest = digest.hexdigest()
    return found


def _digest(digest: "hashlib._Hash", job: Job) -> None:
    digest.update(f"{job.id}\n{job.key}\n{job.digest()}\n".encode())


def batch_id(found: Survey, account_id: str, store: str) -> str:
    """Name of the batch of a manifest: its file's, and a digest of what it asks.

    Account and store belong to it: the same rows for another account or another
    store are another batch.
    """
    stem = re.sub(r"[^A-Za-z0-9_-]+", "-", found.path.stem).strip("-")[:LONGEST_STEM]
    asked = f"{found.digest}\n{account_id}\n{normal(store)}"
    digest = hashlib.sha256(asked.encode()).hexdigest()[:DIGEST_DIGITS]
    return f"{stem or 'batch'}-{digest}"


def enqueue(  # noqa: PLR0913 - what a batch is made of
    ledger: Ledger,
    found: Survey,
    options: Options,
    catalogue: Catalogue,
    settings: Settings,
    *,
    budget_usd_micros: int | None,
    priority: int,
    now_s: float,
) -> BatchRecord:
    """The batch of a surveyed manifest: a new one, or the one there is.

    A batch that was only half handed over is completed. An existing one keeps its
    jobs; a budget that is given replaces its own.

    Raises:
        Stop: the manifest changed while it was read; nothing will be sent.
    """
    known = batch_id(found, settings.account_id, settings.store)
    batch = BatchRecord(
        id=known,
        manifest=str(found.path),
        account=settings.account_id,
        store=normal(settings.store),
        priority=priority,
        attempts=settings.attempts,
        budget_usd_micros=budget_usd_micros,
        created_at_s=now_s,
        complete=False,
    )
    ledger.batches.create(batch)
    there = ledger.batches.read(known)
    if there is None or not there.complete:
        _hand_over(ledger, known, found, options, catalogue)
    if budget_usd_micros is not None:
        ledger.batches.set_budget(known, budget_usd_micros)
    return ledger.batches.read(known) or batch


def _hand_over(
    ledger: Ledger,
    known: str,
    found: Survey,
    options: Options,
    catalogue: Catalogue,
) -> None:
    digest = hashlib.sha256()

    def jobs() -> Iterator[Job]:
        for item in plan(found.path, options, catalogue):
            if isinstance(item, Problem):
                raise Stop(f"the manifest changed while it was read: {item}")
            _digest(digest, item)
            yield replace(item, key=item.key.replace("{batch}", known))

    ledger.batches.add(known, jobs())
    if digest.hexdigest() != found.digest:
        raise Stop(f"{found.path} changed while it was read; nothing was sent")
    ledger.batches.open(known)
