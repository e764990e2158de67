"""One key at the provider: its predictions, its limits and its money.

Amounts are whole micro-dollars. Predictions are settled as their time comes, each one
once, so that no request walks through all of them. It reads no clock.
"""

import bisect
import heapq
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from operator import attrgetter

from sandbox.prediction import Prediction

#: Length of the window in which starts are counted, in seconds.
WINDOW_S = 60.0
#: Until a prediction is looked at again whose picture is still being fetched.
RETRY_S = 0.05


@dataclass(frozen=True, slots=True)
class Entry:
    """One row of the billing."""

    #: Unix seconds from which it counts.
    at_s: float
    #: `deduct` or `refund`.
    kind: str
    prediction: Prediction


_at_s = attrgetter("at_s")
_created_at_s = attrgetter("created_at_s")


@dataclass(slots=True)
class Billing:
    """Every deduction and refund of one key."""

    balance_usd_micros: int
    #: In the order of time.
    entries: list[Entry] = field(default_factory=list)
    #: A heap of refunds that do not count yet: when they do, and their amount.
    pending: list[tuple[float, int]] = field(default_factory=list)

    def deduct(self, prediction: Prediction) -> None:
        """Book the price of a prediction at its creation."""
        self.balance_usd_micros -= prediction.price_usd_micros
        entry = Entry(prediction.created_at_s, "deduct", prediction)
        bisect.insort(self.entries, entry, key=_at_s)

    def refund(self, prediction: Prediction, at_s: float) -> None:
        """Owe the price of a prediction from now on; the row counts from `at_s`."""
        prediction.refunded_usd_micros = prediction.price_usd_micros
        heapq.heappush(self.pending, (at_s, prediction.price_usd_micros))
        bisect.insort(self.entries, Entry(at_s, "refund", prediction), key=_at_s)

    def left_usd_micros(self, now_s: float) -> int:
        """What the key has left, without refunds that are not yet due."""
        while self.pending and self.pending[0][0] <= now_s:
            self.balance_usd_micros += heapq.heappop(self.pending)[1]
        return self.balance_usd_micros

    def rows(
        self, from_s: float, to_s: float, *, newest_first: bool
    ) -> Iterator[Entry]:
        """Rows of a time, both ends included."""
        start = bisect.bisect_left(self.entries, from_s, key=_at_s)
        stop = bisect.bisect_right(self.entries, to_s, key=_at_s)
        places = range(stop - 1, start - 1, -1) if newest_first else range(start, stop)
        return (self.entries[place] for place in places)


@dataclass(slots=True)
class RateWindow:
    """The starts of the last 60 seconds: exact, in any such window."""

    times_s: deque[float] = field(default_factory=deque)
    #: Most starts that any 60 seconds have seen.
    most: int = 0

    def count(self, now_s: float) -> int:
        """Starts in the 60 seconds that end now."""
        while self.times_s and self.times_s[0] <= now_s - WINDOW_S:
            self.times_s.popleft()
        return len(self.times_s)

    def add(self, now_s: float) -> None:
        """Count a start."""
        self.times_s.append(now_s)
        self.most = max(self.most, self.count(now_s))

    def wait_s(self, now_s: float, limit: int) -> float:
        """Seconds until another start fits; 0 if one fits now."""
        over = self.count(now_s) - limit
        return 0.0 if over < 0 else self.times_s[over] + WINDOW_S - now_s


def take_slot(ends_s: list[float], now_s: float, length_s: float, limit: int) -> float:
    """Queue for one of `limit` slots; returns when the work starts.

    `ends_s` is a heap with the end of each slot in use, and is changed.
    """
    while ends_s and ends_s[0] <= now_s:
        heapq.heappop(ends_s)
    starts_s = now_s
    while len(ends_s) >= limit:
        starts_s = heapq.heappop(ends_s)
    heapq.heappush(ends_s, starts_s + length_s)
    return starts_s


@dataclass(slots=True)
class Account:
    """Everything that belongs to one key."""

    #: For people, never the key itself.
    name: str
    #: A digest of the key.
    owner: str
    billing: Billing
    starts: RateWindow = field(default_factory=RateWindow)
    #: For `take_slot`.
    slot_ends_s: list[float] = field(default_factory=list)
    #: In the order of creation.
    predictions: list[Prediction] = field(default_factory=list)
    #: A heap of those not yet settled, by the time to look at them.
    unsettled: list[tuple[float, int, Prediction]] = field(default_factory=list)
    #: How many of the unsettled are the client's own.
    generating: int = 0
    most_concurrent: int = 0

    def add(self, prediction: Prediction) -> None:
        """Take in a new prediction and deduct its price."""
        self.predictions.append(prediction)
        self.billing.deduct(prediction)
        entry = (prediction.due_at_s, prediction.sequence, prediction)
        heapq.heappush(self.unsettled, entry)
        if prediction.stranger:
            return
        self.starts.add(prediction.created_at_s)
        self.generating += 1
        self.most_concurrent = max(self.most_concurrent, self.generating)

    def settle(self, now_s: float, refund_delay_s: float) -> None:
        """Book the endings of all predictions whose time has come."""
        while self.unsettled and self.unsettled[0][0] <= now_s:
            _, sequence, prediction = heapq.heappop(self.unsettled)
            if not prediction.over(now_s):
                later = (now_s + RETRY_S, sequence, prediction)
                heapq.heappush(self.unsettled, later)
                continue
            if prediction.ending().refunded:
                self.billing.refund(prediction, prediction.due_at_s + refund_delay_s)
            self.generating -= not prediction.stranger

    def newest_first(self, from_s: float, to_s: float) -> Iterator[Prediction]:
        """Predictions created in a time, both ends included, without deleted ones."""
        start = bisect.bisect_left(self.predictions, from_s, key=_created_at_s)
        stop = bisect.bisect_right(self.predictions, to_s, key=_created_at_s)
        for place in range(stop - 1, start - 1, -1):
            if not self.predictions[place].deleted:
                yield self.predictions[place]
