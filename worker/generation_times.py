"""What this process knows of generation times, and what its polls teach all others.

A few jobs are polled early where nothing was seen to end for a while: nothing may be
learnt yet, or the provider may be quicker tonight. What they show reaches all jobs that
nobody has polled, in one step of the ledger.
"""

import logging
import random
from collections.abc import Callable
from dataclasses import dataclass, field

from jobs.ledger import Ledger, LedgerError
from jobs.pace.poll_schedule import PollSchedule
from jobs.provider.clock import steady_s

log = logging.getLogger("reelmill.poll")

#: A model and its seconds of video, and how long generations took of each.
Kind = tuple[str, int]
Took = dict[Kind, list[float]]

#: Seconds that a schedule is used before the ledger is asked anew.
FRESH_S = 15.0

#: Where no end of a kind was seen for so many seconds, so many jobs are polled early.
QUIET_S, EARLY_POLLS = 300.0, 3

#: An end before this share of the time to the first poll brings the others forward.
SURPRISE = 0.7

#: Most times of one kind that are written down at once; others are dropped at random.
#: Hundreds a second teach no more, and would drive out those of the last minutes.
MAX_AT_ONCE = 4


@dataclass(slots=True)
class GenerationTimes:
    """One for each worker process."""

    account: str
    poll_min_s: float
    #: Seconds by a clock that only rises.
    clock: Callable[[], float] = steady_s
    _schedules: dict[Kind, tuple[float, PollSchedule]] = field(default_factory=dict)
    #: When jobs were made early ones, and when an end was seen last.
    _early_at_s: dict[Kind, list[float]] = field(default_factory=dict)
    _seen_at_s: dict[Kind, float] = field(default_factory=dict)

    def known(self, kind: Kind) -> PollSchedule | None:
        """The schedule of a kind, if it was read lately."""
        read_at_s, schedule = self._schedules.get(kind, (0.0, None))
        return schedule if self.clock() - read_at_s < FRESH_S else None

    def read(self, ledger: Ledger, kind: Kind, typical_s: float) -> PollSchedule:
        """The schedule of a kind, read anew; blocks.

        A ledger that is away leaves the last one, or that of the catalogue's figure.
        """
        _, schedule = self._schedules.get(kind, (0.0, None))
        try:
            learnt_s = ledger.times.learnt(self.account, *kind)
            schedule = PollSchedule.of(learnt_s, typical_s, self.poll_min_s)
        except LedgerError:  # no reason to stop for
            schedule = schedule or PollSchedule.of((), typical_s, self.poll_min_s)
        self._schedules[kind] = self.clock(), schedule
        return schedule

    def is_early(self, kind: Kind) -> bool:
        """Whether a job that is accepted now is to be polled early; counts it."""
        now_s = self.clock()
        if now_s - self._seen_at_s.get(kind, -QUIET_S) < QUIET_S:
            return False
        early = [s for s in self._early_at_s.get(kind, ()) if now_s - s < QUIET_S]
        self._early_at_s[kind] = early
        if len(early) >= EARLY_POLLS:
            return False
        early.append(now_s)
        return True

    def write(self, ledger: Ledger, took_s: Took, *, bring_forward: bool) -> None:
        """Polls found generations that took so many seconds; blocks.

        With `bring_forward` others are polled sooner if these took less than expected.
        """
        now_s = self.clock()
        self._seen_at_s.update(dict.fromkeys(took_s, now_s))
        some_s = {
            kind: random.sample(times_s, min(MAX_AT_ONCE, len(times_s)))
            for kind, times_s in took_s.items()
        }
        ledger.times.learn(self.account, some_s)
        for kind, times_s in took_s.items() if bring_forward else ():
            _, schedule = self._schedules.get(kind, (0.0, None))
            quickest_s = max(min(times_s), self.poll_min_s)
            if schedule is None or quickest_s >= SURPRISE * schedule.first_s(0.5):
                continue
            # Its next schedule knows of it.
            self._schedules.pop(kind, None)
            forward = ledger.delay_queue.bring_forward
            moved = forward(self.account, kind, quickest_s, self.poll_min_s)
            if moved:
                words = "%s took only %.0f s: %d others are polled sooner"
                log.info(words, kind[0], quickest_s, moved)
