"""Virtual time: an event loop that jumps to its next timer, and clocks that follow it.

What would go to a thread is done on the loop, after a delay that the seed has drawn. So
one seed takes the same steps in the same order.
"""

import asyncio
import heapq
import selectors
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from random import Random
from typing import Any, cast
from unittest.mock import patch

#: Unix seconds at which every run begins.
BEGIN_S = 1_800_000_000.0

#: Most seconds that a call in a thread takes, each way.
MAX_CALL_S = 0.02


class _NoFiles(selectors.SelectSelector):
    """Watches nothing, because all that a run awaits is a timer."""

    def select(self, _timeout: float | None = None) -> list[Any]:
        return []


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop whose waits take no time."""

    def __init__(self, random: Random) -> None:
        super().__init__(_NoFiles())
        self._random = random
        self._tasks_made = 0
        self.now_s = 0.0
        #: Seconds that the call that is made takes in addition.
        self.slow_s = 0.0
        self.set_task_factory(cast("Any", self._numbered_task))

    def time(self) -> float:
        """Seconds since the run began."""
        return self.now_s

    def run_in_executor(  # type: ignore[override]  # all by position
        self,
        executor: object,  # noqa: ARG002 - no thread is used
        func: Callable[..., Any],
        *args: Any,
    ) -> asyncio.Future[Any]:
        """Do it on the loop, a little later."""
        future: asyncio.Future[Any] = self.create_future()

        def end(result: Any) -> None:
            if not future.done():
                future.set_result(result)

        def do() -> None:
            if future.done():
                return
            self.slow_s = 0.0
            try:
                result = func(*args)
            except BaseException as error:  # noqa: BLE001 - as an executor does
                future.set_exception(error)
            else:
                took_s = self.slow_s + self._random.uniform(0, MAX_CALL_S)
                self.call_later(took_s, end, result)

        self.call_later(self._random.uniform(0, MAX_CALL_S), do)
        return future

    def _run_once(self) -> None:
        # `asyncio` would wait for the first timer that is not cancelled.
        timers: list[Any] = self._scheduled  # type: ignore[attr-defined]  # private
        while timers and timers[0].cancelled():
            heapq.heappop(timers)._scheduled = False
            self._timer_cancelled_count -= 1  # type: ignore[attr-defined]  # private
        if not self._ready and timers:  # type: ignore[attr-defined]  # private
            self.now_s = max(self.now_s, timers[0].when())
        super()._run_once()  # type: ignore[misc]  # private

    def _numbered_task(
        self,
        loop: asyncio.AbstractEventLoop,
        work: Coroutine[Any, Any, Any],
        **options: Any,
    ) -> asyncio.Task[Any]:
        """A task whose hash is its number: sets of tasks have the same order always."""
        self._tasks_made += 1
        return _Task(self._tasks_made, work, loop=loop, **options)


class _Task(asyncio.Task[Any]):
    def __init__(self, number: int, work: Any, **options: Any) -> None:
        self._number = number
        super().__init__(work, **options)

    def __hash__(self) -> int:
        return self._number


@contextmanager
def clocks_of(loop: VirtualLoop, wrong_by_s: Callable[[], float]) -> Iterator[None]:
    """While it lasts, all clocks of the process are the loop's.

    `wrong_by_s` tells by how much the calendar of whoever asks is wrong.
    """

    def steady_s(*_: object) -> float:
        return loop.now_s + 1_000.0

    with (
        patch("time.time", lambda: BEGIN_S + loop.now_s + wrong_by_s()),
        patch("time.monotonic", steady_s),
        patch("time.clock_gettime", steady_s),
    ):
        yield
