"""How many videos one key may start and have at work.

It decides by the times it is given whether there is room, and when there will be; it
reads no clock. What a refusal looks like stands in `submissions`.
"""

import heapq
from collections import deque
from dataclasses import dataclass, field

#: Length of the window in which starts are counted, in seconds.
WINDOW_S = 60.0


@dataclass(slots=True)
class Window:
    """The starts of the last 60 seconds: exact, in any such window."""

    times_s: deque[float] = field(default_factory=deque)
    #: Most starts that any 60 seconds have seen.
    worst: int = 0

    def count(self, now_s: float) -> int:
        """Starts in the 60 seconds that end now."""
        while self.times_s and self.times_s[0] <= now_s - WINDOW_S:
            self.times_s.popleft()
        return len(self.times_s)

    def add(self, now_s: float) -> None:
        """Count a start."""
        self.times_s.append(now_s)
        self.worst = max(self.worst, self.count(now_s))

    def wait_s(self, now_s: float, limit: int) -> float:
        """Seconds until another start fits; 0 if one fits now."""
        over = self.count(now_s) - limit
        if over < 0:
            return 0.0
        return self.times_s[over] + WINDOW_S - now_s


@dataclass(slots=True)
class Slots:
    """When each slot at the provider becomes free: for those who wait in a queue."""

    #: A heap with one end per slot in use.
    ends_s: list[float] = field(default_factory=list)

    def take(self, now_s: float, length_s: float, limit: int) -> float:
        """Occupy the slot that is free first; returns when the work starts there."""
        while self.ends_s and self.ends_s[0] <= now_s:
            heapq.heappop(self.ends_s)
        starts_s = now_s
        while len(self.ends_s) >= limit:
            starts_s = heapq.heappop(self.ends_s)
        heapq.heappush(self.ends_s, starts_s + length_s)
        return starts_s
