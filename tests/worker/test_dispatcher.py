"""How many messages a beat sends, and that no heartbeat follows a worker's leaving."""

import math
from pathlib import Path

from jobs.ledger import Ledger
from jobs.ledger.workers import WorkerFacts
from tests.sandbox.running import running_sandbox
from tests.worker.workshop import workshop
from worker.dispatcher import Dispatcher


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
