"""Archives: batches whose jobs went from the ledger into a file of their store.

The batch itself stays, with its counts and its money; what twins need of its videos
stays for a time; which of its jobs failed last is forgotten for good. A batch is
archived in steps, each of which may be the last of its process: a claim, the file, the
seal that makes the file count, and only then the jobs are forgotten, block by block.
Bringing back goes the same way round. The order of the steps and the file are
`archiving`'s.
"""

import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from jobs.ledger import keys
from jobs.ledger.archive_file import ArchivedJob
from jobs.ledger.scripts import Scripts
from jobs.ledger.server import Server
from jobs.moves import Ref

#: Jobs that one round trip reads, and that one step forgets or puts back; each of these
#: steps holds everybody else up for a few milliseconds.
BLOCK = 200

#: A batch that was being brought back is archived on after so many seconds in which
#: nobody did.
RECALL_SILENT_S = 300.0

#: Why a batch is not archived now, in words.
WHY_NOT = {
    "unknown": "the ledger does not have it",
    "recalled": "it is being brought back from its archive",
    "unfinished": "not all of it is over",
    "unreported": "its report is still to be written",
}


class NotNow(Exception):  # noqa: N818 - an answer, not a mistake
    """A batch is not archived, or not any further; says why."""


class Unreported(NotNow):
    """It would be, if its report were written."""


@dataclass(frozen=True, slots=True)
class Claim:
    """Leave to archive a batch, until somebody else claims it or it lives again."""

    token: str
    #: Whoever had begun before, and cannot seal any more; empty if nobody had.
    earlier: str


@dataclass(frozen=True, slots=True)
class Sealed:
    """An archive that counts."""

    #: Where it is in the store of its batch.
    key: str
    sha256: str
    jobs: int


class Archives:
    """The steps of archiving, by batch."""

    def __init__(
        self, server: Server, scripts: Scripts, now: Callable[[], str]
    ) -> None:
        #: Jobs of one step.
        self.block = BLOCK
        self._server = server
        self._scripts = scripts
        self._now = now

    def ripe(
        self, account_id: str, rest_s: float, most: int, lease_s: float
    ) -> list[str]:
        """Take up to `most` batches that are over and reported for so long.

        Whoever does not get to the end of it leaves them to the next after the lease.
        """
        args = (account_id, rest_s, most, lease_s)
        return list(self._scripts.run("ripe", self._now(), *args))

    def rested(self, account_id: str, rest_s: float, now_s: float) -> list[str]:
        """Batches that are over and reported for so long; takes none of them."""
        key = keys.reported(account_id)
        command = ("ZRANGEBYSCORE", key, "-inf", now_s - rest_s)
        return list(self._server.execute_command(*command))

    def extend(self, batch_id: str, lease_s: float) -> None:
        """Keep a batch for another lease: the work on it goes on."""
        self._scripts.run("extend", self._now(), batch_id, lease_s)

    def claim(self, batch_id: str) -> Claim | None:
        """Begin to archive a batch; None if its archive is sealed and jobs are left.

        Raises:
            NotNow: that cannot be, or everything is done.
        """
        token = uuid.uuid4().hex[:12]
        args = (batch_id, token, RECALL_SILENT_S)
        word, *rest = self._scripts.run("archive", self._now(), *args)
        if word == "begun":
            return Claim(token, rest[0])
        if word == "sealed":
            return None
        if word == "unreported":
            raise Unreported(WHY_NOT[word])
        raise NotNow(WHY_NOT[word])

    def holds(self, batch_id: str, claim: Claim) -> bool:
        """Whether a claim may still be sealed."""
        return self._server.hget(keys.batch(batch_id), "archiving") == claim.token

    def sealed(self, batch_id: str) -> Sealed | None:
        """The archive of a batch; None if it has none."""
        key = keys.batch(batch_id)
        fields = ("archived", "archived_sha256", "archived_jobs")
        found = [text or "" for text in self._server.hmget(key, fields)]
        return Sealed(found[0], found[1], int(found[2])) if found[0] else None

    def left(self, batch_id: str) -> int:
        """How many of its jobs are in the ledger."""
        return self._server.zcard(keys.batch_jobs(batch_id))

    def jobs(self, batch_id: str) -> Iterator[ArchivedJob]:
        """The jobs of a batch as the ledger holds them, read block by block.

        Raises:
            NotNow: one of them is gone, so somebody else archives it.
        """
        start, key = 0, keys.batch_jobs(batch_id)
        while ids := self._server.zrange(key, start, start + self.block - 1):
            start += len(ids)
            pipeline = self._server.pipeline(transaction=False)
            for job_id in ids:
                pipeline.execute_command("ZSCORE", key, job_id)
                pipeline.hgetall(keys.job(Ref(batch_id, job_id)))
            answers = pipeline.execute()
            places, hashes = answers[::2], answers[1::2]
            for job_id, place, fields in zip(ids, places, hashes, strict=True):
                if place is None or not fields:
                    raise NotNow("somebody else archives it")
                yield ArchivedJob(job_id, float(place), fields)

    def seal(self, batch_id: str, claim: Claim, sealed: Sealed) -> bool:
        """Let a file that is kept be the archive; False if the claim is lost."""
        what = (sealed.key, sealed.sha256, sealed.jobs)
        args = (batch_id, claim.token, *what, self._now())
        return bool(self._scripts.run("seal", *args))

    def forget(self, batch_id: str, key: str, reuse_days: int) -> int:
        """Give some keys of its jobs back; how many jobs are left.

        Their videos are reused for so many days, and then for as many from whenever a
        batch that reused them is archived.

        Raises:
            NotNow: that is not its archive, or somebody brings it back.
        """
        reuse_s = round(86_400 * reuse_days)
        left = int(self._scripts.run("forget", batch_id, key, self.block, reuse_s))
        if left < 0:
            raise NotNow(WHY_NOT["recalled"])
        return left

    def recall(self, batch_id: str) -> Sealed | None:
        """Begin to bring a batch back; None if it is not archived."""
        found = self._scripts.run("recall", self._now(), batch_id)
        return Sealed(found[0], found[1], int(found[2])) if found else None

    def restore(self, batch_id: str, key: str, jobs: Sequence[ArchivedJob]) -> bool:
        """Put jobs back that are not there; False if that is not its archive now."""
        args: list[object] = [self._now(), batch_id, key]
        for job in jobs:
            flat = [part for pair in job.fields.items() for part in pair]
            args += (job.id, job.place, len(flat), *flat)
        return bool(self._scripts.run("restore", *args))

    def recalled(self, batch_id: str, key: str) -> bool:
        """End the bringing back, if every job is there; whether it is archived no more.

        It is archived again when it has rested once more.
        """
        return int(self._scripts.run("recalled", self._now(), batch_id, key)) >= 0
