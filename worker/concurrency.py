"""Work that waits for the network side by side, and calls that are made together."""

import asyncio
from collections.abc import (
    AsyncGenerator,
    Awaitable,
    Callable,
    Coroutine,
    Iterable,
    Mapping,
    Sequence,
)
from concurrent.futures import Executor
from functools import partial
from itertools import islice
from typing import Any, Generic, ParamSpec, TypeVar

P = ParamSpec("P")
K = TypeVar("K")
T = TypeVar("T")
R = TypeVar("R")

#: Does these and says what came of each, in order.
Do = Callable[[Sequence[T]], Awaitable[Sequence[R]]]


async def in_pool(
    pool: Executor, do: Callable[P, T], *args: P.args, **kwargs: P.kwargs
) -> T:
    """Do something that blocks, in a thread of this pool."""
    loop = asyncio.get_running_loop()
    return await loop.run_in_executor(pool, partial(do, *args, **kwargs))


async def gather_all(work: Iterable[Awaitable[T]]) -> list[T]:
    """Do all of it at once; an error of one is raised when all have ended."""
    done = await asyncio.gather(*work, return_exceptions=True)
    for each in done:
        if isinstance(each, BaseException):
            raise each
    return [each for each in done if not isinstance(each, BaseException)]


async def as_completed_groups(
    work: Mapping[K, Coroutine[Any, Any, T]], together_s: float
) -> AsyncGenerator[dict[K, T], None]:
    """Do all of it at once; what came of it, in groups as they end.

    A group is what has ended within so many seconds. An error of one is raised when all
    have ended, and whoever leaves before ends the rest.
    """
    names = {asyncio.ensure_future(each): name for name, each in work.items()}
    pending = set(names)
    error: BaseException | None = None
    try:
        while pending:
            # Not by the first that ends: each would be a group of its own.
            done, pending = await asyncio.wait(pending, timeout=together_s)
            found: dict[K, T] = {}
            for task in done:
                if failed := task.exception():
                    error = failed
                else:
                    found[names[task]] = task.result()
            if found:
                yield found
    finally:
        for task in pending:
            task.cancel()
    if error:
        raise error


class MicroBatcher(Generic[T, R]):
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
        try:
            results = iter(
                await self._do([item for items, _ in taken for item in items])
            )
        except BaseException as error:
            for _, done in taken:
                if not done.done():
                    done.set_exception(error)
            if not isinstance(error, Exception):
                raise
            return
        for items, done in taken:
            own = list(islice(results, len(items)))
            if not done.done():
                done.set_result(own)
