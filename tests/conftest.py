"""Things that tests of several packages need: a home, a ledger, a clock.

One server serves them all. A test that changes the set-up of the server ends it with
`shutdown`, and the next test has another; a test that kills one starts its own.
"""

import os
import signal
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck
from hypothesis import settings as drawing

from jobs import settings
from jobs.ledger import Ledger, connect
from producer.local_server import claimed, ledger_of
from tests import forked
from tests.browser.finding import browser_path

# How long an example takes says something about the machine only.
drawing.register_profile(
    "reelmill",
    deadline=None,
    max_examples=50,
    suppress_health_check=[HealthCheck.too_slow],
)
drawing.load_profile("reelmill")

# A shell lets what it starts in the background ignore this, and so would all that is
# started here.
signal.signal(signal.SIGINT, signal.default_int_handler)

NO_BROWSER = "this machine has no browser; `make browser` gets one"


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip tests that need a browser where there is none; in CI they fail."""
    if item.get_closest_marker("browser") and browser_path() is None:
        if os.environ.get("CI") == "true":
            pytest.fail(NO_BROWSER)
        pytest.skip(NO_BROWSER)


def pytest_sessionfinish() -> None:
    """End the process that others were forked from, so that its CPU time counts."""
    forked.stop_server()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say in one line, at the end, what was not tried for want of a browser."""
    skipped = terminalreporter.stats.get("skipped", [])
    count = sum(NO_BROWSER in str(report.longrepr) for report in skipped)
    if count:
        terminalreporter.write_line(f"{count} tests were skipped: {NO_BROWSER}")


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


@dataclass(slots=True)
class Served:
    """The server of a test process."""

    running: ExitStack
    socket: Path = Path("none-yet")

    def now(self) -> Path:
        """Its socket; a server that a test has ended took its own along."""
        if not self.socket.exists():
            self.running.close()
            folder = self.running.enter_context(TemporaryDirectory(prefix="reelmill-"))
            chosen = settings.read({}, home=Path(folder))
            self.running.enter_context(ledger_of(chosen, alone=True))
            self.socket = chosen.socket_path
        return self.socket


@pytest.fixture(scope="session")
def served() -> Iterator[Served]:
    with ExitStack() as running:
        yield Served(running)


@pytest.fixture
def ledger(home: Path, served: Served) -> Iterator[Ledger]:
    """The private ledger of the home, empty, by the server's clock."""
    chosen = settings.read({}, home=home)
    with claimed(home, needed=True):
        chosen.socket_path.symlink_to(served.now())
        opened = connect(chosen.ledger_url)
        for command in ("FLUSHALL", "SCRIPT FLUSH", "CONFIG RESETSTAT"):
            opened.server.execute_command(*command.split())
        yield opened
        opened.close()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def simulated(ledger: Ledger, clock: Clock) -> Ledger:
    """The same server, by a clock that the test moves."""
    return Ledger(ledger.server, clock)
