"""Jobs and batches over which a task failed in a way that nobody foresaw.

Such a mistake of ours must neither be repeated without end at the pace of a lease nor
pass unseen: each time it is due again twice as late, and the doctor tells of it. What
does not fail again is forgotten soon after it was due.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass

from jobs.ledger.scripts import Scripts
from jobs.transitions import Ref

#: No job is left alone for longer.
LONGEST_WAIT_S = 3_600.0


@dataclass(frozen=True, slots=True)
class Crash:
    """A task failed over a job or a batch, lately."""

    ref: Ref
    #: Which task, and how.
    words: str
    #: How often in a row.
    times: int
    #: Seconds until it is due again; negative if it is.
    in_s: float


class Crashes:
    """The crashes of tasks, by account."""

    def __init__(self, scripts: Scripts, now: Callable[[], str]) -> None:
        self._scripts = scripts
        self._now = now

    def add(self, account_id: str, ref: Ref, words: str, first_s: float) -> float:
        """A task failed over it; seconds until it is due again, if it is due at all.

        Args:
            account_id: whose job.
            ref: the job, or the batch (`B/`).
            words: which task failed and how, without anything secret.
            first_s: seconds after the first time.
        """
        waits = (first_s, LONGEST_WAIT_S)
        return float(
            self._scripts.run("crash", self._now(), account_id, ref, words, *waits)
        )

    def recent(self, account_id: str) -> list[Crash]:
        """Those that may not be over, the most frequent first."""
        flat = self._scripts.run("crashes", self._now(), account_id)
        found = [
            Crash(Ref.parse(ref), told["words"], told["times"], float(in_s))
            for ref, text, in_s in zip(*[iter(flat)] * 3, strict=True)
            for told in [json.loads(text)]
        ]
        return sorted(found, key=lambda crash: -crash.times)
