"""A fleet for tests: a server, a stand-in provider, and workers as their own processes.

Commands are called in this process with a person's environment, and what they print is
handed back. What should come of it stands in the tests.
"""

import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path
from typing import Any
from unittest.mock import patch

from jobs import settings
from jobs.ledger import Ledger
from jobs.records import BatchRecord
from jobs.settings import Settings
from jobs.states import State
from producer.exits import CommandError
from producer.local_server import ledger_of
from tests import forked
from tests.audit import audit
from tests.producer.running import Desk, desk
from tests.sandbox.running import RunningSandbox

ROOT = Path(__file__).parent.parent.parent


@dataclass(frozen=True, slots=True)
class Said:
    """How a command ended, and what it printed."""

    code: int
    out: str
    err: str


@dataclass(slots=True)
class Fleet:
    """A desk whose commands go to a shared server, and that server's ledger."""

    desk: Desk
    ledger: Ledger
    chosen: Settings
    workers: list[forked.Process | subprocess.Popen[bytes]] = field(
        default_factory=list
    )

    def ask(self, command: Callable[..., int], *words: Any, **options: Any) -> Said:
        """Do what a command does, in this process."""
        out, err = StringIO(), StringIO()
        environment = patch.dict(os.environ, self.desk.environment, clear=True)
        with environment, redirect_stdout(out), redirect_stderr(err):
            # A console asks for the stream each time it prints.
            try:
                code = command(*words, **options)
            except CommandError as stop:
                return Said(stop.code, out.getvalue(), err.getvalue() + str(stop))
        return Said(code, out.getvalue(), err.getvalue())

    def start_worker(self) -> forked.Process:
        """One more worker process."""
        words = ["-A", "worker.app", "worker", "--pool=threads", "--concurrency=8"]
        name = f"--hostname=w{len(self.workers)}@test"
        quiet = ["--without-gossip", "--without-mingle", "--without-heartbeat"]
        log = self.desk.folder / f"worker-{len(self.workers)}.log"
        with log.open("wb") as to_log:
            process = forked.start(
                "celery",
                [*words, "--loglevel=INFO", name, *quiet],
                out=to_log.fileno(),
                err=to_log.fileno(),
                cwd=ROOT,
                environment=self.desk.environment,
            )
        self.workers.append(process)
        return process

    def batch(self, batch_id: str) -> BatchRecord:
        """A batch as the ledger has it."""
        found = self.ledger.batches.read(batch_id)
        assert found is not None
        return found

    def count(self, batch_id: str, *states: State) -> int:
        """Jobs of a batch in these states."""
        counts = self.batch(batch_id).counts
        return sum(counts.get(state, 0) for state in states)

    def check(self) -> None:
        """The ledger agrees with itself."""
        assert audit(self.ledger, self.chosen.account_id) == []


@contextmanager
def fleet(
    sandbox: RunningSandbox | None, key: str = "a-key", **environment: str
) -> Iterator[Fleet]:
    """A fleet without workers yet; whatever runs at the end is ended."""
    with desk(sandbox, key, **environment) as place:
        home = place.folder / "server"
        own = settings.read({}, home=home)
        with ledger_of(own, alone=True) as ledger:
            place.environment["REELMILL_REDIS_URL"] = own.ledger_url
            chosen = settings.read(place.environment)
            made = Fleet(place, ledger, chosen)
            try:
                yield made
            finally:
                for worker in made.workers:
                    worker.kill()
                    worker.wait()
