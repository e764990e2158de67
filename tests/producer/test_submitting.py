"""`submit` and `watch` with a real worker, a real server and the stand-in provider."""

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from jobs import moves, settings
from jobs.ledger import Ledger
from jobs.ledger.audit import audit
from jobs.states import State
from producer import acting, awaiting, cancelling
from producer.exits import Exit
from producer.options import Reading, Spending
from producer.private import ledger_of
from producer.submitting import submit
from tests.jobs.ledger.play import ACCOUNT, open_batch, record_of
from tests.producer.fleet import ROOT, Fleet, Said, fleet
from tests.producer.running import as_csv, desk, quick_sandbox, rows, until
from tests.sandbox.running import RunningSandbox

V26 = ["kling-v2.6-std"]

WATCH = "import sys; from producer.awaiting import watch; "


@pytest.fixture(scope="module")
def sandbox() -> Iterator[RunningSandbox]:
    with quick_sandbox(generation_s=0.2) as running:
        yield running


def submitted(
    place: Fleet, manifest: Path, *, wait: bool = False, json: bool = False
) -> Said:
    spending = Spending(yes=True)
    return place.ask(submit, str(manifest), Reading(), spending, wait=wait, json=json)


def test_the_same_manifest_is_the_same_batch_and_is_awaited_to_its_end(
    sandbox: RunningSandbox,
) -> None:
    before = sandbox.books()["predictions"]
    with fleet(sandbox, "twice") as place:
        manifest = place.desk.write("cups.csv", as_csv(rows(sandbox, 5, V26)))
        first = submitted(place, manifest)
        assert first.code == Exit.STORED, first.err
        batch = first.out.strip()
        assert "submitted: 5 jobs" in first.err
        second = submitted(place, manifest)
        assert second.out.strip() == batch
        assert "already submitted: 0 of 5 stored" in second.err
        assert place.ledger.batches.ids() == [batch]
        place.start_worker()
        awaited = submitted(place, manifest, wait=True, json=True)
        assert awaited.code == Exit.STORED
        lines = [json.loads(line) for line in awaited.out.splitlines()]
        assert lines[-1]["state"] == "finished"
        assert lines[-1]["jobs"] == {"stored": 5}
        again = submitted(place, manifest, wait=True)
        assert again.code == Exit.STORED
        assert "already submitted: 5 of 5 stored" in again.err
        assert sandbox.books()["predictions"] - before == 5
        until(lambda: list(place.desk.store.glob("*/report.json")))
        place.check()


def test_a_small_batch_behind_a_large_one_is_over_long_before_it(
    sandbox: RunningSandbox,
) -> None:
    slow = {"REELMILL_CONCURRENT_VIDEOS": "4", "REELMILL_VIDEOS_PER_MINUTE": "1000"}
    with fleet(sandbox, "fair", **slow) as place:
        table = rows(sandbox, 104, V26)
        large = submitted(place, place.desk.write("large.csv", as_csv(table[4:])))
        place.start_worker()
        large_id = large.out.strip()
        until(lambda: place.count(large_id, State.STORED) >= 4)
        small = place.desk.write("small.csv", as_csv(table[:4]))
        assert submitted(place, small, wait=True).code == Exit.STORED
        assert place.count(large_id, State.WAITING) > 50

        # What is left of the large one is taken back; what is paid is collected.
        order = (large_id, None)
        place.ask(cancelling.cancel, *order, abandon=False, yes=False, json=False)
        ended = place.ask(awaiting.watch, large_id, json=False)
        assert ended.code == Exit.FAILED
        over = place.count(large_id, State.STORED, State.CANCELLED)
        assert over == place.batch(large_id).total == 100
        assert "are cancelled; reelmill retry" in ended.err
        until(lambda: list(place.desk.store.glob(f"{large_id}/report.json")))
        place.check()


def test_a_watch_ends_where_only_a_person_can_go_on(sandbox: RunningSandbox) -> None:
    with fleet(sandbox, "held") as place:
        manifest = place.desk.write("cups.csv", as_csv(rows(sandbox, 2, V26)))
        batch = submitted(place, manifest).out.strip()
        place.ask(acting.pause, batch, account=False, json=False)
        watched = place.ask(awaiting.watch, batch, json=False)
        assert watched.code == Exit.INCOMPLETE
        assert f"paused by a person; reelmill resume {batch} goes on" in watched.err


