"""Batches: made whole or not at all, kept through every restart."""

import os
import signal
from dataclasses import replace
from pathlib import Path

import pytest

from jobs import settings
from jobs.ledger import Ledger, LedgerError, NotDurableError
from jobs.states import Event, State
from jobs.transitions import Ref
from producer.local_server import ledger_of
from tests.audit import audit
from tests.jobs.ledger.play import (
    ACCOUNT,
    PLENTY,
    PRICE,
    a_batch,
    a_job,
    batch_of,
    everything,
    grant,
    leased,
    open_batch,
    play,
    record_of,
)


def test_a_batch_is_read_as_it_was_written(ledger: Ledger) -> None:
    labels = {"season": "spring = 2027", "team": "shoes"}
    batch = a_batch(budget_usd_micros=5, priority=7, attempts=2, labels=labels)
    assert ledger.batches.create(batch)
    assert batch_of(ledger) == batch
    assert ledger.batches.ids() == ["spring"]


def test_an_existing_batch_keeps_its_settings(ledger: Ledger) -> None:
    assert ledger.batches.create(a_batch(budget_usd_micros=5))
    before = everything(ledger)
    assert not ledger.batches.create(a_batch(budget_usd_micros=None, store="other"))
    assert everything(ledger) == before


def test_a_batch_gets_labels_and_keeps_those_it_has(ledger: Ledger) -> None:
    ledger.batches.create(a_batch(labels={"team": "shoes"}))
    ledger.batches.add_labels("spring", {"team": "hats", "year": "2027"})
    assert batch_of(ledger).labels == {"team": "shoes", "year": "2027"}


def test_jobs_are_added_once(ledger: Ledger) -> None:
    ledger.batches.create(a_batch())
    several = [a_job(number) for number in range(1, 1_202)]
    assert ledger.batches.add("spring", several[:700]) == 700
    assert ledger.batches.add("spring", several) == 501
    assert ledger.batches.add("spring", several) == 0
    batch = batch_of(ledger)
    assert batch.total == 1_201
    assert batch.estimated_usd_micros == 1_201 * PRICE
    assert [r.job for r in ledger.batches.jobs("spring")] == several


def test_prices_are_added_up_and_unknown_ones_counted(ledger: Ledger) -> None:
    ledger.batches.create(a_batch())
    ledger.batches.add("spring", [a_job(1), a_job(2, None), a_job(3, 5), a_job(4, 0)])
    batch = batch_of(ledger)
    assert batch.estimated_usd_micros == PRICE + 5
    assert batch.unpriced == 1
    assert audit(ledger, ACCOUNT) == []


#: Events after the permit that lead to each state of a job that was sent, or may be.
UNDER_WAY = {
    State.ADMITTED: (),
    State.SUBMITTING: (Event.CLAIM,),
    State.UNKNOWN: (Event.CLAIM, Event.LOSE),
    State.UNRESOLVED: (Event.CLAIM, Event.LOSE, Event.GIVE_UP),
    State.GENERATING: (Event.CLAIM, Event.ACCEPT),
    State.GENERATED: (Event.CLAIM, Event.ACCEPT, Event.COMPLETE),
    State.STORED: (Event.CLAIM, Event.ACCEPT, Event.COMPLETE, Event.STORE),
}
#: What brings each of them back to be sent again, where that can be.
BACK = {
    State.ADMITTED: (Event.RETURN,),
    State.SUBMITTING: (Event.RETURN,),
    State.UNKNOWN: (Event.ABSENT,),
    State.UNRESOLVED: (Event.ABSENT,),
    State.GENERATING: (Event.TRY_AGAIN,),
    State.GENERATED: (Event.FAIL, Event.RETRY),
}
DEARER = 2 * PRICE


@pytest.mark.parametrize("state", UNDER_WAY)
def test_what_holds_a_permit_is_settled_by_the_price_it_was_given_at(
    ledger: Ledger, state: State
) -> None:
    ledger.permits.set_limits(ACCOUNT, PLENTY)
    (ref,) = open_batch(ledger, jobs=1)
    assert grant(ledger) == [ref]
    play(ledger, ref, *UNDER_WAY[state])
    before = everything(ledger)
    assert ledger.batches.add("spring", [a_job(1, DEARER)]) == 0
    assert everything(ledger) == before
    if state not in BACK:
        return
    play(ledger, ref, *BACK[state])
    assert ledger.batches.add("spring", [a_job(1, DEARER)]) == 0
    assert grant(ledger) == [ref]
    assert batch_of(ledger).reserved_usd_micros == DEARER
    assert audit(ledger, ACCOUNT) == []


