"""Holding a batch or an account, taking a batch back, and sharing an account fairly."""

import pytest

from jobs.ledger import Ledger
from jobs.ledger.transitions import Applied
from jobs.pace.limits import Limits
from jobs.pace.waits import MAX_GENERATION_S
from jobs.states import Event, State
from jobs.transitions import Ref, abandon, cancel
from tests.audit import audit
from tests.conftest import Clock
from tests.jobs.ledger.play import (
    ACCOUNT,
    PLENTY,
    PRICE,
    batch_of,
    grant,
    open_batch,
    play,
    record_of,
    reject,
)

SENT = (Event.CLAIM, Event.ACCEPT)
LOST = (Event.CLAIM, Event.LOSE)


def test_a_pause_takes_effect_at_the_next_permit(ledger: Ledger) -> None:
    ledger.permits.set_limits(ACCOUNT, PLENTY)
    first, *rest = open_batch(ledger)
    assert grant(ledger, 1) == [first]
    ledger.batches.pause("spring")
    assert batch_of(ledger).paused
    assert grant(ledger) == []
    assert play(ledger, first, *SENT, Event.COMPLETE, Event.STORE).video
    ledger.batches.resume("spring")
    assert grant(ledger) == rest
    assert audit(ledger, ACCOUNT) == []


def test_a_paused_account_starts_nothing_of_any_batch(ledger: Ledger) -> None:
    ledger.permits.set_limits(ACCOUNT, PLENTY)
    refs = open_batch(ledger)
    reject(ledger, cause="balance", cooldown_s=500.0)
    ledger.permits.pause(ACCOUNT)
    assert ledger.permits.read(ACCOUNT).paused
    ledger.permits.recover(ACCOUNT)
    assert grant(ledger) == []
    reject(ledger, cause="balance", cooldown_s=500.0)
    ledger.permits.resume(ACCOUNT)
    account = ledger.permits.read(ACCOUNT)
    assert (account.paused, account.trouble, account.cooling_until_s) == (False, "", 0)
    assert grant(ledger) == refs


@pytest.mark.parametrize(
    "events",
    [
        (Event.CLAIM, Event.RETURN),
        (*LOST, Event.ABSENT),
        (*SENT, Event.COMPLETE, Event.TRY_AGAIN),
    ],
)
def test_what_comes_back_to_a_cancelled_batch_is_not_sent_again(
    ledger: Ledger, events: tuple[Event, ...]
) -> None:
    ledger.permits.set_limits(ACCOUNT, PLENTY)
    ref, other = open_batch(ledger, jobs=2)
    assert grant(ledger, 1) == [ref]
    ledger.batches.cancel("spring")
    assert grant(ledger) == []
    play(ledger, other, Event.CANCEL)
    assert play(ledger, ref, *events).state is State.CANCELLED
    batch = batch_of(ledger)
    assert batch.counts == {State.CANCELLED: 2}
    assert batch.reserved_usd_micros == 0
    assert ledger.batches.page(0, 9, unfinished=True) == ([], 0)
    assert audit(ledger, ACCOUNT) == []
    # Taken up again, both can be made.
    ledger.batches.take_up("spring")
    play(ledger, ref, Event.RETRY)
    play(ledger, other, Event.RETRY)
    assert grant(ledger) == [ref, other]
    assert play(ledger, ref, Event.CLAIM, Event.RETURN).state is State.WAITING
    assert audit(ledger, ACCOUNT) == []


def test_a_batch_that_was_half_handed_over_can_be_cancelled(ledger: Ledger) -> None:
    ledger.permits.set_limits(ACCOUNT, PLENTY)
    (ref,) = open_batch(ledger, jobs=1)
    ledger.server.hdel("reelmill:batch:spring", "complete")
    ledger.batches.cancel("spring")
    assert ledger.transitions.apply([cancel("spring", record_of(ledger, ref))]) == [
        Applied.YES
    ]
    leased = ledger.delay_queue.lease(ACCOUNT, 9, 30.0)
    assert leased == [(Ref("spring", ""), None)]


@pytest.mark.parametrize("events", [SENT, (*SENT, Event.COMPLETE)])
def test_what_is_abandoned_stays_charged(
    simulated: Ledger, clock: Clock, events: tuple[Event, ...]
) -> None:
    simulated.permits.set_limits(ACCOUNT, Limits(1_000, 1))
    ref, other = open_batch(simulated, jobs=2, budget_usd_micros=2 * PRICE)
    assert grant(simulated) == [ref]
    record = play(simulated, ref, *events, now_s=clock())
    given_up = abandon("spring", record, clock())
    assert simulated.transitions.apply([given_up]) == [Applied.YES]
    after = record_of(simulated, ref)
    assert after.state is State.FAILED
    assert after.failure
    assert after.failure.code == "abandoned"
    batch = batch_of(simulated)
    assert batch.charged_usd_micros == PRICE
    assert batch.reserved_usd_micros == 0
    assert simulated.permits.lost(ACCOUNT) == []
    assert audit(simulated, ACCOUNT) == []
    # It may still be generating, so its slot is free only after the longest time.
    done = Event.COMPLETE in events
    assert grant(simulated) == ([other] if done else [])
    clock.forward(MAX_GENERATION_S)
    assert grant(simulated) == ([] if done else [other])
    play(simulated, ref, Event.RETRY)
    assert grant(simulated) == []
    simulated.batches.set_budget("spring", 3 * PRICE)
    play(simulated, other, Event.CLAIM, Event.RETURN)
    assert simulated.permits.grant(ACCOUNT, 1, 30.0) == [ref]
    again = play(simulated, ref, *SENT, prediction_id="p2")
    assert again.charged_usd_micros == 2 * PRICE
    assert audit(simulated, ACCOUNT) == []


def test_an_abandoned_slot_is_not_taken_along_by_a_retry(
    simulated: Ledger, clock: Clock
) -> None:
    simulated.permits.set_limits(ACCOUNT, Limits(1_000, 2))
    ref, other = open_batch(simulated, jobs=2)
    assert grant(simulated, 1) == [ref]
    record = play(simulated, ref, *SENT, now_s=clock())
    simulated.transitions.apply([abandon("spring", record, clock())])
    play(simulated, ref, Event.RETRY)
    assert grant(simulated) == [ref]
    assert simulated.permits.read(ACCOUNT).slots_in_use == 2
    clock.forward(MAX_GENERATION_S)
    assert grant(simulated) == [other]
