"""The exact points at which a worker can be made to kill itself, and how.

A method of the worker is wrapped so that the process gets a SIGKILL just before, during
or just after the k-th time that it matters. `killing` does it in a worker's process,
`points` decides where and when.
"""

import asyncio
import functools
import inspect
import itertools
import os
import random
import signal
import threading
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from jobs.ledger import Ledger
from jobs.ledger.delay_queue import DelayQueue
from jobs.ledger.permits import Permits
from jobs.ledger.transitions import Transitions
from jobs.provider import submit
from jobs.provider.client import Provider
from jobs.states import Event
from worker import storing
from worker.downloads import Download, Files

#: Environment: points with their counts, such as `{"claimed": 3, "stored": 1}`.
KILL = "CHAOS_KILL"

#: Environment: the file that the name of the point that was reached goes into.
REACHED = "CHAOS_REACHED"

#: A request is on its way for about so long when both ends are on one machine.
ON_ITS_WAY_S = 0.008


@dataclass(frozen=True, slots=True)
class Point:
    """Where to kill: around which call, and which of its calls count."""

    owner: type | ModuleType
    method: str
    #: `before`, `during` or `after` the call.
    when: str
    #: Of moves: only those by this event count.
    event: Event | None = None
    #: Whether it comes so seldom that its first time must be taken.
    rare: bool = False

    def counts(self, args: tuple[Any, ...], result: object) -> bool:
        """Whether this call is one of those that matter."""
        if self.event is not None:
            return any(move.event is self.event for move in args[1])
        # A pulse that finds nothing to do is no point of interest.
        return self.when != "after" or result is None or bool(result)


#: Every point by name, in the order in which a job passes them.
POINTS = {
    "leased": Point(DelayQueue, "lease", "after"),
    "reserved": Point(Permits, "grant", "after"),
    "before the claim": Point(Transitions, "claim", "before"),
    "claimed": Point(Transitions, "claim", "after"),
    "claim on disk": Point(Ledger, "durable", "after"),
    "on its way": Point(submit, "submit", "during"),
    "answered": Point(submit, "submit", "after"),
    "account told of a rejection": Point(Permits, "reject", "after", rare=True),
    "id written": Point(Transitions, "apply", "after", Event.ACCEPT),
    "given back": Point(Transitions, "apply", "after", Event.RETURN, rare=True),
    "found lost": Point(Transitions, "apply", "after", Event.LOSE, rare=True),
    "looked into the history": Point(Provider, "history", "after", rare=True),
    "before the adoption": Point(
        Transitions, "apply", "before", Event.ADOPT, rare=True
    ),
    "adopted": Point(Transitions, "apply", "after", Event.ADOPT, rare=True),
    "proven absent": Point(Transitions, "apply", "after", Event.ABSENT, rare=True),
    "looked": Point(Provider, "poll", "after"),
    "completed": Point(Transitions, "apply", "after", Event.COMPLETE),
    "failed, once more": Point(
        Transitions, "apply", "after", Event.TRY_AGAIN, rare=True
    ),
    "received": Point(Files, "receive", "after"),
    "downloaded": Point(Download, "end", "after"),
    "video kept": Point(storing, "_keep_video", "after"),
    "provenance kept": Point(storing, "_keep_beside", "after"),
    "stored": Point(Transitions, "apply", "after", Event.STORE),
    "before the report is ticked off": Point(
        DelayQueue, "drop_batch", "before", rare=True
    ),
    "report ticked off": Point(DelayQueue, "drop_batch", "after", rare=True),
}


#: Taken once and never given back.
DYING = threading.Lock()


def _die(name: str) -> None:
    """Say where, and be gone: nothing of the process runs after this."""
    # Who dies at the same moment in another thread waits here, or it would begin the
    # file anew just before the end.
    DYING.acquire()
    Path(os.environ[REACHED]).write_text(name, "utf-8")
    os.kill(os.getpid(), signal.SIGKILL)


async def _die_on_the_way(name: str) -> None:
    await asyncio.sleep(random.uniform(0.0, ON_ITS_WAY_S))
    _die(name)


def arm(name: str, count: int) -> None:
    """Die at this point when it matters for the `count`-th time."""
    point = POINTS[name]
    call = getattr(point.owner, point.method)
    calls = itertools.count(1)

    def is_it(args: tuple[Any, ...], result: object = None) -> bool:
        return point.counts(args, result) and next(calls) == count

    @functools.wraps(call)
    def plain(*args: Any, **named: Any) -> Any:
        if point.when == "before" and is_it(args):
            _die(name)
        result = call(*args, **named)
        if point.when == "after" and is_it(args, result):
            _die(name)
        return result

    @functools.wraps(call)
    async def waiting(*args: Any, **named: Any) -> Any:
        if point.when == "during" and is_it(args):
            death = asyncio.create_task(_die_on_the_way(name))
            await asyncio.gather(call(*args, **named), death)
        result = await call(*args, **named)
        if point.when == "after" and is_it(args, result):
            _die(name)
        return result

    is_slow = inspect.iscoroutinefunction(call)
    setattr(point.owner, point.method, waiting if is_slow else plain)
