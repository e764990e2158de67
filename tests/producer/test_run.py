"""`reelmill run` from end to end: real command, ledger, worker, stand-in provider."""

import base64
import json
import os
import re
import signal
import subprocess
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jobs.money import usd
from tests.producer.running import (
    MODELS,
    REELMILL,
    Begun,
    Desk,
    Ended,
    as_csv,
    command_of,
    desk,
    ended,
    holding,
    left_nothing,
    quick_sandbox,
    rows,
    until,
)
from tests.sandbox.running import RunningSandbox
from worker import mp4

KEY = "wsk-secret-7f3a"

#: Rows of a manifest with which every worker thread has several to do.
MANY = 60

#: A dead worker's jobs are soon found, and a lost answer is soon settled.
MENDS_QUICKLY = {
    "REELMILL_LEASE_S": "1.5",
    "REELMILL_SUBMIT_TIMEOUT_S": "2",
    "REELMILL_SETTLING_S": "3",
}


def predictions(sandbox: RunningSandbox) -> int:
    return int(sandbox.books()["predictions"])


def each_was_asked_once(sandbox: RunningSandbox, count: int) -> bool:
    """Whether the provider has one prediction for each of so many rows."""
    asked = Counter(row["inputs"]["prompt"] for row in sandbox.books(rows=True)["rows"])
    return asked == Counter(f"Slow orbit {number}" for number in range(count))


def test_many_rows_are_paid_once_stored_and_reported() -> None:
    with quick_sandbox() as sandbox, desk(sandbox, KEY) as place:
        manifest = place.write("products.csv", as_csv(rows(sandbox, MANY)))
        begun = place.start("run", manifest, "--yes")
        worker = begun.await_child("celery")
        seen = list(begun.family().values())
        assert command_of(worker) in seen
        said = begun.ended()
        assert said.code == 0
        assert f"the videos are in {place.videos()[0].parent}; open its" in said.err
        assert "run it again any time: only new or changed rows are charged" in said.err
        assert "\x1b" not in said.out + said.err

        assert KEY not in "".join(seen)
        assert each_was_asked_once(sandbox, MANY)
        report = place.report()
        the_report_equals_the_books(report, sandbox.books())
        for row in report["rows"]:
            the_video_is_whole(row)
        nothing_lies_about(place, report["batch"])
        assert sandbox.books()["key_leaks"] == 0
        assert holding(place.folder, KEY) == []
        assert sum(map(len, messages(place.home))) >= 3 * MANY

        again = place.here("run", manifest, "--yes")
        assert again.code == 0
        assert f"all {MANY} were rendered before; none was sent" in again.err
        assert predictions(sandbox) == MANY

        told = place.here("report", "--json")
        assert told.code == 0
        assert told.json() | {"made_at": ""} == report | {"made_at": ""}


def the_report_equals_the_books(
    report: Mapping[str, Any], books: Mapping[str, Any]
) -> None:
    charged, refunded = books["charged_usd_micros"], books["refunded_usd_micros"]
    assert report["state"] == "finished"
    assert report["cost"]["charged_usd"] == usd(charged)
    assert report["cost"]["refunded_usd"] == usd(refunded)
    assert report["cost"]["net_usd"] == usd(charged - refunded)


def the_video_is_whole(row: Mapping[str, Any]) -> None:
    video = Path(row["video"])
    mp4.check(video)
    told = json.loads(video.with_suffix(".json").read_text("utf-8"))
    assert told["prediction_id"] == row["prediction_id"]
    assert told["sha256"] == row["sha256"]
    assert told["bytes"] == video.stat().st_size
    assert told["charged_usd"] == row["charged_usd"]


def nothing_lies_about(place: Desk, batch: str) -> None:
    """Files are where a person expects them, and nowhere else."""
    tops = {path.name for path in place.folder.iterdir()}
    assert tops == {"home", "store", "products.csv", "0.out", "0.err"}
    # The copy of the batch is for a ledger that is lost.
    assert {path.name for path in place.store.iterdir()} == {batch, ".reelmill"}
    kinds = Counter(path.suffix for path in (place.store / batch).iterdir())
    assert kinds == {
        ".mp4": MANY,
        ".json": MANY + 1,
        ".jpg": MANY,
        ".csv": 1,
        ".html": 1,
    }


def messages(home: Path) -> list[list[str]]:
    """What each message to a worker carried, as the server wrote it to its disk."""
    found = []
    for path in (home / "ledger").rglob("*.aof"):
        for body in re.findall(rb'"body": ?"([A-Za-z0-9+/=]+)"', path.read_bytes()):
            (refs,), options, _ = json.loads(base64.b64decode(body))
            assert options == {}
            assert all(re.fullmatch(r"products-[0-9a-f]{8}/r?\d*", r) for r in refs)
            found.append(refs)
    return found


def test_ctrl_c_stops_cleanly_within_the_limits_and_the_command_goes_on() -> None:
    with quick_sandbox() as sandbox, desk(sandbox) as place:
        manifest = place.write("products.csv", as_csv(rows(sandbox, 12)))
        limits = {
            "REELMILL_VIDEOS_PER_MINUTE": "6",
            "REELMILL_CONCURRENT_VIDEOS": "3",
        }
        begun = place.start("run", manifest, "--yes", **limits)
        until(lambda: sandbox.books()["completed"] == 6)
        a_second_run_is_refused_and_a_look_is_not(place, begun, manifest)
        family = begun.family()
        begun.send(signal.SIGINT)
        stopped = begun.ended()

        assert stopped.code == 3
        assert "run the same command" in stopped.err
        assert "Traceback" not in stopped.err
        assert left_nothing(family)
        books = sandbox.books()
        assert books["worst_60s_starts"] == 6
        assert books["most_concurrent"] == 3

        limits["REELMILL_VIDEOS_PER_MINUTE"] = "100"
        went_on = place.run(manifest, **limits)
        assert went_on.code == 0, went_on.err
        assert each_was_asked_once(sandbox, 12)
        assert sandbox.books()["most_concurrent"] == 3
        the_report_equals_the_books(place.report(), sandbox.books())


