"""How a worker ends when it is told to: soon, and with nothing left in its hands.

From the first signal on nothing is begun; what has begun, above all a paid request, may
finish for a while, and the rest goes back so that others take it at once. A second
signal ends the process where it stands, which costs time but never money: what it had
sent counts as lost and is looked for. Celery's part is to end its threads.
"""

import logging
import os
import signal
import threading
import time
from types import FrameType

from celery.platforms import EX_OK
from celery.worker import state

from worker.engine import Engine

log = logging.getLogger("reelmill")

#: Seconds between two looks at whether Celery was told by itself.
LOOK_S = 1.0

#: Seconds between two looks at what is still at work.
AT_WORK_S = 0.1

#: Of the time to stop, so much is kept for giving back what is not finished.
HAND_BACK_S = 5.0

#: Should Celery not end by itself then, it is ended.
LONGER_S = 10.0

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


def rest(seconds: float) -> None:
    """Do nothing for so long, or until this process is told to stop."""
    _asked.wait(seconds)


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


class Stopping(threading.Thread):
    """Sees that the process ends in time once it is told to."""

    def __init__(self, engine: Engine) -> None:
        """A watch over one worker process."""
        super().__init__(name="stopping", daemon=True)
        self._engine = engine

    def run(self) -> None:
        """Wait for the word; let tasks finish, give the rest back, end what hangs."""
        while not is_asked():
            _asked.wait(LOOK_S)
        engine, stop_s = self._engine, self._engine.settings.stop_s
        finish_s = max(stop_s - HAND_BACK_S, stop_s / 2)
        engine.stopping = True
        at_work = engine.at_work
        log.info("stopping: %d tasks may finish for %.0f s", at_work, finish_s)
        until = time.monotonic() + finish_s
        while engine.at_work and time.monotonic() < until:
            time.sleep(AT_WORK_S)
        if engine.at_work:
            log.warning("stopping: %d tasks are given back", engine.at_work)
            engine.cancel_tasks()
        time.sleep(stop_s - finish_s + LONGER_S)
        log.error("stopping took too long; what is left is looked at by others")
        os._exit(1)
