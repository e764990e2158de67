"""Things that tests of several packages need: a home, a ledger, a clock."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from jobs import settings
from jobs.ledger import Ledger
from producer.private import ledger_of


@dataclass(slots=True)
class Clock:
    """Unix seconds that pass only when a test says so."""

    now_s: float = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now_s

    def forward(self, seconds: float) -> None:
        self.now_s += seconds


@pytest.fixture
def home() -> Iterator[Path]:
    """A folder of its own, with a path short enough for a socket."""
    with TemporaryDirectory(prefix="reelmill-") as folder:
        yield Path(folder)


@pytest.fixture
def ledger(home: Path) -> Iterator[Ledger]:
    """A ledger over a real server of its own, by the server's clock."""
    with ledger_of(settings.read({}, home=home), alone=True) as opened:
        yield opened


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def simulated(ledger: Ledger, clock: Clock) -> Ledger:
    """The same server, by a clock that the test moves."""
    return Ledger(ledger.server, clock)
