"""Celery's consumer, which tells dashboards what tasks do in one go a second.

Each event of each task would be a message of its own, dearer than to take the task from
the broker. It also hears first that its worker ends, and has patience with a server
that answers with errors. How tasks are taken is Celery's.
"""

import logging
import time
from typing import Any

from celery.worker.consumer import Consumer

from worker import stopping

log = logging.getLogger("reelmill")

#: Seconds until a server that refuses is asked again: twice as long each time, and as
#: at first once it went well for longer than the last of these waits.
FIRST_WAIT_S, LONGEST_WAIT_S = 0.5, 10.0

#: Seconds that an event waits for others; Celery itself sends 24 at once.
TOLD_AFTER_S = 1.0


class GatheringConsumer(Consumer):
    """Gathers the events of tasks."""

    # The published types know none of them.
    hub: Any
    event_dispatcher: Any
    channel_errors: tuple[type[Exception], ...]

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - Celery's own types
        #: Until then, by the monotonic clock, it is told without a further word. No
        #: flag, which would stay if a timer is lost with a connection.
        self._told_by = 0.0
        self._wait_s = 0.0
        self._asked_again_at = 0.0
        super().__init__(*args, **kwargs)

    def on_send_event_buffered(self) -> Any:  # noqa: ANN401 - as the published types have it
        """An event waits, from whichever thread; it goes out within a second."""
        now = time.monotonic()
        if self.hub and now > self._told_by:
            self._told_by = now + TOLD_AFTER_S
            # Only the hub's own thread may set a timer.
            self.hub.call_soon(self._tell_later)

    def on_connection_error_before_connected(self, exc: Exception) -> None:
        """Nothing is connected yet, or the server refuses to begin."""
        super().on_connection_error_before_connected(exc)
        self._rest(exc)

    def on_connection_error_after_connected(self, exc: Exception) -> None:
        """The connection is lost, or the server refuses something on it."""
        super().on_connection_error_after_connected(exc)
        self._rest(exc)

    def _rest(self, error: Exception) -> None:
        """Wait before a server that refuses is asked again, or it would be at once."""
        # Lost connections are waited for where they are made.
        if not isinstance(error, self.channel_errors):
            return
        if time.monotonic() - self._asked_again_at > self._wait_s:
            self._wait_s = 0.0
        self._wait_s = min(max(FIRST_WAIT_S, 2 * self._wait_s), LONGEST_WAIT_S)
        log.warning(
            "the server refuses, it is asked again in %g s: %s", self._wait_s, error
        )
        stopping.rest(self._wait_s)
        self._asked_again_at = time.monotonic()

    def on_close(self) -> None:
        """Tell what waits, or have it told by the next connection."""
        # What cannot be sent is kept for the next one; what merely waits would not be.
        self._tell()
        super().on_close()

    def stop(self) -> None:
        """Whatever ends the worker, be it an order from afar, ends this first."""
        stopping.ask()
        super().stop()

    def shutdown(self) -> None:
        """Tell what tasks did that ended after all else."""
        self._tell()
        super().shutdown()

    def _tell_later(self) -> None:
        self.hub.call_later(TOLD_AFTER_S, self._tell)

    def _tell(self) -> None:
        if self.event_dispatcher:
            self.event_dispatcher.flush()