def a_second_run_is_refused_and_a_look_is_not(
    place: Desk, begun: Begun, manifest: Path
) -> None:
    second = place.here("run", manifest, "--yes")
    assert second.code == 2
    assert f"process {begun.process.pid}" in second.err
    look = place.here("report", "--json")
    assert look.code == 3
    assert look.json()["state"] == "incomplete"


def test_whatever_is_killed_no_row_is_paid_twice() -> None:
    with (
        quick_sandbox(generation_s=1.5, history_inputs=True) as sandbox,
        desk(sandbox, **MENDS_QUICKLY) as place,
    ):
        manifest = place.write("products.csv", as_csv(rows(sandbox, 40)))
        limit = {"REELMILL_CONCURRENT_VIDEOS": "8"}

        begun = place.start("run", manifest, "--yes", **limit)
        until(lambda: predictions(sandbox) >= 4)
        first = begun.await_child("celery")
        kill(first)
        until(lambda: begun.child("celery") not in (None, first))
        until(lambda: predictions(sandbox) >= 12)
        family = begun.family()
        begun.send(signal.SIGKILL)
        begun.ended()

        begun = place.start("run", manifest, "--yes", **limit)
        # A worker that still holds an answer hands it to the next ledger, and ends.
        until(lambda: ended(family))
        until(lambda: predictions(sandbox) >= 24)
        kill(begun.await_child("valkey"))
        the_ledger_is_missed(begun)

        last = place.run(manifest)
        assert last.code == 0, last.err
        assert each_was_asked_once(sandbox, 40)
        assert len(place.videos()) == 40
        the_report_equals_the_books(place.report(), sandbox.books())


def the_ledger_is_missed(begun: Begun) -> None:
    family = begun.family()
    stopped = begun.ended()
    assert stopped.code == 4
    assert "went out of reach" in stopped.err
    assert "run the same command again to go on" in stopped.err
    assert "Traceback" not in stopped.err
    assert left_nothing(family)


def kill(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)


def test_failures_are_named_and_their_money_is_told_as_in_the_books() -> None:
    faults = {"outcome_1200": "first 2", "outcome_5000": "first 3"}
    with quick_sandbox(**faults) as sandbox, desk(sandbox) as place:
        manifest = place.write("products.csv", as_csv(rows(sandbox, 10)))
        some_failed = place.run(manifest)
        assert some_failed.code == 1

        report = place.report()
        the_report_equals_the_books(report, sandbox.books())
        failed = [row for row in report["rows"] if row["state"] == "failed"]
        assert [row["error"]["code"] for row in failed] == ["moderation"] * 2
        for row in failed:
            assert f"line {row['line']}, {row['id']}: failed:" in some_failed.out
            assert row["error"]["message"] in some_failed.out
        assert Counter(len(row["attempts"]) for row in report["rows"]) == {1: 9, 2: 1}
        assert predictions(sandbox) == 11

        again = place.here("run", manifest)
        assert again.code == 1
        assert predictions(sandbox) == 11
        assert "none was sent" in again.err


def test_an_empty_account_is_told_of() -> None:
    with (
        quick_sandbox("--balance", "0.5") as poor,
        desk(poor) as place,
    ):
        table = rows(poor, 5, ["kling-v2.6-std"])
        manifest = place.write("products.csv", as_csv(table))
        stopped = place.run(manifest)
        assert stopped.code == 3
        assert predictions(poor) == 2
        assert "top the account up" in stopped.err
        assert len(place.videos()) == 2


def test_at_a_terminal_a_person_is_asked_and_a_program_is_told_the_outcome() -> None:
    with quick_sandbox() as sandbox, desk(sandbox) as place:
        manifest = place.write("products.csv", as_csv(rows(sandbox, 2)))
        cost_usd = usd(sum(list(MODELS.values())[:2]))
        question = f"Render 2 videos for ${cost_usd}?"

        declined = at_a_terminal(place, question, "n", manifest)
        assert declined.code == 3
        assert "nothing was sent" in declined.err
        assert predictions(sandbox) == 0

        ran = at_a_terminal(place, question, "y", manifest, "--json")
        assert ran.code == 0, ran
        assert ran.json()["jobs"]["stored"] == 2
        assert ran.json()["cost"]["charged_usd"] == cost_usd
        assert Path(ran.json()["report"]).is_file()
        assert "1 worker" in ran.err


def at_a_terminal(place: Desk, question: str, answer: str, *words: object) -> Ended:
    """Run `reelmill run` where a person types, once the question is asked."""
    ours, theirs = os.openpty()
    command = [str(word) for word in (REELMILL, "run", *words)]
    with subprocess.Popen(
        command,
        cwd=place.folder,
        env=place.environment,
        stdin=theirs,
        stdout=subprocess.PIPE,
        stderr=theirs,
    ) as process:
        os.close(theirs)
        said = b""
        try:
            while chunk := os.read(ours, 65_536):
                said += chunk
                if question.encode() in said and answer:
                    os.write(ours, f"{answer}\n".encode())
                    answer = ""
        except OSError:
            pass  # how Linux says that nobody holds the other end any more
        finally:
            os.close(ours)
        out, _ = process.communicate()
    return Ended(process.returncode, out.decode(), said.decode())
