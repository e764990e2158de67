"""What follows from an answer of the provider: for its job, and for its account. Pure.

The first question is always whether money may have been spent; the pessimistic answer
is the default. Whether a refusal is about the job or the account is told by what became
of other jobs, and so by the ledger.
"""

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import assert_never

from jobs import transitions
from jobs.attempt.links import EXPIRED_CODE
from jobs.money import usd
from jobs.pace import waits
from jobs.provider.answers import (
    UNFINISHED,
    Accepted,
    AccountTrouble,
    AnswerLost,
    Completed,
    Missing,
    Over,
    PollAgain,
    PollAnswer,
    Refused,
    Running,
    SubmitAnswer,
    Throttled,
    Trouble,
    Unsent,
)
from jobs.records import Failure, JobRecord
from jobs.states import State
from jobs.transitions import Ref, Token, Transition

#: Codes of a failed prediction (wavespeed.ai/docs/error-codes) that a new attempt may
#: cure. Every other code would fail again unchanged.
TRANSIENT_CODES = frozenset({5000, 5003, 5004})

#: Statuses that end a prediction for reasons that lie with the provider.
TRANSIENT_STATUSES = frozenset({"timeout"})

MODERATION_CODE = 1200

#: Code of the failure of a job that is done without the address of a video.
EMPTY_CODE = "no-video"

#: Codes of what is told of a prediction that goes on for far too long.
LATE_CODE = "late"
OVERDUE_CODE = "overdue"

#: A picture that the provider could not reach; one more look at it decides.
PICTURE_CODE = 1402

#: Words for a person, by code (wavespeed.ai/docs/error-codes).
CODES = {
    1200: "moderation",
    1400: "bad-parameter",
    1401: "bad-parameter",
    1402: "picture-unreachable",
    5000: "provider-error",
    5003: "provider-error",
    5004: "provider-timeout",
}


def after_submit(
    batch: str,
    record: JobRecord,
    answer: SubmitAnswer,
    *,
    now_s: float,
    first_poll_s: float,
    reconcile_in_s: float,
    is_final: bool = False,
) -> Transition:
    """The move that the answer to a paid request calls for.

    With `is_final` a refusal that could be the account's was found to be the job's own.
    """
    match answer:
        case AccountTrouble(reason=reason) if is_final:
            failure = Failure("forbidden", f"HTTP 403: {reason}")
            return transitions.refuse(batch, record, failure, now_s)
        case Accepted(prediction_id=prediction_id):
            return transitions.accept(batch, record, prediction_id, first_poll_s)
        case Unsent() | Throttled() | AccountTrouble():
            throttled = isinstance(answer, Throttled)
            return transitions.release(batch, record, throttled=throttled)
        case Refused(status=status, reason=reason):
            failure = Failure("refused", f"HTTP {status}: {reason}")
            return transitions.refuse(batch, record, failure, now_s)
        case AnswerLost(reason=reason):
            return transitions.mark_unknown(batch, record, reason, reconcile_in_s)
        case _:
            assert_never(answer)


def upload_expired(batch: str, record: JobRecord, now_s: float) -> Transition:
    """The provider no longer has a picture that was uploaded for this job.

    Nothing was sent for it, so it counts against no rate.
    """
    failure = Failure(
        EXPIRED_CODE,
        "the upload of its picture is gone: more than 6 days old, out of reach or "
        "made with another key; run the manifest again, which uploads it anew",
    )
    return replace(transitions.refuse(batch, record, failure, now_s), token=Token.DROP)


def after_poll(
    batch: str,
    record: JobRecord,
    answer: PollAnswer,
    *,
    now_s: float,
    lease_s: float,
    poll_min_s: float,
    attempts: int,
) -> Transition | None:
    """The move that a look at a prediction calls for; None is look again.

    Args:
        batch: the job's batch.
        record: the job as it was read.
        answer: what the look brought.
        now_s: unix seconds.
        lease_s: seconds that the fetching of the video is left alone.
        poll_min_s: least seconds until the provider is asked again.
        attempts: most attempts the job may have.
    """
    match answer:
        case Completed(outputs=(), words=words):
            failure = Failure(EMPTY_CODE, words)
            return transitions.complete(batch, record, (), now_s, poll_min_s, failure)
        case Completed(outputs=outputs):
            return transitions.complete(batch, record, outputs, now_s, lease_s)
        case Over():
            return _over(batch, record, answer, now_s, attempts)
        case Missing(reason=reason):
            if now_s - record.attempt.sent_at_s < waits.RETENTION_S:
                return None
            failure = Failure("prediction-gone", reason)
            return transitions.end(
                batch, record, failure, now_s, refund=False, again=False
            )
        case Running() | PollAgain() | AccountTrouble():
            return None
        case _:
            assert_never(answer)


