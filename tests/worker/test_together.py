"""Work side by side: what hangs keeps nothing back, and an error comes at the end."""

import asyncio

import pytest

from worker.concurrency import as_completed_groups, gather_all


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


def test_side_by_side_is_in_order() -> None:
    async def both() -> list[str]:
        return await gather_all([quick("a"), quick("b")])

    assert asyncio.run(both()) == ["a", "b"]
