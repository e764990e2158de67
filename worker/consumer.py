"""Celery's consumer, which tells dashboards what tasks do in one go a second.

Each event of each task would be a message of its own, dearer than to take the task from
the broker. It changes nothing else of how tasks are taken.
"""

import time
from typing import Any

from celery.worker.consumer import Consumer

#: Seconds that an event waits for others; Celery itself sends 24 at once.
TOLD_AFTER_S = 1.0


class GatheringConsumer(Consumer):
    """Gathers the events of tasks."""

    # The published types know neither.
    hub: Any
    event_dispatcher: Any

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - Celery's own types
        #: Until then, by the monotonic clock, it is told without a further word. No
        #: flag: a lost connection clears the timers.
        self._told_by = 0.0
        super().__init__(*args, **kwargs)

    def on_send_event_buffered(self) -> Any:  # noqa: ANN401 - as the published types have it
        """An event waits, from whichever thread; it goes out within a second."""
        now = time.monotonic()
        if self.hub and now > self._told_by:
            self._told_by = now + TOLD_AFTER_S
            # Only the hub's own thread may set a timer.
            self.hub.call_soon(self._tell_later)

    def shutdown(self) -> None:
        """Tell the last of it before the connection is closed."""
        self._tell()
        super().shutdown()

    def _tell_later(self) -> None:
        self.hub.call_later(TOLD_AFTER_S, self._tell)

    def _tell(self) -> None:
        if self.event_dispatcher:
            self.event_dispatcher.flush()
