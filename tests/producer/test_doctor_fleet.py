"""The doctor of a fleet: workers, schedules, the account, and what stands still."""

from collections.abc import Iterator
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

import pytest

from jobs import settings
from jobs.ledger import Ledger
from jobs.ledger.charges import Charge, Kind
from jobs.ledger.workers import WorkerFacts
from jobs.pace.limits import Limits
from jobs.pace.waits import RETENTION_S
from jobs.schedule import Schedule
from jobs.settings import Settings
from jobs.states import Event
from producer.doctor import (
    Finding,
    Health,
    clock_finding,
    fleet,
    server,
    standstill,
)
from tests.conftest import Clock
from tests.jobs.ledger.play import (
    ACCOUNT,
    PLENTY,
    grant,
    move_by,
    open_batch,
    play,
    record_of,
    reject,
)

HERE = version("reelmill")
W1 = WorkerFacts("w1@a", host="a", pid=1, version=HERE, account=ACCOUNT, threads=8)


@pytest.fixture
def chosen(home: Path) -> Settings:
    """The settings of a machine of the fleet whose ledger the tests have."""
    own = settings.read({}, home=home)
    return settings.read(
        {},
        home=home,
        redis_url=own.ledger_url,
        account=ACCOUNT,
        store=str(home / "videos"),
        videos_per_minute=PLENTY.videos_per_minute,
        concurrent_videos=PLENTY.concurrent_videos,
    )


def found(findings: Iterator[Finding]) -> dict[str, tuple[Health, str]]:
    return {each.what: (each.health, each.words) for each in findings}


def test_a_fleet_without_workers_is_wrong_once_there_is_work(
    ledger: Ledger, chosen: Settings
) -> None:
    assert found(fleet(ledger, chosen))["workers"][0] is Health.WARNING
    open_batch(ledger)
    health, words = found(fleet(ledger, chosen))["workers"]
    assert health is Health.WRONG
    assert words.endswith("there is work: reelmill worker")


def test_a_fleet_at_work_is_good(ledger: Ledger, chosen: Settings) -> None:
    ledger.workers.heartbeat(W1)
    ledger.workers.heartbeat(replace(W1, name="w2@a", pid=2))
    told = found(fleet(ledger, chosen))
    assert told == {"workers": (Health.GOOD, "2 at work, machines: 1")}


def test_workers_that_do_not_fit_each_other_are_named(
    ledger: Ledger, chosen: Settings
) -> None:
    ledger.workers.heartbeat(W1)
    odd = replace(W1, name="w2@b", host="b", version="0.0.9", ahead_s=-90.0)
    ledger.workers.heartbeat(replace(odd, stopping=True))
    told = found(fleet(ledger, chosen))
    assert told["workers"][1] == "2 at work, machines: 2, 1 about to stop"
    assert f"0.0.9, this is {HERE}" in told["versions"][1]
    assert "w2@b by 90 s" in told["workers' clocks"][1]
    assert "the same one for all 2 machines" in told["shared folder"][1]


def test_a_worker_that_fell_silent_is_named(
    simulated: Ledger, chosen: Settings, clock: Clock
) -> None:
    simulated.workers.heartbeat(W1)
    clock.forward(600.0)
    simulated.workers.heartbeat(replace(W1, name="w2@a"))
    health, words = found(fleet(simulated, chosen))["silent workers"]
    assert health is Health.WARNING
    assert "w1@a for 10 min" in words


def test_schedules_without_a_scheduler_are_wrong(
    ledger: Ledger, chosen: Settings
) -> None:
    assert "scheduler" not in found(fleet(ledger, chosen))
    nightly = Schedule("nightly", "0 22 * * *", "UTC", ("/in/a.csv",), ACCOUNT)
    ledger.schedules.add(nightly)
    health, words = found(fleet(ledger, chosen))["scheduler"]
    assert health is Health.WRONG
    assert "start reelmill scheduler" in words
    ledger.schedules.heartbeat(ACCOUNT, "1@a")
    assert "scheduler" not in found(fleet(ledger, chosen))


def test_webhooks_that_never_came_are_a_warning(
    ledger: Ledger, chosen: Settings
) -> None:
    asked = chosen.model_copy(update={"webhook_url": "https://hooks.example.com"})
    health, words = found(fleet(ledger, asked))["webhooks"]
    assert health is Health.WARNING
    assert "reelmill hooks" in words
    ledger.hooks.heard(ACCOUNT, ledger.now_s() - 120.0)
    told = found(fleet(ledger, asked))["webhooks"]
    assert told == (Health.GOOD, "the last one came 2 min ago")


def test_nothing_stands_still_in_an_empty_ledger(
    ledger: Ledger, chosen: Settings
) -> None:
    told = found(standstill(ledger, chosen))
    assert told == {"work": (Health.GOOD, "unfinished: 0 jobs in 0 batches")}


def test_an_account_that_cools_down_says_why_and_until_when(
    ledger: Ledger, chosen: Settings
) -> None:
    open_batch(ledger, jobs=1)
    reject(ledger, cooldown_s=900.0, reason="Too many requests")
    health, words = found(standstill(ledger, chosen))["account"]
    assert health is Health.WARNING
    assert words.startswith("cools down for 15 min more: Too many requests")
    reject(ledger, cause="balance", cooldown_s=900.0, reason="No money")
    health, words = found(standstill(ledger, chosen))["account"]
    assert health is Health.WRONG
    assert "top the account up" in words


