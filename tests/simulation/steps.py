"""What holds after every step: each job that it changed, and the sums of its batch."""

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache

from jobs.ledger import batches, keys
from jobs.records import BatchRecord, JobRecord
from jobs.states import State
from tests.audit import places, sums
from tests.simulation.running import Server

JOB, BATCH = keys.job(""), keys.batch("")


class Changes:
    """All jobs of a run as the server has them, read again where they change."""

    def __init__(self, server: Server, account: str, batch_ids: Sequence[str]) -> None:
        """Follow these batches of an account."""
        self._server, self._account, self._batches = server, account, batch_ids
        self._records: dict[str, dict[str, JobRecord]] = {}

    def check(self) -> list[str]:
        """What the steps since the last check have broken."""
        changed = self._server.changed_keys()
        if changed is None:
            return self._check(self._all())
        return self._check(
            {
                key.removeprefix(JOB)
                for key in changed
                if key.startswith(JOB) and key.count(":") == JOB.count(":")
            }
        )

    def _all(self) -> set[str]:
        self._records = {batch: {} for batch in self._batches}
        return {
            f"{batch}/{name}"
            for batch in self._batches
            for name in self._server.execute_command(
                "ZRANGE", keys.batch(batch, "jobs"), 0, -1
            )
        }

    def _check(self, refs: set[str]) -> list[str]:
        if not refs:
            return []
        touched = sorted({ref.partition("/")[0] for ref in refs})
        reads = self._server.pipeline(transaction=False)
        reads.zrange(keys.account(self._account, "due"), 0, -1)
        reads.zrange(keys.account(self._account, "slots"), 0, -1)
        for batch in touched:
            reads.hgetall(keys.batch(batch))
            reads.zrange(keys.batch(batch, "waiting"), 0, -1)
        for ref in refs:
            reads.hgetall(keys.job(ref))
        due, slots, *rest = reads.execute()
        raw_jobs = dict(zip(refs, rest[2 * len(touched) :], strict=True))
        problems = []
        for at, batch in enumerate(touched):
            raw_batch, waiting = rest[2 * at : 2 * at + 2]
            changed = [
                record_of(raw)
                for ref, raw in raw_jobs.items()
                if raw and ref.startswith(f"{batch}/")
            ]
            all_jobs = self._records[batch]
            all_jobs |= {record.job.id: record for record in changed}
            for record in changed:
                problems += places(batch, record, due, slots, waiting)
            found = batches.batch_record(batch, raw_batch)
            problems += sums(found, all_jobs.values(), int(raw_batch["unfinished"]))
            problems += over_budget(found, all_jobs.values())
        return problems


def over_budget(batch: BatchRecord, records: Iterable[JobRecord]) -> list[str]:
    """Whether a batch has spent more than its budget.

    What a rebuilt ledger only supposes to be sent may come to more than that.
    """
    budget = batch.budget_usd_micros
    supposed = sum(
        record.job.price_usd_micros or 0
        for record in records
        if record.is_supposed and record.state in (State.UNKNOWN, State.UNRESOLVED)
    )
    spent = batch.reserved_usd_micros + batch.charged_usd_micros - supposed
    if budget is None or spent <= budget:
        return []
    return [f"{batch.id} has spent {spent} of {budget}"]


def record_of(raw: Mapping[str, str]) -> JobRecord:
    """A job from its fields; the same fields are parsed only once."""
    return _parsed(tuple(raw.items()))


_parse = batches._job


@lru_cache(maxsize=4_000)
def _parsed(fields: tuple[tuple[str, str], ...]) -> JobRecord:
    return _parse(dict(fields))
