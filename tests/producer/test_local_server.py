"""The private ledger: a real server in a home folder, one run at a time."""

import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from jobs import settings
from jobs.ledger import Ledger
from jobs.records import BatchRecord
from jobs.settings import MAX_SOCKET_PATH, Settings
from producer.exits import CommandError, Exit
from producer.local_server import answers, ledger_of
from producer.subprocesses import Child
from tests.producer.running import until


def chosen(home: Path, **changes: object) -> Settings:
    return settings.read({}, home=home, **changes)


def batch(name: str) -> BatchRecord:
    return BatchRecord(
        id=name,
        manifest="m.csv",
        account="shop",
        store="videos",
        priority=1,
        attempts=3,
        budget_usd_micros=None,
        created_at_s=1.0,
        complete=False,
    )


def refuses(wanted: Settings, *words: str, code: Exit = Exit.USAGE) -> None:
    with pytest.raises(CommandError) as stopped, ledger_of(wanted, alone=True):
        pytest.fail("it was opened")
    for each in words:
        assert each in str(stopped.value)
    assert stopped.value.code is code


def test_what_was_written_is_there_the_next_time(home: Path) -> None:
    wanted = chosen(home / "here")
    with ledger_of(wanted, alone=True) as ledger:
        ledger.batches.create(batch("kept"))
    assert not wanted.socket_path.exists()
    with ledger_of(wanted, alone=True) as ledger:
        assert ledger.batches.ids() == ["kept"]


def lose_the_server(wanted: Settings) -> None:
    with ledger_of(wanted, alone=True) as ledger:
        os.kill(ledger.server.info("server")["process_id"], signal.SIGKILL)
        while True:
            ledger.ping()


def test_a_server_that_dies_is_an_outage_and_no_bug(home: Path) -> None:
    with pytest.raises(CommandError) as stopped:
        lose_the_server(chosen(home / "here"))
    assert "went out of reach" in str(stopped.value)
    assert "run the same command again" in str(stopped.value)
    assert stopped.value.code is Exit.UNREACHABLE


def test_only_the_owner_can_enter(home: Path) -> None:
    wanted = chosen(home / "here")
    with ledger_of(wanted, alone=True):
        for path in (wanted.socket_path, wanted.home, wanted.home / "ledger"):
            assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0


def test_a_home_renders_for_one_and_shows_itself_to_others(home: Path) -> None:
    wanted = chosen(home / "here")
    with ledger_of(wanted, alone=True) as ours:
        ours.batches.create(batch("shared"))
        refuses(wanted, f"process {os.getpid()}", "set REELMILL_HOME")
        with ledger_of(wanted, alone=False) as theirs:
            assert theirs.batches.ids() == ["shared"]
        ours.ping()


def test_a_home_may_lie_deep(home: Path) -> None:
    wanted = chosen(home / ("deep" * 40) / "home")
    assert len(os.fsencode(wanted.socket_path)) <= MAX_SOCKET_PATH
    with ledger_of(wanted, alone=True) as ledger:
        ledger.ping()
    assert not wanted.socket_path.exists()


def test_what_stands_in_the_way_is_named(home: Path) -> None:
    for name in ("ledger", "ledger.sock"):
        taken = home / f"with-{name}" / name
        taken.parent.mkdir()
        taken.write_text("mine")
        refuses(chosen(taken.parent), str(taken), "REELMILL_HOME")
        assert taken.read_text() == "mine"


def test_a_home_that_cannot_be_made_is_named(home: Path) -> None:
    (home / "file").write_text("")
    refuses(chosen(home / "file" / "home"), "cannot be used as home")


def test_a_server_that_does_not_start_is_quoted(home: Path) -> None:
    script = home / "server"
    script.write_text("#!/bin/sh\necho no room on this machine\nexit 1\n")
    script.chmod(0o700)
    wanted = chosen(home, server=str(script))
    (home / "ledger.log").write_text("all is well\n")
    with pytest.raises(CommandError) as stopped, ledger_of(wanted, alone=True):
        pytest.fail("it started")
    assert stopped.value.code is Exit.UNREACHABLE
    assert "no room on this machine" in str(stopped.value)
    assert "all is well" not in str(stopped.value)


def test_a_server_that_outlived_its_command_is_followed_by_a_new_one(
    home: Path,
) -> None:
    wanted = chosen(home)
    with ledger_of(wanted, alone=True) as ledger:
        ledger.batches.create(batch("kept"))
        binary = Path(f"/proc/{pid_of(ledger)}/exe").readlink()
    log = home / "other.log"
    options = ["--port", "0", "--unixsocket", str(wanted.socket_path)]
    options += ["--dir", str(home / "ledger"), "--appendonly", "yes"]
    with Child("another", [str(binary), *options], log=log) as other:
        until(lambda: answers(wanted.ledger_url))
        with ledger_of(wanted, alone=True) as ledger:
            assert pid_of(ledger) != other.pid
            assert not other.running
            assert ledger.batches.ids() == ["kept"]


def pid_of(ledger: Ledger) -> int:
    return int(ledger.server.info("server")["process_id"])


def test_a_ledger_out_of_reach_is_told_without_its_password(home: Path) -> None:
    url = "redis://:secret@127.0.0.1:9/0"
    wanted = chosen(home, redis_url=url)
    refuses(wanted, "redis://127.0.0.1:9/0", code=Exit.UNREACHABLE)
    with pytest.raises(CommandError) as stopped, ledger_of(wanted, alone=True):
        pytest.fail("it was opened")
    assert "secret" not in str(stopped.value)


def test_a_child_ends_with_its_parent(home: Path) -> None:
    code = (
        "import os, pathlib, sys\n"
        "from producer.subprocesses import Child\n"
        "child = Child('c', ['sleep', '600'], log=pathlib.Path(sys.argv[1]))\n"
        "print(child.pid, flush=True)\n"
        "os.kill(os.getpid(), 9)\n"
    )
    command = [sys.executable, "-c", code, str(home / "log")]
    run = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    child = Path(f"/proc/{int(run.stdout)}/exe")
    until(lambda: not child.exists())
