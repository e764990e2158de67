"""What a store tells of the batches of a lost or an older ledger, for `rebuild`.

Copies of batches, provenance and reports are read and checked. That a video is there
counts only where it is as large as its provenance says.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Any

from jobs import catalogue, rebuilding
from jobs.attempt.fingerprint import Fingerprint, FingerprintedJob, Fingerprinter
from jobs.attempt.links import sent_inputs, to_upload
from jobs.attempt.reconciling import LostSubmission
from jobs.job import POSTER_ENDING, Job
from jobs.rebuilding import OVER, Doubt, Kept, copies
from jobs.rebuilding.copies import BatchCopy, BatchCopyError
from jobs.records import Attempt, JobRecord
from jobs.settings import Settings
from jobs.states import State
from jobs.storage import Store, StoreError
from jobs.transitions import Ref
from producer import console
from producer.exits import CommandError, Exit

#: Small files of a store that are read side by side.
SIDE_BY_SIDE = 16

#: A clock that stamped a batch was wrong by less.
CLOCK_SET_S = 86_400.0

Row = Mapping[str, Any]


@dataclass(slots=True)
class StoredBatch:
    """A batch, with what its store tells of its jobs."""

    copy: BatchCopy
    #: What each of its jobs asks for.
    fingerprints: Mapping[str, Fingerprint]
    #: Rows of its last report.
    rows: Mapping[str, Row]
    #: Unix seconds when that was made; of the batch, if it has none.
    reported_at_s: float
    #: Jobs of which it is told that they were over.
    past: dict[str, JobRecord] = field(default_factory=dict)
    #: Its jobs as the ledger has them, which may be older; empty if it lost them.
    now: Mapping[str, JobRecord] = field(default_factory=dict)

    def in_doubt(self) -> list[Job]:
        """Jobs without a video; those that were over may have been tried again."""
        return [
            job
            for job in self.copy.jobs
            if job.id not in self.past or self.past[job.id].state in OVER
        ]

    def doubt(self, job: Job) -> Doubt:
        """What the provider is asked about a job."""
        row = self.rows.get(job.id)
        going = rebuilding.under_way(row) if row else ""
        over_by_s = self.reported_at_s if job.id in self.past else None
        now = self.now.get(job.id)
        lost = self.sent(job, now)
        if now and (over_by_s or now.state in OVER):
            over_by_s = lost.sent_at_s
        return Doubt(lost, going, over_by_s)

    def before(self, job: Job) -> tuple[Attempt, ...]:
        """The attempts of a job that were surely over, as far as it is told."""
        if job.id in self.past:
            return self.past[job.id].attempts
        if job.id in self.now:
            return self.now[job.id].attempts
        row = self.rows.get(job.id)
        return rebuilding.earlier(job, row) if row else ()

    def may_be_unresolved(self, job: Job) -> bool:
        """Whether it would be sent again while nobody knows whether it was."""
        now = self.now.get(job.id)
        return now is None or now.state in rebuilding.TO_BE_SENT

    def own(self) -> dict[str, LostSubmission]:
        """What was sent for predictions that are surely this batch's, by their ids."""
        return {
            attempt.prediction_id: self.sent(job, self.now.get(job.id))
            for job in self.copy.jobs
            for attempt in self.before(job)
            if attempt.prediction_id
        }

    def asked(self) -> Iterator[FingerprintedJob]:
        """All its jobs, with what they ask for."""
        return (
            FingerprintedJob(job, self.fingerprints[job.id]) for job in self.copy.jobs
        )

    def links(self, job: Job, now: JobRecord | None = None) -> dict[str, str]:
        """The links of a job's uploads that it was sent with, by address."""
        uploads = self.copy.links
        needed = to_upload(job, job.find_model(catalogue.builtin()))
        known = {a: uploads[c].url for a, c in needed.items() if c in uploads}
        return known | dict(now.links if now else {})

    def sent(self, job: Job, now: JobRecord | None = None) -> LostSubmission:
        """What was, or would have been, sent for a job since the batch was made.

        When that was is told by the clock of the ledger's machine, which may have been
        set since.
        """
        model = job.find_model(catalogue.builtin())
        record = JobRecord(job, State.WAITING, links=self.links(job, now))
        request = model.request(sent_inputs(record, model))
        made = self.copy.batch
        since_s = made.created_at_s - CLOCK_SET_S
        return LostSubmission(Ref(made.id, job.id), model.id, request, since_s, 0)


