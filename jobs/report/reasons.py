"""Why jobs failed, each reason once: with the provider's words and the next step.

It decides which words say the same thing: those that differ in nothing but ids,
numbers, addresses and what is quoted. A batch in which no two failures sound alike
still has a short list, at the end of which the rest are told by their code alone.
"""

import re
from collections import Counter
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from jobs.records import JobRecord
from jobs.report.formats import usd
from jobs.report.steps import step_for_all
from jobs.states import State

#: Jobs that are named for a reason; the rows have them all.
MOST_IDS = 20

#: Reasons that are told apart; whatever comes after them is known by its code.
MOST_REASONS = 100

#: Wordings of one reason that are counted.
MOST_WORDINGS = 50

#: Characters of a message by which it is known.
MOST_CHARS = 500

#: What tells one job's words from another's: addresses, quotations, and words with a
#: digit in them, which are ids and numbers.
_PARTICULAR = re.compile(
    r"""\b\w+://\S+"""
    r"""|(?<!\S)[^\s@]+@[^\s@]+"""
    r"""|"[^"]*"|“[^”]*”|«[^»]*»|`[^`]*`|(?<!\w)['‘][^'’]*['’](?!\w)"""  # noqa: RUF001 - the quotation marks of a provider's prose
    r"""|(?<![\w./:-])[\w./:-]*\d[\w./:-]*"""
)
_SPACE = re.compile(r"\s+")

#: The words of what is known by its code alone.
SEVERAL = "Various reasons: see their rows."


@dataclass(slots=True)
class _Reason:
    """The jobs that failed for one reason."""

    wordings: Counter[str] = field(default_factory=Counter)
    jobs: int = 0
    charged_usd_micros: int = 0
    refunded_usd_micros: int = 0
    ids: list[str] = field(default_factory=list)
    #: What to do about the first of them.
    step: str = ""

    def add(self, record: JobRecord, message: str, step: str) -> None:
        if message in self.wordings or len(self.wordings) < MOST_WORDINGS:
            self.wordings[message] += 1
        if len(self.ids) < MOST_IDS:
            self.ids.append(record.job.id)
        self.jobs += 1
        self.charged_usd_micros += record.charged_usd_micros
        self.refunded_usd_micros += record.refunded_usd_micros
        self.step = self.step or step


class Reasons:
    """Collects failed jobs, in the order in which they are to be named."""

    def __init__(self, batch_id: str) -> None:
        self._batch_id = batch_id
        self._reasons: dict[tuple[str, str | None], _Reason] = {}

    def add(self, record: JobRecord, error: dict[str, str] | None) -> None:
        """Count one job, if it failed; `error` is what its row says."""
        if error is None or record.state is not State.FAILED:
            return
        key: tuple[str, str | None] = error["code"], gist(error["message"])
        if key not in self._reasons and len(self._reasons) >= MOST_REASONS:
            key = error["code"], None
        reason = self._reasons.setdefault(key, _Reason())
        words = SEVERAL if key[1] is None else error["message"]
        reason.add(record, words, error["next_step"])

    def told(self) -> list[dict[str, Any]]:
        """The reasons for the document, the most frequent first."""
        codes = {code for code, _ in self._reasons}
        told = [
            {
                "code": code,
                "message": reason.wordings.most_common(1)[0][0],
                "next_step": self._step(code, reason, codes),
                "jobs": reason.jobs,
                "charged_usd": usd(reason.charged_usd_micros),
                "refunded_usd": usd(reason.refunded_usd_micros),
                "ids": reason.ids,
            }
            for (code, _), reason in self._reasons.items()
        ]
        return sorted(told, key=lambda one: (-one["jobs"], one["code"], one["message"]))

    def _step(self, code: str, reason: _Reason, codes: set[str]) -> str:
        if reason.jobs == 1:
            return reason.step
        return step_for_all(self._batch_id, code, codes)


@lru_cache(maxsize=1024)
def gist(message: str) -> str:
    """What a message says, whichever job it is said of.

    >>> gist("Prediction p-17 failed: 'a red mug' is not safe (see https://x.io/a?b=2)")
    'prediction # failed: # is not safe (see #'
    >>> gist("can't reach it, don't know why")
    "can't reach it, don't know why"
    """
    words = _PARTICULAR.sub("#", message[:MOST_CHARS])
    return _SPACE.sub(" ", words).strip().casefold()
