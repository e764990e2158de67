"""Permits: never more than allowed, by nobody; and never less for long."""

from concurrent.futures import ThreadPoolExecutor
from itertools import chain

import pytest

from jobs.ledger import Ledger, connect
from jobs.pace.limits import WINDOW_S, Limits
from jobs.states import Event, State
from jobs.transitions import Ref
from tests.audit import audit
from tests.conftest import Clock
from tests.jobs.ledger.play import (
    ACCOUNT,
    LEASE_S,
    PLENTY,
    PRICE,
    a_batch,
    a_job,
    batch_of,
    grant,
    open_batch,
    play,
    record_of,
    reject,
)

THREE_USD = 3_000_000


def finish(ledger: Ledger, ref: Ref) -> None:
    names = (Event.CLAIM, Event.ACCEPT, Event.COMPLETE, Event.STORE)
    play(ledger, ref, *names, prediction_id=f"p-{ref}")


def test_nothing_is_granted_before_the_limits_are_known(ledger: Ledger) -> None:
    open_batch(ledger)
    assert grant(ledger) == []


def test_nothing_is_granted_before_all_jobs_of_a_batch_are_in(ledger: Ledger) -> None:
    ledger.permits.set_limits(ACCOUNT, PLENTY)
    ledger.batches.create(a_batch())
    ledger.batches.add("spring", [a_job(1)])
    assert grant(ledger) == []
    ledger.batches.open("spring")
    assert grant(ledger) == [Ref("spring", "row-1")]


def test_slots_are_exact(ledger: Ledger) -> None:
    ledger.permits.set_limits(ACCOUNT, Limits(1_000, 3))
    refs = open_batch(ledger, jobs=5)
    assert grant(ledger) == refs[:3]
    assert grant(ledger) == []
    assert ledger.permits.read(ACCOUNT).slots_in_use == 3
    play(ledger, refs[1], Event.CLAIM, Event.REFUSE)
    assert grant(ledger) == refs[3:4]
    play(ledger, refs[0], Event.CLAIM, Event.ACCEPT)
    assert grant(ledger) == []
    play(ledger, refs[0], Event.COMPLETE)
    assert grant(ledger) == refs[4:]


def test_a_start_counts_until_a_window_after_its_answer(
    simulated: Ledger, clock: Clock
) -> None:
    simulated.permits.set_limits(ACCOUNT, Limits(2, 100))
    first, second, third, _ = open_batch(simulated, jobs=4)
    assert grant(simulated) == [first, second]
    clock.forward(500)
    assert grant(simulated) == []
    play(simulated, first, Event.CLAIM, Event.ACCEPT)
    clock.forward(WINDOW_S - 0.001)
    assert grant(simulated) == []
    clock.forward(0.001)
    assert grant(simulated) == [third]


def test_what_never_left_does_not_count(simulated: Ledger) -> None:
    simulated.permits.set_limits(ACCOUNT, Limits(1, 1))
    (ref,) = open_batch(simulated, jobs=1)
    for _ in range(3):
        assert grant(simulated) == [ref]
        play(simulated, ref, Event.CLAIM, Event.RETURN)
    assert record_of(simulated, ref).attempts == ()


def test_fourteen_videos_of_21_cents_fit_into_three_dollars(ledger: Ledger) -> None:
    ledger.permits.set_limits(ACCOUNT, PLENTY)
    refs = open_batch(ledger, jobs=20, budget_usd_micros=THREE_USD)
    granted = grant(ledger)
    assert granted == refs[:14]
    assert batch_of(ledger).stopped_by == "budget"
    for ref in granted:
        finish(ledger, ref)
    assert grant(ledger) == []
    assert batch_of(ledger).charged_usd_micros == 14 * PRICE


def test_a_raised_budget_goes_on_and_a_lifted_one_has_no_end(ledger: Ledger) -> None:
    ledger.permits.set_limits(ACCOUNT, PLENTY)
    refs = open_batch(ledger, jobs=20, budget_usd_micros=THREE_USD)
    assert len(grant(ledger)) == 14
    ledger.batches.set_budget("spring", THREE_USD + PRICE)
    assert batch_of(ledger).stopped_by == ""
    assert grant(ledger) == refs[14:15]
    ledger.batches.set_budget("spring", None)
    assert grant(ledger) == refs[15:]