def test_an_account_that_a_person_paused_says_so(
    ledger: Ledger, chosen: Settings
) -> None:
    ledger.permits.pause(ACCOUNT)
    told = found(standstill(ledger, chosen))["account"]
    assert told == (Health.WARNING, "paused: reelmill resume --account")


def test_limits_that_differ_between_machines_are_a_warning(
    ledger: Ledger, chosen: Settings
) -> None:
    ledger.permits.set_limits(ACCOUNT, PLENTY)
    assert "limits of workers" not in found(standstill(ledger, chosen))
    ledger.permits.set_limits(ACCOUNT, Limits(7, 3))
    health, words = found(standstill(ledger, chosen))["limits of workers"]
    assert health is Health.WARNING
    assert "7 starts a minute and 3 at once" in words


def test_work_that_is_long_due_and_videos_at_risk_are_told(
    simulated: Ledger, chosen: Settings, clock: Clock
) -> None:
    simulated.permits.set_limits(ACCOUNT, PLENTY)
    (ref,) = open_batch(simulated, jobs=1)
    grant(simulated)
    claim = move_by(ref.batch, record_of(simulated, ref), Event.CLAIM, now_s=clock())
    simulated.transitions.apply([claim])
    play(simulated, ref, Event.ACCEPT)
    assert {"due", "at risk"}.isdisjoint(found(standstill(simulated, chosen)))
    clock.forward(RETENTION_S - 7_200.0)
    told = found(standstill(simulated, chosen))
    assert told["due"][0] is Health.WARNING
    assert "start more workers" in told["due"][1]
    assert told["at risk"][0] is Health.WRONG
    assert "reelmill collect" in told["at risk"][1]
    assert told["work"][1] == "unfinished: 1 job in 1 batch"


def test_lost_answers_that_a_person_must_settle_are_told(
    ledger: Ledger, chosen: Settings
) -> None:
    ledger.permits.set_limits(ACCOUNT, PLENTY)
    (ref,) = open_batch(ledger, jobs=1)
    grant(ledger)
    play(ledger, ref, Event.CLAIM, Event.LOSE, Event.GIVE_UP)
    health, words = found(standstill(ledger, chosen))["unresolved"]
    assert health is Health.WARNING
    assert "reelmill resolve" in words
    assert words.endswith("1 in spring")


def test_batches_that_are_held_come_with_their_cures(
    ledger: Ledger, chosen: Settings
) -> None:
    ledger.permits.set_limits(ACCOUNT, PLENTY)
    open_batch(ledger, "autumn", jobs=2, budget_usd_micros=210_000)
    grant(ledger)
    for number in range(8):
        open_batch(ledger, f"b{number}", jobs=1)
        ledger.batches.pause(f"b{number}")
    health, words = found(standstill(ledger, chosen))["held batches"]
    assert health is Health.WARNING
    assert "b7: paused; continue with: reelmill resume b7" in words
    assert words.endswith("and 4 more")


@pytest.mark.parametrize(
    ("ahead_s", "words"),
    [(90.0, "the ledger is 90 s ahead of"), (-3_600.0, "is 3,600 s behind this")],
)
def test_clocks_that_differ_are_told_with_their_direction(
    ahead_s: float, words: str
) -> None:
    told = clock_finding("clock", "the ledger", ahead_s)
    assert told.health is Health.WARNING
    assert words in told.words
    assert clock_finding("clock", "the ledger", ahead_s / 3_600).health is Health.GOOD


def test_a_server_that_is_nearly_full_is_a_warning(
    ledger: Ledger, chosen: Settings
) -> None:
    assert {each.health for each in server(ledger, chosen)} == {Health.GOOD}
    used = ledger.server.info("memory")["used_memory"]
    ledger.server.execute_command("CONFIG", "SET", "maxmemory", int(used * 1.1))
    health, words = found(server(ledger, chosen))["memory"]
    assert health is Health.WARNING
    assert "(maxmemory); give it more" in words
    ledger.shutdown()


def test_charges_that_no_row_explains_are_told_with_what_names_them(
    ledger: Ledger, chosen: Settings
) -> None:
    ledger.permits.set_limits(ACCOUNT, PLENTY)
    assert not [what for what in found(standstill(ledger, chosen)) if "charges" in what]
    twice = Charge(Kind.PAID_TWICE, "p1", "m", 210_000, 1_800_000_000.0, "spring/r1")
    dearer = Charge(Kind.DEARER, "p2", "m", 42_000, 1_800_000_100.0, "spring/r2")
    assert ledger.charges.note(ACCOUNT, None, 1_800_000_200.0, [twice, dearer])
    told = found(standstill(ledger, chosen))
    health, words = told["charges, paid-twice"]
    assert health is Health.WRONG
    assert words.startswith("1 charge, $0.21, for requests that a row here has paid")
    assert "reelmill report --since 2027-01-15 --billed" in words
    health, words = told["charges, dearer"]
    assert health is Health.WARNING
    assert words.startswith("1 charge, $0.042, more than was quoted and booked")
