"""What was asked of the stand-in, and whether the account's limits let it in.

It counts exactly and reads no clock: times are arguments, in Unix seconds. What is
answered stands in `answers`; how long a generation takes, in `times`.
"""

import heapq
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

#: Length of the window in which starts are counted, in seconds.
WINDOW_S = 60.0


class BusyError(Exception):
    """The account is over one of its limits; nothing was created."""


@dataclass(slots=True)
class Prediction:
    """One prediction; all of them complete."""

    id: str
    model: str
    inputs: dict[str, Any]
    created_at_s: float
    completed_at_s: float
    looks: int = 0
    #: When the last byte of the video was handed to the socket the last time.
    fetched_at_s: float | None = None

    @property
    def prompt(self) -> str:
        """What was asked for, in words."""
        return str(self.inputs.get("prompt", ""))

    def told(self) -> dict[str, object]:
        """The prediction as `GET /bench/books` tells it."""
        return {
            "id": self.id,
            "prompt": self.prompt,
            "model": self.model,
            "created_at": self.created_at_s,
            "completed_at": self.completed_at_s,
            "looks": self.looks,
            "fetched_at": self.fetched_at_s,
        }


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits of the account; None is no limit."""

    starts_per_minute: int | None = None
    at_once: int | None = None


@dataclass(slots=True)
class Books:
    """Everything since the last reset."""

    limits: Limits
    #: In the order of creation.
    predictions: dict[str, Prediction] = field(default_factory=dict)
    gets: int = 0
    files: int = 0
    refused_429: int = 0
    most_at_once: int = 0
    #: Most creations that any 60 seconds have seen.
    worst_window: int = 0
    webhooks: int = 0
    #: Creations of the last 60 seconds.
    _starts_s: deque[float] = field(default_factory=deque)
    #: A heap of the ends of what is generating.
    _ends_s: list[float] = field(default_factory=list)

    def create(
        self,
        prediction_id: str,
        model: str,
        inputs: dict[str, Any],
        now_s: float,
        took_s: Callable[[str], float],
    ) -> Prediction:
        """Start a generation.

        Raises:
            BusyError: the account has no room; says which limit.
        """
        self._let_in(now_s)
        made = Prediction(prediction_id, model, inputs, now_s, now_s)
        made.completed_at_s += took_s(made.prompt)
        self.predictions[prediction_id] = made
        heapq.heappush(self._ends_s, made.completed_at_s)
        self._starts_s.append(now_s)
        self.most_at_once = max(self.most_at_once, len(self._ends_s))
        self.worst_window = max(self.worst_window, len(self._starts_s))
        return made

    def at_once(self, now_s: float) -> int:
        """How many are generating."""
        while self._ends_s and self._ends_s[0] <= now_s:
            heapq.heappop(self._ends_s)
        return len(self._ends_s)

    def counts(self, now_s: float) -> dict[str, object]:
        """The figures alone, cheap enough to be asked for every second."""
        return {
            "now": now_s,
            "posts": len(self.predictions) + self.refused_429,
            "created": len(self.predictions),
            "gets": self.gets,
            "files": self.files,
            "refused_429": self.refused_429,
            "at_once": self.at_once(now_s),
            "most_at_once": self.most_at_once,
            "worst_window": self.worst_window,
            "webhooks": self.webhooks,
        }

    def told(self, now_s: float) -> dict[str, object]:
        """The figures and every prediction."""
        told = [prediction.told() for prediction in self.predictions.values()]
        return {"predictions": told} | self.counts(now_s)

    def newest_first(self) -> Iterator[Prediction]:
        """Every prediction, the newest first."""
        return reversed(self.predictions.values())

    def _let_in(self, now_s: float) -> None:
        while self._starts_s and self._starts_s[0] <= now_s - WINDOW_S:
            self._starts_s.popleft()
        rate, room = self.limits.starts_per_minute, self.limits.at_once
        at_once = self.at_once(now_s)
        if rate is not None and len(self._starts_s) >= rate:
            self.refused_429 += 1
            raise BusyError(f"Rate limit exceeded: {rate} predictions per 1 minute")
        if room is not None and at_once >= room:
            self.refused_429 += 1
            raise BusyError("You have reached your concurrency limit")
