"""One server for all tests of the ledger, emptied for each."""

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from jobs import settings
from jobs.ledger import Ledger
from producer.private import ledger_of


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
