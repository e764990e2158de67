"""What waits is told by batch and by kind, however much of it there is."""

from dataclasses import replace

from jobs.ledger import Ledger
from tests.jobs.ledger.play import ACCOUNT, a_batch, a_job, open_batch

MODEL = "kwaivgi/kling-v2.6-std/image-to-video"


def test_what_waits_is_counted_by_kind(ledger: Ledger) -> None:
    ledger.batches.create(a_batch("mixed", priority=3))
    several = [replace(a_job(n), duration_s=10 if n % 4 == 0 else 5) for n in range(40)]
    ledger.batches.add("mixed", several)
    ledger.batches.open("mixed")
    (queue,) = ledger.queues.of(ACCOUNT)
    assert (queue.batch, queue.priority, queue.waiting) == ("mixed", 3, 40)
    assert queue.kinds == {(MODEL, 5): 30, (MODEL, 10): 10}
    assert not queue.held


def test_what_does_not_start_is_held(ledger: Ledger) -> None:
    open_batch(ledger, "quiet")
    open_batch(ledger, "loud")
    ledger.batches.put_aside_others(ACCOUNT, "loud")
    assert {q.batch: q.held for q in ledger.queues.of(ACCOUNT)} == {
        "quiet": True,
        "loud": False,
    }
