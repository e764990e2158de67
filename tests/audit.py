"""Whether the ledger's parts agree: the invariants everything else relies on.

Reads everything of an account, so it is for tests and for a person who suspects
something, not for the path of a job.
"""

from collections import Counter
from collections.abc import Collection

from jobs.ledger import Ledger, keys
from jobs.records import BatchRecord, JobRecord
from jobs.states import FINAL, WATCHED, State
from jobs.transitions import Ref

#: States that hold a concurrency slot. An unresolved job may hold one, on loan.
HOLDING = frozenset({State.ADMITTED, State.SUBMITTING, State.UNKNOWN, State.GENERATING})
#: States of what is paid and not stored.
UNCOLLECTED = frozenset({State.GENERATING, State.OVERDUE, State.GENERATED})
#: States of a lost answer.
LOST = frozenset({State.UNKNOWN, State.UNRESOLVED})
#: States of a job whose video another makes or has made: no part of an estimate.
SHARING = frozenset({State.FOLLOWING, State.REUSED})
#: States that hold reserved money.
RESERVING = frozenset(
    {State.ADMITTED, State.SUBMITTING, State.UNKNOWN, State.UNRESOLVED}
)


def audit(ledger: Ledger, account_id: str) -> list[str]:
    """What does not agree, a sentence each; empty when all is well."""
    due = set(ledger.server.zrange(keys.account(account_id, "due"), 0, -1))
    # A slot that was left is named `batch/job/permit`, and is its job's no more.
    held = ledger.server.zrange(keys.account(account_id, "slots"), 0, -1)
    slots = {ref for ref in held if ref.count("/") == 1}
    problems: list[str] = []
    lost: set[str] = set()
    paid: set[str] = set()
    generating: set[str] = set()
    overdue: set[str] = set()
    for batch_id in ledger.batches.ids():
        batch = ledger.batches.read(batch_id)
        if batch is None or batch.account != account_id:
            continue
        if batch.deleted_at_s:
            problems += _deleted(ledger, batch)
            due.discard(str(Ref(batch_id, "")))
            continue
        records = list(ledger.batches.jobs(batch_id))
        problems += _jobs(ledger, batch, records, due, slots)
        unfinished = ledger.server.hget(keys.batch(batch.id), "unfinished") or "0"
        problems += sums(batch, records, int(unfinished))
        at = {f"{batch_id}/{r.job.id}": r.state for r in records}
        lost |= {ref for ref, state in at.items() if state in LOST}
        paid |= {ref for ref, state in at.items() if state in UNCOLLECTED}
        generating |= {ref for ref, state in at.items() if state is State.GENERATING}
        overdue |= {ref for ref, state in at.items() if state is State.OVERDUE}
        due -= at.keys() | {str(Ref(batch_id, ""))}
        slots -= at.keys()
    kept_lost = ledger.server.smembers(keys.account(account_id, "lost"))
    kept = ledger.server.hget(keys.account(account_id), "generating") or "0"
    if lost != kept_lost:
        problems.append(f"lost are {sorted(kept_lost)}, by their states {sorted(lost)}")
    kept_paid = set(
        ledger.server.zrange(keys.account(account_id, "uncollected"), 0, -1)
    )
    if paid != kept_paid:
        problems.append(f"{sorted(kept_paid)} are not collected, but {sorted(paid)}")
    if int(kept) != len(generating):
        problems.append(f"{kept} are counted as generating, {len(generating)} are")
    late = set(ledger.server.zrange(keys.account(account_id, "late"), 0, -1))
    if not overdue <= late <= overdue | generating:
        problems.append(f"{sorted(late)} are late, and overdue are {sorted(overdue)}")
    problems += [f"{ref} is due but no batch has it" for ref in sorted(due)]
    problems += [f"{ref} holds a slot but no batch has it" for ref in sorted(slots)]
    return problems


