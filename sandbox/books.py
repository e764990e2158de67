"""The money of one key: what was deducted, what was given back, and when.

Amounts are whole micro-dollars. It never decides who is refunded (`predictions` does);
it books, and finds what it booked. How a row looks in an answer stands in `listings`.
"""

import bisect
import heapq
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from sandbox.predictions import Prediction


@dataclass(frozen=True, slots=True)
class Entry:
    """One row of the billing."""

    #: Unix seconds from which it counts.
    at_s: float
    #: `deduct` or `refund`.
    kind: str
    usd_micros: int
    prediction: Prediction


def _moment(entry: Entry) -> float:
    return entry.at_s


@dataclass(slots=True)
class Books:
    """Every deduction and refund of one key, in the order of time."""

    initial_usd_micros: int
    deducts: list[Entry] = field(default_factory=list)
    refunds: list[Entry] = field(default_factory=list)
    #: The rows of each prediction by its id.
    by_prediction: dict[str, list[Entry]] = field(default_factory=dict)
    deducted_usd_micros: int = 0
    #: Refunds counted into the balance, and how many rows of `refunds` they are.
    returned_usd_micros: int = 0
    returned: int = 0

    def deduct(self, prediction: Prediction) -> None:
        """Book the price of a prediction at its creation."""
        entry = Entry(
            prediction.created_at_s, "deduct", prediction.price_usd_micros, prediction
        )
        self.deducts.append(entry)
        self.by_prediction[prediction.id] = [entry]
        self.deducted_usd_micros += entry.usd_micros

    def refund(self, prediction: Prediction, at_s: float) -> None:
        """Owe the price of a prediction from now on; the row counts from `at_s`."""
        prediction.refunded_usd_micros = prediction.price_usd_micros
        entry = Entry(at_s, "refund", prediction.price_usd_micros, prediction)
        place = bisect.bisect_right(self.refunds, at_s, key=_moment)
        # A row dated before what was already returned must be returned with it.
        if place < self.returned:
            self.returned += 1
            self.returned_usd_micros += entry.usd_micros
        self.refunds.insert(place, entry)
        self.by_prediction[prediction.id].append(entry)

    def balance_usd_micros(self, now_s: float) -> int:
        """What the key has left, refunds that are not yet due left out."""
        while (
            self.returned < len(self.refunds)
            and self.refunds[self.returned].at_s <= now_s
        ):
            self.returned_usd_micros += self.refunds[self.returned].usd_micros
            self.returned += 1
        return (
            self.initial_usd_micros
            - self.deducted_usd_micros
            + self.returned_usd_micros
        )

    def rows(
        self, from_s: float, to_s: float, kind: str | None, *, newest_first: bool
    ) -> Iterator[Entry]:
        """Rows of a time, both ends included; `kind` None is both kinds."""
        both = {"deduct": self.deducts, "refund": self.refunds}
        wanted = [rows for name, rows in both.items() if kind in {None, name}]
        parts = [
            _slice(rows, from_s, to_s, newest_first=newest_first) for rows in wanted
        ]
        return heapq.merge(*parts, key=_moment, reverse=newest_first)

    def rows_of(self, ids: Iterable[str], *, newest_first: bool) -> Iterator[Entry]:
        """The rows of some predictions; ids of others are passed over."""
        found = [row for each in dict.fromkeys(ids) for row in self._of(each)]
        return iter(sorted(found, key=_moment, reverse=newest_first))

    def _of(self, prediction_id: str) -> list[Entry]:
        return self.by_prediction.get(prediction_id, [])


def _slice(
    rows: list[Entry], from_s: float, to_s: float, *, newest_first: bool
) -> Iterator[Entry]:
    start = bisect.bisect_left(rows, from_s, key=_moment)
    stop = bisect.bisect_right(rows, to_s, key=_moment)
    places = range(start, stop)
    return (rows[place] for place in (reversed(places) if newest_first else places))
