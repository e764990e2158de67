"""The simulation: promises hold, a seed is replayed exactly, mistakes are found."""

from collections.abc import Iterator

import pytest
import redis

from jobs.provider import submit
from tests.simulation.run import simulate
from tests.simulation.running import ledger_server, small_video


@pytest.fixture(scope="module")
def server() -> Iterator[redis.Redis]:
    with ledger_server() as started:
        yield started


def test_no_promise_is_broken(server: redis.Redis) -> None:
    """One run; `make simulate` has as many as one likes."""
    run = simulate(0, server, small_video(), hours=4)
    assert run.problems == []
    assert run.transitions["generated store"] > 0


def test_a_seed_takes_the_same_steps_again(server: redis.Redis) -> None:
    digests = {
        simulate(7, server, small_video(), hours=0.1).digest.hexdigest()
        for _ in range(2)
    }
    assert len(digests) == 1


def test_a_lost_answer_taken_for_unsent_is_found(
    server: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(submit, "could_have_left", lambda _: False)
    runs = (simulate(seed, server, small_video(), hours=0.5) for seed in range(9, 49))
    assert any("times" in problem for run in runs for problem in run.problems)
