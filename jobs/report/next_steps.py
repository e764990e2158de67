"""What is wrong and what a person can do about it: for a job, a reason, a batch.

`next_step` names the command for one job, `Reasons` collects why jobs failed with one
step for all that share a reason, and `warnings` says what concerns the whole batch.
"""

import re
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from hashlib import sha256
from typing import Any

from jobs.attempt.failures import LATE_CODE, OVERDUE_CODE
from jobs.attempt.links import EXPIRED_CODE
from jobs.money import usd
from jobs.records import BatchRecord, JobRecord
from jobs.report.figures import Sum
from jobs.states import State
from jobs.transitions import ABANDONED_CODE

#: Seconds that a prediction and its outputs are kept after it was made.
#: Source: https://wavespeed.ai/docs/what-are-predictions (seven days).
KEPT_S = 7 * 24 * 3600.0

#: Seconds before the end of `KEPT_S` from which a video not yet stored is at risk.
RISK_S = 2 * 24 * 3600.0

#: Jobs that a sentence names, and that the list of a reason names.
MAX_NAMED = 5
MAX_IDS = 20

#: Reasons that are told apart, and characters of a message that tell them apart; what
#: comes after them is known by its code.
MAX_REASONS = 100
MAX_CHARS = 500

#: The words of what is known by its code alone.
SEVERAL = "Various reasons: see their rows."

#: What tells one job's words from another's: addresses, quotations, and words with a
#: digit in them, which are ids and numbers.
_PARTICULAR = re.compile(
    r"""\b\w+://\S+"""
    r"""|(?<!\S)[^\s@]+@[^\s@]+"""
    r"""|"[^"]*"|“[^”]*”|«[^»]*»|`[^`]*`|(?<!\w)['\u2018][^'\u2019]*['\u2019](?!\w)"""
    r"""|(?<![\w./:-])[\w./:-]*\d[\w./:-]*"""
)

_CORRECT = "Correct the row in failed.csv, beside the report, and run that."

#: What a person does about a failure, by its code.
_STEPS = {
    "refused": _CORRECT,
    "bad-parameter": _CORRECT,
    "moderation": "Change its prompt or picture in failed.csv, beside the report, and "
    "run that: unchanged it is refused again.",
    EXPIRED_CODE: "Run the same manifest again: the picture is uploaded anew.",
    "picture-unreachable": "Let the provider reach the picture, then: {retry}",
    "forbidden": "Have the provider allow it to your key, then: {retry}",
}
_PAY = "Pay for a new attempt: {retry}"

#: Codes for which `retry` of a whole batch would be money for nothing, or which it
#: leaves out.
_NOT_AT_ONCE = {"refused", "bad-parameter", "moderation", ABANDONED_CODE}


def next_step(batch_id: str, job_id: str, state: State, code: str) -> str:
    """What a person does about a job that has no video.

    Args:
        batch_id: its batch.
        job_id: the job; empty for all of the batch that failed for this reason.
        state: its state.
        code: that of its failure.
    """
    which = shlex.join(filter(None, [batch_id, job_id]))
    if state is State.UNRESOLVED:
        return f"Look at its candidates and settle it: reelmill resolve {which}"
    if code in (LATE_CODE, OVERDUE_CODE):
        return f"Wait for its end, or give it up: reelmill cancel {which} --abandon"
    if state is not State.FAILED:
        return "Nothing: it goes on by itself."
    return _STEPS.get(code, _PAY).format(retry=f"reelmill retry {which}")


@dataclass(slots=True)
class _Reason:
    """The jobs that failed for one reason."""

    #: Names the reason in addresses; the same whenever the report is written.
    key: str
    #: Those of the first of them, as is its step.
    message: str
    step: str
    jobs: int = 0
    charged_usd_micros: int = 0
    refunded_usd_micros: int = 0
    ids: list[str] = field(default_factory=list)


class Reasons:
    """Collects why jobs failed, in the order in which they are to be named.

    Words that differ in nothing but ids, numbers, addresses and quotations are one
    reason.
    """

    def __init__(self, batch_id: str) -> None:
        self._batch_id = batch_id
        self._reasons: dict[tuple[str, str], _Reason] = {}

    def add(self, record: JobRecord, error: dict[str, str]) -> str:
        """Count one failed job; `error` is what its row says. The key of its reason."""
        code, message = error["code"], error["message"]
        place = code, gist(message)
        if place not in self._reasons and len(self._reasons) >= MAX_REASONS:
            message = SEVERAL
            place = code, gist(SEVERAL)
        if place not in self._reasons:
            key = sha256("\n".join(place).encode(errors="replace")).hexdigest()[:10]
            self._reasons[place] = _Reason(key, message, error["next_step"])
        reason = self._reasons[place]
        if len(reason.ids) < MAX_IDS:
            reason.ids.append(record.job.id)
        reason.jobs += 1
        reason.charged_usd_micros += record.charged_usd_micros
        reason.refunded_usd_micros += record.refunded_usd_micros
        return reason.key

    def to_list(self) -> list[dict[str, Any]]:
        """The reasons for the document, the most frequent first."""
        at_once = _NOT_AT_ONCE.isdisjoint(code for code, _ in self._reasons)
        job = "" if at_once else "JOB"
        reasons = [
            {
                "code": code,
                "message": reason.message,
                "next_step": reason.step
                if reason.jobs == 1
                else next_step(self._batch_id, job, State.FAILED, code),
                "jobs": reason.jobs,
                "charged_usd": usd(reason.charged_usd_micros),
                "refunded_usd": usd(reason.refunded_usd_micros),
                "ids": reason.ids,
                "key": reason.key,
            }
            for (code, _), reason in self._reasons.items()
        ]
        return sorted(reasons, key=lambda r: (-r["jobs"], r["code"], r["message"]))


