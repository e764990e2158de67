"""A server whose file was cut at its end sends nothing before it was compared."""

import signal
from collections.abc import Iterator
from functools import partial

import pytest

from jobs.states import State
from producer.batch_copies import keep_copy
from producer.exits import Exit
from tests.fleet.running import Fleet, fleet, is_there
from tests.producer.running import quick_sandbox, until

JOBS = 12
SLOTS = 6

#: What the server's file has of a claim.
CLAIM = b'"outcome":"sent"'


@pytest.fixture
def team() -> Iterator[Fleet]:
    with (
        quick_sandbox(generation_s=8.0, history_inputs=True) as sandbox,
        fleet(sandbox, REELMILL_CONCURRENT_VIDEOS=str(SLOTS)) as made,
    ):
        yield made


def test_a_worker_that_starts_on_a_cut_file_sends_nothing_before_it_is_compared(
    team: Fleet,
) -> None:
    team.order(JOBS)
    batch = team.ledger.batches.read("spring")
    assert batch
    keep_copy(team.ledger, batch)
    first = team.worker()
    until(lambda: len(team.paid()) == SLOTS)
    team.kill(first)
    team.server.end(signal.SIGKILL)
    (file,) = team.server.folder.glob("appendonlydir/*.incr.aof")
    # The third claim is in its last half line.
    file.write_bytes(CLAIM.join(file.read_bytes().split(CLAIM)[:3]))
    team.server.start()
    until(partial(is_there, team.ledger))
    team.worker()
    until(lambda: team.ledger.permits.read(team.chosen.account_id).older)
    # What was granted before the cut is claimed, and given back without being sent.
    until(lambda: team.count(State.SUBMITTING, State.UNKNOWN) == 2)
    assert len(team.paid()) == SLOTS
    rebuilt = team.place.reelmill("rebuild", "--yes", "--json")
    assert rebuilt.code == Exit.INCOMPLETE, rebuilt.err
    # What counts as started in the last minute is over a minute later.
    team.ledger.server.execute_command(
        "DEL", f"reelmill:account:{team.chosen.account_id}:starts"
    )
    team.until_all_stored()
    assert set(team.paid().values()) == {1}
    assert len(team.paid()) == JOBS
