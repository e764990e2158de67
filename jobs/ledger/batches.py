"""Batches and their jobs as they were asked for, and reading both back."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice

from jobs.attempt.fingerprint import NO_FINGERPRINT, FingerprintedJob
from jobs.job import Job
from jobs.ledger import keys
from jobs.ledger.server import Part
from jobs.provider.answers import Listed
from jobs.quality import Quality
from jobs.records import Attempt, BatchRecord, Doubt, Failure, JobRecord
from jobs.states import State
from jobs.transitions import Ref, attempt_from_json

#: Jobs that one script call adds, and one round trip reads.
BLOCK = 500

#: Jobs whose states one script call looks at; it takes some milliseconds.
PICKED = 5_000

#: Jobs that one script call deletes; it takes as long.
DELETED = 200


class JobsDeletedError(Exception):
    """The job records of a batch are not in the ledger any more."""

    def __init__(self, batch_id: str) -> None:
        super().__init__(f"the job records of {batch_id} were deleted meanwhile")


#: Begins the name of the field of a label: one each, so that two people can add labels
#: at once and neither loses one.
LABEL = "label:"


class Batches(Part):
    """What was asked for: batches and jobs, in the order of their manifests."""

    #: Jobs that one step deletes.
    deleted_at_once = DELETED

    def create(self, batch: BatchRecord) -> bool:
        """Write down an empty batch; False if there is one of that id already."""
        budget = batch.budget_usd_micros
        fields = {
            "account": batch.account,
            "manifest": batch.manifest,
            "store": batch.store,
            "priority": batch.priority,
            "attempts": batch.attempts,
            "budget": "" if budget is None else budget,
            "fresh": int(batch.fresh),
            "folder": batch.folder,
            **_label_fields(batch.labels),
        }
        flat = [part for pair in fields.items() for part in pair]
        created_at = repr(batch.created_at_s)
        return bool(self._scripts.run("create", batch.id, created_at, *flat))

    def add(self, batch_id: str, jobs: Iterable[FingerprintedJob | Job]) -> int:
        """Add jobs, skipping those it has; how many were new.

        A job that says what it asks for reuses the video of another that asked for the
        same, or follows one that makes it, unless the batch is fresh. Of those that it
        has, those that are not under way are brought up to date: signed addresses run
        out, and prices change. A price that the provider quoted stays until another
        quote comes.

        Raises:
            JobsDeletedError: what it has is not known here, so nothing was added.
        """
        added, rest = 0, iter(jobs)
        while block := list(islice(rest, BLOCK)):
            added += self._add(batch_id, block)
        return added

    def adding(
        self, batch_id: str, jobs: Iterable[FingerprintedJob]
    ) -> Iterator[FingerprintedJob]:
        """Add jobs as `add` does; each is handed on once it is in."""
        rest = iter(jobs)
        while block := list(islice(rest, BLOCK)):
            self._add(batch_id, block)
            yield from block

    def _add(self, batch_id: str, block: Sequence[FingerprintedJob | Job]) -> int:
        args: list[object] = [self._now(), batch_id]
        for item in block:
            job, ask = (item, NO_FINGERPRINT) if isinstance(item, Job) else item
            price = "" if job.price_usd_micros is None else job.price_usd_micros
            quoted = "1" if job.quoted else ""
            args += (job.id, job.line, job.to_json(), price, quoted, *ask)
        added = int(self._scripts.run("add", *args))
        if added < 0:
            raise JobsDeletedError(batch_id)
        return added

    def open(self, batch_id: str) -> None:
        """Declare that every job is in; permits may be granted from now on."""
        self._run("open", batch_id)

    def read(self, batch_id: str) -> BatchRecord | None:
        """A batch with its counts and its money; None if there is none."""
        raw = self._server.hgetall(keys.batch(batch_id))
        return batch_record(batch_id, raw) if "created_at" in raw else None

    def ids(self, most: int | None = None) -> list[str]:
        """Ids of all batches, or of so many, newest first."""
        last = -1 if most is None else most - 1
        return list(self._server.zrevrange(keys.BATCHES, 0, last))

    def page(
        self, first: int, count: int, *, unfinished: bool = False
    ) -> tuple[list[BatchRecord], int]:
        """Some batches, newest first, and how many there are; in one round trip.

        Args:
            first: how many newer ones to pass over.
            count: most that are returned.
            unfinished: only those in which not all is over.
        """
        last = first + count - 1
        total, *flat = self._scripts.run("page", int(unfinished), first, last)
        found = []
        for batch_id, fields in zip(flat[::2], flat[1::2], strict=True):
            raw = dict(zip(fields[::2], fields[1::2], strict=True))
            found.append(batch_record(batch_id, raw))
        return found, int(total)

    def unfinished(self) -> Iterator[BatchRecord]:
        """Batches in which not all is over, newest first, read block by block."""
        first = 0
        while True:
            found, _ = self.page(first, BLOCK, unfinished=True)
            yield from found
            if len(found) < BLOCK:
                return
            first += len(found)

    def set_budget(self, batch_id: str, budget_usd_micros: int | None) -> None:
        """Change the cap; what was stopped by it goes on at the next tick."""
        budget = "" if budget_usd_micros is None else budget_usd_micros
        self._server.hset(
            keys.batch(batch_id), mapping={"budget": budget, "stopped_by": ""}
        )

    def add_labels(self, batch_id: str, new: Mapping[str, str]) -> None:
        """Give a batch labels; those it has already stay as they are."""
        for name, value in _label_fields(new).items():
            command = ("HSETNX", keys.batch(batch_id), name, value)
            self._server.execute_command(*command)

    def set_priority(self, batch_id: str, priority: int) -> None:
        """Change its weight against other batches."""
        self._server.hset(keys.batch(batch_id), mapping={"priority": priority})

    def unstop(self, batch_id: str) -> None:
        """Forget why the batch stopped: its budgets are looked at anew."""
        self._server.hset(keys.batch(batch_id), mapping={"stopped_by": ""})

    def put_aside_others(self, account_id: str, batch_id: str) -> list[str]:
        """Start nothing but this batch's jobs until another is chosen so; the others.

        Batches of one account share it; where a person renders one batch at a time,
        one that was interrupted must not go on behind another's back.
        """
        others = set(self._server.zrange(keys.account(account_id, "open"), 0, -1))
        others.discard(batch_id)
        for other in others:
            self._server.hset(keys.batch(other), mapping={"aside": 1})
        self._server.hdel(keys.batch(batch_id), "aside")
        return sorted(others)

    def pause(self, batch_id: str) -> None:
        """Start nothing more of a batch until it is resumed; from the next permit."""
        self._server.hset(keys.batch(batch_id), mapping={"paused": 1})

    def resume(self, batch_id: str) -> None:
        """Let a paused batch start again."""
        self._server.hdel(keys.batch(batch_id), "paused")

    def cancel(self, batch_id: str) -> None:
        """Start nothing more of a batch; what comes back to be sent is cancelled.

        Jobs that wait now are not touched: each is cancelled by a move of its own.
        """
        self._server.hset(keys.batch(batch_id), mapping={"cancelled": 1})
        # Of one that was only half handed over nothing more is awaited.
        self.open(batch_id)

    def take_up(self, batch_id: str) -> None:
        """Let a cancelled batch start again."""
        self._server.hdel(keys.batch(batch_id), "cancelled")

    def note(self, batch_id: str, text: str) -> None:
        """Tell whoever watches the batch what holds it up."""
        self._server.hset(keys.batch(batch_id), mapping={"note": text})

    def hold(self, batch_id: str, why: str, until_s: float) -> None:
        """Start nothing of the batch until then, in unix seconds, and tell why.

        What is paid while its videos cannot be kept may be lost before they can.
        """
        held = {"note": why, "held_until": repr(until_s)}
        self._server.hset(keys.batch(batch_id), mapping=held)

    def release(self, batch_id: str) -> None:
        """What held the batch up is over."""
        self._server.hdel(keys.batch(batch_id), "note", "held_until")

    def jobs(self, batch_id: str) -> Iterator[JobRecord]:
        """Every job of a batch in the order of its manifest, read block by block.

        Raises:
            JobsDeletedError: they were deleted, before or meanwhile.
        """
        start = 0
        while True:
            key = keys.batch(batch_id, "jobs")
            ids = self._server.zrange(key, start, start + BLOCK - 1)
            if not ids:
                break
            start += len(ids)
            found = self.load([Ref(batch_id, job_id) for job_id in ids])
            yield from (record for record in found if record)
        if self._server.hget(keys.batch(batch_id), "deleted_at"):
            raise JobsDeletedError(batch_id)

    def reported_before(
        self, account_id: str, until_s: float, first: int, most: int
    ) -> list[str]:
        """Batches in which all is over, and reported before then, the oldest first.

        `first` is the place of the first of them, from 0.
        """
        key = keys.account(account_id, "reported")
        command = ("ZRANGEBYSCORE", key, "-inf", until_s, "LIMIT", first, most)
        return list(self._server.execute_command(*command))

    def delete_jobs(self, batch_id: str, keep_s: float, reuse_s: int) -> int | None:
        """Delete some job records of a batch that was reported so many seconds ago.

        From then on the batch takes no jobs and no moves. Others reuse its videos for
        `reuse_s` seconds, and for as many from whenever a batch that reused them is
        deleted.

        Returns:
            How many records are left; None if the batch is not to be touched: not all
            is over, its report is due, or it was reported later.
        """
        args = (batch_id, keep_s, self.deleted_at_once, reuse_s)
        left = int(self._run("delete_jobs", *args))
        return None if left < 0 else left

    def slice(self, batch_id: str, first: int, count: int) -> list[JobRecord]:
        """Some jobs of a batch in the order of its manifest, `first` from 0."""
        key = keys.batch(batch_id, "jobs")
        ids = self._server.zrange(key, first, first + count - 1)
        found = self.load([Ref(batch_id, job_id) for job_id in ids])
        return [record for record in found if record]

    def refs_in(self, batch_id: str, states: Iterable[State]) -> Iterator[Ref]:
        """Jobs of a batch in these states, in the order of its manifest.

        Read block by block, so whoever needs only the first stops early. A job that
        moves meanwhile may be left out.
        """
        wanted, first = list(states), 0
        while True:
            last = first + PICKED - 1
            seen, *ids = self._scripts.run("pick", batch_id, first, last, *wanted)
            yield from (Ref(batch_id, job_id) for job_id in ids)
            if int(seen) < PICKED:
                return
            first += PICKED

    def records(self, refs: Iterable[Ref]) -> Iterator[JobRecord]:
        """The jobs of these refs, in order, read block by block as they are needed."""
        rest = iter(refs)
        while block := list(islice(rest, BLOCK)):
            yield from (record for record in self.load(block) if record)

    def load(self, refs: Sequence[Ref]) -> list[JobRecord | None]:
        """The jobs of these refs, in order; None where there is none."""
        pipeline = self._server.pipeline(transaction=False)
        for ref in refs:
            pipeline.hgetall(keys.job(ref))
        return [_job(raw) if raw.get("job") else None for raw in pipeline.execute()]


def _label_fields(labels: Mapping[str, str]) -> dict[str, str]:
    return {LABEL + name: value for name, value in labels.items()}


def _labels(raw: Mapping[str, str]) -> dict[str, str]:
    found = {k.removeprefix(LABEL): v for k, v in raw.items() if k.startswith(LABEL)}
    return dict(sorted(found.items()))


def batch_record(batch_id: str, raw: Mapping[str, str]) -> BatchRecord:
    """A batch from its fields as the server holds them."""
    counts = {s: int(raw[f"n:{s}"]) for s in State if int(raw.get(f"n:{s}", "0"))}
    return BatchRecord(
        id=batch_id,
        manifest=raw["manifest"],
        account=raw["account"],
        store=raw["store"],
        priority=int(raw["priority"]),
        attempts=int(raw["attempts"]),
        budget_usd_micros=int(raw["budget"]) if raw["budget"] else None,
        created_at_s=float(raw["created_at"]),
        complete=raw.get("complete") == "1",
        paused=raw.get("paused") == "1",
        cancelled=raw.get("cancelled") == "1",
        aside=raw.get("aside") == "1",
        fresh=raw.get("fresh") == "1",
        folder=raw.get("folder", ""),
        stopped_by=raw.get("stopped_by", ""),
        note=raw.get("note", ""),
        held_until_s=float(raw.get("held_until", "0")),
        rounds=int(raw.get("rounds", "0")),
        deleted_at_s=float(raw.get("deleted_at", "0")),
        labels=_labels(raw),
        throttled=int(raw.get("throttled", "0")),
        counts=counts,
        estimated_usd_micros=int(raw.get("estimated", "0")),
        unpriced=int(raw.get("unpriced", "0")),
        reserved_usd_micros=int(raw.get("reserved", "0")),
        charged_usd_micros=int(raw.get("charged", "0")),
        refunded_usd_micros=int(raw.get("refunded", "0")),
    )


def _attempts(raw: Mapping[str, str]) -> tuple[Attempt, ...]:
    found = [attempt_from_json(v) for k, v in raw.items() if k.startswith("attempt:")]
    return tuple(sorted(found, key=lambda attempt: attempt.number))


def _of_permit(raw: Mapping[str, str], name: str) -> list[str]:
    """The words of a field that counts for one permit only; none for another's."""
    fencing_token, *words = raw.get(name, "").split(" ")
    return words if fencing_token == raw["permit"] else []