def test_without_a_fleet_there_is_nobody_to_hand_it_to(sandbox: RunningSandbox) -> None:
    with fleet(sandbox) as place:
        del place.desk.environment["REELMILL_REDIS_URL"]
        said = submitted(place, Path("cups.csv"))
        assert said.code == Exit.USAGE
        assert "reelmill run cups.csv renders it on this machine" in said.err
        watched = place.ask(awaiting.watch, None, json=False)
        assert watched.code == Exit.USAGE
        assert "nothing is being rendered in" in watched.err


def begin_watch(folder: Path, where: str, *words: str) -> subprocess.Popen[bytes]:
    """A `watch` of its own process, whose talk goes to a file in the folder.

    It looks at the ledger at an address, or at the private one of a home.
    """
    name = "REELMILL_REDIS_URL" if ":" in where else "REELMILL_HOME"
    call = f"{WATCH}sys.exit(watch({', '.join(words)}))"
    with (folder / "said").open("wb") as said:
        return subprocess.Popen(
            [sys.executable, "-c", call],
            cwd=ROOT,
            env={"PATH": "/usr/bin:/bin", name: where},
            stdout=said,
            stderr=said,
        )


def test_a_watch_outlives_its_ledger_and_leaves_the_batch_alone() -> None:
    with desk() as place, ExitStack() as stack:
        own = settings.read({}, home=place.home)
        ledger = stack.enter_context(ledger_of(own, alone=True))
        (ref,) = open_batch(ledger, jobs=1)

        def said(words: str) -> bool:
            return words in (place.folder / "said").read_text("utf-8")

        watch = begin_watch(place.folder, own.ledger_url, "None", "json=False")
        try:
            until(lambda: said("0 of 1 stored · 1 waiting"))
            stack.close()
            until(lambda: said("the ledger is out of reach"))
            again = stack.enter_context(ledger_of(own, alone=True))
            until(lambda: said("the ledger answers again"))
            take_back(again, "spring")
            assert watch.wait(30) == Exit.FAILED
        finally:
            watch.kill()
            watch.wait()
        assert record_of(again, ref).state is State.CANCELLED

        (other,) = open_batch(again, "autumn", jobs=1)
        watch = begin_watch(place.folder, own.ledger_url, "'autumn'", "json=True")
        try:
            until(lambda: said('"state": "waiting"'))
            watch.send_signal(signal.SIGINT)
            assert watch.wait(30) == Exit.INCOMPLETE
        finally:
            watch.kill()
            watch.wait()
        assert said("autumn goes on without being watched")
        assert record_of(again, other).state is State.WAITING
        assert audit(again, ACCOUNT) == []


def test_a_watch_says_that_the_batch_is_lost_with_its_ledger() -> None:
    with desk() as place:
        own = settings.read({}, home=place.home)
        with ledger_of(own, alone=True) as ledger:
            open_batch(ledger, jobs=1)
            watch = begin_watch(place.folder, own.ledger_url, "None", "json=False")
            try:
                said = place.folder / "said"
                until(lambda: "1 waiting" in said.read_text("utf-8"))
                ledger.server.execute_command("FLUSHALL")
                # Nothing catches what ends a command but the command line itself.
                assert watch.wait(30) == 1
            finally:
                watch.kill()
                watch.wait()
            assert "the ledger no longer has spring" in said.read_text("utf-8")


def test_a_private_run_can_be_watched_until_it_ends() -> None:
    with desk() as place:
        own = settings.read({}, home=place.home)
        said = place.folder / "said"
        with ledger_of(own, alone=True) as ledger:
            open_batch(ledger, jobs=1)
            watch = begin_watch(place.folder, str(place.home), "None", "json=False")
            until(lambda: "1 waiting" in said.read_text("utf-8"))
        try:
            assert watch.wait(30) == Exit.INCOMPLETE
        finally:
            watch.kill()
            watch.wait()
        assert "whoever rendered it has ended" in said.read_text("utf-8")


def take_back(ledger: Ledger, batch_id: str) -> None:
    """Cancel all that waits."""
    records = list(ledger.batches.jobs(batch_id))
    ledger.moves.make([moves.cancel(batch_id, record) for record in records])
