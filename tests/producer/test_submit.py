"""`submit` and `watch` with a real worker, a real server and the stand-in provider.

A `watch` of its own process is looked at in `test_watch`.
"""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from jobs.states import State
from producer import cancel, pause, watch
from producer.exits import Exit
from producer.options import Spending
from producer.submit import submit
from tests.producer.fleet import Fleet, Said, fleet
from tests.producer.running import as_csv, quick_sandbox, rows, until
from tests.sandbox.running import RunningSandbox

V26 = ["kling-v2.6-std"]


@pytest.fixture(scope="module")
def sandbox() -> Iterator[RunningSandbox]:
    with quick_sandbox(generation_s=0.2) as running:
        yield running


def submitted(
    place: Fleet, manifest: Path, *, wait: bool = False, json: bool = False
) -> Said:
    spending = Spending(yes=True)
    return place.ask(submit, str(manifest), spending=spending, wait=wait, json=json)


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
        assert lines[0]["event"] == "snapshot"
        assert lines[-1]["event"] == "over"
        assert lines[-1]["exit_code"] == Exit.STORED
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
        place.ask(cancel.cancel, *order, abandon=False, yes=False, json=False)
        ended = place.ask(watch.watch, large_id, json=False)
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
        place.ask(pause.pause, batch, account=False, json=False)
        watched = place.ask(watch.watch, batch, json=False)
        assert watched.code == Exit.INCOMPLETE
        assert f"paused; continue with: reelmill resume {batch}" in watched.err


def test_without_a_fleet_there_is_nobody_to_hand_it_to(sandbox: RunningSandbox) -> None:
    with fleet(sandbox) as place:
        del place.desk.environment["REELMILL_REDIS_URL"]
        said = submitted(place, Path("cups.csv"))
        assert said.code == Exit.USAGE
        assert "reelmill run cups.csv renders it on this machine" in said.err
        watched = place.ask(watch.watch, json=False)
        assert watched.code == Exit.USAGE
        assert "nothing is being rendered in" in watched.err
