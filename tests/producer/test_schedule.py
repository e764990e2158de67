"""Schedules as a person has them: real commands, and a scheduler as its own process."""

import json
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from jobs.ledger import Ledger, keys
from jobs.schedule import Firing
from jobs.states import State
from producer import schedule
from producer.exits import Exit
from producer.options import Reading, Spending, When
from producer.scheduler import late_warnings, scheduler
from tests.jobs.ledger.play import PLENTY, open_batch
from tests.producer.fleet import ROOT, Fleet, Said, fleet
from tests.producer.running import as_csv, quick_sandbox, rows, until
from tests.sandbox.running import RunningSandbox

YES = Spending(yes=True)
SERVE = "from producer.scheduler import scheduler; scheduler(check=False)"


@pytest.fixture(scope="module")
def sandbox() -> Iterator[RunningSandbox]:
    with quick_sandbox() as running:
        yield running


@pytest.fixture(scope="module")
def shared(sandbox: RunningSandbox) -> Iterator[Fleet]:
    with fleet(sandbox) as made:
        yield made


@pytest.fixture
def place(shared: Fleet) -> Iterator[Fleet]:
    """The fleet with an empty ledger; schedulers that a test starts end with it."""
    shared.ledger.server.execute_command("FLUSHALL")
    for folder in (shared.desk.store, shared.desk.folder / "in"):
        shutil.rmtree(folder, ignore_errors=True)
    environment = dict(shared.desk.environment)
    yield shared
    shared.desk.environment.clear()
    shared.desk.environment.update(environment)
    while shared.workers:
        process = shared.workers.pop()
        process.kill()
        process.wait()


def add(place: Fleet, *manifests: object, name: str = "nightly", **given: Any) -> Said:
    """`schedule add` with these options; `when` has what differs from every night."""
    when = When(**{"cron": "0 22 * * *", **given.pop("when", {})})
    options = {"spending": YES, **given}
    return place.ask(schedule.add, name, *map(str, manifests), when=when, **options)


def told(place: Fleet) -> Any:
    """What `schedule list --json` says of the only schedule."""
    said = place.ask(schedule.list_, json=True)
    (one,) = json.loads(said.out)["schedules"]
    return one


def serve(place: Fleet) -> subprocess.Popen[bytes]:
    """A scheduler, as its own process."""
    with (place.desk.folder / "scheduler.log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-c", SERVE],
            cwd=ROOT,
            env=place.desk.environment,
            stderr=log,
        )
    place.workers.append(process)
    return process


def firings(place: Fleet) -> list[Firing]:
    return place.ledger.schedules.firings("nightly")


def test_a_scheduler_hands_over_what_is_due(
    sandbox: RunningSandbox, place: Fleet
) -> None:
    folder = place.desk.folder / "in"
    folder.mkdir()
    # What no scheduler can read ends none of them.
    place.ledger.server.hset(keys.SCHEDULES, mapping={"odd": "no schedule at all"})
    process = serve(place)
    log_file = place.desk.folder / "scheduler.log"
    until(lambda: "a mistake in reelmill" in log_file.read_text())
    place.ledger.server.hdel(keys.SCHEDULES, "odd")
    until(lambda: place.ledger.schedules.heartbeat_s(place.chosen.account_id))
    assert place.ask(scheduler, check=True).code == Exit.STORED
    # A schedule of long ago is due at once.
    yesterday = Ledger(place.ledger.server, lambda: place.ledger.now_s() - 3600)
    assert add(place, folder, when={"cron": "* * * * *"}).code == Exit.STORED
    (folder / "tonight.csv").write_text(as_csv(rows(sandbox, 2)))
    standing = place.ledger.schedules.read("nightly")
    assert standing is not None
    assert yesterday.schedules.add(standing.schedule, replace=True)
    (firing,) = until(lambda: firings(place))
    (handed,) = firing.handed
    assert place.count(handed.batch, State.WAITING) == 2
    process.send_signal(signal.SIGTERM)
    assert process.wait(20) == 0
    log = log_file.read_text()
    assert f"nightly: {folder}/tonight.csv is {handed.batch}" in log
    assert "a-key" not in log
    # Each firing hands it over; it is the same batch, and nothing is paid twice.
    said = place.ask(schedule.run_now, "nightly", json=True)
    assert said.code == Exit.STORED
    assert json.loads(said.out)["manifests"][0]["batch"] == handed.batch
    assert place.ledger.batches.ids() == [handed.batch]
    place.check()


def test_a_manifest_with_problems_is_refused_whole(
    sandbox: RunningSandbox, place: Fleet
) -> None:
    good = place.desk.write("good.csv", as_csv(rows(sandbox, 1)))
    bad = place.desk.write("bad.csv", as_csv([{"id": "a", "model": "no-such-model"}]))
    gone = place.desk.folder / "gone.csv"
    assert add(place, good, bad, gone).code == Exit.STORED
    said = place.ask(schedule.run_now, "nightly", json=False)
    assert said.code == Exit.USAGE
    assert f"{bad} refused: {bad}:2:" in said.out
    assert f"{gone} refused: " in said.out
    (batch,) = place.ledger.batches.ids()
    assert batch.startswith("good-")
    (untold, *others) = place.ledger.outbox.lease(place.chosen.account_id, 9, 60)
    assert " was refused" in untold.notification.subject
    assert len(others) == 1
    listed = place.ask(schedule.list_, json=False)
    assert batch in listed.out.replace("\n", "")
    assert told(place)["last"]["manifests"][0]["jobs"] == 1


