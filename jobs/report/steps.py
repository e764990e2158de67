"""The next step: what a person can do about a job that has no video.

It decides by the job's state and the code of its failure, and names the command or the
change; it carries nothing out. Reasons that many jobs share get one step for all.
"""

import shlex
from collections.abc import Collection

from jobs.attempt.failures import LATE_CODE, OVERDUE_CODE
from jobs.attempt.links import EXPIRED_CODE
from jobs.states import State
from jobs.transitions import ABANDONED_CODE

#: Codes of failures that the same row meets again, however often it is sent.
_REFUSED = frozenset({"refused", "bad-parameter"})
_MODERATED = "moderation"

#: What somebody else does before `retry` is of use, for one job and for all.
_BEFORE = {
    "picture-unreachable": (
        "Let the provider reach its picture",
        "Let the provider reach their pictures",
    ),
    "forbidden": (
        "Have the provider allow it to your key",
        "Have the provider allow them to your key",
    ),
}

#: Codes for which `retry` of a whole batch would be money for nothing, or which it
#: leaves out.
_NOT_AT_ONCE = _REFUSED | {_MODERATED, ABANDONED_CODE}

#: What to do where `retry` is no help.
_CORRECT = "Correct its row and run it in a manifest of its own."
_STEPS = {
    **dict.fromkeys(_REFUSED, _CORRECT),
    _MODERATED: "Change its prompt or picture: unchanged it is refused again.",
    EXPIRED_CODE: "Run the same manifest again: its picture is uploaded anew.",
}
_CORRECT_ALL = "Correct their rows in failed.csv, beside this report, and run that."
_STEPS_FOR_ALL = {
    **dict.fromkeys(_REFUSED, _CORRECT_ALL),
    _MODERATED: (
        "Change their prompts or pictures in failed.csv, beside this report, and run "
        "that: unchanged they are refused again."
    ),
    EXPIRED_CODE: "Run the same manifest again: their pictures are uploaded anew.",
}


def next_step(batch_id: str, job_id: str, state: State, code: str) -> str:
    """What a person does about one job."""
    which = shlex.join([batch_id, job_id])
    if state is State.UNRESOLVED:
        return f"Look at its candidates and settle it: reelmill resolve {which}"
    if code in (LATE_CODE, OVERDUE_CODE):
        return f"Wait for its end, or give it up: reelmill cancel {which} --abandon"
    if state is not State.FAILED:
        return "Nothing: it goes on by itself."
    if code in _STEPS:
        return _STEPS[code]
    if code in _BEFORE:
        return f"{_BEFORE[code][0]}, then: reelmill retry {which}"
    return f"Pay for a new attempt: reelmill retry {which}"


def step_for_all(batch_id: str, code: str, codes: Collection[str]) -> str:
    """What a person does about several jobs that failed for one reason.

    `codes` are those of all failed jobs of the batch: a command that retries them all
    is named only where none of them would be paid for in vain.
    """
    if code in _STEPS_FOR_ALL:
        return _STEPS_FOR_ALL[code]
    name = shlex.quote(batch_id)
    which = name if _NOT_AT_ONCE.isdisjoint(codes) else f"{name} JOB"
    if code in _BEFORE:
        return f"{_BEFORE[code][1]}, then: reelmill retry {which}"
    return f"Pay for a new attempt of each: reelmill retry {which}"
