"""Figures: what the ledger counts by the way, read without looking at a job."""

import pytest

from jobs.ledger import Ledger
from jobs.ledger.figures import LAG_S, AccountFigures
from jobs.ledger.transitions import Applied
from jobs.states import Event
from jobs.transitions import Ref
from producer.metrics import DAY_S
from tests.conftest import Clock
from tests.jobs.ledger.play import (
    ACCOUNT,
    LEASE_S,
    PLENTY,
    PRICE,
    grant,
    move_by,
    open_batch,
    record_of,
    reject,
)


def figures(ledger: Ledger) -> AccountFigures:
    (account,) = ledger.figures.read().accounts
    return account


def admitted(ledger: Ledger, jobs: int = 1) -> list[Ref]:
    ledger.permits.set_limits(ACCOUNT, PLENTY)
    open_batch(ledger, jobs=jobs)
    return grant(ledger)


def by(ledger: Ledger, ref: Ref, *events: Event, now_s: float) -> None:
    for event in events:
        record = record_of(ledger, ref)
        move = move_by(ref.batch, record, event, f"p-{ref}", now_s)
        assert ledger.transitions.apply([move]) == [Applied.YES]


@pytest.mark.parametrize(
    ("lag_s", "at"),
    [*((bound, i) for i, bound in enumerate(LAG_S)), (0.0, 0), (1e6, len(LAG_S))],
)
def test_the_lag_counts_under_the_least_bound_that_it_keeps(
    simulated: Ledger, clock: Clock, lag_s: float, at: int
) -> None:
    (ref,) = admitted(simulated)
    ways = (Event.CLAIM, Event.ACCEPT, Event.COMPLETE)
    by(simulated, ref, *ways, now_s=clock())
    clock.forward(lag_s)
    by(simulated, ref, Event.STORE, now_s=clock())
    assert [i for i, count in enumerate(figures(simulated).lag) if count] == [at]


def test_what_is_paid_and_not_stored_is_as_old_as_its_request(
    simulated: Ledger, clock: Clock
) -> None:
    lost, quick = admitted(simulated, 2)
    assert figures(simulated).uncollected_at_s is None
    sent_s = clock()
    by(simulated, lost, Event.CLAIM, Event.LOSE, Event.GIVE_UP, now_s=sent_s)
    clock.forward(3 * DAY_S)
    by(simulated, quick, Event.CLAIM, Event.ACCEPT, now_s=clock())
    assert figures(simulated).uncollected_at_s == clock()
    by(simulated, lost, Event.ADOPT, now_s=clock())
    assert figures(simulated).uncollected_at_s == sent_s
    by(simulated, lost, Event.COMPLETE, now_s=clock())
    assert figures(simulated).uncollected_at_s == sent_s
    by(simulated, lost, Event.STORE, now_s=clock())
    by(simulated, quick, Event.TRY_AGAIN, now_s=clock())
    assert figures(simulated).uncollected_at_s is None


def test_an_account_tells_its_limits_its_use_and_its_trouble(
    simulated: Ledger, clock: Clock
) -> None:
    ledger = simulated
    ledger.permits.set_limits(ACCOUNT, PLENTY, 5_000_000)
    open_batch(ledger, jobs=3)
    grant(ledger, 2)
    reject(ledger, cooldown_s=10.0, reason="slow down")
    reject(ledger, cause="balance", cooldown_s=60.0, reason="no money")
    found = figures(ledger)
    assert (found.slots_in_use, found.starts_in_window) == (2, 2)
    assert (found.refusals, found.throttled) == (2, 1)
    assert found.troubles == {"balance", "cooling"}
    assert found.today_usd_micros == 2 * PRICE
    assert found.daily_budget_usd_micros == 5_000_000
    assert found.due_at_s == clock() + LEASE_S
    clock.forward(61)
    assert figures(ledger).troubles == {"balance"}