def test_good_rows_of_a_schedule_do_not_wait_for_bad_ones(
    sandbox: RunningSandbox, place: Fleet
) -> None:
    (row,) = rows(sandbox, 1)
    name = place.desk.write("mixed.csv", as_csv([row, {**row, "id": "b", "image": ""}]))
    skips = Reading(skip_problems=True)
    assert add(place, name, reading=skips).code == Exit.STORED
    said = place.ask(schedule.run_now, "nightly", json=False)
    assert said.code == Exit.STORED, said
    (batch,) = place.ledger.batches.ids()
    assert place.count(batch, State.WAITING) == 1


def test_what_is_added_is_listed_and_can_be_removed(
    place: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(place.desk.folder)
    said = add(
        place,
        "tonight.csv",
        "s3://shop/in",
        when={"zone": "Europe/Berlin", "by": "06:00", "pictures": True},
        reading=Reading(model="kling-v2.6-std", set=("duration=10",)),
        spending=Spending(budget="20", store="kept"),
    )
    assert said.code == Exit.STORED
    assert "nightly fires next at " in said.err
    assert " 22:00 CE" in said.err
    assert f"{Path.cwd()}/tonight.csv does not exist now" in " ".join(said.err.split())
    assert "no scheduler runs, so nightly will not fire" in said.err
    one = told(place)
    folder = Path.cwd()
    assert one["manifests"] == [f"{folder}/tonight.csv", "s3://shop/in"]
    assert one["options"] == {
        "model": "kling-v2.6-std",
        "set": ["duration=10"],
        "budget": "20",
        "store": f"{folder}/kept",
    }
    assert (one["last"], one["by"], one["pictures"]) == (None, "06:00", True)
    listed = place.ask(schedule.list_, json=False)
    assert "not fired yet" in listed.out
    assert "start reelmill scheduler" in listed.err
    assert place.ask(scheduler, check=True).code == Exit.INCOMPLETE
    assert place.ask(schedule.remove, "nightly", json=False).code == Exit.STORED
    again = place.ask(schedule.remove, "nightly", json=False)
    assert (again.code, again.err) == (Exit.USAGE, "there is no schedule nightly")
    empty = place.ask(schedule.list_, json=False)
    assert "there is no schedule yet" in empty.err
    assert "start reelmill scheduler" not in empty.err


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"spending": Spending()}, "--budget USD, or --yes"),
        ({"spending": Spending(budget="much")}, "is no amount of dollars"),
        ({"spending": Spending(budget="-1")}, "cannot be less than nothing"),
        ({"spending": Spending(yes=True, fresh=True)}, "--fresh would pay again"),
        ({"spending": Spending(yes=True, store="ftp://x")}, "not a store"),
        ({"when": {"cron": None}}, "say when"),
        ({"when": {"cron": "daily"}}, "write minute, hour"),
        ({"when": {"late": "long"}}, "write a span"),
        ({"manifest": "-"}, "cannot read from standard input"),
        ({"manifest": "https://shop.example/a.csv"}, "not fetched from the web"),
    ],
)
def test_what_cannot_be_is_refused_when_it_is_added(
    place: Fleet, changes: dict[str, Any], words: str
) -> None:
    said = add(place, changes.pop("manifest", "tonight.csv"), **changes)
    assert said.code == Exit.USAGE
    assert words in said.err
    assert place.ledger.schedules.all() == []


def test_a_name_is_not_taken_by_accident(place: Fleet) -> None:
    assert add(place, "a.csv").code == Exit.STORED
    said = add(place, "b.csv")
    assert (said.code, "--replace" in said.err) == (Exit.USAGE, True)
    assert add(place, "b.csv", when={"replace": True}).code == Exit.STORED
    assert told(place)["manifests"][0].endswith("/b.csv")


def test_a_provider_out_of_reach_is_said_and_left_to_the_person(place: Fleet) -> None:
    picture = "http://127.0.0.1:1/mug.jpg"
    row = {"id": "a", "model": "kling-v2.6-std", "image": picture, "prompt": "orbit"}
    manifest = place.desk.write("tonight.csv", as_csv([row]))
    place.desk.environment["REELMILL_ACCOUNT"] = "acme"
    assert add(place, manifest, reading=Reading(look=False)).code == Exit.STORED
    place.desk.environment["WAVESPEED_BASE_URL"] = "http://127.0.0.1:1"
    said = place.ask(schedule.run_now, "nightly", json=False)
    assert said.code == Exit.UNREACHABLE
    assert "the provider is out of reach" in said.out
    assert "it will be tried again" not in said.out
    assert "not tried again before the next firing by the clock" in said.out
    one = told(place)
    assert one["fired_by"] is None
    assert one["last"]["again"] is None
    assert "the provider is out of reach" in one["last"]["warnings"][0]
    assert place.ledger.batches.ids() == []


def late(place: Fleet, in_s: float) -> list[str]:
    now_s = place.ledger.now_s()

    def say(at_s: float) -> str:
        return f"{at_s - now_s:.0f} s"

    return late_warnings(place.ledger, ["mine"], now_s + in_s, say)


def test_a_batch_that_will_be_late_is_told_of(place: Fleet) -> None:
    account = place.chosen.account_id
    place.ledger.permits.set_limits(account, PLENTY)
    open_batch(place.ledger, "mine", 10, account=account)
    assert late(place, 8 * 3600) == []
    (words,) = late(place, 10)
    assert words.startswith("mine will not be finished by 10 s, more likely by ")
    place.ledger.batches.set_budget("mine", 420_000)
    (words,) = late(place, 1e6)
    assert words.endswith("its budget ends before all of it has started")
    place.ledger.batches.set_budget("mine", None)
    place.ledger.permits.set_limits(account, PLENTY, daily_budget_usd_micros=1_000_000)
    assert "today's budget" in late(place, 0)[0]
    assert late(place, 4 * 86_400) == []
    place.ledger.permits.pause(account)
    assert "resume --account" in late(place, 1e6)[0]