def read_batches(
    chosen: Settings, ledger_name: str, ids: Sequence[str]
) -> tuple[list[StoredBatch], list[str]]:
    """The batches of this account, oldest first, with what the store tells of them.

    Besides, a sentence for each copy that is none.

    Raises:
        CommandError: the store cannot be read.
    """
    bad: list[str] = []
    try:
        store = Store(chosen.store)
        sizes = store.sizes()
        keys = [copies.key_of(ledger_name, each) for each in ids]
        found = [copy for key in keys if (copy := _copy(store, key, bad))]
        own = [copy for copy in found if _is_own(copy, chosen)]
        own.sort(key=lambda copy: copy.batch.created_at_s)
        return [read_store(store, sizes, copy) for copy in own], bad
    except StoreError as error:
        raise CommandError(
            f"the store cannot be read: {error}; name the one that has the videos "
            "with --store, and run this again",
            Exit.UNREACHABLE,
        ) from None


def _copy(store: Store, key: str, bad: list[str]) -> BatchCopy | None:
    try:
        # Strictly: a letter that is guessed would make another prompt of it.
        return copies.read((store.get(key) or b"").decode())
    except (BatchCopyError, UnicodeDecodeError) as error:
        bad.append(f"{store.place(key)}: {error}")
        return None


def _is_own(copy: BatchCopy, chosen: Settings) -> bool:
    if copy.batch.account == chosen.account_id:
        return True
    console.say(
        f"{copy.batch.id} is left out: it is of account {copy.batch.account}; "
        "set the key it was made with, and run this again"
    )
    return False


def read_store(store: Store, sizes: Mapping[str, int], copy: BatchCopy) -> StoredBatch:
    """A batch, with what its store tells of its jobs.

    Args:
        store: where its videos are.
        sizes: of all that is there, in bytes, by key.
        copy: the batch as it was asked for.
    """
    fingerprinter = Fingerprinter(catalogue.builtin())
    report = _object(store.get(f"{copy.batch.id}/report.json"))
    copy = _labelled(copy, report.get("labels") or {})
    rows: dict[str, Row] = {row["id"]: row for row in report.get("rows", ())}
    made_at = report.get("made_at")
    reported_at_s = rebuilding.unix_s(made_at) if made_at else copy.batch.created_at_s
    asked = {job.id: fingerprinter.of(job) for job in copy.jobs}
    batch = StoredBatch(copy, asked, rows, reported_at_s)
    with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
        kept = pool.map(lambda job: _kept(store, sizes, copy, job), copy.jobs)
        for job, video in zip(copy.jobs, kept, strict=True):
            record = _past(store, sizes, job, video, rows.get(job.id))
            if record:
                batch.past[job.id] = record
    return batch


def _labelled(copy: BatchCopy, later: Mapping[str, str]) -> BatchCopy:
    """The copy with the labels that its batch was given after it was made."""
    labels = {**later, **copy.batch.labels}
    return replace(copy, batch=replace(copy.batch, labels=labels))


def _past(
    store: Store,
    sizes: Mapping[str, int],
    job: Job,
    video: Kept | None,
    row: Row | None,
) -> JobRecord | None:
    """A job that was over by what the store tells; None if it was not."""
    if video:
        return rebuilding.stored(job, video, row)
    if row is None:
        return None
    if row["state"] == State.REUSED:
        key = str(row["video"]).removeprefix(f"{store.url}/")
        if sizes.get(key) != row["bytes"]:
            return None
        poster = row.get("poster") if row.get("poster") in sizes else None
        return rebuilding.reused(job, {**row, "poster": poster})
    return rebuilding.over(job, row)


def _kept(
    store: Store, sizes: Mapping[str, int], copy: BatchCopy, job: Job
) -> Kept | None:
    """The video of a job, where it lies in the store whole."""
    stem = job.key.removesuffix(".mp4")
    found = _video(store, sizes, copy, job, stem)
    if found:
        return found
    # Where another row has the name, it lies beside that, by its prediction.
    beside = [name for name in sizes if name.startswith(f"{stem}-")]
    places = [name.removesuffix(".json") for name in beside if name.endswith(".json")]
    videos = (_video(store, sizes, copy, job, place) for place in places)
    return next(filter(None, videos), None)


def _video(
    store: Store, sizes: Mapping[str, int], copy: BatchCopy, job: Job, place: str
) -> Kept | None:
    size = sizes.get(f"{place}.mp4")
    if size is None or f"{place}.json" not in sizes:
        return None
    told = _object(store.get(f"{place}.json"))
    own = (told.get("batch"), told.get("job")) == (copy.batch.id, job.id)
    if own and told.get("bytes") == size:
        # Of a worker that died meanwhile it was told and not kept.
        poster = place + POSTER_ENDING if told.get("poster") else None
        poster = poster if poster in sizes else None
        return Kept(store.place(f"{place}.mp4"), size, told, poster)
    return None


def _object(raw: bytes | None) -> dict[str, Any]:
    try:
        told = json.loads(raw or b"{}")
    except ValueError:
        return {}
    return told if isinstance(told, dict) else {}
