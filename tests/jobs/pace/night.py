"""A night's work in seconds: the real ledger by a clock that jumps from event to event.

Permits, moves and looks are those of the worker; only the provider is made up, with a
generation time for every job, and so is the time that requests take.
"""

import heapq
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import count

from jobs import transitions
from jobs.ledger import Ledger
from jobs.ledger.transitions import Applied
from jobs.pace.limits import WINDOW_S, Limits
from jobs.pace.poll_schedule import PollSchedule
from jobs.states import State
from jobs.transitions import Ref, Transition
from tests.conftest import Clock
from tests.jobs.ledger.play import ACCOUNT, LEASE_S, batch_of, open_batch, record_of

TICK_S = 0.25
#: A pulse of the worker asks for no more.
MAX_GRANTS = 100
POLL_MIN_S = 5.0


@dataclass(frozen=True, slots=True)
class Generation:
    """What the provider does with one job."""

    takes_s: float
    schedule: PollSchedule


@dataclass(slots=True)
class Night:
    """One batch of an account, from the first permit to the last video."""

    ledger: Ledger
    clock: Clock
    generations: Sequence[Generation]
    luck: random.Random
    name: str = "spring"
    events: list[tuple[float, int, str, Ref | None]] = field(default_factory=list)
    made: dict[Ref, Generation] = field(default_factory=dict)
    sent_at_s: dict[Ref, float] = field(default_factory=dict)
    over_at_s: dict[Ref, float] = field(default_factory=dict)
    order: "count[int]" = field(default_factory=count)

    def last(self, limits: Limits) -> float:
        """Seconds until every video is stored."""
        self.ledger.permits.set_limits(ACCOUNT, limits)
        refs = open_batch(self.ledger, self.name, len(self.generations))
        self.made = dict(zip(refs, self.generations, strict=True))
        began_s = self.clock()
        self.then(0.0, "pulse")
        while self.events:
            at_s, _, what, ref = heapq.heappop(self.events)
            self.clock.now_s = at_s
            if ref is None:
                self.pulse()
            else:
                getattr(self, what)(ref)
        assert batch_of(self.ledger, self.name).counts[State.STORED] == len(refs)
        return self.clock() - began_s

    def then(self, in_s: float, what: str, ref: Ref | None = None) -> None:
        at_s = self.clock() + in_s
        if ref is None:
            at_s = (at_s // TICK_S + 1) * TICK_S
        heapq.heappush(self.events, (at_s, next(self.order), what, ref))

    def pulse(self) -> None:
        granted = self.ledger.permits.grant(ACCOUNT, MAX_GRANTS, LEASE_S)
        if granted:
            self.then(0.0, "pulse")
        for ref in granted:
            record = record_of(self.ledger, ref)
            self.move(transitions.claim(ref.batch, record, LEASE_S))
            self.then(self.luck.uniform(1.0, 3.0), "accept", ref)

    def accept(self, ref: Ref) -> None:
        generation, record = self.made[ref], record_of(self.ledger, ref)
        self.sent_at_s[ref] = record.attempt.sent_at_s
        self.over_at_s[ref] = self.clock() + generation.takes_s
        first_s = generation.schedule.first_s(self.luck.random())
        self.move(transitions.accept(ref.batch, record, f"{ref}", first_s))
        self.then(first_s + self.luck.uniform(0.1, 1.0), "look", ref)
        self.then(WINDOW_S, "pulse")

    def look(self, ref: Ref) -> None:
        now_s = self.clock()
        if now_s < self.over_at_s[ref]:
            again_s = self.made[ref].schedule.next_s(now_s - self.sent_at_s[ref])
            self.then(again_s + self.luck.uniform(0.1, 1.0), "look", ref)
            return
        record = record_of(self.ledger, ref)
        self.move(
            transitions.complete(ref.batch, record, "https://x/1.mp4", now_s, LEASE_S)
        )
        self.then(self.luck.uniform(2.0, 8.0), "store", ref)
        self.then(0.0, "pulse")

    def store(self, ref: Ref) -> None:
        record = record_of(self.ledger, ref)
        self.move(
            transitions.store(ref.batch, record, f"{ref.job}.mp4", 1_000, "ab" * 32)
        )

    def move(self, move: Transition) -> None:
        assert self.ledger.transitions.apply([move]) == [Applied.YES]
