"""One key at the provider: its predictions, its limits and its money together.

It decides what a start costs and when it is done, and settles predictions as their time
comes, each one once: no request walks through all of them. The answers that people see
are made in `submissions`, `results` and `listings`.
"""

import bisect
import heapq
from collections.abc import Iterator
from dataclasses import dataclass, field

from sandbox.books import Books
from sandbox.limits import Slots, Window
from sandbox.predictions import Prediction

#: How soon a prediction is looked at again whose picture is still being fetched.
LOOK_AGAIN_S = 0.05


def _moment(prediction: Prediction) -> float:
    return prediction.created_at_s


@dataclass(slots=True)
class Account:
    """Everything that belongs to one key."""

    #: For people, never the key itself.
    name: str
    books: Books
    window: Window = field(default_factory=Window)
    slots: Slots = field(default_factory=Slots)
    #: In the order of creation.
    predictions: list[Prediction] = field(default_factory=list)
    #: A heap of those not yet settled, by the time to look at them.
    unsettled: list[tuple[float, int, Prediction]] = field(default_factory=list)
    most_concurrent: int = 0
    #: Of the client itself, strangers left out.
    started: int = 0
    completed: int = 0
    failed: int = 0
    charged_usd_micros: int = 0
    refunded_usd_micros: int = 0
    #: How many of the unsettled are somebody else's.
    foreign: int = 0

    def at_work(self, now_s: float, refund_delay_s: float) -> int:
        """The client's predictions that are not yet over, those in a queue included."""
        self.settle(now_s, refund_delay_s)
        return len(self.unsettled) - self.foreign

    def add(self, prediction: Prediction) -> None:
        """Take in a new prediction and deduct its price."""
        self.predictions.append(prediction)
        self.books.deduct(prediction)
        entry = (prediction.due_at_s, prediction.sequence, prediction)
        heapq.heappush(self.unsettled, entry)
        if prediction.stranger:
            self.foreign += 1
            return
        self.started += 1
        self.charged_usd_micros += prediction.price_usd_micros
        self.window.add(prediction.created_at_s)
        at_work = len(self.unsettled) - self.foreign
        self.most_concurrent = max(self.most_concurrent, at_work)

    def settle(self, now_s: float, refund_delay_s: float) -> None:
        """Book the endings of all predictions whose time has come."""
        while self.unsettled and self.unsettled[0][0] <= now_s:
            _, sequence, prediction = heapq.heappop(self.unsettled)
            if prediction.over(now_s):
                self._end(prediction, refund_delay_s)
            else:
                later = (now_s + LOOK_AGAIN_S, sequence, prediction)
                heapq.heappush(self.unsettled, later)

    def newest_first(self, from_s: float, to_s: float) -> Iterator[Prediction]:
        """Predictions created in a time, both ends included, the deleted ones not."""
        start = bisect.bisect_left(self.predictions, from_s, key=_moment)
        stop = bisect.bisect_right(self.predictions, to_s, key=_moment)
        for place in range(stop - 1, start - 1, -1):
            if not self.predictions[place].deleted:
                yield self.predictions[place]

    def _end(self, prediction: Prediction, refund_delay_s: float) -> None:
        ending = prediction.ending()
        if ending.refunded:
            self.books.refund(prediction, prediction.due_at_s + refund_delay_s)
        if prediction.stranger:
            self.foreign -= 1
            return
        self.refunded_usd_micros += prediction.refunded_usd_micros
        if ending.status == "completed":
            self.completed += 1
        else:
            self.failed += 1
