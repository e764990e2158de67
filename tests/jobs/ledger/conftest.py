"""One server for all tests of the ledger, emptied for each."""

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from jobs import settings
from jobs.ledger import Ledger
from jobs.storage import Store
from producer.local_server import ledger_of


@pytest.fixture(scope="package")
def shared() -> Iterator[Ledger]:
    with TemporaryDirectory(prefix="reelmill-") as folder:
        chosen = settings.read({}, home=Path(folder))
        with ledger_of(chosen, alone=True) as opened:
            yield opened


@pytest.fixture
def ledger(shared: Ledger) -> Ledger:
    """The shared server, empty and without scripts; tests may not change its set-up."""
    shared.server.execute_command("FLUSHALL")
    shared.server.execute_command("SCRIPT", "FLUSH")
    return shared


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """A store of its own."""
    return Store(str(tmp_path / "store"))


@pytest.fixture
def small_steps(ledger: Ledger, simulated: Ledger) -> None:
    """So that a batch of a few jobs is deleted in several steps."""
    ledger.batches.deleted_at_once = simulated.batches.deleted_at_once = 2
