"""Partial files lie in the home, seen by nobody else, and never for long."""

import os
import socket
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from worker.downloads import LEFT_AFTER_S, NoRoomError, partial_file, sweep


def test_a_partial_file_is_in_the_home_and_its_owners_alone(home: Path) -> None:
    with partial_file(home / "new") as path:
        path.write_bytes(b"half")
        assert path.parent == home / "new" / "partial"
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(path.parent.iterdir()) == []


def test_a_partial_file_is_gone_whatever_happens(home: Path) -> None:
    with pytest.raises(OSError, match="the line broke"), partial_file(home):
        raise OSError("the line broke")
    assert list((home / "partial").iterdir()) == []


def test_a_home_that_is_in_the_way_is_said(home: Path) -> None:
    (home / "partial").write_text("a file")
    said = r"partial: a video cannot be fetched into it \(.*\); make room there, or set"
    with pytest.raises(NoRoomError, match=said), partial_file(home):
        raise AssertionError("there is no place")


def test_only_what_dead_workers_left_is_swept(home: Path) -> None:
    for name, age_s in (("old.mp4", 1.0), ("new.mp4", -1.0), ("old.txt", 1.0)):
        (home / name).touch()
        at_s = 1_800_000_000.0 - LEFT_AFTER_S - age_s
        os.utime(home / name, (at_s, at_s))
    assert sweep(home, 1_800_000_000.0) == 1
    left = {path.name for path in home.iterdir()}
    assert left >= {"new.mp4", "old.txt"}
    assert "old.mp4" not in left
    assert sweep(home / "nowhere", 0.0) == 0


def test_what_a_worker_of_this_machine_left_is_swept_though_it_is_new(
    home: Path,
) -> None:
    host = socket.gethostname()
    waiting = [sys.executable, "-c", "input()"]
    with subprocess.Popen(waiting, stdin=subprocess.PIPE) as living:
        names = {
            f"{os.getpid()}@{host}-ab.mp4": True,
            f"{living.pid}@{host}-ab.mp4": False,
            f"{os.getpid()}@elsewhere-ab.mp4": False,
        }
        for name in names:
            (home / name).touch()
        assert sweep(home, time.time()) == 1
        assert {name: not (home / name).exists() for name in names} == names
        living.kill()
        living.wait()
        assert sweep(home, time.time()) == 1


def test_the_first_download_of_a_worker_sweeps(home: Path) -> None:
    left = home / "partial" / "left.mp4"
    left.parent.mkdir()
    left.touch()
    os.utime(left, (0.0, 0.0))
    with partial_file(home) as path:
        path.touch()
        assert list(left.parent.iterdir()) == [path]
