"""What a manifest asks for: read once, its images checked, compared with the ledger.

The jobs lie in a temporary file and are read from it for each step, so that a manifest
of any size needs little memory: `survey` reads it, `check_survey` checks the pictures,
`Survey.fingerprint` finds out what jobs are the same, and `weigh` which are stored
already; it adds up the rest.
"""

import json
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from hashlib import sha256
from itertools import islice
from typing import IO, Any, Self

from jobs.attempt.fingerprint import (
    Fingerprint,
    FingerprintedJob,
    Fingerprinter,
    pictures_of,
)
from jobs.attempt.links import to_upload
from jobs.catalogue import Catalogue, Model
from jobs.catalogue.addresses import is_http
from jobs.job import Job
from jobs.ledger import Ledger
from jobs.ledger.dedup import DedupPreview
from jobs.manifest.drafts import PlannedRow
from jobs.manifest.rows import Notice, Problem, Skipped
from jobs.net import near_allowed_for
from jobs.records import BatchRecord
from jobs.settings import Settings
from jobs.states import State
from jobs.storage import Store, StoreError
from producer import console
from producer.bill import Bill, Share
from producer.exits import CommandError, Exit
from producer.image_checks import (
    ImageCache,
    contents_of,
    notices_of,
    problems_of,
)
from producer.local_server import make_home
from producer.manifests import Options, plan
from producer.manifests.plan import Outcome
from producer.problems import Notices, Problems

#: Kinds of problems that a reader finds with one row, before it reads on.
BROKEN_ROWS = frozenset({"cells", "json"})

#: File of the home that remembers what was seen of pictures.
MEMORY = "pictures.sqlite"

#: Jobs about which the ledger is asked at once.
BLOCK = 500

#: States of jobs whose video is in the store, or should be.
THERE = frozenset({State.STORED, State.REUSED})

#: Stored videos that are looked for side by side.
SIDE_BY_SIDE = 16


