"""A look tells how batches stand, at a price that does not grow with them."""

from collections.abc import Mapping

import pytest

from jobs.ledger import Ledger
from jobs.ledger.snapshots import FAILURES, BatchSnapshot, Kind
from jobs.pace.limits import Limits
from jobs.states import Event, State
from jobs.transitions import Ref
from tests.jobs.ledger.play import ACCOUNT, grant, open_batch, play

STD = "kwaivgi/kling-v2.6-std/image-to-video"


def look(
    ledger: Ledger, batch_id: str = "spring", *, mixed: bool = False
) -> BatchSnapshot:
    (found,) = ledger.snapshots.take([batch_id], mixed=mixed)
    return found


def fail(ledger: Ledger, refs: list[Ref]) -> None:
    for ref in refs:
        play(ledger, ref, Event.CLAIM, Event.REFUSE)


def test_a_look_tells_what_reading_the_parts_tells(simulated: Ledger) -> None:
    limits = Limits(videos_per_minute=2, concurrent_videos=50)
    simulated.permits.set_limits(ACCOUNT, limits, daily_budget_usd_micros=9_000_000)
    refs = open_batch(simulated, jobs=3)
    grant(simulated)
    play(simulated, refs[0], Event.CLAIM, Event.ACCEPT)
    simulated.permits.pause(ACCOUNT)
    seen = look(simulated)
    assert seen.batch == simulated.batches.read("spring")
    assert seen.account == simulated.permits.read(ACCOUNT)
    assert (seen.starts, seen.account.slots_in_use) == (2, 2)
    assert seen.mix is None


def test_the_last_failures_that_still_are_come_newest_first(simulated: Ledger) -> None:
    simulated.permits.set_limits(ACCOUNT, Limits(1_000, 1_000))
    refs = open_batch(simulated, jobs=30)
    grant(simulated)
    fail(simulated, refs[:25])
    told = look(simulated).failures
    assert [each.id for each in told] == [ref.job for ref in refs[24:14:-1]]
    assert len(told) == FAILURES
    assert told[0].state is State.FAILED
    assert told[0].failure is not None
    assert told[0].failure.message == "some words"

    play(simulated, refs[24], Event.RETRY)
    play(simulated, refs[29], Event.CLAIM, Event.LOSE, Event.GIVE_UP)
    told = look(simulated).failures
    assert [each.id for each in told[:2]] == [refs[29].job, refs[23].job]
    assert told[0].state is State.UNRESOLVED

    play(simulated, refs[23], Event.RETRY)
    assert [ref.job for ref in grant(simulated)] == [refs[23].job, refs[24].job]
    fail(simulated, [refs[23]])
    told = look(simulated).failures
    # It is named once, and newest again.
    assert [each.id for each in told[:3]] == [refs[23].job, refs[29].job, refs[22].job]


def test_what_waits_is_told_by_kind_with_what_was_learnt(ledger: Ledger) -> None:
    open_batch(ledger, jobs=40)
    ledger.times.learn(ACCOUNT, {(STD, 5): [90.0, 80.5], (STD, 0): [1.0]})
    mix = look(ledger, mixed=True).mix
    assert mix is not None
    assert mix.kinds == (Kind(STD, 0, 20, (1.0,)),)


@pytest.mark.parametrize(
    ("changes", "beside"),
    [({"priority": 2}, 20), ({"held": True}, 0)],
)
def test_what_is_started_beside_goes_by_weight_and_not_if_it_is_held(
    ledger: Ledger, changes: Mapping[str, int], beside: int
) -> None:
    open_batch(ledger, jobs=10)
    weight = changes.get("priority", 1)
    open_batch(ledger, "autumn", jobs=50, priority=weight)
    if changes.get("held"):
        ledger.batches.pause("autumn")
    mix = look(ledger, mixed=True).mix
    assert mix is not None
    assert mix.beside == beside


def commands(ledger: Ledger, *, mixed: bool) -> dict[str, int]:
    """Commands that one look is to the server, and those its script runs within."""
    look(ledger, mixed=mixed)  # the script is known from now on
    ledger.server.execute_command("CONFIG", "RESETSTAT")
    look(ledger, mixed=mixed)
    told = ledger.server.info("commandstats")
    return {name: stats["calls"] for name, stats in told.items() if "info" not in name}
