"""How many messages a beat sends, and that no heartbeat follows a worker's leaving."""

import math
from pathlib import Path

import pytest

from jobs.broker import blocks
from jobs.ledger import Ledger
from jobs.ledger.workers import WorkerFacts
from jobs.transitions import Ref
from tests.sandbox.running import running_sandbox
from tests.worker.workshop import workshop
from worker.dispatcher import MAX_BLOCK, Dispatcher


@pytest.mark.parametrize(
    ("jobs", "messages"), [(0, 0), (1, 1), (4, 1), (100, 1), (101, 2), (4_000, 40)]
)
def test_all_that_is_due_goes_together_up_to_a_bound(jobs: int, messages: int) -> None:
    sent = list(blocks((Ref("b", str(n)) for n in range(jobs)), MAX_BLOCK))
    assert len(sent) == messages
    assert max(map(len, sent), default=0) <= MAX_BLOCK


def test_a_worker_that_left_is_not_made_known_again(ledger: Ledger, home: Path) -> None:
    with running_sandbox() as sandbox, workshop(ledger, sandbox, home) as shop:
        dispatcher = Dispatcher(
            shop.engine, WorkerFacts("w@here", account=shop.engine.account)
        )
        dispatcher.heartbeat()
        (known,) = ledger.workers.known()
        assert known.facts.name == "w@here"
        dispatcher.leave()
        # Its thread goes on until the process ends, and says that it stops.
        dispatcher._heartbeat_at = -math.inf
        dispatcher.heartbeat()
        assert ledger.workers.known() == []