def while_it_lasts(
    batch: str,
    record: JobRecord,
    answer: PollAnswer,
    expected: waits.Expected,
    now_s: float,
) -> Transition | Failure | None:
    """What follows where a look found no end: a move, or what to tell a person.

    None while it takes no longer than it may. However long it takes, it is never taken
    for over: it is paid, and may end yet.
    """
    generating_s = now_s - record.attempt.sent_at_s
    if isinstance(answer, Completed | Over) or generating_s < expected.late_s:
        return None
    sent = datetime.fromtimestamp(record.attempt.sent_at_s, UTC)
    usual, said = f"{expected.usual_s:.0f} s", _said(answer)
    words = f"sent {sent:%d %b %H:%M} UTC, and such videos take {usual}"
    if generating_s < expected.overdue_s and record.state is State.GENERATING:
        return Failure(LATE_CODE, f"{words}; {said}")
    words = f"{words}; its slot is free, and it is collected if it ends; {said}"
    failure = Failure(OVERDUE_CODE, words)
    if record.state is State.OVERDUE:
        return failure
    return transitions.overdue(batch, record, failure, waits.OVERDUE_POLL_S)


def _said(answer: Running | Missing | PollAgain | AccountTrouble) -> str:
    """What a look that found no end was told."""
    match answer:
        case Running(status=status) if status in UNFINISHED:
            return f"the provider says {status}"
        case Running(status=status):
            return f"the provider says {status or 'nothing'}, which is no known status"
        case Missing(reason=reason):
            return f"the provider does not know it: {reason}"
        case PollAgain(reason=reason) | AccountTrouble(reason=reason):
            return f"the last poll brought: {reason}"
        case _:
            assert_never(answer)


def file_gone(batch: str, record: JobRecord, reason: str, now_s: float) -> Transition:
    """The paid video cannot be had any more: its time at the provider is over."""
    failure = Failure("file-gone", reason)
    return transitions.end(batch, record, failure, now_s, refund=False, again=False)


def no_video(batch: str, record: JobRecord, reason: str, now_s: float) -> Transition:
    """The provider says again and again that it is done, and names no video."""
    charged = record.attempt.charged_usd_micros
    cost = f"${usd(charged)} was charged" if charged else "what it cost is not known"
    words = (
        f"{reason}; {cost}, and whether it is given back is not known: "
        f"reelmill report {batch} --billed asks"
    )
    failure = Failure(EMPTY_CODE, words)
    return transitions.end(batch, record, failure, now_s, refund=False, again=False)


def _over(
    batch: str, record: JobRecord, over: Over, now_s: float, attempts: int
) -> Transition:
    code = CODES.get(over.code, over.status)
    failure = Failure(code, over.reason or f"the provider says {over.status}")
    transient = over.code in TRANSIENT_CODES or over.status in TRANSIENT_STATUSES
    paid = sum(1 for attempt in record.attempts if attempt.prediction_id)
    return transitions.end(
        batch,
        record,
        failure,
        now_s,
        # Failed, timed-out and cancelled ones are given back; moderation refusals are
        # not to be counted on (wavespeed.ai/docs/refund-policy and its blog).
        refund=over.code != MODERATION_CODE and over.status != "deleted",
        again=(transient or over.cured) and paid < attempts,
    )


#: Causes of a rejection that are no trouble of the account.
THROTTLED, LOST = "throttled", "lost"


@dataclass(frozen=True, slots=True)
class Rejection:
    """A request that was not accepted, for reasons that may lie with the account."""

    ref: Ref
    #: The permit that it was sent with: told twice, it counts once.
    fencing_token: int
    #: `throttled`, `lost`, or the trouble: `key`, `permission`, `balance`.
    cause: str
    #: The provider's words.
    reason: str
    #: Seconds that nothing starts, if the account is to cool down.
    cooldown_s: float
    #: Rejections in a row when the request went out: those of a burst count once.
    consecutive_before: int


def rejection(
    ref: Ref,
    fencing_token: int,
    answer: SubmitAnswer,
    consecutive_before: int,
    jitter: float,
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
    cooldown_s = waits.cooldown_s(consecutive_before + 1, asked_s, jitter)
    if cause == Trouble.PERMISSION:
        cooldown_s = min(cooldown_s, waits.TROUBLE_PROBE_S)
    elif isinstance(answer, AccountTrouble):
        cooldown_s = waits.TROUBLE_PROBE_S
    return Rejection(
        ref, fencing_token, cause, answer.reason, cooldown_s, consecutive_before
    )
