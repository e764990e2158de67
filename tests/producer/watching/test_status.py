"""How a batch stands is put into words that are true."""

import pytest
from hypothesis import given

from jobs.ledger.snapshots import BatchSnapshot
from jobs.states import FINAL, State
from producer.watching.status import account_step, held_up, state_of
from tests.producer.watching.snapshots import NOW_S, account, counts, snapshot

WAITS = {State.WAITING: 1}
BROKE = account(trouble="balance")


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
        (snapshot(WAITS, stopped_by="budget"), "stopped by its budget of"),
        (snapshot({State.GENERATING: 1}, stopped_by="budget"), ""),
        (snapshot(WAITS, of=BROKE), "trouble (balance): the provider's words"),
        (snapshot({}, of=account(cooling_until_s=NOW_S + 42)), "cools down for 42 s"),
        (snapshot({}, of=account(cooling_until_s=NOW_S - 1)), ""),
        (snapshot({}, note="the store is full"), "the store is full"),
        (snapshot(WAITS), ""),
        (snapshot(WAITS, of=account(slots_in_use=100)), "all 100 slots are in use"),
        (
            snapshot(WAITS | {State.GENERATING: 1}, of=account(slots_in_use=100)),
            "",
        ),
        (
            snapshot({State.GENERATING: 2}, seen={"late": ("a b",)}),
            "reelmill cancel products-1 'a b' --abandon gives it up",
        ),
        (
            snapshot(
                {State.GENERATING: 1, State.OVERDUE: 6},
                note="the store is full",
                seen={"late": tuple("abcdef")},
            ),
            "the provider: a, b, c, d, e and more (6 without a slot)",
        ),
    ],
)
def test_what_holds_a_batch_up_is_told(now: BatchSnapshot, words: str) -> None:
    assert words in held_up(now)
    assert bool(words) is bool(held_up(now))


@pytest.mark.parametrize(
    ("other", "word"),
    [
        (State.STORED, "overdue"),
        (State.UNRESOLVED, "unresolved"),
        (State.GENERATING, "running"),
        (State.WAITING, "waiting"),
    ],
)
def test_a_batch_of_which_only_the_overdue_are_left_is_called_so(
    other: State, word: str
) -> None:
    assert state_of(snapshot({State.OVERDUE: 1, other: 1})) == word


@pytest.mark.parametrize(
    ("now", "told"),
    [
        (snapshot(WAITS, of=BROKE), True),
        (snapshot({State.GENERATING: 1}, of=account(trouble="a-new-one")), True),
        (snapshot(WAITS), False),
        (snapshot({State.STORED: 1}, of=BROKE), False),
        (snapshot(WAITS, of=BROKE, paused=True), False),
        (snapshot(WAITS, of=BROKE, stopped_by="budget"), False),
    ],
)
def test_what_to_do_about_the_account_is_told_where_that_holds_a_batch_up(
    now: BatchSnapshot, told: bool
) -> None:
    assert ("tries again every minute" in account_step(now)) is told
