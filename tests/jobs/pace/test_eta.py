"""The makespan: what bounds it, and that the ledger itself takes as long as it says."""

import math
import random
from dataclasses import dataclass, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobs.ledger import Ledger
from jobs.pace.eta import (
    Makespan,
    Work,
    makespan,
)
from jobs.pace.limits import Limits, tiers
from jobs.pace.poll_schedule import PollSchedule
from tests.conftest import Clock
from tests.jobs.pace.night import POLL_MIN_S, Generation, Night

DAY_S = 86_400.0

BRONZE, SILVER = tiers()["bronze"], tiers()["silver"]

all_limits = st.builds(Limits, st.integers(1, 5_000), st.integers(1, 5_000))
few_limits = st.builds(Limits, st.integers(1, 30), st.integers(1, 30))
times_s = st.lists(st.floats(1, 900), max_size=12)
works = st.builds(Work, st.integers(1, 60), st.floats(5, 300), times_s)
mixes = st.lists(works, min_size=1, max_size=3)


@dataclass(frozen=True, slots=True)
class Kind:
    """Log-normal generation times; stragglers among them take five times as long."""

    jobs: int
    middle_s: float
    spread: float = 0.35
    stragglers: float = 0.0

    def draw_s(self, jitter: random.Random) -> float:
        slow = 5.0 if jitter.random() < self.stragglers else 1.0
        return slow * self.middle_s * math.exp(self.spread * jitter.gauss(0.0, 1.0))

    def learnt(self, jitter: random.Random) -> Work:
        return Work(self.jobs, 1.0, [self.draw_s(jitter) for _ in range(200)])


SCENARIOS = {
    "bronze, a few": (BRONZE, 0.20, [Kind(5, 90.0)]),
    "bronze, mixed": (BRONZE, 0.10, [Kind(25, 80.0), Kind(15, 150.0), Kind(8, 240.0)]),
    "bound by rate, slots to spare": (Limits(3, 300), 0.10, [Kind(40, 60.0, 0.5)]),
}


@pytest.mark.parametrize("name", SCENARIOS)
def test_the_ledger_takes_as_long_as_is_foretold(
    name: str, simulated: Ledger, clock: Clock
) -> None:
    """Within a tenth in the middle of three nights; a fifth where few make it up."""
    limits, error, kinds = SCENARIOS[name]
    jitter = random.Random(name)
    learnt = [kind.learnt(jitter) for kind in kinds]
    schedules = [PollSchedule.of(work.learnt_s, 1.0, POLL_MIN_S) for work in learnt]
    foretold = makespan(learnt, limits)
    nights_s = []
    for night in ("first", "second", "third"):
        generations = [
            Generation(kind.draw_s(jitter), schedule)
            for kind, schedule in zip(kinds, schedules, strict=True)
            for _ in range(kind.jobs)
        ]
        jitter.shuffle(generations)
        other = random.Random(night)
        played = Night(simulated, clock, generations, other, night)
        nights_s.append(played.last(limits))
        clock.forward(DAY_S)
    _, middle_s, _ = sorted(nights_s)
    assert foretold.likely_s == pytest.approx(middle_s, rel=error)
    assert middle_s <= foretold.late_s


@settings(deadline=None, max_examples=50)
@given(mixes, few_limits | all_limits, st.data())
def test_more_work_is_never_done_sooner_nor_by_higher_limits_later(
    mix: list[Work], limits: Limits, data: st.DataObject
) -> None:
    foretold = makespan(mix, limits)
    assert foretold.late_s >= foretold.likely_s
    windows = (sum(work.jobs for work in mix) - 1) // limits.videos_per_minute
    assert foretold.likely_s >= 60 * windows
    which = data.draw(st.integers(0, len(mix) - 1))
    larger = list(mix)
    larger[which] = replace(mix[which], jobs=mix[which].jobs + 10)
    assert makespan(larger, limits).likely_s >= foretold.likely_s


def test_nothing_takes_no_time() -> None:
    assert makespan([Work(0, 60.0)], BRONZE) == Makespan(0.0, 0.0)
