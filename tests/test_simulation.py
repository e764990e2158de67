"""The simulation: promises hold, a seed is replayed exactly, mistakes are found."""

from collections.abc import Iterator

import pytest

from tests.simulation.mutants import first_found
from tests.simulation.run import simulate
from tests.simulation.running import Server, ledger_server, small_video


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with ledger_server() as started:
        yield started


def test_no_promise_is_broken(server: Server) -> None:
    """One run; `make simulate` has as many as one likes."""
    run = simulate(0, server, small_video(), hours=4)
    assert run.problems == []
    assert run.transitions["generated store"] > 0


def test_a_seed_takes_the_same_steps_again(server: Server) -> None:
    digests = {
        simulate(7, server, small_video(), hours=0.1).digest.hexdigest()
        for _ in range(2)
    }
    assert len(digests) == 1


@pytest.mark.parametrize("name", ["a refund is booked twice", "absence after one poll"])
def test_a_planted_mistake_is_found(name: str, server: Server) -> None:
    """Two of them; `make simulate-mutants` has all."""
    assert first_found(name, server)
