"""Archived batches: their keys are given back, and all of them comes back whole."""

import pytest

from jobs.attempt.asking import Ask
from jobs.ledger import JobsArchived, Ledger, archiving, keys
from jobs.ledger.archive_file import BadArchive
from jobs.ledger.archives import NotNow, Sealed, Unreported
from jobs.ledger.audit import audit
from jobs.ledger.moves import REMEMBERED_DAYS, Moved
from jobs.states import Event, State
from jobs.storage import Store
from tests.conftest import Clock
from tests.jobs.ledger.ended import JOBS, ask, finished, jobs_here, records, reported
from tests.jobs.ledger.play import (
    ACCOUNT,
    LEASE_S,
    a_batch,
    a_job,
    batch_of,
    everything,
    grant,
    move_by,
    play,
    record_of,
)

REST_S = 100.0
DAY_S = 86_400

pytestmark = pytest.mark.usefixtures("small_steps")


def test_the_keys_of_an_archived_batch_are_given_back_and_it_is_still_listed(
    ledger: Ledger, store: Store
) -> None:
    finished(ledger, store)
    before = batch_of(ledger)
    sealed = archiving.archive(ledger, store, "spring")
    assert (sealed.jobs, jobs_here(ledger)) == (JOBS, 0)
    assert store.size_bytes(sealed.key)
    now = batch_of(ledger)
    assert now.archived == sealed.key
    assert 0.0 < now.archived_at_s <= ledger.now_s()
    assert (now.counts, now.charged_usd_micros) == (
        before.counts,
        before.charged_usd_micros,
    )
    assert ledger.batches.page(0, 10)[1] == 1
    assert audit(ledger, ACCOUNT) == []
    with pytest.raises(JobsArchived, match="spring"):
        records(ledger)


def test_what_is_brought_back_is_as_it_was_to_the_last_field(
    ledger: Ledger, store: Store
) -> None:
    finished(ledger, store)
    told, before = records(ledger), everything(ledger)
    archiving.archive(ledger, store, "spring")
    archiving.recall(ledger, store, "spring")
    assert records(ledger) == told
    after = everything(ledger)
    # The rest begins anew, and the jobs are found by what they left.
    resting = f"reelmill:account:{ACCOUNT}:reported"
    assert before.pop(resting) != after.pop(resting)
    assert before.pop(keys.asked(store.url))
    after = {key: told for key, told in after.items() if ":left:" not in key}
    # Which failed last is told to who watches, and nobody watches what was archived.
    assert before.pop("reelmill:batch:spring:failures")
    assert after == before
    assert audit(ledger, ACCOUNT) == []


def test_of_an_archived_batch_only_its_own_hash_is_left(
    ledger: Ledger, store: Store
) -> None:
    finished(ledger, store)
    assert ledger.looks.take(["spring"])[0].failures
    archiving.archive(ledger, store, "spring")
    left = [key for key in everything(ledger) if "batch:spring" in key]
    assert left == [keys.batch("spring")]
    assert ledger.looks.take(["spring"])[0].failures == ()


def test_a_batch_without_jobs_is_archived_too(ledger: Ledger, store: Store) -> None:
    ledger.batches.create(a_batch("spring", store=store.url))
    ledger.batches.open("spring")
    reported(ledger)
    archiving.archive(ledger, store, "spring")
    archiving.recall(ledger, store, "spring")
    assert records(ledger) == []


def test_the_same_manifest_again_is_neither_rendered_nor_paid_again(
    ledger: Ledger, store: Store
) -> None:
    finished(ledger, store)
    archiving.archive(ledger, store, "spring")
    before = everything(ledger)
    with pytest.raises(JobsArchived):
        ledger.batches.add("spring", [a_job(n) for n in range(1, JOBS + 1)])
    assert everything(ledger) == before
    archiving.recall(ledger, store, "spring")
    assert ledger.batches.add("spring", [a_job(n) for n in range(1, JOBS + 1)]) == 0
    ledger.batches.open("spring")
    assert grant(ledger) == []


def test_a_failed_job_is_tried_again_only_once_it_is_brought_back(
    ledger: Ledger, store: Store
) -> None:
    failed, *_ = finished(ledger, store)
    again = move_by("spring", record_of(ledger, failed), Event.RETRY)
    claim = ledger.archives.claim("spring")
    assert claim
    archiving.archive(ledger, store, "spring")
    assert ledger.moves.make([again]) == [Moved.NO]
    archiving.recall(ledger, store, "spring")
    assert ledger.moves.make([again]) == [Moved.YES]
    assert record_of(ledger, failed).state is State.WAITING
    assert audit(ledger, ACCOUNT) == []
    with pytest.raises(NotNow, match="not all of it is over"):
        archiving.archive(ledger, store, "spring")


def test_what_is_not_over_or_not_reported_is_not_archived(
    ledger: Ledger, store: Store
) -> None:
    failed, *_ = finished(ledger, store)
    play(ledger, failed, Event.RETRY)
    with pytest.raises(NotNow, match="not all of it is over"):
        archiving.archive(ledger, store, "spring")
    play(ledger, failed, Event.CANCEL)
    with pytest.raises(Unreported, match="report"):
        archiving.archive(ledger, store, "spring")
    with pytest.raises(NotNow, match="does not have it"):
        archiving.archive(ledger, store, "autumn")
    assert store.sizes() == {}


