"""The worker as a process: it starts, beats, and ends however it is asked to."""

import importlib
import os
import signal
import sys
from pathlib import Path

import pytest
from celery import signals
from celery.exceptions import WorkerShutdown

from jobs import settings
from jobs.ledger import Ledger
from jobs.settings import Settings, child_environment
from producer.subprocesses import Child
from tests.producer.running import until


def start_worker(home: Path, chosen: Settings) -> Child:
    command = [sys.executable, "-m", "celery", "-A", "worker.app", "worker"]
    command += ["--pool", "threads", "--concurrency", "2", "--loglevel", "INFO"]
    environment = child_environment(chosen)
    log = home / "worker.log"
    return Child("the worker", command, log=log, environment=environment)


def test_nothing_listens_where_a_second_signal_would_wait_for_itself() -> None:
    # Celery sends it from a signal handler, under a lock that is not re-entrant; with a
    # receiver, a signal during a signal waits for itself.
    importlib.import_module("worker.app")
    assert signals.worker_shutting_down.receivers == []


def test_a_worker_that_cannot_begin_ends() -> None:
    # Celery would log an error of its receiver, and the worker would never work.
    importlib.import_module("worker.app")
    with pytest.raises(WorkerShutdown):
        signals.worker_ready.send(sender=object())


def test_a_storm_of_signals_ends_a_worker_all_the_same(
    home: Path, ledger: Ledger
) -> None:
    chosen = settings.read({}, home=home)
    with start_worker(home, chosen) as worker:
        # The dispatcher writes the limits down before its first tick.
        until(lambda: ledger.permits.read(chosen.account_id).limits is not None, 60.0)
        until(lambda: "ready" in worker.last_words(200), 60.0)

        def ask_again() -> bool:
            # So close together that one arrives while another is being handled.
            for _ in range(100):
                if worker.running:
                    os.kill(worker.pid, signal.SIGTERM)
            return not worker.running

        until(ask_again, 60.0)
