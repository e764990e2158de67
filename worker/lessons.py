"""What looks teach of generation times: gathered here, told to the ledger now and then.

Every look that found a prediction running bounds the time of its end from below; the
one that finds the end bounds it from above. What is learnt makes the rhythm of looks,
see `jobs.pace.rhythm`. It keeps no more than memory of this process: what dies with it
is a few lessons.
"""

import random
from collections.abc import Mapping
from dataclasses import dataclass, field

from jobs.answers import Completed
from jobs.pace.rhythm import Rhythm, took_s
from jobs.records import JobRecord

#: A model and its seconds of video.
Kind = tuple[str, int]

#: Lessons are told at most this often: hundreds a second teach no more than a few.
TOLD_EVERY_S = 1.0

#: Most lessons of one kind that are told at one time; the others are dropped by luck.
MOST_TOLD = 4

#: Predictions whose last look is remembered; all that an account may hold, and more.
MOST_REMEMBERED = 50_000


@dataclass(slots=True)
class Lessons:
    """What this process has seen and not told yet."""

    #: Seconds of generation at the last look that found each running.
    _running: dict[str, float] = field(default_factory=dict)
    _untold: dict[Kind, list[float]] = field(default_factory=dict)
    _told_at_s: float = float("-inf")

    def is_running(self, prediction_id: str, generating_s: float) -> None:
        """A look found it running."""
        remembered = self._running
        if len(remembered) >= MOST_REMEMBERED and prediction_id not in remembered:
            del remembered[next(iter(remembered))]
        remembered[prediction_id] = generating_s

    def is_over(self, prediction_id: str) -> float | None:
        """A look found it over; when a look found it running last, if that is known."""
        return self._running.pop(prediction_id, None)

    def learn(
        self,
        kind: Kind,
        record: JobRecord,
        answer: Completed,
        seen_s: float,
        rhythm: Rhythm,
    ) -> None:
        """A look after so many seconds found it completed."""
        since_s = self.is_over(record.prediction_id or "")
        if since_s is None:
            # Another process looked, or nobody; what the provider says is better.
            guessed_s = rhythm.before_s(seen_s, is_first=not record.looks)
            since_s = guessed_s if answer.inference_s is None else 0.0
        luck = random.random()  # noqa: S311 - nothing secret hangs on it
        took = took_s(seen_s, since_s, answer.inference_s, luck)
        self._untold.setdefault(kind, []).append(took)

    def to_tell(self, now_s: float) -> Mapping[Kind, list[float]]:
        """What is to be told now; by a clock that only rises."""
        if not self._untold or now_s - self._told_at_s < TOLD_EVERY_S:
            return {}
        untold, self._untold, self._told_at_s = self._untold, {}, now_s
        return {
            kind: random.sample(lessons, min(MOST_TOLD, len(lessons)))
            for kind, lessons in untold.items()
        }
