"""A prediction: what was asked for, and what time makes of it.

Its fate is drawn when it is created, from the seed and its number alone; afterwards its
status is a function of the time. Nothing runs while a prediction is generating. Money
stands in `books`.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from statistics import NormalDist
from typing import Any

from sandbox.faults import Faults, luck
from sandbox.settings import Settings

#: Longest time after its start that a prediction still says `created`, in seconds.
CREATED_S = 1.0


@dataclass(frozen=True, slots=True)
class Fate:
    """How a prediction ends."""

    status: str
    #: The provider's task error code; 0 is none.
    code: int = 0
    error: str = ""
    refunded: bool = False


COMPLETED = Fate("completed")
NEVER = Fate("processing")
DELETED = Fate("deleted", 0, "The prediction was deleted.")
#: Why a picture could not be had.
OUT_OF_REACH = Fate("failed", 1402, "Media access failed: {}", refunded=True)
UNUSABLE = Fate("failed", 1401, "Invalid parameter: {}", refunded=True)

#: What each fault of an outcome makes of a prediction.
FATES = {
    "outcome_1200": Fate(
        "failed", 1200, "Content flagged as potentially sensitive. Change the inputs."
    ),
    "outcome_1400": Fate("failed", 1400, "A required parameter is missing.", True),
    "outcome_1402": Fate(
        "failed", 1402, "Media access failed: the picture cannot be reached.", True
    ),
    "outcome_5000": Fate("failed", 5000, "Internal error while generating.", True),
    "outcome_5003": Fate("failed", 5003, "The model is unavailable just now.", True),
    "outcome_timeout": Fate("timeout", 5004, "The generation timed out.", True),
    "outcome_cancelled": Fate("cancelled", 0, "The task was cancelled.", True),
    "outcome_deleted": DELETED,
    "outcome_never": NEVER,
}


@dataclass(slots=True)
class Look:
    """What came of fetching the pictures of a prediction."""

    done: bool = False
    #: None while it is not done, and when all is well.
    problem: Fate | None = None


@dataclass(slots=True)
class Prediction:
    """One prediction of one key."""

    id: str
    #: Number of it in this process, from 1; the seed of its fate.
    sequence: int
    model: str
    inputs: dict[str, Any]
    price_usd_micros: int
    created_at_s: float
    starts_at_s: float
    due_at_s: float
    fate: Fate
    #: None when there is no picture on this machine to fetch.
    look: Look | None = None
    #: Somebody else's, with the same key.
    stranger: bool = False
    #: The client was never told its id.
    lost_answer: bool = False
    deleted: bool = False
    refunded_usd_micros: int = 0
    #: How often its result, and its video, was asked for.
    looks: int = field(default=0)
    downloads: int = field(default=0)

    @property
    def generation_s(self) -> float:
        """Seconds of work."""
        return self.due_at_s - self.starts_at_s

    def over(self, now_s: float) -> bool:
        """Whether the work is done; a deletion does not stop it."""
        if self.fate is NEVER or now_s < self.due_at_s:
            return False
        return self.look is None or self.look.done

    def ending(self) -> Fate:
        """How the work ends; true once it is over."""
        if self.look is not None and self.look.problem is not None:
            return self.look.problem
        return self.fate

    def status(self, now_s: float) -> Fate:
        """Its status now, with its error code and text."""
        if self.deleted:
            return DELETED
        if self.over(now_s):
            return self.ending()
        lead_s = min(CREATED_S, self.generation_s / 10)
        return Fate("created" if now_s < self.starts_at_s + lead_s else "processing")


def draw_generation_s(settings: Settings, sequence: int) -> float:
    """Seconds the prediction numbered `sequence` takes: log-normal, some stragglers."""
    chance = luck(settings.seed, "generation", sequence)
    # The normal curve has no value at exactly 0.
    z = NormalDist().inv_cdf(max(chance, 1e-12))
    seconds = settings.generation_s * math.exp(settings.spread * z)
    if luck(settings.seed, "straggler", sequence) < settings.stragglers:
        seconds *= settings.straggler_factor
    return seconds


def draw_fate(faults: Faults) -> Fate:
    """The ending of the next prediction; the first fault that strikes decides."""
    struck = [name for name in FATES if faults.strikes(name)]
    return FATES[struck[0]] if struck else COMPLETED


def is_flagged(inputs: Mapping[str, Any], word: str) -> bool:
    """Whether moderation stumbles over the prompt, in upper or lower case."""
    return bool(word) and word.casefold() in str(inputs.get("prompt", "")).casefold()
