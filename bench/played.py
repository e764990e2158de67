"""A provider and workers that are played: by luck, in virtual time, without a network.

The provider knows of every request when it came and what became of it, so that it can
tell at the end who was paid twice and how many started in any minute. What its answers
mean is decided by the product's own functions.
"""

import math
from array import array
from dataclasses import dataclass, field
from random import Random

from bench.driving import prediction_id
from jobs.answers import (
    Accepted,
    AnswerLost,
    Completed,
    LookAnswer,
    Over,
    Running,
    SubmitAnswer,
    Throttled,
)
from jobs.moves import Ref
from jobs.pace.limits import WINDOW_S

#: A request takes so long to arrive, and so long again to be answered; in seconds.
ARRIVAL_S = 0.3
ANSWER_S = 1.0

#: A line that drops is noticed after so long.
DROPPED_S = 5.0


@dataclass(frozen=True, slots=True)
class Odds:
    """How often something goes wrong, of 1."""

    throttled: float = 0.00001
    #: The answer is lost, half of the time before anything was created.
    lost: float = 0.0005
    failed: float = 0.005
    moderated: float = 0.002
    stragglers: float = 0.05
    #: Of a worker in one second.
    death: float = 1 / 1_800


@dataclass(frozen=True, slots=True)
class Prediction:
    """What the provider knows of one."""

    ref: Ref
    ends_at_s: float
    #: Code of its failure; 0 if it becomes a video.
    code: int


@dataclass(slots=True)
class Provider:
    """The provider: what it was asked for, and what comes of it."""

    luck: Random
    median_s: float
    spread: float = 0.35
    odds: Odds = field(default_factory=Odds)
    predictions: dict[str, Prediction] = field(default_factory=dict)
    #: Videos that are being made or were, by job, until they are settled.
    paid: dict[Ref, set[str]] = field(default_factory=dict)
    twice: int = 0
    #: When each began and ended.
    began_s: "array[float]" = field(default_factory=lambda: array("d"))
    ended_s: "array[float]" = field(default_factory=lambda: array("d"))

    def submit(self, ref: Ref, permit: int, now_s: float) -> tuple[float, SubmitAnswer]:
        """Ask for a video: when the answer comes, and which."""
        chance, odds = self.luck.random(), self.odds
        arrives_s = now_s + ARRIVAL_S * self.luck.random()
        answered_s = arrives_s + ANSWER_S * (0.2 + 0.8 * self.luck.random())
        if chance < odds.throttled:
            return answered_s, Throttled("too many requests")
        if chance < odds.throttled + odds.lost / 2:
            return now_s + DROPPED_S, AnswerLost("the line dropped")
        own = self._create(ref, permit, arrives_s)
        if chance < odds.throttled + odds.lost:
            return now_s + DROPPED_S, AnswerLost("the line dropped")
        return answered_s, Accepted(own)

    def _create(self, ref: Ref, permit: int, at_s: float) -> str:
        own, odds, chance = prediction_id(ref, permit), self.odds, self.luck.random()
        took_s = self.median_s * math.exp(self.luck.gauss(0.0, self.spread))
        if self.luck.random() < odds.stragglers:
            took_s *= 5
        code = 5000 if chance < odds.failed else 0
        if odds.failed <= chance < odds.failed + odds.moderated:
            code = 1200
        self.predictions[own] = Prediction(ref, at_s + took_s, code)
        self.began_s.append(at_s)
        self.ended_s.append(at_s + took_s)
        theirs = self.paid.setdefault(ref, set())
        theirs.add(own)
        self.twice += len(theirs) > 1
        return own

    def look(self, own: str, now_s: float) -> LookAnswer:
        """How a prediction stands."""
        prediction = self.predictions[own]
        if now_s < prediction.ends_at_s:
            return Running("processing")
        if prediction.code:
            return Over(code=prediction.code, status="failed", reason="by luck")
        return Completed((f"https://files.example.com/{own}.mp4",))

    def created(self, ref: Ref, permit: int) -> str | None:
        """The prediction of an attempt, if there is one."""
        own = prediction_id(ref, permit)
        return own if own in self.predictions else None

    def settle(self, own: str) -> None:
        """It was written down that it failed, or its video was stored."""
        ref = self.predictions.pop(own).ref
        self.paid[ref].discard(own)
        if not self.paid[ref]:
            del self.paid[ref]

    def most_starts(self) -> int:
        """Most that began in any window, over the whole time."""
        times, first, most = sorted(self.began_s), 0, 0
        for last, at_s in enumerate(times):
            while times[first] <= at_s - WINDOW_S:
                first += 1
            most = max(most, last - first + 1)
        return most

    def most_at_once(self) -> int:
        """Most that were generating at one time."""
        ends, ended, most = sorted(self.ended_s), 0, 0
        for begun, at_s in enumerate(sorted(self.began_s), 1):
            while ends[ended] <= at_s:
                ended += 1
            most = max(most, begun - ended)
        return most
