"""A prediction: what was asked for, and what time makes of it.

Its outcome is drawn when it is created; afterwards its status is a function of the
time. Nothing runs while a prediction is generating.
"""

import asyncio
import math
from collections.abc import Mapping
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any, TypeAlias

from sandbox.settings import Faults, Settings, draw

#: Longest time after its start that a prediction still says `created`, in seconds.
CREATED_S = 1.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a prediction ends."""

    status: str
    #: The provider's task error code; 0 is none.
    code: int = 0
    error: str = ""
    refunded: bool = False


#: Why pictures cannot be used; None if all is well.
Fetch: TypeAlias = asyncio.Task[Outcome | None]

COMPLETED = Outcome("completed")
DELETED = Outcome("deleted", 0, "The prediction was deleted.")
#: Why a picture could not be had.
OUT_OF_REACH = Outcome("failed", 1402, "Media access failed: {}", refunded=True)
UNUSABLE = Outcome("failed", 1401, "Invalid parameter: {}", refunded=True)

#: What each fault of an outcome makes of a prediction.
OUTCOMES = {
    "outcome_1200": Outcome(
        "failed", 1200, "Content flagged as potentially sensitive. Change the inputs."
    ),
    "outcome_1400": Outcome("failed", 1400, "A required parameter is missing.", True),
    "outcome_1402": Outcome(
        "failed", 1402, "Media access failed: the picture cannot be reached.", True
    ),
    "outcome_5000": Outcome("failed", 5000, "Internal error while generating.", True),
    "outcome_5003": Outcome("failed", 5003, "The model is unavailable just now.", True),
    "outcome_timeout": Outcome("timeout", 5004, "The generation timed out.", True),
    "outcome_cancelled": Outcome("cancelled", 0, "The task was cancelled.", True),
    "outcome_deleted": DELETED,
    "outcome_never": Outcome("processing"),
}


@dataclass(slots=True)
class Prediction:
    """One prediction of one key."""

    id: str
    #: Its number, from 1; all chance is drawn from the seed and this.
    sequence: int
    model: str
    inputs: dict[str, Any]
    price_usd_micros: int
    created_at_s: float
    starts_at_s: float
    due_at_s: float
    outcome: Outcome
    #: The fetch of its pictures from this machine, and why they cannot be used.
    fetch: Fetch | None = None
    #: Made by another client of the same key.
    stranger: bool = False
    #: The client was never told its id.
    lost_answer: bool = False
    deleted: bool = False
    refunded_usd_micros: int = 0
    #: How often its result, and its video, was asked for.
    polls: int = 0
    downloads: int = 0

    @property
    def generation_s(self) -> float:
        """Seconds of work."""
        return self.due_at_s - self.starts_at_s

    def over(self, now_s: float) -> bool:
        """Whether the work is done; a deletion does not stop it."""
        if now_s < self.due_at_s or self.outcome.status == "processing":
            return False
        return self.fetch is None or self.fetch.done()

    def ending(self) -> Outcome:
        """How the work ends; true once it is over."""
        return (self.fetch and self.fetch.result()) or self.outcome

    def status(self, now_s: float) -> Outcome:
        """Its status now, with its error code and text."""
        if self.deleted:
            return DELETED
        if self.over(now_s):
            return self.ending()
        lead_s = min(CREATED_S, self.generation_s / 10)
        return Outcome("created" if now_s < self.starts_at_s + lead_s else "processing")


def draw_generation_s(settings: Settings, sequence: int) -> float:
    """Seconds the prediction numbered `sequence` takes: log-normal, some stragglers."""
    chance = draw(settings.seed, "generation", sequence)
    # The normal curve has no value at exactly 0.
    z = NormalDist().inv_cdf(max(chance, 1e-12))
    seconds = settings.generation_s * math.exp(settings.spread * z)
    if draw(settings.seed, "straggler", sequence) < settings.stragglers:
        seconds *= settings.straggler_factor
    return seconds


def draw_outcome(
    faults: Faults, inputs: Mapping[str, Any], flagged_word: str
) -> Outcome:
    """The outcome of the next prediction; of several faults the first decides."""
    happened = [name for name in OUTCOMES if faults.happens(name)]
    if flagged_word and flagged_word.casefold() in str(inputs.get("prompt")).casefold():
        return OUTCOMES["outcome_1200"]
    return OUTCOMES[happened[0]] if happened else COMPLETED
