"""What an answer to a paid request means for the account. Pure.

What it means for its job stands in `failures`. Which of the two a refusal is about is
told by what became of other jobs, and so by the ledger.
"""

from dataclasses import dataclass

from jobs.pace import waits
from jobs.provider.answers import (
    AccountTrouble,
    AnswerLost,
    SubmitAnswer,
    Throttled,
    Trouble,
    Unsent,
)
from jobs.transitions import Ref

#: Causes of a rejection that are no trouble of the account.
THROTTLED, LOST = "throttled", "lost"


@dataclass(frozen=True, slots=True)
class Rejection:
    """A request that was not accepted, for reasons that may lie with the account."""

    ref: Ref
    #: The permit that it was sent with: told twice, it counts once.
    permit: int
    #: `throttled`, `lost`, or the trouble: `key`, `permission`, `balance`.
    cause: str
    #: The provider's words.
    reason: str
    #: Seconds that nothing starts, if the account is to cool down.
    cooldown_s: float
    #: Rejections in a row when the request went out: those of a burst count once.
    consecutive_before: int


def rejection(
    ref: Ref, permit: int, answer: SubmitAnswer, consecutive_before: int, luck: float
) -> Rejection | None:
    """What the account is told of an answer; None if it has nothing to do with it."""
    match answer:
        case Throttled():
            cause = THROTTLED
        case AccountTrouble(trouble=trouble):
            cause = str(trouble)
        case AnswerLost() | Unsent(ours=False):
            cause = LOST
        case _:
            return None
    asked_s = answer.retry_after_s if isinstance(answer, Throttled) else None
    cooldown_s = waits.cooldown_s(consecutive_before + 1, asked_s, luck)
    if cause == Trouble.PERMISSION:
        cooldown_s = min(cooldown_s, waits.TROUBLE_PROBE_S)
    elif isinstance(answer, AccountTrouble):
        cooldown_s = waits.TROUBLE_PROBE_S
    return Rejection(ref, permit, cause, answer.reason, cooldown_s, consecutive_before)
