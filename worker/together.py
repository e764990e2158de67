"""Work that waits for the network side by side: all of a block, or as it ends.

It knows nothing of what is done. Calls of the ledger are gathered in `gathering`.
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Coroutine, Iterable, Mapping
from typing import Any, TypeVar

K = TypeVar("K")
T = TypeVar("T")


async def side_by_side(work: Iterable[Awaitable[T]]) -> list[T]:
    """Do all of it at once; an error of one is raised when all have ended."""
    done = await asyncio.gather(*work, return_exceptions=True)
    for each in done:
        if isinstance(each, BaseException):
            raise each
    return [each for each in done if not isinstance(each, BaseException)]


async def as_they_come(
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
