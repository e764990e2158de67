"""A lost ledger put together again: the command `rebuild`.

It reads copies, provenance and reports from the store, asks the provider's history for
what they leave open, and puts every job back to where it was. What follows from what
is told is decided in `jobs.rebuilding`; nothing is sent here.
"""

import json as jsonlib
import time
from collections import Counter
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from jobs import catalogue, copies, rebuilding, replay
from jobs.asking import NO_ASK, Ask, Asked, Asks
from jobs.copies import BadCopy, BatchCopy
from jobs.job import Job
from jobs.ledger import Ledger
from jobs.links import sent_inputs, to_upload
from jobs.moves import Ref
from jobs.pricing import usd
from jobs.rebuilding import Doubt, Kept
from jobs.records import JobRecord
from jobs.settings import Settings
from jobs.settling import Adopt, Lost, Unclear
from jobs.states import State
from jobs.storage import Store, StoreError
from producer import tables
from producer.choosing import chosen_settings
from producer.copying import copies_in, keep_copy
from producer.exits import Exit, Stop
from producer.printing import print_json
from producer.private import ledger_of
from producer.remembering import Memory, remember

#: Small files of a store that are read side by side.
SIDE_BY_SIDE = 16


@dataclass(slots=True)
class Rebuilt:
    """A batch on its way back into the ledger."""

    copy: BatchCopy
    #: What each of its jobs asks for, in order.
    asks: dict[str, Ask]
    #: By job id: rows of its last report.
    rows: Mapping[str, Mapping[str, Any]]
    #: By job id: what is known of those whose end is told.
    past: dict[str, JobRecord] = field(default_factory=dict)

    @property
    def id(self) -> str:
        """Name of the batch."""
        return self.copy.batch.id


def rebuild(store: str | None, *, ledger_name: str | None, yes: bool, json: bool) -> int:
    """Put the batches of a store back into a ledger that lost them.

    Args:
        store: folder or URL; None is `REELMILL_STORE`.
        ledger_name: whose copies, where a store has those of several ledgers.
        yes: let what waits go on at once; else its batches are paused.
        json: print the outcome as JSON.

    Raises:
        Stop: the store or the provider does not say what must be known.
    """
    chosen = chosen_settings(**({"store": store} if store else {}))
    if not chosen.api_key:
        raise Stop("WAVESPEED_API_KEY is not set; the account's history must be asked")
    with ledger_of(chosen, alone=True) as ledger:
        name, ids = _to_rebuild(ledger, chosen.store, ledger_name)
        ledger.identity.become(name)
        try:
            batches = _read(Store(chosen.store), name, ids, chosen)
        except StoreError as error:
            raise Stop(f"the store cannot be read: {error}", Exit.UNREACHABLE) from None
        for batch in batches:
            _put_back(ledger, batch, batch.past)
        _settle_doubts(ledger, chosen, batches)
        for batch in batches:
            _open(ledger, batch, go_on=yes)
        return _say(ledger, batches, go_on=yes, json=json)


def _to_rebuild(
    ledger: Ledger, store: str, ledger_name: str | None
) -> tuple[str, list[str]]:
    """The name of the lost ledger, and the batches of it that are not whole here."""
    found = copies_in(store)
    names = sorted({name for name, _ in found})
    own = ledger_name or ledger.identity.known()
    if own not in names:
        if len(names) > 1 or ledger_name:
            several = ", ".join(names) or "none"
            raise Stop(f"{store} has copies of these ledgers: {several}; name one "
                       "with --ledger")
        own = names[0] if names else ""
    known = {i for i in ledger.batches.ids() if (b := ledger.batches.read(i)) and b.complete}
    lost = sorted(batch for name, batch in found if name == own and batch not in known)
    if not lost:
        raise Stop(f"{store} has no copy of a batch that is not known here", Exit.STORED)
    return own, lost


def _read(store: Store, name: str, ids: list[str], chosen: Settings) -> list[Rebuilt]:
    """The batches of this account, oldest first, with what the store tells of them."""
    sizes = store.sizes()
    found = []
    for batch_id in ids:
        raw = store.get(copies.key_of(name, batch_id)) or b""
        try:
            copy = copies.read(raw.decode("utf-8", "replace"))
        except BadCopy as error:
            raise Stop(f"{store.place(copies.key_of(name, batch_id))}: {error}") from None
        if copy.batch.account != chosen.account_id:
            tables.say(
                f"{batch_id} is left out: it is of account {copy.batch.account}; "
                "set its key, and run this again"
            )
            continue
        found.append(_told_by_store(store, sizes, copy))
    return sorted(found, key=lambda each: each.copy.batch.created_at_s)


