"""A local clock that cannot step, and other machines' clocks as they were read by it.

The clock of a machine may be set while a process runs: by NTP, by a person, when a
virtual machine goes on. What was sent when decides whether a lost request counts as
absent, so nothing of that may rest on it.
"""

import time
from dataclasses import dataclass

#: Counts while the machine sleeps, where the system has such a clock.
_CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)

#: A clock that took longer to ask is not known well enough to replace a reading.
QUICK_S = 1.0


def steady_s() -> float:
    """Seconds since some moment; never set, and it counts a machine's sleep."""
    return time.clock_gettime(_CLOCK)


@dataclass(slots=True)
class RemoteClock:
    """Another machine's clock: what it said last, and the time since then."""

    _ahead_s: float | None = None
    _read_at_s: float = float("-inf")

    def set(self, theirs_s: float, asked_at_s: float, answered_at_s: float) -> None:
        """Remember what it said.

        Args:
            theirs_s: unix seconds by that clock.
            asked_at_s: steady seconds when it was asked.
            answered_at_s: steady seconds when the answer was here.
        """
        if self._ahead_s is None or answered_at_s - asked_at_s <= QUICK_S:
            self._ahead_s = theirs_s - (asked_at_s + answered_at_s) / 2
            self._read_at_s = answered_at_s

    def now_s(self) -> float | None:
        """Unix seconds by that clock; None if it was never read."""
        return None if self._ahead_s is None else self._ahead_s + steady_s()

    def age_s(self) -> float:
        """Seconds since it was read; infinite if it never was."""
        return steady_s() - self._read_at_s
