"""A scheduler's rounds: each firing once, none lost, and people told of trouble."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from errno import ESTALE
from pathlib import Path
from threading import Barrier

import pytest

from jobs import settings
from jobs.ledger import JobsDeletedError, Ledger, connect
from jobs.records import BatchRecord
from producer.exits import CommandError, Exit
from producer.options import Reading, Spending
from producer.scheduler import AGAIN_S, LEASE_S, Scheduler
from tests.conftest import Clock
from tests.jobs.ledger.play import ACCOUNT, a_batch
from tests.jobs.test_schedule import a_schedule
from tests.producer.night import Night

HOUR_S = 3600.0

#: From the clock of the tests, 8 in the morning, to the firing at 22.
TO_NIGHT_S = 14 * HOUR_S


class Died(BaseException):
    """A process ends in the middle."""


@pytest.fixture
def night(simulated: Ledger, clock: Clock) -> Night:
    return Night(simulated, clock)


def test_what_is_due_is_handed_over_once_by_whichever_scheduler(night: Night) -> None:
    reading = {"model": "kling-v2.6-std", "set": ["duration=10"]}
    manifests = ("a.csv", "b.csv")
    night.add(manifests=manifests, reading=reading, spending={"budget": "20"})
    schedulers = [night.scheduler(f"{number}@attic") for number in range(3)]
    assert [s.tick() for s in schedulers] == [0, 0, 0]
    night.clock.forward(TO_NIGHT_S)
    assert night.scheduler(account="other").tick() == 0
    assert [s.tick() for s in schedulers] == [1, 0, 0]
    assert night.manifests == ["a.csv", "b.csv"]
    for _, read, spent in night.handed:
        assert read == Reading(model="kling-v2.6-std", set=("duration=10",))
        assert spent == Spending(yes=True, budget="20")
    (firing,) = night.firings()
    assert firing.at_s == night.clock.now_s
    assert [handed.batch for handed in firing.handed] == ["a", "b"]
    assert (firing.warnings, night.told) == ((), [])
    night.clock.forward(24 * HOUR_S)
    assert [s.tick() for s in reversed(schedulers)] == [1, 0, 0]


def test_the_firing_of_one_that_died_is_done_by_another(night: Night) -> None:
    night.add(manifests=("a.csv", "b.csv"))
    night.clock.forward(TO_NIGHT_S)
    night.trouble["b.csv"] = Died()
    with pytest.raises(Died):
        night.scheduler("dead@attic").tick()
    night.trouble.clear()
    other = night.scheduler("quick@cellar")
    assert other.tick() == 0
    night.clock.forward(LEASE_S)
    assert other.tick() == 1
    assert night.manifests == ["a.csv", "a.csv", "b.csv"]
    (firing,) = night.firings()
    assert [handed.batch for handed in firing.handed] == ["a", "b"]


def test_a_long_firing_is_not_taken_over_while_its_scheduler_lives(
    night: Night,
) -> None:
    night.add()
    night.clock.forward(TO_NIGHT_S)
    slow, other = night.scheduler("slow@attic"), night.scheduler("quick@attic")
    fired_by_other = []

    def take_long() -> None:
        for _ in range(10):
            night.clock.forward(LEASE_S / 2)
            slow.beat()
            fired_by_other.append(other.tick())

    night.at_hand_over = take_long
    assert slow.tick() == 1
    assert fired_by_other == [0] * 10
    assert other.tick() == 0


def test_a_refused_manifest_keeps_no_other_back(night: Night) -> None:
    night.add(manifests=("bad.csv", "good.csv"))
    lines = tuple(f"bad.csv:{number}: no such model" for number in range(2, 60))
    night.trouble["bad.csv"] = CommandError("\n".join(lines))
    night.clock.forward(TO_NIGHT_S)
    night.scheduler().tick()
    assert night.manifests == ["good.csv"]
    bad, good = night.firings()[0].handed
    assert (bad.batch, good.batch) == ("", "good")
    assert bad.problems == (*lines[:20], "and 38 more lines")
    (telling,) = night.told
    assert telling.subject == "nightly: bad.csv was refused"
    assert lines[0] in telling.text


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (CommandError("out of reach", Exit.UNREACHABLE), "out of reach"),
        (JobsDeletedError("a-123"), "the job records of a-123 were deleted meanwhile"),
        (OSError(ESTALE, "Stale file handle"), "it cannot be read (stale file handle)"),
        (ZeroDivisionError("oh"), "a mistake in reelmill: ZeroDivisionError('oh')"),
    ],
)
def test_what_fails_for_now_is_tried_again_and_keeps_nothing_else_back(
    night: Night, error: Exception, words: str
) -> None:
    night.add(manifests=("tonight.csv", "other.csv"))
    night.trouble["tonight.csv"] = error
    night.clock.forward(TO_NIGHT_S)
    scheduler = night.scheduler()
    assert scheduler.tick() == 1
    assert night.manifests == ["other.csv"]
    assert night.again() == f"tonight.csv: {words}"
    assert scheduler.tick() == 0
    night.clock.forward(AGAIN_S)
    scheduler.tick()
    assert len({telling.id for telling in night.told}) == 1
    night.trouble.clear()
    night.clock.forward(AGAIN_S)
    scheduler.tick()
    assert night.manifests[2:] == ["tonight.csv", "other.csv"]
    assert (night.again(), len(night.firings())) == ("", 1)


def test_a_firing_that_was_missed_is_made_up_for(night: Night) -> None:
    night.add()
    night.clock.forward(TO_NIGHT_S + 3 * 24 * HOUR_S + 5 * HOUR_S)
    assert night.scheduler().tick() == 1
    assert night.scheduler().tick() == 0
    (firing,) = night.firings()
    assert firing.warnings == ("was due at 2027-01-18 22:00 UTC and was fired late",)
    assert "was fired late" in night.told[0].subject


def test_a_firing_that_is_too_late_is_said_and_let_go(night: Night) -> None:
    night.add()
    night.clock.forward(TO_NIGHT_S + 7 * HOUR_S)
    assert night.scheduler().tick() == 0
    assert night.handed == []
    (firing,) = night.firings()
    assert "was due at 2027-01-15 22:00 UTC and is too late now" in firing.warnings[0]
    assert "reelmill schedule run-now nightly" in night.told[0].subject
    night.clock.forward(17 * HOUR_S)
    assert night.scheduler().tick() == 1


def test_what_was_held_up_for_too_long_says_why(night: Night) -> None:
    night.add(late_s=2 * AGAIN_S)
    night.trouble["tonight.csv"] = CommandError("out of reach", Exit.UNREACHABLE)
    night.clock.forward(TO_NIGHT_S)
    for _ in range(4):
        night.scheduler().tick()
        night.clock.forward(AGAIN_S)
    (firing,) = night.firings()
    assert firing.warnings[0].endswith("held up: tonight.csv: out of reach")
    assert night.again() == ""


def test_a_person_fires_now_and_the_night_still_comes(night: Night) -> None:
    schedule = night.add()
    standing = night.ledger.schedules.read(schedule.name)
    assert standing is not None
    night.clock.forward(1)
    assert night.ledger.schedules.claim(schedule.name, night.clock.now_s, "1@a#1", 1)
    held = night.ledger.schedules.read(schedule.name)
    assert held is not None
    with pytest.raises(CommandError, match="is being fired by 1@a;"):
        night.scheduler().fire_now(held)
    night.clock.forward(1)
    firing = night.scheduler("me@desk").fire_now(standing)
    assert [handed.batch for handed in firing.handed] == ["tonight"]
    night.clock.forward(TO_NIGHT_S)
    assert night.scheduler().tick() == 1


def test_a_cancelled_batch_is_said(night: Night) -> None:
    night.add()
    cancelled = replace(a_batch("tonight"), cancelled=True)
    scheduler = Scheduler(
        night.ledger,
        account_id=ACCOUNT,
        submit=lambda *_: (cancelled, []),
        notify=night.told.append,
        clock=night.clock,
        name="1@attic",
    )
    night.clock.forward(TO_NIGHT_S)
    scheduler.tick()
    assert "tonight was cancelled before" in night.told[0].subject


def test_two_schedulers_fire_twenty_schedules_once_each(
    ledger: Ledger, home: Path
) -> None:
    long_ago = Ledger(ledger.server, lambda: 1.0)
    names = [f"night-{number:02}" for number in range(20)]
    for name in names:
        schedule = a_schedule(name=name, cron="* * * * *", manifests=(name,))
        assert long_ago.schedules.add(schedule)
    url, made, begin = settings.read({}, home=home).ledger_url, [], Barrier(2)

    def race(name: str) -> None:
        with closing(connect(url)) as own:

            def submit(manifest: str, *_: object) -> tuple[BatchRecord, list[str]]:
                made.append(manifest)
                return a_batch(manifest), []

            racer = Scheduler(own, ACCOUNT, submit, print, own.now_s, name)
            begin.wait()
            while any(s.done_until_s < 1e9 for s in own.schedules.all()):
                racer.tick()

    with ThreadPoolExecutor() as pool:
        list(pool.map(race, ("1@attic", "2@attic")))
    assert sorted(made) == names
    assert all(len(ledger.schedules.firings(name)) == 1 for name in names)
