"""Every command says that the ledger is older than what was sent, and what to do."""

import json
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from typing import Any

import pytest

from jobs.pace.limits import Limits
from jobs.states import Event
from producer import doctor, metrics, pause, report, show
from producer.exits import Exit
from tests.jobs.ledger.play import ACCOUNT, grant, open_batch, play
from tests.producer.fleet import Fleet, fleet
from tests.producer.running import as_csv, desk, quick_sandbox, rows, until

#: What the server's file has of a claim.
CLAIM = b'"outcome":"sent"'

OLDER = "the ledger is older than what was sent: s3://shop"


@pytest.fixture(scope="module")
def shared() -> Iterator[Fleet]:
    with fleet(None, REELMILL_ACCOUNT=ACCOUNT) as made:
        yield made


@pytest.fixture
def place(shared: Fleet) -> Fleet:
    """A fleet whose ledger was found older, with a row that waits and a lost answer."""
    ledger = shared.ledger
    ledger.server.execute_command("FLUSHALL")
    ledger.permits.set_limits(ACCOUNT, Limits(1, 1))
    ref, *_ = open_batch(ledger, jobs=2, store=str(shared.desk.store))
    grant(ledger)
    play(ledger, ref, Event.CLAIM, Event.LOSE)
    ledger.marks.hold_account(ACCOUNT, "s3://shop")
    return shared


COMMANDS: dict[str, Callable[[Fleet], Any]] = {
    "list": partial(Fleet.ask, command=show.list_, json=True),
    "show": partial(Fleet.ask, command=partial(show.show, "spring", None), json=False),
    "watch": lambda place: place.desk.reelmill("watch", "spring"),
    "doctor": partial(Fleet.ask, command=doctor.doctor, json=True),
    "report": partial(
        Fleet.ask,
        command=partial(report.report, "spring"),
        json=True,
    ),
    "resume": partial(
        Fleet.ask, command=partial(pause.resume, None), account=True, json=False
    ),
}


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_says_so(place: Fleet, name: str) -> None:
    said = COMMANDS[name](place)
    words = " ".join(f"{said.out} {said.err}".split())
    assert OLDER in words
    assert "reelmill rebuild" in words


def test_metrics_tell_it(place: Fleet) -> None:
    said = place.ask(metrics.expose, "127.0.0.1", 0, once=True)
    line = f'reelmill_account_trouble{{account="{ACCOUNT}",trouble="older"}} 1.0'
    assert line in said.out


def test_a_private_ledger_whose_file_was_cut_is_refused_and_then_compared() -> None:
    with (
        quick_sandbox(history_inputs=True, generation_s=2.0) as sandbox,
        desk(
            sandbox,
            REELMILL_SETTLING_S="2",
            REELMILL_SUBMIT_TIMEOUT_S="1",
            REELMILL_CONCURRENT_VIDEOS="2",
        ) as place,
    ):
        manifest = place.write(
            "cups.csv", as_csv(rows(sandbox, 12, ["kling-v2.6-std"]))
        )
        begun = place.start("run", manifest, "--yes")
        until(lambda: len(sandbox.books(rows=True)["rows"]) >= 5)
        for pid in (begun.process.pid, *begun.family()):
            with suppress(ProcessLookupError):  # it went with one before it
                os.kill(pid, signal.SIGKILL)
        sent = len(sandbox.books(rows=True)["rows"])
        (log,) = (place.home / "ledger").glob("appendonlydir/*.incr.aof")
        # The third claim is in its last half line.
        log.write_bytes(CLAIM.join(log.read_bytes().split(CLAIM)[:3]))
        refused = place.run(manifest)
        assert refused.code == Exit.USAGE
        assert "older than what was sent" in refused.err
        assert len(sandbox.books(rows=True)["rows"]) == sent
        rebuilt = place.reelmill("rebuild", "--yes", "--json")
        assert rebuilt.code == Exit.INCOMPLETE, rebuilt.err
        (told,) = json.loads(rebuilt.out)["rebuilt"]
        assert told["jobs"]["unknown"] >= 12 - sent
        place.reelmill("collect", told["batch"])
        (found,) = json.loads(place.reelmill("list", "--json").out)
        assert found["jobs"] == {"stored": sent, "waiting": 12 - sent}
        assert len(sandbox.books(rows=True)["rows"]) == sent
