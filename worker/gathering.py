"""Calls that are made together: what comes while one is under way goes with the next.

Each call of the ledger is a hop to a thread and a round trip. Under load hundreds of
jobs make one each in the same moment; gathered they make a handful, and where there is
just one it waits for nobody. It knows nothing of what is called.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

T = TypeVar("T")
R = TypeVar("R")

#: Does these and says what came of each, in order.
Do = Callable[[Sequence[T]], Awaitable[Sequence[R]]]


class Gathering(Generic[T, R]):
    """Gathers the calls of one kind, for one event loop."""

    def __init__(self, do: Do[T, R]) -> None:
        """Gather calls of `do`; an error of it is the error of all that it took."""
        self._do = do
        self._waiting: list[tuple[Sequence[T], asyncio.Future[Sequence[R]]]] = []
        self._under_way: asyncio.Task[None] | None = None

    async def __call__(self, items: Sequence[T]) -> Sequence[R]:
        """Have these done, with whatever else waits; what came of them, in order.

        Who is cancelled while it waits does not know whether they were.
        """
        loop = asyncio.get_running_loop()
        done: asyncio.Future[Sequence[R]] = loop.create_future()
        self._waiting.append((items, done))
        if self._under_way is None:
            self._under_way = asyncio.create_task(self._go_on())
        return await done

    async def _go_on(self) -> None:
        try:
            while self._waiting:
                taken, self._waiting = self._waiting, []
                await self._do_all(taken)
        finally:
            self._under_way = None
            # Only where it was cancelled itself: nobody shall wait for ever.
            for _, done in self._waiting:
                done.cancel()
            self._waiting = []

    async def _do_all(
        self, taken: Sequence[tuple[Sequence[T], "asyncio.Future[Sequence[R]]"]]
    ) -> None:
        items = [item for each, _ in taken for item in each]
        try:
            results = await self._do(items)
        except BaseException as error:
            for _, done in taken:
                if not done.done():
                    done.set_exception(error)
            if not isinstance(error, Exception):
                raise
            return
        first = 0
        for each, done in taken:
            if not done.done():
                done.set_result(results[first : first + len(each)])
            first += len(each)
