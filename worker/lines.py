"""Questions that come line by line, as JSON on stdin, and are answered side by side.

Answers go out as they are ready, each as one line of JSON on stdout, so neither side
holds more than a few. What no question can cure, such as a key that is not accepted,
is said to every further line at once, and nothing more is asked.
"""

import asyncio
import json
import logging
import sys
from collections.abc import Awaitable, Callable
from typing import Any

from worker.replies import describe

log = logging.getLogger("reelmill.ask")

#: An answer to one line; with `over` in it the last one that was worked for.
Answer = dict[str, object]

Work = Callable[[dict[str, Any]], Awaitable[Answer]]

SIDE_BY_SIDE = 4


async def answer_lines(work: Work) -> None:
    """Answer every line of stdin; `over` in an answer is the answer to all the rest."""
    over: list[Answer] = []
    room = asyncio.Semaphore(SIDE_BY_SIDE)

    async def answer(line: str) -> None:
        asked = json.loads(line)
        try:
            found = over[0] if over else await work(asked)
        except Exception as error:
            # The outermost door: whoever asks would wait for an answer for ever.
            log.exception("a line could not be answered")
            found = trouble("bug", describe(error), over=True)
        finally:
            room.release()
        if "over" in found:
            over.append(found)
        say({**_named(asked), **found})

    async with asyncio.TaskGroup() as group:
        while True:
            await room.acquire()
            line = await asyncio.to_thread(sys.stdin.readline)
            if not line:
                return
            group.create_task(answer(line))


def trouble(word: str, reason: str, *, over: bool = False) -> Answer:
    """An answer that says what is in the way; `over` if it is for every line."""
    found: Answer = {"trouble": word, "reason": reason}
    return {**found, "over": True} if over else found


def _named(asked: dict[str, Any]) -> Answer:
    """What tells whose answer it is."""
    return {name: asked[name] for name in ("key", "sha256") if name in asked}


def say(answer: Answer) -> None:
    """Print an answer."""
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()
