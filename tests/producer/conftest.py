"""A fleet without workers, for commands that only ask or change the ledger.

A module that needs a place of another kind has its own of the same name.
"""

from collections.abc import Iterator

import pytest

from tests.jobs.ledger.play import ACCOUNT
from tests.producer.fleet import Fleet, fleet


@pytest.fixture(scope="module")
def shared() -> Iterator[Fleet]:
    with fleet(None, REELMILL_ACCOUNT=ACCOUNT) as made:
        yield made


@pytest.fixture
def place(shared: Fleet) -> Fleet:
    """A fleet nobody has used yet."""
    shared.ledger.server.execute_command("FLUSHALL")
    return shared
