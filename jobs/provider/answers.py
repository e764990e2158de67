"""What the provider can answer, as closed families of values.

The client makes them, `jobs.attempt.failures` decides what follows. Nothing here is
text that somebody has to search: decisions travel as types.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

#: A prediction has its video.
COMPLETED: Final = "completed"

#: A prediction ended without a video.
FRUITLESS: Final = frozenset({"failed", "cancelled", "timeout", "deleted"})

#: A prediction is not over.
UNFINISHED: Final = frozenset({"created", "processing"})

#: Other words for the documented statuses (wavespeed.ai/docs/errors-retries-timeouts),
#: as clients of several providers and other providers themselves write them.
_SYNONYMS: Final = {
    word: status
    for status, words in {
        "created": "pending queued in_queue submitted",
        "processing": "running in_progress started starting",
        COMPLETED: "complete done finished succeed succeeded success successful",
        "failed": "fail failure error errored",
        "cancelled": "cancel canceled aborted",
        "timeout": "timedout timed_out time_out",
    }.items()
    for word in words.split()
}


def status_of(word: str) -> str:
    """A prediction's status as the provider documents it; an unknown word as it is.

    >>> status_of("FAILED"), status_of("Canceled"), status_of("timed-out")
    ('failed', 'cancelled', 'timeout')
    >>> status_of(" warming up ")
    'warming_up'
    """
    plain = "_".join(word.casefold().replace("-", " ").replace("_", " ").split())
    return _SYNONYMS.get(plain, plain)


class NoAnswerError(Exception):
    """The provider gave no usable answer to a question that costs nothing."""


class NoQuoteError(Exception):
    """The provider quotes no price for these inputs."""

    def __init__(self, trouble: str, reason: str) -> None:
        super().__init__(reason)
        #: `refused` for these inputs, `unreadable`, or a trouble of the account.
        self.trouble = trouble


class UploadError(Exception):
    """A picture could not be handed over."""

    def __init__(self, trouble: str, reason: str, after_s: float | None = None) -> None:
        super().__init__(reason)
        #: `refused` for this picture, `unreachable`, or a trouble of the account.
        self.trouble = trouble
        #: Seconds until the other side wants to be asked again, where it says so.
        self.after_s = after_s


@dataclass(frozen=True, slots=True)
class Accepted:
    """A prediction exists and is charged; this is its id."""

    prediction_id: str


@dataclass(frozen=True, slots=True)
class Unsent:
    """Nothing left this machine, so nothing was created."""

    reason: str
    #: Kept back by ourselves: says nothing about the provider.
    ours: bool = False


@dataclass(frozen=True, slots=True)
class AnswerLost:
    """Something may have left, and no answer tells what became of it."""

    reason: str


@dataclass(frozen=True, slots=True)
class Throttled:
    """The account is over a limit; nothing was created."""

    reason: str
    #: Seconds the provider asks for, where it does.
    retry_after_s: float | None = None


@dataclass(frozen=True, slots=True)
class Refused:
    """The request itself is wrong; nothing was created or charged."""

    status: int
    reason: str


class Trouble(StrEnum):
    """What keeps a whole account from working."""

    KEY = "key"  #: not accepted
    PERMISSION = "permission"  #: accepted, but not for this: maybe for other requests
    BALANCE = "balance"  #: not enough money


@dataclass(frozen=True, slots=True)
class AccountTrouble:
    """Not the request is wrong but who asks; nothing was created."""

    trouble: Trouble
    reason: str


SubmitAnswer = Accepted | Unsent | AnswerLost | Throttled | Refused | AccountTrouble


@dataclass(frozen=True, slots=True)
class Running:
    """Not over yet: created, processing, or a word that is not known."""

    status: str


@dataclass(frozen=True, slots=True)
class Completed:
    """The video is made."""

    #: Web addresses that it may be at, the likeliest first; none if none is told.
    outputs: tuple[str, ...]
    inference_s: float | None = None
    #: What is told where an address should be.
    words: str = ""


@dataclass(frozen=True, slots=True)
class Over:
    """Ended without a video: failed, timeout, cancelled or deleted."""

    status: str
    #: The provider's number for the reason; 0 where it gives none.
    code: int
    reason: str
    #: What was in the way is gone, so a new attempt may succeed.
    cured: bool = False


@dataclass(frozen=True, slots=True)
class Missing:
    """The provider does not know this prediction (any more)."""

    reason: str


@dataclass(frozen=True, slots=True)
class PollAgain:
    """No usable answer; says nothing about the prediction."""

    reason: str
    retry_after_s: float | None = None


PollAnswer = Running | Completed | Over | Missing | PollAgain | AccountTrouble


@dataclass(frozen=True, slots=True)
class Listed:
    """A prediction as the provider's history shows it."""

    prediction_id: str
    model: str
    #: Unix seconds, by the provider's clock.
    created_at_s: float
    #: As `status_of` has it.
    status: str
    #: None where the history does not show them.
    inputs: dict[str, object] | None = None


@dataclass(frozen=True, slots=True)
class Billed:
    """A record of the provider's billing: one charge or one refund."""

    #: The provider's name of the record, or what tells it from others.
    record: str
    prediction_id: str
    model: str
    #: `deduct` or `refund`.
    kind: str
    #: Never negative.
    amount_usd_micros: int
    #: Unix seconds, by the provider's clock.
    created_at_s: float

    def may_be_of(self, model_id: str) -> bool:
        """Whether this model may have been charged.

        The provider's example of a record names a model by its vendor and name alone
        (wavespeed.ai/docs/check-billings); the ids of most go on after that.
        """
        return model_id.startswith(self.model)