def _told_by_store(store: Store, sizes: Mapping[str, int], copy: BatchCopy) -> Rebuilt:
    asks = Asks(catalogue.builtin())
    told = {job.id: asks.of(job) for job in copy.jobs}
    report = _object(store.get(f"{copy.batch.id}/report.json"))
    rows = {row["id"]: row for row in report.get("rows", ())}
    batch = Rebuilt(copy, told, rows)
    with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
        kept = pool.map(lambda job: _kept(store, sizes, copy, job), copy.jobs)
        for job, video in zip(copy.jobs, kept, strict=True):
            row = rows.get(job.id)
            record = rebuilding.stored(job, video, row) if video else None
            if record is None and row:
                record = rebuilding.over(job, row)
            if record:
                batch.past[job.id] = record
    return batch


def _kept(
    store: Store, sizes: Mapping[str, int], copy: BatchCopy, job: Job
) -> Kept | None:
    """The video of a job, where it lies in the store whole."""
    stem = job.key.removesuffix(".mp4")
    for place in (stem, f"{stem}-{copy.batch.id}"):
        size = sizes.get(f"{place}.mp4")
        if size is None or f"{place}.json" not in sizes:
            continue
        told = _object(store.get(f"{place}.json"))
        own = (told.get("batch"), told.get("job")) == (copy.batch.id, job.id)
        if own and told.get("bytes") == size:
            return Kept(store.place(f"{place}.mp4"), size, told)
    return None


def _object(raw: bytes | None) -> dict[str, Any]:
    try:
        told = jsonlib.loads(raw or b"{}")
    except ValueError:
        return {}
    return told if isinstance(told, dict) else {}


def _put_back(
    ledger: Ledger, batch: Rebuilt, records: Mapping[str, JobRecord]
) -> None:
    """Bring jobs back to where they were; those that are there already stay."""
    made = batch.copy.batch
    ledger.batches.create(made)
    jobs = [record.job for record in records.values()]
    ledger.batches.add(made.id, jobs)
    refs = [Ref(made.id, job.id) for job in jobs]
    spent: Counter[str] = Counter()
    for ref, now in zip(refs, ledger.batches.load(refs), strict=True):
        if now is None or now.state is not State.WAITING or now.attempts:
            continue
        record = records[ref.job]
        moves = replay.replay(made.id, record, batch.asks[ref.job])
        if not ledger.moves.replay(moves):
            raise Stop(f"{ref} could not be put back; look at its prediction")
        ids = {a.prediction_id: ref for a in record.attempts if a.prediction_id}
        ledger.moves.remember(made.account, ids)
        for attempt in record.attempts:
            spent[replay.day_field(attempt.sent_at_s)] += attempt.charged_usd_micros
    ledger.permits.spent(made.account, spent)


def _settle_doubts(ledger: Ledger, chosen: Settings, batches: list[Rebuilt]) -> None:
    """Find out what became of everything that nobody has told the end of."""
    doubts = [d for batch in batches for d in _doubts(ledger, batch)]
    memory = remember(ledger, chosen, doubts, batches_own(batches)) if doubts else Memory()
    for batch in batches:
        found = {r.job: f for r, f in memory.findings.items() if r.batch == batch.id}
        jobs = {job.id: job for job in batch.copy.jobs}
        made_at_s = batch.copy.batch.created_at_s
        known: dict[str, JobRecord] = {}
        for job_id, finding in found.items():
            job = jobs[job_id]
            if isinstance(finding, Adopt):
                at_s = memory.created_at_s(finding.prediction_id, made_at_s)
                before = batch.past.get(job_id)
                known[job_id] = rebuilding.adopted(job, finding.prediction_id, at_s, before)
            elif isinstance(finding, Unclear):
                known[job_id] = rebuilding.unresolved(job, finding, made_at_s)
        _put_back(ledger, batch, known)
        waiting = [j for j in batch.copy.jobs if j.id not in known | batch.past]
        ledger.batches.add(batch.id, [Asked(j, batch.asks[j.id]) for j in waiting])
