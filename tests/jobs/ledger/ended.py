"""Batches in which all is over, as the tests of what is deleted need them."""

from jobs.attempt.fingerprint import Fingerprint, FingerprintedJob
from jobs.ledger import Ledger
from jobs.records import JobRecord
from jobs.states import Event
from jobs.storage import Store
from jobs.transitions import Ref
from tests.jobs.ledger.play import ACCOUNT, PLENTY, a_batch, a_job, grant, play

MADE = (Event.CLAIM, Event.ACCEPT, Event.COMPLETE, Event.STORE)
FAILED = (Event.CLAIM, Event.ACCEPT, Event.FAIL)
JOBS = 5


def finished(ledger: Ledger, store: Store, batch_id: str = "spring") -> list[Ref]:
    """A batch that is over and reported; its first job failed."""
    ledger.permits.set_limits(ACCOUNT, PLENTY)
    ledger.batches.create(a_batch(batch_id, store=store.url))
    asked = [
        FingerprintedJob(a_job(n), Fingerprint(f"c{n}", f"w{n}"))
        for n in range(1, JOBS + 1)
    ]
    assert ledger.batches.add(batch_id, asked) == JOBS
    ledger.batches.open(batch_id)
    refs = grant(ledger)
    assert len(refs) == JOBS
    for n, ref in enumerate(refs):
        play(ledger, ref, *(MADE if n else FAILED), prediction_id=f"p-{ref}")
    reported(ledger, batch_id)
    return refs


def reported(ledger: Ledger, batch_id: str = "spring") -> None:
    """What the task that reports a batch does in the ledger."""
    ledger.delay_queue.drop_batch(
        ACCOUNT, batch_id, ledger.delay_queue.report_version(batch_id)
    )


def delete(ledger: Ledger, batch_id: str = "spring", reuse_days: int = 400) -> None:
    """Delete the job records of a batch, to the last."""
    while (left := ledger.batches.delete_jobs(batch_id, 0.0, 86_400 * reuse_days)) != 0:
        assert left


def records(ledger: Ledger, batch_id: str = "spring") -> list[JobRecord]:
    return list(ledger.batches.jobs(batch_id))


def jobs_here(ledger: Ledger) -> int:
    return len(ledger.server.execute_command("KEYS", "reelmill:job:*"))


def ask(
    ledger: Ledger, store: Store, batch_id: str, *asks: Fingerprint
) -> list[JobRecord]:
    ledger.batches.create(a_batch(batch_id, store=store.url))
    ledger.batches.add(
        batch_id, [FingerprintedJob(a_job(n), a) for n, a in enumerate(asks, 1)]
    )
    ledger.batches.open(batch_id)
    return records(ledger, batch_id)