def test_a_lowered_budget_stops_what_has_not_begun(ledger: Ledger) -> None:
    ledger.permits.set_limits(ACCOUNT, Limits(1_000, 2))
    first, *_ = open_batch(ledger, jobs=5, budget_usd_micros=THREE_USD)
    assert len(grant(ledger)) == 2
    ledger.batches.set_budget("spring", 0)
    finish(ledger, first)
    assert grant(ledger) == []
    assert batch_of(ledger).stopped_by == "budget"


def test_money_that_came_back_is_spent_again_but_refunds_are_not(
    ledger: Ledger,
) -> None:
    ledger.permits.set_limits(ACCOUNT, PLENTY)
    first, second = open_batch(ledger, jobs=2, budget_usd_micros=PRICE)
    assert grant(ledger) == [first]
    play(ledger, first, Event.CLAIM, Event.REFUSE)
    assert grant(ledger) == [second]
    play(ledger, second, Event.CLAIM, Event.ACCEPT, Event.TRY_AGAIN)
    assert batch_of(ledger).refunded_usd_micros == PRICE
    assert grant(ledger) == []


def test_one_batch_without_money_does_not_hold_up_another(ledger: Ledger) -> None:
    ledger.permits.set_limits(ACCOUNT, PLENTY)
    open_batch(ledger, "poor", jobs=3, budget_usd_micros=PRICE - 1)
    rich = open_batch(ledger, "rich", jobs=3, budget_usd_micros=2 * PRICE)
    assert grant(ledger) == rich[:2]


def test_the_day_has_a_budget_over_all_batches(simulated: Ledger, clock: Clock) -> None:
    simulated.permits.set_limits(ACCOUNT, PLENTY, 3 * PRICE)
    open_batch(simulated, "one", jobs=5)
    open_batch(simulated, "two", jobs=5)
    granted = grant(simulated)
    assert len(granted) == 3
    play(simulated, granted[0], Event.CLAIM, Event.REFUSE)
    assert len(grant(simulated)) == 1
    assert simulated.permits.read(ACCOUNT).today_usd_micros == 3 * PRICE
    clock.forward(86_400)
    assert len(grant(simulated)) == 3


def url_of(ledger: Ledger) -> str:
    socket = ledger.server.config_get("unixsocket")["unixsocket"]
    return f"unix://{socket}?db=0"


def take_all(url: str) -> list[str]:
    """One worker that takes what it gets, three at a time, until nothing is left."""
    ledger, taken = connect(url), []
    while granted := ledger.permits.grant(ACCOUNT, 3, LEASE_S):
        taken += [str(ref) for ref in granted]
    ledger.close()
    return taken


def test_racing_threads_take_every_permit_once(ledger: Ledger) -> None:
    ledger.permits.set_limits(ACCOUNT, Limits(1_000, 60))
    open_batch(ledger, "three-dollars", 40, budget_usd_micros=THREE_USD)
    open_batch(ledger, "one-dollar", 40, budget_usd_micros=1_000_000)
    open_batch(ledger, "no-end", 400)
    with ThreadPoolExecutor(8) as pool:
        taken = list(chain(*pool.map(take_all, [url_of(ledger)] * 8)))
    assert len(taken) == len(set(taken)) == 60
    assert sum(ref.startswith("three-dollars/") for ref in taken) == 14
    assert sum(ref.startswith("one-dollar/") for ref in taken) == 4
    assert audit(ledger, ACCOUNT) == []


def test_a_small_batch_behind_a_large_one_is_admitted_at_once(ledger: Ledger) -> None:
    ledger.permits.set_limits(ACCOUNT, Limits(10_000, 20))
    large = open_batch(ledger, "a-large", jobs=1_000)
    for ref in grant(ledger):
        finish(ledger, ref)
    assert grant(ledger) == large[20:40]
    small = open_batch(ledger, "z-small", jobs=10)
    for ref in large[20:40]:
        finish(ledger, ref)
    assert set(small) <= set(grant(ledger))


