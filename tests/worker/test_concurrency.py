"""Work side by side: nothing is lost or mixed up, and what hangs keeps nothing back."""

import asyncio
from collections.abc import Sequence

import pytest

from worker.concurrency import MicroBatcher, as_completed_groups


class Server:
    """Answers blocks one at a time, when it is told to."""

    def __init__(self) -> None:
        self.blocks: list[list[int]] = []
        self.may_answer = asyncio.Event()
        self.error: Exception | None = None

    async def squares(self, items: Sequence[int]) -> list[int]:
        self.blocks.append(list(items))
        await self.may_answer.wait()
        if self.error:
            raise self.error
        return [item * item for item in items]


async def settled(tasks: Sequence["asyncio.Task[Sequence[int]]"]) -> None:
    """Until each of these has begun to wait."""
    for _ in range(3):
        await asyncio.sleep(0)
    assert not any(task.done() for task in tasks)


def test_what_comes_while_one_is_under_way_goes_together_in_the_next() -> None:
    async def run() -> None:
        server = Server()
        gathering: MicroBatcher[int, int] = MicroBatcher(server.squares)
        first = asyncio.create_task(gathering([1]))
        await settled([first])
        rest = [asyncio.create_task(gathering([n, n + 1])) for n in (2, 4, 6)]
        await settled(rest)
        assert server.blocks == [[1]]
        server.may_answer.set()
        assert await first == [1]
        assert [await task for task in rest] == [[4, 9], [16, 25], [36, 49]]
        assert server.blocks == [[1], [2, 3, 4, 5, 6, 7]]

    asyncio.run(run())


def test_an_error_is_told_to_all_that_it_took_and_to_nobody_else() -> None:
    async def run() -> None:
        server = Server()
        gathering: MicroBatcher[int, int] = MicroBatcher(server.squares)
        first = asyncio.create_task(gathering([1]))
        await settled([first])
        both = [asyncio.create_task(gathering([n])) for n in (2, 3)]
        await settled(both)
        server.may_answer.set()
        server.error = OSError("the ledger is away")
        for task in (first, *both):
            with pytest.raises(OSError, match="is away"):
                await task
        server.error = None
        assert await gathering([4]) == [16]

    asyncio.run(run())


def test_one_that_is_cancelled_takes_nobody_with_it() -> None:
    async def run() -> None:
        server = Server()
        gathering: MicroBatcher[int, int] = MicroBatcher(server.squares)
        first = asyncio.create_task(gathering([1]))
        await settled([first])
        second, third = (asyncio.create_task(gathering([n])) for n in (2, 3))
        await settled([second, third])
        first.cancel()
        second.cancel()
        server.may_answer.set()
        assert await third == [9]
        for task in (first, second):
            with pytest.raises(asyncio.CancelledError):
                await task

    asyncio.run(run())


async def hanging(until: asyncio.Event) -> str:
    await until.wait()
    return "late"


async def quick(word: str) -> str:
    await asyncio.sleep(0)
    return word


async def failing() -> str:
    raise ValueError("no")


def test_one_that_hangs_keeps_none_of_the_others_back() -> None:
    async def groups() -> list[dict[int, str]]:
        until, found = asyncio.Event(), []
        work = {1: quick("a"), 2: hanging(until), 3: quick("b")}
        async for group in as_completed_groups(work, 0.01):
            found.append(group)
            until.set()
        return found

    assert asyncio.run(groups()) == [{1: "a", 3: "b"}, {2: "late"}]


def test_an_error_is_raised_when_all_others_were_handed_on() -> None:
    found: dict[int, str] = {}

    async def go() -> None:
        async for group in as_completed_groups({1: failing(), 2: quick("b")}, 1.0):
            found.update(group)

    with pytest.raises(ValueError, match="no"):
        asyncio.run(go())
    assert found == {2: "b"}


def test_whoever_leaves_ends_what_is_left() -> None:
    async def left() -> bool:
        until = asyncio.Event()
        late = asyncio.ensure_future(hanging(until))
        groups = as_completed_groups({1: quick("a"), 2: waiting(late)}, 0.01)
        assert await anext(groups) == {1: "a"}
        await groups.aclose()
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        return late.cancelled()

    assert asyncio.run(left())


async def waiting(task: asyncio.Task[str]) -> str:
    return await task