def test_it_is_ripe_once_it_has_rested_and_is_sent_for_once_in_a_lease(
    simulated: Ledger, clock: Clock, store: Store
) -> None:
    failed, *_ = finished(simulated, store)

    def ripe() -> list[str]:
        return simulated.archives.ripe(ACCOUNT, REST_S, 10, LEASE_S)

    assert ripe() == []
    clock.forward(REST_S)
    assert ripe() == ["spring"]
    assert ripe() == []
    clock.forward(LEASE_S)
    simulated.archives.extend("spring", LEASE_S)
    assert ripe() == []
    clock.forward(LEASE_S)
    assert ripe() == ["spring"]
    # What lives again is not ripe, until it has been reported and rested once more.
    play(simulated, failed, Event.RETRY, Event.CANCEL)
    clock.forward(REST_S)
    assert ripe() == []
    reported(simulated)
    clock.forward(REST_S)
    assert ripe() == ["spring"]
    archiving.archive(simulated, store, "spring")
    clock.forward(REST_S)
    assert ripe() == []
    archiving.recall(simulated, store, "spring")
    clock.forward(REST_S)
    assert ripe() == ["spring"]


def test_predictions_are_known_for_some_days_and_then_forgotten(
    simulated: Ledger, clock: Clock, store: Store
) -> None:
    refs = finished(simulated, store)
    ids = [f"p-{ref}" for ref in refs]
    archiving.archive(simulated, store, "spring")
    assert simulated.moves.known(ACCOUNT, [*ids, "p"]) == set(ids)
    clock.forward(REMEMBERED_DAYS * DAY_S)
    assert simulated.moves.owner(ACCOUNT, ids[0]) == refs[0]
    clock.forward(DAY_S)
    assert simulated.moves.known(ACCOUNT, ids) == set()
    pattern = "reelmill:account:*:predictions:*"
    assert len(simulated.server.execute_command("KEYS", pattern)) == 1
    simulated.moves.remember(ACCOUNT, {"p": refs[1]})
    (left,) = simulated.server.execute_command("KEYS", pattern)
    assert left.endswith(str(int(clock() // DAY_S)))
    assert simulated.moves.owner(ACCOUNT, "p") == refs[1]
    assert simulated.moves.owner(ACCOUNT, "q") is None


def test_a_prediction_of_an_earlier_day_belongs_to_no_other_job(
    simulated: Ledger, clock: Clock, store: Store
) -> None:
    _, stored, *_ = finished(simulated, store)
    clock.forward(2 * DAY_S)
    ask(simulated, store, "autumn", Ask("", "new"))
    (ref,) = grant(simulated)
    play(simulated, ref, Event.CLAIM)
    move = move_by("autumn", record_of(simulated, ref), Event.ACCEPT, f"p-{stored}")
    assert simulated.moves.make([move]) == [Moved.TAKEN]


def test_a_missing_archive_is_named_and_nothing_changes(
    ledger: Ledger, store: Store
) -> None:
    finished(ledger, store)
    sealed = archiving.archive(ledger, store, "spring")
    store.remove(sealed.key)
    with pytest.raises(BadArchive, match=f"{sealed.key} is missing"):
        archiving.recall(ledger, store, "spring")
    with pytest.raises(JobsArchived):
        ledger.batches.add("spring", [a_job(1)])
    assert batch_of(ledger).archived == sealed.key


def test_a_damaged_archive_is_named_and_nothing_changes(
    ledger: Ledger, store: Store
) -> None:
    finished(ledger, store)
    sealed = archiving.archive(ledger, store, "spring")
    store.put_text(sealed.key, "something else", "text/plain")
    with pytest.raises(BadArchive, match="is damaged"):
        archiving.recall(ledger, store, "spring")
    assert jobs_here(ledger) == 0


def test_nothing_more_is_forgotten_once_the_archive_is_gone(
    ledger: Ledger, store: Store
) -> None:
    finished(ledger, store)

    def beat() -> None:
        """After the seal and the first jobs the worker is told to stop."""
        if jobs_here(ledger) < JOBS:
            raise NotNow

    with pytest.raises(NotNow):
        archiving.archive(ledger, store, "spring", beat)
    left = jobs_here(ledger)
    assert 0 < left < JOBS
    store.remove(batch_of(ledger).archived)
    with pytest.raises(BadArchive, match="is missing"):
        archiving.archive(ledger, store, "spring")
    assert jobs_here(ledger) == left


def test_while_all_jobs_are_still_here_the_archive_is_not_needed(
    ledger: Ledger, store: Store
) -> None:
    finished(ledger, store)
    told = records(ledger)
    claim = ledger.archives.claim("spring")
    assert claim
    sealed = Sealed("spring/nowhere.gz", "ab", JOBS)
    assert ledger.archives.seal("spring", claim, sealed)
    archiving.recall(ledger, store, "spring")
    assert records(ledger) == told
