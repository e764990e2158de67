"""Processes are told to go, counted with all that they started, and ended with it."""

import os
import sys
from pathlib import Path

import psutil
import pytest

from bench.measuring import MeasuringError, Sampled, tree_memory_bytes
from bench.running import Running, await_true

READY = "print('ready', flush=True); import sys; sys.stdin.readline(); "
WORK = "sum(range(10**7))"


def python(code: str, folder: Path) -> Running:
    return Running([sys.executable, "-c", code], folder / "log", os.environ)


def test_what_it_takes_after_the_word_includes_its_ended_children(
    tmp_path: Path,
) -> None:
    inner = f"import subprocess; subprocess.run([sys.executable, '-c', {WORK!r}])"
    running = python(READY + inner, tmp_path)
    running.await_word("ready")
    before_s = running.cpu_s
    running.go()
    running.wait()
    assert running.code == 0
    assert running.cpu_s - before_s > 0.1


def test_a_kill_reaches_what_it_started(tmp_path: Path) -> None:
    sleep = "import time; print('ready', flush=True); time.sleep(600)"
    outer = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {sleep!r}])"
    running = python(outer, tmp_path)
    running.await_word("ready")
    (child,) = psutil.Process(running.pid).children()
    assert tree_memory_bytes([running.pid]) > tree_memory_bytes([child.pid])
    running.kill()
    assert running.code == -9
    assert await_true(lambda: not child.is_running() or is_dead(child), 10)


def is_dead(process: psutil.Process) -> bool:
    return bool(process.status() == psutil.STATUS_ZOMBIE)


def test_one_that_ends_before_it_is_ready_says_why(tmp_path: Path) -> None:
    running = python("raise SystemExit('no broker')", tmp_path)
    with pytest.raises(MeasuringError, match="no broker"):
        running.await_word("ready")


def test_one_that_listens_to_nobody_is_ended(tmp_path: Path) -> None:
    deaf = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); "
    running = python(deaf + READY, tmp_path)
    running.await_word("ready")
    running.stop(patience_s=0.1)
    assert running.code == -9


def test_samples_tell_the_most_and_the_growth() -> None:
    sampled = Sampled(lambda: 0.0, every_s=1.0)
    sampled.seen += [(0.0, 5.0), (1.0, 6.0), (2.0, 9.0), (2.1, 10.0), (4.0, 4.0)]
    assert sampled.most == 10.0
    assert sampled.slope == pytest.approx(-0.25)


def test_while_a_block_runs_samples_are_taken() -> None:
    with Sampled(lambda: 7.0, every_s=0.001) as sampled:
        assert await_true(lambda: len(sampled.seen) > 3, 10, 0.001)
    assert sampled.most == 7.0
