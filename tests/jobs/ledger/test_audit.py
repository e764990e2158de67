"""The audit sees what is wrong: for every invariant a breach that it must name."""

import pytest

from jobs.ledger import Ledger
from jobs.states import Event
from tests.audit import audit
from tests.jobs.ledger.play import ACCOUNT, PLENTY, grant, open_batch, play

DUE = "reelmill:account:acme:due"
SLOTS = "reelmill:account:acme:slots"
OPEN = "reelmill:account:acme:open"
BATCH = "reelmill:batch:spring"
JOB = "reelmill:job:spring/row-1"

#: row-1 is generating, row-2 admitted, row-3 waiting.
BREACHES = [
    (("ZREM", DUE, "spring/row-1"), "row-1 is generating, in the due-set: False"),
    (("ZREM", SLOTS, "spring/row-2"), "row-2 is admitted, holds a slot: False"),
    (("ZREM", f"{BATCH}:waiting", "row-3"), "row-3 is waiting, among the waiting: F"),
    (("HSET", JOB, "price", 7), "spring: estimated is 630000 in the batch, 420007"),
    (("ZREM", OPEN, "spring"), "spring: jobs are waiting, and nothing would start"),
    (("HINCRBY", BATCH, "reserved", 1), "spring: reserved is 210001 in the batch"),
    (("HINCRBY", BATCH, "charged", -1), "spring: charged is 209999 in the batch"),
    (("HINCRBY", BATCH, "n:waiting", 1), "spring: waiting is 2 in the batch"),
    (("DEL", JOB), "spring: jobs is 3 in the batch, 2 over its jobs"),
]


@pytest.fixture
def busy(ledger: Ledger) -> Ledger:
    ledger.permits.set_limits(ACCOUNT, PLENTY)
    first, *_ = open_batch(ledger, jobs=3)
    grant(ledger, 2)
    play(ledger, first, Event.CLAIM, Event.ACCEPT)
    return ledger


def test_a_sound_ledger_has_no_problem(busy: Ledger) -> None:
    open_batch(busy, "elsewhere", account="other")
    assert audit(busy, ACCOUNT) == []


@pytest.mark.parametrize(("command", "said"), BREACHES)
def test_a_breach_is_named(
    busy: Ledger, command: tuple[object, ...], said: str
) -> None:
    busy.server.execute_command(*command)
    problems = audit(busy, ACCOUNT)
    assert [problem for problem in problems if said in problem], problems