class Spool:
    """Lines of several texts, too many for the memory, in their order.

    They are in a temporary file; the file is gone with the process, however it ends.
    """

    def __init__(self) -> None:
        self._file: IO[str] | None = None

    def write(self, *texts: str) -> None:
        """Add a line; its texts, such as JSON, have no tab and no end of a line."""
        if self._file is None:
            self._file = tempfile.TemporaryFile("w+", encoding="utf-8")  # noqa: SIM115 - it outlives this call
        self._file.write("\t".join(texts) + "\n")

    def __iter__(self) -> Iterator[list[str]]:
        """The lines from the first on; one reading at a time."""
        if self._file is not None:
            self._file.seek(0)
        for line in self._file or ():
            yield line[:-1].split("\t")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the file."""
        if self._file is not None:
            self._file.close()


@dataclass(slots=True)
class Survey:
    """What a manifest asks for."""

    #: As the user named it.
    source: str
    catalogue: Catalogue
    #: Whether rows with a problem are left out, and the others rendered.
    skips_problems: bool = False
    #: A command that may end its problems; empty if none is known.
    cure: str = ""
    problems: Problems = field(default_factory=Problems)
    #: Whether the manifest as a whole has a problem.
    is_broken: bool = False
    #: Rows with a problem.
    refused: int = 0
    #: Records that no video was asked for, by the reason.
    skipped: Counter[str] = field(default_factory=Counter)
    notices: Notices = field(default_factory=Notices)
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
    #: Of each job itself, its row where rows may be refused, and what it asks for.
    _jobs: Spool = field(default_factory=Spool)
    #: Of each refused row its file and cells, and its problems.
    _refused: Spool = field(default_factory=Spool)
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

    @property
    def is_usable(self) -> bool:
        """Whether what it asks for can be sent."""
        if self.skips_problems and self.jobs:
            return not self.is_broken
        return not self.problems.count

    def planned(self) -> Iterator[Job]:
        """The jobs in their order."""
        return (Job.from_json(line[0]) for line in self._jobs)

    def asked(self) -> Iterator[FingerprintedJob]:
        """The jobs with what they ask for, once `fingerprint` has found that out."""
        for text, _, content, written in self._jobs:
            yield FingerprintedJob(Job.from_json(text), Fingerprint(content, written))

    def refused_rows(self) -> Iterator[tuple[dict[str, Any], list[dict[str, str]]]]:
        """Each refused row with its `file` and `cells`, and its problems."""
        return ((json.loads(row), json.loads(why)) for row, why in self._refused)

    def take(self, outcomes: Iterable[Outcome]) -> None:
        """Write down the jobs of a manifest, and note everything else in it."""
        for item in outcomes:
            if isinstance(item, PlannedRow):
                text = _row_text(item) if self.skips_problems else ""
                if item.job is None:
                    self._refuse(text, item.problems)
                else:
                    self.jobs += 1
                    self._jobs.write(item.job.to_json(), text)
                    self.local = self.local or self._is_local(item.job)
                    self._note_change(item.job)
            elif isinstance(item, Skipped):
                self.skipped[item.reason] += 1
            elif isinstance(item, Notice):
                self.notices.add(item)
            elif item.line and item.kind in BROKEN_ROWS:
                self._refuse(json.dumps({"file": item.file, "cells": {}}), [item])
            else:
                self.is_broken = True
                self.problems.add(item)

    def _note_change(self, job: Job) -> None:
        model = self.catalogue.find(job.model)
        if model.change:
            said = f"the provider changed {model.name}: {model.change}"
            cure = "rows that were rendered before are others now, and paid again"
            notice = Notice("changed-model", said, cure, self.source, job.line)
            self.notices.add(notice)

    def _is_local(self, job: Job) -> bool:
        return not all(map(is_http, self._pictures_of(job)))

    def _pictures_of(self, job: Job) -> list[str]:
        return pictures_of(self.catalogue.find(job.model), job)

    def _refuse(self, row: str, problems: Sequence[Problem]) -> None:
        self.refused += 1
        self.problems.add_all(problems)
        if self.skips_problems:
            said = [{"message": p.message, "next": p.suggestion} for p in problems]
            self._refused.write(row, json.dumps(said))

    def pictures(self, *, remote: bool) -> Iterator[str]:
        """The addresses of all pictures, as often as they are named."""
        for job in self.planned():
            for address in self._pictures_of(job):
                if remote or not is_http(address):
                    yield address

    def judge(self, memory: ImageCache, converted: Mapping[str, str]) -> None:
        """Add the problems of pictures, and to each job what its pictures contain.

        Pictures that were converted are replaced by what was made of them.
        """
        self._memory = memory
        with self._jobs as before:
            self._jobs = Spool()
            for text, row, *_ in before:
                job = Job.from_json(text)
                model = self.catalogue.find(job.model)
                if converted:
                    job = with_converted(job, model, converted)
                    self.local = self.local or self._is_local(job)
                if problems := problems_of(job, model, memory, self.source):
                    self.jobs -= 1
                    self._refuse(row, problems)
                else:
                    for notice in notices_of(job, model, memory, self.source):
                        self.notices.add(notice)
                    contents = contents_of(job, model, memory)
                    self._jobs.write(replace(job, contents=contents).to_json(), row)

    def fingerprint(self) -> None:
        """Find out what each job asks for; the last step before it is weighed."""
        asks, digest = Fingerprinter(self.catalogue), sha256()
        with self._jobs as before:
            self._jobs = Spool()
            for text, row, *_ in before:
                job = Job.from_json(text)
                ask = asks.of(job)
                self._jobs.write(text, row, *ask)
                asked = f"{job.id}\n{job.key}\n{ask.content or ask.written}\n"
                digest.update(asked.encode())
        self.digest = digest.hexdigest()

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
        for file in (self._jobs, self._refused, self._memory):
            if file:
                file.close()


def with_converted(job: Job, model: Model, converted: Mapping[str, str]) -> Job:
    """The job with what was made of its pictures; the report has the addresses."""
    inputs, data = dict(job.inputs), dict(job.data)
    for name, value in job.inputs.items():
        if not model.is_picture(name):
            continue
        several = [value] if isinstance(value, str) else value
        made = [converted.get(address, address) for address in several]
        if made != several:
            inputs[name] = made[0] if isinstance(value, str) else made
            data[f"{name} (original)"] = " | ".join(several)
    return replace(job, inputs=inputs, data=data)


def _row_text(planned: PlannedRow) -> str:
    return json.dumps({"file": planned.mapped.row.file, "cells": planned.cells})


def survey(
    source: str, options: Options, catalogue: Catalogue, *, skips_problems: bool = False
) -> Survey:
    """Read a manifest: its problems, and its jobs for the steps to come.

    Args:
        source: path, `-`, folder or bucket prefix, as the user named it.
        options: how it is read.
        catalogue: the models.
        skips_problems: whether rows with a problem are left out.
    """
    found = Survey(source, catalogue, skips_problems)

    def recognised(layout: str) -> None:
        found.layout = layout

    found.take(plan(source, options, catalogue, recognised=recognised))
    return found


def check_survey(
    found: Survey,
    settings: Settings,
    *,
    whole: bool,
    remote: bool = True,
    convert: bool = False,
) -> None:
    """Check every picture; what is wrong with one is a problem of its row.

    Args:
        found: what was read.
        settings: whose provider must be able to reach the pictures.
        whole: learn their contents too, not only whether they can be used.
        remote: also those on the web; local ones are checked in any case.
        convert: make JPEGs of those that models do not take.
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
    check = partial(check_images, cache=memory, near_allowed=near_allowed, whole=whole)
    with console.counting("checking pictures") as progress:
        check(found.pictures(remote=remote), progress=progress)
    converted: Mapping[str, str] = {}
    if convert:
        from producer.image_checks.convert import convert_all

        pictures, home = found.pictures(remote=remote), settings.home
        converted = convert_all(pictures, memory, home, near_allowed=near_allowed)
        check(converted.values())
    found.judge(memory, converted)


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
