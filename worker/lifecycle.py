"""How a Celery worker takes tasks, and how it ends when it is told to."""

import logging
import os
import signal
import threading
import time
from types import FrameType
from typing import Any

from celery.platforms import EX_OK
from celery.worker import state
from celery.worker.consumer import Consumer

from worker.engine import Engine

log = logging.getLogger("reelmill")

#: Seconds between two polls of whether Celery was told by itself.
POLL_S = 1.0

#: Seconds between two polls of what is still at work.
AT_WORK_S = 0.1

#: Of the time to stop, so much is kept for giving back what is not finished.
HAND_BACK_S = 5.0

#: Should Celery not end by itself then, it is ended.
LONGER_S = 10.0

#: Seconds until a server that refuses is asked again: twice as long each time, and as
#: at first once it went well for longer than the last of these waits.
FIRST_WAIT_S, MAX_WAIT_S = 0.5, 10.0

_asked = threading.Event()


def is_asked() -> bool:
    """Whether this process was told to stop."""
    return any(
        asked is not None and asked is not False
        for asked in (state.should_stop, state.should_terminate)
    )


def ask() -> None:
    """Tell this process to stop, unless it was told."""
    if not is_asked():
        state.should_stop = EX_OK  # type: ignore[assignment]  # its types know None alone
    # Last, since a signal may come in the midst of it.
    _asked.set()


def listen() -> None:
    """Take the signals that end a process: the first one kindly, the second at once.

    Celery's own handlers tell `worker_shutting_down` under a lock, so that a signal
    during a signal may wait for itself, and the second SIGTERM means nothing to them.
    """
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT):
        signal.signal(number, _on_signal)


def _on_signal(number: int, _frame: FrameType | None) -> None:
    if is_asked():
        os._exit(128 + number)
    ask()


def stop_in_time(engine: Engine) -> None:
    """Wait until told to stop; let tasks finish, give the rest back, end what hangs.

    It is the whole life of a daemon thread.
    """
    while not is_asked():
        _asked.wait(POLL_S)
    stop_s = engine.settings.stop_s
    finish_s = max(stop_s - HAND_BACK_S, stop_s / 2)
    engine.stopping = True
    words = "stopping: %d tasks may finish for %.0f s"
    log.info(words, len(engine.tasks), finish_s)
    until = time.monotonic() + finish_s
    while engine.tasks and time.monotonic() < until:
        time.sleep(AT_WORK_S)
    if engine.tasks:
        log.warning("stopping: %d tasks are given back", len(engine.tasks))
        engine.cancel_tasks()
    time.sleep(stop_s - finish_s + LONGER_S)
    log.error("stopping took too long; other workers go on with what is left")
    os._exit(1)


class PatientConsumer(Consumer):
    """Waits before a server that refuses is asked again, and hears of the end first."""

    # The published types do not know it.
    channel_errors: tuple[type[Exception], ...]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._wait_s = 0.0
        self._asked_again_at = 0.0
        super().__init__(*args, **kwargs)

    def on_connection_error_before_connected(self, exc: Exception) -> None:
        """Nothing is connected yet, or the server refuses to begin."""
        super().on_connection_error_before_connected(exc)
        self._cool_down(exc)

    def on_connection_error_after_connected(self, exc: Exception) -> None:
        """The connection is lost, or the server refuses something on it."""
        super().on_connection_error_after_connected(exc)
        self._cool_down(exc)

    def _cool_down(self, error: Exception) -> None:
        # Lost connections are waited for where they are made.
        if not isinstance(error, self.channel_errors):
            return
        if time.monotonic() - self._asked_again_at > self._wait_s:
            self._wait_s = 0.0
        self._wait_s = min(max(FIRST_WAIT_S, 2 * self._wait_s), MAX_WAIT_S)
        words = "the server refuses, it is asked again in %g s: %s"
        log.warning(words, self._wait_s, error)
        _asked.wait(self._wait_s)
        self._asked_again_at = time.monotonic()

    def stop(self) -> None:
        """Whatever ends the worker, be it an order from afar, ends this first."""
        ask()
        super().stop()
