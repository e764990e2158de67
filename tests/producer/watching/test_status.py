"""How a batch stands is put into words that are true and do nothing to a terminal."""

import pytest
from hypothesis import given

from jobs.ledger.snapshots import BatchSnapshot
from jobs.states import FINAL, State
from producer.watching.status import (
    account_step,
    held_up,
    state_of,
)
from tests.producer.watching.snapshots import NOW_S, account, counts, snapshot


@given(counts)
def test_every_job_is_over_under_way_waiting_or_a_persons(
    counts: dict[State, int],
) -> None:
    now = snapshot(counts)
    rest = now.count(State.WAITING, State.UNRESOLVED, State.OVERDUE)
    assert now.over + now.under_way + rest == now.batch.total
    assert now.over == now.count(*FINAL)


@pytest.mark.parametrize(
    ("now", "words"),
    [
        (snapshot({State.WAITING: 1}, stopped_by="budget"), "stopped by the budget"),
        (snapshot({State.GENERATING: 1}, stopped_by="budget"), ""),
        (
            snapshot({State.WAITING: 1}, of=account(trouble="balance")),
            "the account is in trouble (balance): the provider's words",
        ),
        (
            snapshot({}, of=account(cooling_until_s=NOW_S + 42)),
            "the account cools down for 42 s: the provider's words",
        ),
        (snapshot({}, of=account(cooling_until_s=NOW_S - 1)), ""),
        (snapshot({}, note="the store is full"), "the store is full"),
        (snapshot({State.WAITING: 1}), ""),
        (
            snapshot({State.WAITING: 1}, of=account(slots_in_use=100)),
            "all 100 slots are in use, by other batches or what was given up",
        ),
        (
            snapshot(
                {State.WAITING: 1, State.GENERATING: 1}, of=account(slots_in_use=100)
            ),
            "",
        ),
        (
            snapshot({State.GENERATING: 2}, seen={"late": ("a b",)}),
            (
                "far too long at the provider: a b; reelmill show products-1 'a b' "
                "tells more, reelmill cancel products-1 'a b' --abandon gives it up"
            ),
        ),
        (
            snapshot(
                {State.GENERATING: 1, State.OVERDUE: 6},
                note="the store is full",
                seen={"late": tuple("abcdef")},
            ),
            (
                "the store is full; far too long at the provider: a, b, c, d, e and "
                "more (6 without a slot); reelmill show products-1 a tells more, "
                "reelmill cancel products-1 a --abandon gives it up"
            ),
        ),
    ],
)
def test_what_holds_a_batch_up_is_told(now: BatchSnapshot, words: str) -> None:
    assert held_up(now) == words


@pytest.mark.parametrize(
    ("counts", "word"),
    [
        ({State.OVERDUE: 1, State.STORED: 1}, "overdue"),
        ({State.OVERDUE: 1, State.UNRESOLVED: 1}, "unresolved"),
        ({State.OVERDUE: 1, State.GENERATING: 1}, "running"),
        ({State.OVERDUE: 1, State.WAITING: 1}, "waiting"),
    ],
)
def test_a_batch_of_which_only_the_overdue_are_left_is_called_so(
    counts: dict[State, int], word: str
) -> None:
    assert state_of(snapshot(counts)) == word


@pytest.mark.parametrize(
    ("now", "told"),
    [
        (snapshot({State.WAITING: 1}, of=account(trouble="balance")), True),
        (snapshot({State.GENERATING: 1}, of=account(trouble="a-new-one")), True),
        (snapshot({State.WAITING: 1}), False),
        (snapshot({State.STORED: 1}, of=account(trouble="balance")), False),
        (snapshot({State.WAITING: 1}, of=account(trouble="key"), paused=True), False),
        (
            snapshot(
                {State.WAITING: 1}, of=account(trouble="key"), stopped_by="budget"
            ),
            False,
        ),
    ],
)
def test_what_to_do_about_the_account_is_told_where_that_holds_a_batch_up(
    now: BatchSnapshot, told: bool
) -> None:
    assert ("tries again every minute" in account_step(now)) is told
    assert bool(account_step(now)) is told