@pytest.mark.parametrize("price", [None, PRICE // 2, DEARER])
@pytest.mark.parametrize("way", [(), (Event.CANCEL, Event.RETRY)])
def test_what_is_not_sent_yet_takes_the_price_of_the_newest_submission(
    ledger: Ledger, price: int | None, way: tuple[Event, ...]
) -> None:
    ledger.permits.set_limits(ACCOUNT, PLENTY)
    refs = open_batch(ledger, jobs=2)
    cancelled, retried = way[:1], way[1:]
    play(ledger, refs[0], *cancelled)
    assert ledger.batches.add("spring", [a_job(1, price), a_job(2, price)]) == 0
    batch = batch_of(ledger)
    assert batch.estimated_usd_micros == 2 * (price or 0)
    assert batch.unpriced == (2 if price is None else 0)
    assert audit(ledger, ACCOUNT) == []
    play(ledger, refs[0], *retried)
    assert set(grant(ledger)) == set(refs)
    assert batch_of(ledger).reserved_usd_micros == 2 * (price or 0)
    play(ledger, refs[0], Event.CLAIM, Event.ACCEPT)
    assert batch_of(ledger).charged_usd_micros == (price or 0)
    assert audit(ledger, ACCOUNT) == []


def test_a_quote_counts_until_another_comes(ledger: Ledger) -> None:
    ledger.permits.set_limits(ACCOUNT, PLENTY)
    (ref,) = open_batch(ledger, jobs=1)
    quoted, again = (replace(a_job(1, p), quoted=True) for p in (DEARER, PRICE // 2))
    ledger.batches.add("spring", [quoted])
    assert record_of(ledger, ref).job == quoted
    # The provider was not asked again, or did not answer: the list says another price.
    ledger.batches.add("spring", [a_job(1, PRICE)])
    ledger.batches.add("spring", [a_job(1, None)])
    assert record_of(ledger, ref).job == quoted
    assert batch_of(ledger).estimated_usd_micros == DEARER
    ledger.batches.add("spring", [again])
    assert record_of(ledger, ref).job == again
    assert grant(ledger) == [ref]
    assert batch_of(ledger).reserved_usd_micros == PRICE // 2
    assert audit(ledger, ACCOUNT) == []


def test_a_budget_holds_at_the_new_price(ledger: Ledger) -> None:
    ledger.permits.set_limits(ACCOUNT, PLENTY)
    budget = PRICE + PRICE // 2
    open_batch(ledger, jobs=1, budget_usd_micros=budget)
    ledger.batches.add("spring", [a_job(1, DEARER)])
    assert grant(ledger) == []
    assert batch_of(ledger).stopped_by == "budget"
    ledger.batches.add("spring", [a_job(1, PRICE)])
    assert grant(ledger) == [Ref("spring", "row-1")]
    assert audit(ledger, ACCOUNT) == []


def test_a_batch_without_jobs_is_reported_at_once(ledger: Ledger) -> None:
    open_batch(ledger, jobs=0)
    assert leased(ledger) == [Ref("spring", "")]


def kill(ledger: Ledger) -> None:
    os.kill(ledger.server.info("server")["process_id"], signal.SIGKILL)


def test_all_is_there_after_the_server_was_killed(home: Path) -> None:
    chosen = settings.read({}, home=home)
    with ledger_of(chosen, alone=True) as ledger:
        ledger.permits.set_limits(ACCOUNT, PLENTY)
        refs = open_batch(ledger, jobs=50)
        grant(ledger, 20)
        for ref in refs[:10]:
            play(ledger, ref, Event.CLAIM, Event.ACCEPT, prediction_id=f"p-{ref}")
        ledger.durable()
        before = everything(ledger)
        kill(ledger)
        with pytest.raises(LedgerError):
            ledger.ping()
        left = ledger
    with ledger_of(chosen, alone=True) as ledger:
        assert everything(ledger) == before
        assert audit(ledger, ACCOUNT) == []
        # Who was connected before goes on, though the server knows no script any more.
        assert play(left, refs[0], Event.COMPLETE).state is State.GENERATED
        left.close()


def test_a_server_that_keeps_nothing_is_not_trusted_with_money(home: Path) -> None:
    with ledger_of(settings.read({}, home=home), alone=True) as ledger:
        ledger.durable()
        ledger.server.execute_command("CONFIG", "SET", "appendonly", "no")
        with pytest.raises(NotDurableError, match="appendonly yes"):
            ledger.durable()


def test_times_are_learnt_newest_first_and_not_for_ever(ledger: Ledger) -> None:
    for took_s in range(1, 251, 2):
        lesson = {("model", 5): [float(took_s), took_s + 1.0], ("other", 5): [7.0]}
        ledger.times.learn(ACCOUNT, lesson)
    learnt = ledger.times.learnt(ACCOUNT, "model", 5)
    assert len(learnt) == 200
    assert learnt[:2] == [250.0, 249.0]
    assert ledger.times.learnt(ACCOUNT, "model", 10) == []