def _job(raw: Mapping[str, str]) -> JobRecord:
    failure = raw.get("failure")
    size = raw.get("bytes")
    generated_at = raw.get("generated_at")
    provider_sent_at = _of_permit(raw, "provider_sent_at")
    unanswered = raw.get("unanswered_since")
    price = raw.get("price")
    return JobRecord(
        job=Job.of(
            {
                **json.loads(raw["job"]),
                # That of the newest submission need not be the one that counts.
                "price": int(price) if price else None,
                "quoted": "quoted" in raw,
            }
        ),
        state=State(raw["state"]),
        attempts=_attempts(raw),
        video=raw.get("video"),
        video_bytes=int(size) if size else None,
        video_sha256=raw.get("sha256"),
        poster=raw.get("poster"),
        quality=Quality.from_text(raw["quality"]) if "quality" in raw else None,
        failure=Failure(**json.loads(failure)) if failure else None,
        candidates=tuple(Listed(**c) for c in json.loads(raw.get("candidates", "[]"))),
        seen_candidates=frozenset(_of_permit(raw, "seen")),
        unanswered_since_s=float(unanswered) if unanswered else None,
        provider_sent_at_s=float(provider_sent_at[0]) if provider_sent_at else None,
        output=raw.get("output"),
        generated_at_s=float(generated_at) if generated_at else None,
        fencing_token=int(raw["permit"]),
        mark=raw.get("mark", ""),
        doubt=Doubt.parse(raw["doubt"]) if "doubt" in raw else None,
        polls=int(raw.get("looks", "0")),
        links=json.loads(raw.get("links", "{}")),
        source_job=raw.get("leader", ""),
    )
