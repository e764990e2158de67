"""Waiting for what must come of a fleet, and telling a person meanwhile."""

import sys
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

from tests.containers.engine import Fleet

#: A condition that does not come true in this time never does.
PATIENCE_S = 600.0


def say(text: str) -> None:
    """Tell what is done, and when."""
    sys.stdout.write(f"{time.strftime('%H:%M:%S')} {text}\n")
    sys.stdout.flush()


def until(what: str, true: Callable[[], Any], patience_s: float = PATIENCE_S) -> None:
    """Wait for a condition.

    Raises:
        TimeoutError: it did not come true.
    """
    end_s = time.monotonic() + patience_s
    while not true():
        if time.monotonic() > end_s:
            raise TimeoutError(f"{what}: not within {patience_s:.0f} s")
        # Each question starts a process in a container.
        time.sleep(1.0)


def for_s(seconds: float) -> None:
    """Let something that was broken stay so: that is the fault, not a wait for it."""
    time.sleep(max(0.0, seconds))


def nothing_goes_on(fleet: Fleet, batch: str, quiet_s: float) -> Callable[[], bool]:
    """A condition: every row is stored, or has waited for a person for so long."""
    last: Counter[str] = Counter()
    since_s = time.monotonic()

    def reached() -> bool:
        nonlocal last, since_s
        counts = fleet.counts(batch)
        if counts != last:
            last, since_s = counts, time.monotonic()
        over = +counts == {"stored": counts.total()}
        resting = not (counts.keys() - {"stored", "unresolved"})
        return over or (resting and time.monotonic() > since_s + quiet_s)

    return reached
