"""The makespan: what bounds it, and that the ledger itself takes as long as it says."""

import math
import random
from dataclasses import dataclass, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobs.ledger import Ledger
from jobs.limits import Limits, tiers
from jobs.makespan import MOST_PLAYED, Looking, Makespan, Work, makespan
from jobs.pacing import first_look_s
from tests.conftest import Clock
from tests.jobs.night import POLL_MIN_S, Generation, Night

BRONZE, SILVER = tiers()["bronze"], tiers()["silver"]

all_limits = st.builds(Limits, st.integers(1, 5_000), st.integers(1, 5_000))
few_limits = st.builds(Limits, st.integers(1, 30), st.integers(1, 30))
times_s = st.lists(st.floats(1, 900), max_size=12)
works = st.builds(Work, st.integers(1, 60), st.floats(5, 300), times_s)
mixes = st.lists(works, min_size=1, max_size=3)


@dataclass(frozen=True, slots=True)
class Kind:
    """Log-normal generation times; a share of them are stragglers, five times slower."""

    jobs: int
    middle_s: float
    spread: float = 0.35
    stragglers: float = 0.0

    def draw_s(self, luck: random.Random) -> float:
        slow = 5.0 if luck.random() < self.stragglers else 1.0
        return slow * self.middle_s * math.exp(self.spread * luck.gauss(0.0, 1.0))

    def learnt(self, luck: random.Random) -> Work:
        return Work(self.jobs, 1.0, [self.draw_s(luck) for _ in range(200)])


SCENARIOS = {
    "bronze, a few": (BRONZE, 0.20, [Kind(5, 90.0)]),
    "bronze, both slots for an hour": (BRONZE, 0.10, [Kind(80, 90.0)]),
    "bronze, mixed": (BRONZE, 0.10, [Kind(30, 80.0), Kind(20, 150.0), Kind(10, 240.0)]),
    "bronze, stragglers": (BRONZE, 0.10, [Kind(70, 90.0, 0.4, 0.02)]),
    "silver, all at once": (SILVER, 0.10, [Kind(120, 90.0)]),
    "silver, more than slots": (SILVER, 0.10, [Kind(350, 90.0), Kind(150, 150.0)]),
    "rate-bound": (Limits(10, 60), 0.10, [Kind(60, 80.0), Kind(60, 150.0)]),
    "rate-bound, few slots in use": (Limits(3, 300), 0.10, [Kind(50, 60.0, 0.5)]),
    "a little of both": (Limits(20, 40), 0.10, [Kind(200, 100.0, 0.5, 0.01)]),
}


@pytest.mark.parametrize("name", SCENARIOS)
def test_the_ledger_takes_as_long_as_is_foretold(
    name: str, simulated: Ledger, clock: Clock
) -> None:
    limits, error, kinds = SCENARIOS[name]
    luck = random.Random(name)  # noqa: S311 - made-up times need no secret
    learnt = [kind.learnt(luck) for kind in kinds]
    generations = [
        Generation(
            kind.draw_s(luck), first_look_s(work.learnt_s, work.typical_s, POLL_MIN_S)
        )
        for kind, work in zip(kinds, learnt, strict=True)
        for _ in range(kind.jobs)
    ]
    luck.shuffle(generations)
    foretold = makespan(learnt, limits)
    took_s = Night(simulated, clock, generations, luck).last(limits)
    print(name, took_s, foretold, f"{foretold.likely_s/took_s-1:+.1%}")
    assert foretold.likely_s == pytest.approx(took_s, rel=error)
    assert took_s <= foretold.late_s
