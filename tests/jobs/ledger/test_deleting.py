"""Old job records are deleted: what stays of their batch, and what is never touched."""

import pytest

from jobs.ledger import JobsDeletedError, Ledger, keys
from jobs.ledger.transitions import Applied
from jobs.states import Event, State
from jobs.storage import Store
from tests.audit import audit
from tests.conftest import Clock
from tests.jobs.ledger.ended import (
    JOBS,
    MADE,
    delete,
    finished,
    jobs_here,
    records,
    reported,
)
from tests.jobs.ledger.play import (
    ACCOUNT,
    PLENTY,
    a_batch,
    a_job,
    batch_of,
    everything,
    grant,
    move_by,
    play,
    record_of,
)

KEEP_S, REUSE_S = 100.0, 86_400

pytestmark = pytest.mark.usefixtures("small_steps")


def test_of_a_batch_its_own_line_stays(ledger: Ledger, store: Store) -> None:
    finished(ledger, store)
    before = batch_of(ledger)
    assert ledger.snapshots.take(["spring"])[0].failures
    delete(ledger)
    now = batch_of(ledger)
    assert 0.0 < now.deleted_at_s <= ledger.now_s()
    assert (now.counts, now.charged_usd_micros, now.total) == (
        before.counts,
        before.charged_usd_micros,
        JOBS,
    )
    assert jobs_here(ledger) == 0
    left = [key for key in everything(ledger) if "batch:spring" in key]
    assert left == [keys.batch("spring")]
    assert ledger.snapshots.take(["spring"])[0].failures == ()
    assert audit(ledger, ACCOUNT) == []
    with pytest.raises(JobsDeletedError, match="spring"):
        records(ledger)


def test_the_same_manifest_again_is_neither_rendered_nor_paid_again(
    ledger: Ledger, store: Store
) -> None:
    finished(ledger, store)
    # Killed half way, too.
    assert ledger.batches.delete_jobs("spring", 0.0, REUSE_S) == JOBS - 2
    for _ in range(2):
        before = everything(ledger)
        with pytest.raises(JobsDeletedError):
            ledger.batches.add("spring", [a_job(n) for n in range(1, JOBS + 1)])
        assert everything(ledger) == before
        ledger.batches.open("spring")
        assert grant(ledger) == []
        delete(ledger)


def test_nothing_comes_back_of_a_batch_that_is_half_deleted(
    ledger: Ledger, store: Store
) -> None:
    ledger.permits.set_limits(ACCOUNT, PLENTY)
    ledger.batches.create(a_batch("spring", store=store.url))
    ledger.batches.add("spring", [a_job(n) for n in range(1, 4)])
    ledger.batches.open("spring")
    first, second, last = grant(ledger)
    play(ledger, first, *MADE, prediction_id="p1")
    play(ledger, second, *MADE, prediction_id="p2")
    play(ledger, last, Event.CLAIM, Event.ACCEPT, Event.FAIL, prediction_id="p3")
    again = move_by("spring", record_of(ledger, last), Event.RETRY)
    reported(ledger)
    assert ledger.batches.delete_jobs("spring", 0.0, REUSE_S) == 1
    assert ledger.transitions.apply([again]) == [Applied.NO]
    assert audit(ledger, ACCOUNT) == []
    # Whoever comes next goes on, however long the records are kept by then.
    assert ledger.batches.delete_jobs("spring", 1e9, REUSE_S) == 0
    assert ledger.batches.delete_jobs("spring", 0.0, REUSE_S) == 0
    assert audit(ledger, ACCOUNT) == []


def test_only_what_was_reported_long_ago_is_deleted(
    simulated: Ledger, clock: Clock, store: Store
) -> None:
    finished(simulated, store)
    clock.forward(KEEP_S - 1.0)
    assert simulated.batches.delete_jobs("spring", KEEP_S, REUSE_S) is None
    clock.forward(1.0)
    until_s = simulated.now_s() - KEEP_S
    assert simulated.batches.reported_before(ACCOUNT, until_s, 0, 10) == ["spring"]
    assert simulated.batches.reported_before(ACCOUNT, until_s - 0.5, 0, 10) == []
    assert simulated.batches.delete_jobs("spring", KEEP_S, REUSE_S) == JOBS - 2
    assert simulated.batches.delete_jobs("winter", KEEP_S, REUSE_S) is None


def test_what_is_not_over_or_not_reported_is_not_touched(
    ledger: Ledger, store: Store
) -> None:
    failed, *_ = finished(ledger, store)
    again = move_by("spring", record_of(ledger, failed), Event.RETRY)
    assert ledger.transitions.apply([again]) == [Applied.YES]
    (ref,) = grant(ledger)
    for events in ((), (Event.CLAIM, Event.LOSE), (Event.GIVE_UP,)):
        play(ledger, ref, *events)
        assert ledger.batches.delete_jobs("spring", 0.0, REUSE_S) is None
    assert record_of(ledger, ref).state is State.UNRESOLVED
    reported(ledger)
    assert ledger.batches.delete_jobs("spring", 0.0, REUSE_S) is None
    play(ledger, ref, Event.ACCEPT, Event.COMPLETE, Event.STORE, prediction_id="late")
    # Over, and not reported yet.
    assert ledger.batches.delete_jobs("spring", 0.0, REUSE_S) is None
    assert jobs_here(ledger) == JOBS
    reported(ledger)
    delete(ledger)
    assert jobs_here(ledger) == 0
