"""What one worker sees of generation times is written down, and reaches the others."""

from pathlib import Path

import pytest

from jobs.ledger import Ledger
from jobs.pace.poll_schedule import PollSchedule
from tests.conftest import Clock
from tests.jobs.ledger.play import ACCOUNT, a_job
from tests.sandbox.running import RunningSandbox
from tests.worker.workshop import workshop
from worker.generation_times import (
    EARLY_POLLS,
    QUIET_S,
    GenerationTimes,
)

KIND = a_job(1).kind
OTHER = ("another/model", 5)
TYPICAL_S = 90.0


@pytest.fixture
def times(clock: Clock) -> GenerationTimes:
    return GenerationTimes(ACCOUNT, 5.0, clock)


def early(times: GenerationTimes) -> int:
    """How many of the next jobs are polled early."""
    return sum(times.is_early(KIND) for _ in range(100))


def test_a_few_jobs_are_polled_early_while_nothing_is_seen_to_end(
    times: GenerationTimes, clock: Clock, ledger: Ledger
) -> None:
    assert early(times) == EARLY_POLLS
    clock.forward(QUIET_S - 1)
    assert early(times) == 0
    clock.forward(1)
    assert early(times) == EARLY_POLLS
    # While ends are seen it is known how long it takes tonight.
    for _ in range(9):
        times.write(ledger, {KIND: [60.0]}, bring_forward=True)
        clock.forward(QUIET_S - 1)
        assert early(times) == 0
    clock.forward(1)
    assert early(times) == EARLY_POLLS
    assert times.is_early(OTHER)


@pytest.mark.parametrize(
    ("took_s", "bring_forward", "is_told"),
    [(8.0, True, True), (29.0, True, False), (8.0, False, False)],
)
def test_only_a_surprise_brings_others_forward(
    times: GenerationTimes,
    ledger: Ledger,
    took_s: float,
    bring_forward: bool,
    is_told: bool,
) -> None:
    planned = times.read(ledger, KIND, TYPICAL_S)
    assert planned.first_s(0.5) == 30.0
    times.write(ledger, {KIND: [took_s]}, bring_forward=bring_forward)
    assert (times.known(KIND) is None) is is_told
    keys = ledger.server.execute_command("KEYS", "*:first_poll:*")
    assert bool(keys) is is_told


def test_where_a_person_or_webhooks_decide_no_job_is_polled_early(
    ledger: Ledger, sandbox: RunningSandbox, home: Path
) -> None:
    schedule = PollSchedule.of((), TYPICAL_S, 5.0)
    with workshop(ledger, sandbox, home, poll_min_s=5.0, first_poll_s=40.0) as shop:
        assert shop.engine.first_poll_s(KIND, schedule, 1.0) == 40.0
    with workshop(ledger, sandbox, home, poll_min_s=5.0, first_poll_s=None) as shop:
        engine = shop.engine
        assert engine.first_poll_s(KIND, schedule, 3.0) >= 3 * 27.5
        assert engine.first_poll_s(KIND, schedule, 1.0) == 5.0
