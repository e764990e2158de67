"""What a manifest asks for: read once, its images checked, compared with the ledger.

The jobs lie in a temporary file and are read from it for each step, so that a manifest
of any size needs little memory: `survey` reads it, `check_survey` checks the pictures,
`weigh` finds what is stored already and adds up the rest.
"""

import tempfile
from collections import Counter, deque
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field, replace
from hashlib import sha256
from itertools import islice
from typing import IO

from jobs.attempt.fingerprint import (
    Fingerprint,
    FingerprintedJob,
    Fingerprinter,
    pictures_of,
)
from jobs.attempt.links import to_upload
from jobs.catalogue import Catalogue
from jobs.catalogue.addresses import is_http
from jobs.job import Job
from jobs.ledger import Ledger
from jobs.ledger.dedup import DedupPreview
from jobs.manifest.rows import Notice, Problem, Skipped
from jobs.net import near_allowed_for
from jobs.records import BatchRecord
from jobs.settings import Settings
from jobs.states import State
from jobs.storage import Store, StoreError
from producer import console
from producer.bill import Bill, Share
from producer.exits import CommandError, Exit
from producer.image_checks import ImageCache, contents_of, problems_of
from producer.local_server import make_home
from producer.manifests import Options, plan
from producer.problems import Problems

#: File of the home that remembers what was seen of pictures.
MEMORY = "pictures.sqlite"

#: Jobs about which the ledger is asked at once.
BLOCK = 500

#: States of jobs whose video is in the store, or should be.
THERE = frozenset({State.STORED, State.REUSED})

#: Stored videos that are looked for side by side.
SIDE_BY_SIDE = 16


@dataclass(slots=True)
class Survey:
    """What a manifest asks for."""

    #: As the user named it.
    source: str
    catalogue: Catalogue
    problems: Problems = field(default_factory=Problems)
    #: Records that no video was asked for, by the reason.
    skipped: Counter[str] = field(default_factory=Counter)
    #: What a person should know before paying.
    notices: list[Notice] = field(default_factory=list)
    jobs: int = 0
    #: The shop whose export it is, if it was recognised.
    layout: str = ""
    #: By short name of the model and seconds of video.
    shares: dict[tuple[str, int], Share] = field(default_factory=dict)
    #: What is to be paid.
    bill: Bill = field(default_factory=Bill)
    #: Ids of jobs of this batch whose videos were stored and are gone.
    gone: list[str] = field(default_factory=list)
    #: Content by address of the local pictures whose videos are to be made.
    uploads: dict[str, str] = field(default_factory=dict)
    #: Hex digest of all jobs in order, by their ids, keys and what they ask for.
    digest: str = ""
    #: Whether any picture is not on the web, and so must be uploaded.
    local: bool = False
    _spool: IO[str] | None = None
    _memory: ImageCache | None = None

    @property
    def reused(self) -> int:
        """Jobs whose video is stored already."""
        return sum(share.reused for share in self.shares.values())

    @property
    def following(self) -> int:
        """Jobs whose video is being made already."""
        return sum(share.following for share in self.shares.values())

    @property
    def given_up(self) -> int:
        """Jobs that failed or were cancelled in this batch before."""
        return sum(share.given_up for share in self.shares.values())

    @property
    def to_pay(self) -> int:
        """Jobs that are to be made and paid."""
        return self.jobs - self.reused - self.following - self.given_up

    def asked(self) -> Iterator[FingerprintedJob]:
        """The jobs in their order, with the contents of pictures as far as known."""
        return _read(self._spool)

    def keep(self, jobs: Iterable[Job]) -> None:
        """Write these jobs down, each with what it asks for, in place of the last."""
        before, asks, digest = self._spool, Fingerprinter(self.catalogue), sha256()
        # Closed with the survey, and gone with the process however it ends.
        self._spool = spool = tempfile.TemporaryFile("w+", encoding="utf-8")  # noqa: SIM115 - it outlives this call
        for job in jobs:
            ask = asks.of(job)
            # Neither digests nor JSON have a tab or an end of a line in them.
            spool.write(f"{ask.content}\t{ask.written}\t{job.to_json()}\n")
            asked = f"{job.id}\n{job.key}\n{ask.content or ask.written}\n"
            digest.update(asked.encode())
            if not self.local:
                self.local = not all(map(is_http, self._pictures_of(job)))
        self.digest = digest.hexdigest()
        if before:
            before.close()

    def _pictures_of(self, job: Job) -> list[str]:
        return pictures_of(self.catalogue.find(job.model), job)

    def pictures(self, *, remote: bool) -> Iterator[str]:
        """The addresses of all pictures, as often as they are named."""
        for job, _ in self.asked():
            for address in self._pictures_of(job):
                if remote or not is_http(address):
                    yield address

    def judge(self, memory: ImageCache) -> None:
        """Add the problems of pictures, and to each job what its pictures contain."""
        self._memory = memory
        self.keep(self._judged(memory, self._spool))

    def _judged(self, memory: ImageCache, spool: IO[str] | None) -> Iterator[Job]:
        for job, _ in _read(spool):
            model = self.catalogue.find(job.model)
            self.problems.add_all(problems_of(job, model, memory, self.source))
            yield replace(job, contents=contents_of(job, model, memory))

    def count(self, job: Job, prospect: DedupPreview) -> None:
        """Add a job to the price, or to what is not paid again."""
        model = self.catalogue.find(job.model)
        kind = (model.name, model.duration_s(job.inputs))
        share = self.shares.setdefault(kind, Share())
        share.jobs += 1
        if self.local and prospect.state in {State.WAITING, State.FOLLOWING}:
            self.uploads |= to_upload(job, model)
        if prospect.state is State.WAITING:
            self.bill.add(job, model)
        elif prospect.state in THERE:
            share.reused += 1
            if not prospect.video:
                self.gone.append(job.id)
        else:
            # It may be paid later, by a retry or where the one that it follows fails.
            self.bill.see(job, model)
            is_given_up = prospect.state in {State.FAILED, State.CANCELLED}
            share.given_up += is_given_up
            share.following += not is_given_up

    def close(self) -> None:
        """Let go of the files it works with."""
        for file in (self._spool, self._memory):
            if file:
                file.close()


