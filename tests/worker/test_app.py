"""The worker as a process: it starts, beats, and ends however it is asked to."""

import importlib

import pytest
from celery import signals
from celery.exceptions import WorkerShutdown


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