@lru_cache(maxsize=1024)
def gist(message: str) -> str:
    """What a message says, whichever job it is said of.

    >>> gist("Prediction p-17 failed: 'a red mug' is not safe (see https://x.io/a?b=2)")
    'prediction # failed: # is not safe (see #'
    >>> gist("can't reach it, don't know why")
    "can't reach it, don't know why"
    """
    return " ".join(_PARTICULAR.sub("#", message[:MAX_CHARS]).split()).casefold()


def is_at_risk(record: JobRecord, now_s: float) -> bool:
    """Whether the provider may soon delete a video that is paid and not stored."""
    made = {State.GENERATING, State.OVERDUE, State.GENERATED}
    if record.state not in made or not record.attempts:
        return False
    made_at_s = record.generated_at_s or record.attempts[-1].sent_at_s
    return now_s > made_at_s + KEPT_S - RISK_S


def is_late(record: JobRecord) -> bool:
    """Whether the provider goes on with it far beyond the times of its kind."""
    failure = record.failure
    return failure is not None and failure.code in (LATE_CODE, OVERDUE_CODE)


def warnings(
    batch: BatchRecord, whole: Sum, at_risk: int, late: Sequence[str]
) -> Iterator[str]:
    """What a person should know or do about a batch, most pressing first.

    Args:
        batch: the batch.
        whole: what its jobs come to.
        at_risk: how many videos the provider may soon delete.
        late: ids of jobs that the provider goes on with for too long.
    """
    name = shlex.quote(batch.id)
    if at_risk:
        yield (
            f"Paid and not stored after five days: {at_risk}. The provider "
            "deletes videos after seven days; start a worker now."
        )
    if whole.unresolved:
        unknown = " and an unknown amount" if None in whole.at_stake else ""
        amount = usd(sum(price or 0 for price in whole.at_stake))
        yield (
            f"Unresolved: {whole.unresolved}, with ${amount}{unknown} at stake. "
            f"Settle each with: reelmill resolve {name} JOB"
        )
    if late:
        more = f" and {len(late) - MAX_NAMED} more" if late[MAX_NAMED:] else ""
        yield (
            f"Paid, and far too long at the provider: {', '.join(late[:MAX_NAMED])}"
            f"{more}. They are collected if they end. Give one up with: "
            f"reelmill cancel {name} JOB --abandon"
        )
    if whole.unfinished or whole.unresolved or not batch.complete:
        yield from hold_sentences(batch)
    if not batch.complete:
        yield "Not all rows of the manifest are in yet: submit it once more."
    if whole.unpriced:
        yield (
            f"Without a known price: {whole.unpriced}. They are in no estimate; "
            "the provider's invoice tells what they cost."
        )
    if whole.unquoted:
        yield (
            "Priced by the built-in list, without a quote of the provider: "
            f"{whole.unquoted}. Compare with what it billed: "
            f"reelmill report {name} --billed"
        )


def holds(batch: BatchRecord, *, by_money: bool = True) -> Iterator[tuple[str, str]]:
    """What keeps a batch from starting more: why, and how it continues."""
    if batch.paused:
        yield "paused", f"continue with: reelmill resume {shlex.quote(batch.id)}"
    if batch.aside:
        yield "set aside for another batch", "continue with the command that began it"
    if by_money and batch.stopped_by == "budget":
        budget = usd(batch.budget_usd_micros or 0)
        step = "continue with the same command and a larger --budget"
        yield f"stopped by its budget of ${budget}", step
    elif by_money and batch.stopped_by:
        step = "it continues tomorrow (UTC), or with a larger REELMILL_DAILY_BUDGET"
        yield "stopped by the account's daily budget", step


def hold_sentences(batch: BatchRecord) -> Iterator[str]:
    """The same as sentences without a full stop: a command may be at the end."""
    for why, step in holds(batch):
        yield f"{why[0].upper()}{why[1:]}. {step[0].upper()}{step[1:]}"