def _read(spool: IO[str] | None) -> Iterator[FingerprintedJob]:
    if spool:
        spool.seek(0)
    for line in spool or ():
        content, written, text = line.split("\t", 2)
        yield FingerprintedJob(Job.from_json(text), Fingerprint(content, written))


def survey(
    source: str, options: Options, catalogue: Catalogue, *, keep: bool = True
) -> Survey:
    """Read a manifest: its problems, and its jobs for the steps to come.

    Args:
        source: path, `-`, folder or bucket prefix, as the user named it.
        options: how it is read.
        catalogue: the models.
        keep: whether there are steps to come.
    """
    found = Survey(source, catalogue)
    jobs = _planned(found, options)
    if keep:
        found.keep(jobs)
    else:
        deque(jobs, maxlen=0)
    return found


def _planned(found: Survey, options: Options) -> Iterator[Job]:
    """The jobs of a manifest; everything else in it is noted."""

    def recognised(layout: str) -> None:
        found.layout = layout

    for item in plan(found.source, options, found.catalogue, recognised=recognised):
        if isinstance(item, Problem):
            found.problems.add(item)
        elif isinstance(item, Skipped):
            found.skipped[item.reason] += 1
        elif isinstance(item, Notice):
            found.notices.append(item)
        else:
            found.jobs += 1
            yield item


def check_survey(
    found: Survey, settings: Settings, *, whole: bool, remote: bool = True
) -> None:
    """Check every picture; what is wrong with one is a problem of its row.

    Args:
        found: what was read.
        settings: whose provider must be able to reach the pictures.
        whole: learn their contents too, not only whether they can be used.
        remote: also those on the web; local ones are checked in any case.
    """
    if not (remote or found.local):
        return
    # Only here: what asks the web is slow to import.
    from producer.image_checks.check import check_images

    make_home(settings.home)
    memory = ImageCache(settings.home / MEMORY, console.say)
    near_allowed = False
    with suppress(OSError):  # its name cannot be looked up now
        near_allowed = near_allowed_for(settings.base_url)
    addresses = found.pictures(remote=remote)
    with console.counting("checking pictures") as progress:
        check_images(
            addresses, memory, near_allowed=near_allowed, whole=whole, progress=progress
        )
    found.judge(memory)


def weigh(
    found: Survey, ledger: Ledger | None, batch: BatchRecord, *, alone: bool
) -> None:
    """Add up what is to be paid; what is stored or being made already is not.

    Args:
        found: what was read, without problems.
        ledger: where to look for it; None if there is none, or nothing shall be shared.
        batch: the batch it is to be.
        alone: whether other batches are put aside for it.
    """
    asked = found.asked()
    while block := list(islice(asked, BLOCK)):
        prospects = [DedupPreview(State.WAITING)] * len(block)
        if ledger:
            prospects = ledger.dedup.preview(batch, block, alone=alone)
            _check_videos(ledger, batch, block, prospects, alone=alone)
        for (job, _), prospect in zip(block, prospects, strict=True):
            found.count(job, prospect)


def _check_videos(
    ledger: Ledger,
    batch: BatchRecord,
    block: list[FingerprintedJob],
    prospects: list[DedupPreview],
    *,
    alone: bool,
) -> None:
    """Check that videos to be reused are there; preview again those that are not."""
    left = [i for i, p in enumerate(prospects) if p.state in THERE]
    if not left:
        return
    store = Store(batch.store)
    with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
        # Without a video that is gone, another one may be found: so again for those.
        while left := [i for i in left if prospects[i].state in THERE]:
            there = pool.map(lambda i: _is_there(store, prospects[i]), left)
            left = [i for i, is_there in zip(left, there, strict=True) if not is_there]
            for i in left:
                ledger.dedup.forget(store.url, block[i], prospects[i].source_job)
            gone = [i for i in left if prospects[i].source_job is None]
            for i in gone:
                prospects[i] = replace(prospects[i], video="")
            left = [i for i in left if prospects[i].source_job is not None]
            again = [block[i] for i in left]
            found = ledger.dedup.preview(batch, again, alone=alone)
            for i, prospect in zip(left, found, strict=True):
                prospects[i] = prospect


def _is_there(store: Store, prospect: DedupPreview) -> bool:
    """Whether a stored video is still in its store, as large as it was.

    Raises:
        CommandError: the store does not say, and nothing is paid again on a guess.
    """
    key = prospect.video.removeprefix(f"{store.url}/")
    try:
        return store.size_bytes(key) == prospect.video_bytes
    except StoreError as error:
        raise CommandError(
            f"it cannot be told which videos are there already: {error}; nothing was "
            "sent, run the same command again once the store answers",
            Exit.UNREACHABLE,
        ) from None
