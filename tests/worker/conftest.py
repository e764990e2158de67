"""What most tests of a worker need: a quick provider, and a workshop that uses it.

A module that needs another provider or another workshop has its own of the same name.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from jobs.ledger import Ledger
from tests.producer.running import quick_sandbox
from tests.sandbox.running import RunningSandbox
from tests.worker.workshop import Workshop, workshop


@pytest.fixture(scope="module")
def sandbox() -> Iterator[RunningSandbox]:
    with quick_sandbox(generation_s=0.2) as running:
        yield running


@pytest.fixture
def shop(ledger: Ledger, sandbox: RunningSandbox, home: Path) -> Iterator[Workshop]:
    with workshop(ledger, sandbox, home) as made:
        yield made
