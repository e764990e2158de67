"""The command `worker`: it begins only what can end well, and knows who lives."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from jobs import settings
from jobs.ledger import Ledger
from jobs.ledger.workers import WorkerFacts
from producer.exits import CommandError, Exit
from producer.worker import worker
from tests.producer.running import ended, until

HOST = socket.gethostname()
BECOME = "from producer.worker import worker; worker(name='w', concurrency=2)"


@pytest.fixture
def fleet(ledger: Ledger, home: Path, monkeypatch: pytest.MonkeyPatch) -> Ledger:
    """The environment of a fleet's worker, over the ledger of the home."""
    url = settings.read({}, home=home).ledger_url
    monkeypatch.setenv("REELMILL_REDIS_URL", url)
    monkeypatch.setenv("REELMILL_HOME", str(home))
    monkeypatch.setenv("REELMILL_STORE", str(home / "store"))
    monkeypatch.setenv("WAVESPEED_API_KEY", "wsk-secret")
    return ledger


@pytest.mark.parametrize(
    ("variable", "value", "told"),
    [
        ("REELMILL_REDIS_URL", "", "REELMILL_REDIS_URL is not set"),
        ("WAVESPEED_API_KEY", "", "WAVESPEED_API_KEY is not set"),
        ("REELMILL_STORE", "/proc/no", "set REELMILL_STORE"),
    ],
)
def test_what_is_missing_is_told_before_anything_starts(
    fleet: Ledger,
    monkeypatch: pytest.MonkeyPatch,
    variable: str,
    value: str,
    told: str,
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(CommandError, match=told) as stop:
        worker()
    assert stop.value.code is Exit.USAGE
    assert fleet.workers.known() == []


@pytest.mark.usefixtures("fleet")
def test_a_ledger_out_of_reach_is_told_without_its_password(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("REELMILL_REDIS_URL", "redis://:quite-secret@127.0.0.1:9/0")
    for check in (False, True):
        with pytest.raises(CommandError, match=r"redis://127\.0\.0\.1:9/0") as stop:
            worker(check=check)
        assert stop.value.code is Exit.UNREACHABLE
        assert "quite-secret" not in str(stop.value)


@pytest.mark.parametrize(
    ("option", "value"), [("concurrency", 0), ("log_level", "loud"), ("name", "a@b")]
)
@pytest.mark.usefixtures("fleet")
def test_an_option_that_cannot_be_is_refused(option: str, value: str | int) -> None:
    option_s = option.replace("_", "-")
    with pytest.raises(CommandError, match=f"--{option_s} [^ ]+: must be"):
        worker(**{option: value})  # type: ignore[arg-type]  # that is the question


def test_a_check_finds_only_who_lives_here(
    fleet: Ledger, capsys: pytest.CaptureFixture[str]
) -> None:
    fleet.workers.heartbeat(WorkerFacts("9@elsewhere", "elsewhere"))
    assert worker(check=True) == Exit.FAILED
    assert f"no worker of {HOST}" in capsys.readouterr().err
    fleet.workers.heartbeat(WorkerFacts(f"a@{HOST}", HOST, threads=8))
    assert worker(check=True) == Exit.STORED
    assert f"a@{HOST} lives" in capsys.readouterr().err
    assert worker(check=True, name="b") == Exit.FAILED
    capsys.readouterr()
    assert worker(check=True, name="a", json=True) == Exit.STORED
    (told,) = json.loads(capsys.readouterr().out)
    assert (told["host"], told["threads"]) == (HOST, 8)


def test_it_becomes_a_worker_that_stops_when_told_to(fleet: Ledger, home: Path) -> None:
    with (home / "log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-c", BECOME], env=os.environ, stdout=log, stderr=log
        )
    try:
        (heard,) = until(fleet.workers.alive)
        assert (heard.facts.pid, heard.facts.threads) == (process.pid, 2)
        assert heard.facts.name == f"w@{HOST}"
        process.terminate()
        assert process.wait(60) == 0
        assert fleet.workers.known() == []
        assert ended([process.pid])
        assert b"wsk-secret" not in (home / "log").read_bytes()
    finally:
        process.kill()
        process.wait()
