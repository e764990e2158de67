"""Turns at hosts: so many questions at once, and no more of a host that is silent.

It decides who waits; what is asked stands in `asking`.
"""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

#: Troubles in a row before a host may count as silent.
_FEWEST_FAILURES = 16

#: More silent hosts than any manifest has; then they are forgiven.
_MOST_FAILING = 10_000


@dataclass(slots=True)
class _Line:
    """Those who wait for one host."""

    places: asyncio.Semaphore
    users: int = 0


@dataclass(slots=True)
class _Silence:
    """A host that has not answered since."""

    since_s: float
    failures: int = 0


class Hosts:
    """Turns, for one event loop."""

    def __init__(self, per_host: int, overall: int, silence_s: float) -> None:
        self._per_host = per_host
        self._silence_s = silence_s
        self._everywhere = asyncio.Semaphore(overall)
        self._lines: dict[str, _Line] = {}
        self._silences: dict[str, _Silence] = {}

    @asynccontextmanager
    async def turn(self, host: str) -> AsyncIterator[None]:
        """A turn at a host, which lasts as long as the context."""
        line = self._lines.get(host)
        if line is None:
            line = self._lines[host] = _Line(asyncio.Semaphore(self._per_host))
        line.users += 1
        try:
            # In this order: who waits for a busy host keeps nobody from others.
            async with line.places, self._everywhere:
                yield
        finally:
            line.users -= 1
            if not line.users:
                del self._lines[host]

    def answered(self, host: str) -> None:
        """A host answered, whatever it said."""
        self._silences.pop(host, None)

    def failed(self, host: str) -> None:
        """A host did not answer."""
        if len(self._silences) >= _MOST_FAILING:
            self._silences.clear()
        silence = self._silences.setdefault(host, _Silence(time.monotonic()))
        silence.failures += 1

    def is_silent(self, host: str) -> bool:
        """Whether a host has not once answered for so long that nobody asks on."""
        silence = self._silences.get(host)
        return (
            silence is not None
            and silence.failures >= _FEWEST_FAILURES
            and time.monotonic() - silence.since_s >= self._silence_s
        )