def _deleted(ledger: Ledger, batch: BatchRecord) -> list[str]:
    """What is wrong with a batch whose job records are deleted, some maybe not yet."""
    left = ledger.server.zcard(keys.batch(batch.id, "jobs"))
    records = ledger.batches.slice(batch.id, 0, left)
    living = [r.job.id for r in records if r.state not in FINAL]
    problems = [f"{batch.id}: deleted, but {job_id} is not over" for job_id in living]
    if len(records) != left:
        problems.append(f"{batch.id}: {left} jobs are left, {len(records)} are there")
    return problems


def _jobs(
    ledger: Ledger,
    batch: BatchRecord,
    records: list[JobRecord],
    due: set[str],
    slots: set[str],
) -> list[str]:
    waiting = set(ledger.server.zrange(keys.batch(batch.id, "waiting"), 0, -1))
    problems = []
    is_open = batch.id in ledger.server.zrange(
        keys.account(batch.account, "open"), 0, -1
    )
    if batch.complete and waiting and not is_open:
        problems.append(f"{batch.id}: jobs are waiting, and nothing would start them")
    for record in records:
        problems += places(batch.id, record, due, slots, waiting)
        if record.state is State.FOLLOWING:
            problems += _leader(ledger, str(Ref(batch.id, record.job.id)), record)
    return problems


def places(
    batch_id: str,
    record: JobRecord,
    due: Collection[str],
    slots: Collection[str],
    waiting: Collection[str],
) -> list[str]:
    """Where a job is and should not be, or the other way round."""
    ref = f"{batch_id}/{record.job.id}"
    at = f"{ref} is {record.state}"
    problems = []
    if (record.state in WATCHED) != (ref in due):
        problems.append(f"{at}, in the due-set: {ref in due}")
    if (record.state is State.WAITING) != (record.job.id in waiting):
        problems.append(f"{at}, among the waiting: {record.job.id in waiting}")
    held = record.state in HOLDING
    if held != (ref in slots) and record.state is not State.UNRESOLVED:
        problems.append(f"{at}, holds a slot: {ref in slots}")
    return problems


def _leader(ledger: Ledger, ref: str, record: JobRecord) -> list[str]:
    (source_job,) = ledger.batches.load([Ref.parse(record.source_job)])
    batch = ledger.batches.read(Ref.parse(record.source_job).batch)
    gone = source_job is None and batch is not None and batch.deleted_at_s
    if ref not in ledger.server.smembers(keys.job(record.source_job, "followers")):
        return [f"{ref} follows {record.source_job}, which does not know of it"]
    # One that is over may be deleted before those that follow it have looked.
    if not gone and (source_job is None or source_job.state is State.FOLLOWING):
        return [f"{ref} follows {record.source_job}, which makes no video"]
    return []


def sums(
    batch: BatchRecord, records: Collection[JobRecord], unfinished: int
) -> list[str]:
    """Which sums in the hash of a batch are not those over all its jobs."""
    reserved = sum(r.job.price_usd_micros or 0 for r in records if r.state in RESERVING)
    counted = Counter(record.state for record in records)
    own = [r.job.price_usd_micros for r in records if r.state not in SHARING]
    pairs = {
        "estimated": (batch.estimated_usd_micros, sum(filter(None, own))),
        "unpriced": (batch.unpriced, own.count(None)),
        "reserved": (batch.reserved_usd_micros, reserved),
        "charged": (
            batch.charged_usd_micros,
            sum(record.charged_usd_micros for record in records),
        ),
        "refunded": (
            batch.refunded_usd_micros,
            sum(record.refunded_usd_micros for record in records),
        ),
        "jobs": (batch.total, len(records)),
        "unfinished": (
            unfinished,
            sum(n for state, n in counted.items() if state not in FINAL),
        ),
    }
    pairs |= {str(s): (batch.counts.get(s, 0), counted.get(s, 0)) for s in State}
    return [
        f"{batch.id}: {what} is {kept} in the batch, {real} over its jobs"
        for what, (kept, real) in pairs.items()
        if kept != real
    ]