def test_priority_is_the_weight_of_a_batch(ledger: Ledger) -> None:
    ledger.permits.set_limits(ACCOUNT, Limits(10_000, 400))
    open_batch(ledger, "light", jobs=400, priority=1)
    open_batch(ledger, "heavy", jobs=400, priority=3)
    refs = grant(ledger)
    assert len(refs) == 400
    assert sum(ref.batch == "heavy" for ref in refs) in (299, 300, 301)


def test_being_held_up_earns_no_credit(ledger: Ledger) -> None:
    ledger.permits.set_limits(ACCOUNT, PLENTY)
    open_batch(ledger, "held", jobs=100, budget_usd_micros=0)
    open_batch(ledger, "busy", jobs=200)
    assert {ref.batch for ref in grant(ledger, 100)} == {"busy"}
    ledger.batches.set_budget("held", None)
    refs = grant(ledger, 20)
    assert sum(ref.batch == "busy" for ref in refs) in (9, 10, 11)


def test_a_job_that_comes_back_keeps_its_place_in_the_manifest(ledger: Ledger) -> None:
    ledger.permits.set_limits(ACCOUNT, Limits(1_000, 1))
    first, *_ = open_batch(ledger, jobs=3)
    assert grant(ledger) == [first]
    play(ledger, first, Event.CLAIM, Event.ACCEPT, Event.TRY_AGAIN)
    assert grant(ledger) == [first]


def test_an_unresolved_job_lends_its_slot_for_an_hour(
    simulated: Ledger, clock: Clock
) -> None:
    simulated.permits.set_limits(ACCOUNT, Limits(1_000, 1))
    first, second = open_batch(simulated, jobs=2)
    grant(simulated)
    play(simulated, first, Event.CLAIM, Event.LOSE, Event.GIVE_UP)
    clock.forward(3_599)
    assert grant(simulated) == []
    clock.forward(1)
    assert grant(simulated) == [second]
    assert record_of(simulated, first).state is State.UNRESOLVED
    assert audit(simulated, ACCOUNT) == []


@pytest.mark.parametrize("events", [(Event.GIVE_UP,)])
def test_a_lost_answer_does_not_hold_the_last_slot_that_was_learnt(
    ledger: Ledger, events: tuple[Event, ...]
) -> None:
    ledger.permits.set_limits(ACCOUNT, PLENTY)
    first, second = open_batch(ledger, jobs=2)
    assert grant(ledger, 1) == [first]
    play(ledger, first, Event.CLAIM, Event.LOSE, *events)
    ledger.permits.set_limits(ACCOUNT, Limits(1_000, 2))
    reject(ledger, second, cooldown_s=0.0)
    assert ledger.permits.read(ACCOUNT).adaptive_concurrency == 1
    assert grant(ledger) == [second]


@pytest.mark.parametrize("most", [0, -3])
def test_no_permit_is_granted_to_whoever_has_no_room(ledger: Ledger, most: int) -> None:
    ledger.permits.set_limits(ACCOUNT, PLENTY)
    open_batch(ledger)
    assert grant(ledger, most) == []


def test_accounts_do_not_share_their_limits(ledger: Ledger) -> None:
    ledger.permits.set_limits(ACCOUNT, Limits(1, 1))
    ledger.permits.set_limits("other", Limits(1, 1))
    open_batch(ledger, "ours", jobs=2)
    theirs = open_batch(ledger, "theirs", jobs=2, account="other")
    assert len(grant(ledger)) == 1
    assert ledger.permits.grant("other", 9, LEASE_S) == theirs[:1]


def test_whoever_joins_lowers_limits_and_raises_none(ledger: Ledger) -> None:
    keep = ledger.permits.keep_limits
    keep(ACCOUNT, Limits(500, 300))
    keep(ACCOUNT, Limits(3_000, 30), 5_000_000)
    known = ledger.permits.read(ACCOUNT)
    assert known.limits == Limits(500, 30)
    assert known.daily_budget_usd_micros == 5_000_000
    keep(ACCOUNT, Limits(5_000, 10_000))
    known = ledger.permits.read(ACCOUNT)
    assert known.limits == Limits(500, 30)
    assert known.daily_budget_usd_micros == 5_000_000
