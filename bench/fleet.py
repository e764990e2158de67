"""A fleet on this machine as its operator runs it: a broker, one worker, a batch.

Every part is the product's own command in a process of its own; the broker is Valkey
with the settings of docker-compose.yml on a socket in a folder that is removed. What is
asked of the fleet, and what is made of the figures, stands in the questions.
"""

import math
import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random

from bench import valkey
from bench.processes import MeasuringError, Running, await_true
from bench.provider import Provider
from bench.valkey import Valkey
from jobs.catalogue import builtin
from jobs.ledger import Ledger, connect
from jobs.pace.limits import Limits

ACCOUNT = "bench"
MODEL = "kling-v2.6-std"

#: The command that is measured.
REELMILL = (sys.executable, "-m", "producer")

#: Times that a taught ledger begins with.
TAUGHT = 200

_START_S = 60.0


@dataclass(frozen=True, slots=True)
class Fleet:
    """A fleet that is ready for work."""

    folder: Path
    ledger: Ledger
    broker: Valkey
    worker: Running
    environment: Mapping[str, str]
    #: The address of a picture that the provider has.
    picture: str

    def submit(self, count: int) -> str:
        """Hand over a batch of so many jobs; its id.

        Raises:
            MeasuringError: it was not taken.
        """
        manifest = self.folder / "products.csv"
        with manifest.open("w", encoding="utf-8") as file:
            file.write("id,model,image,prompt\n")
            file.writelines(
                f"{job_id(n)},{MODEL},{self.picture},{prompt(n)}\n"
                for n in range(count)
            )
        words = ["submit", str(manifest), "--no-look", "--yes"]
        _run([*REELMILL, *words], self.environment)
        return self.ledger.batches.ids(1)[0]

    def teach(self, median_s: float, spread: float) -> None:
        """Let the ledger know such times already, as after some hours of work."""
        model = builtin().find(MODEL)
        kind = (model.id, model.duration_s({}))
        chance = Random(0)
        mean = math.log(median_s)
        taught = [chance.lognormvariate(mean, spread) for _ in range(TAUGHT)]
        self.ledger.times.learn(ACCOUNT, {kind: taught})

    def videos(self, batch: str) -> Path:
        """Where the videos of a batch are stored, each by the id of its job."""
        return self.folder / "videos" / batch


def prompt(number: int) -> str:
    """The prompt of a job by its number; no two are the same."""
    return f"Slow orbit around the ceramic mug {job_id(number)}"


def job_of(asked: str) -> str:
    """The id of the job that asked for this prompt."""
    return asked.rpartition(" ")[2]


def job_id(number: int) -> str:
    """The id of a job by its number."""
    return f"sku-{number:07}"


@contextmanager
def fleet(
    provider: Provider,
    limits: Limits,
    *,
    hooks: bool = False,
    settings: Mapping[str, str] | None = None,
) -> Iterator[Fleet]:
    """A fleet of one worker for a provider, without a batch yet.

    Args:
        provider: that renders.
        limits: of the account.
        hooks: whether the provider's webhooks are received.
        settings: environment variables beside those that a fleet needs.

    Raises:
        MeasuringError: a part of it did not start.
    """
    with ExitStack() as stack:
        name = stack.enter_context(tempfile.TemporaryDirectory(prefix="reelmill-"))
        folder = Path(name)
        broker = stack.enter_context(valkey.started(folder / "valkey"))
        environment = _environment(folder, broker.url, provider.url, limits)
        environment |= settings or {}
        ledger = connect(broker.url)
        stack.callback(ledger.close)
        if hooks:
            port = _free_port()
            environment["REELMILL_WEBHOOK_URL"] = f"http://127.0.0.1:{port}"
            words = ["hooks", f"--port={port}"]
            stack.enter_context(_process("hooks", words, folder, environment))
        worker = stack.enter_context(_worker("bench", folder, environment))
        _await(worker, lambda: bool(ledger.workers.alive()))
        yield Fleet(folder, ledger, broker, worker, environment, provider.picture)


@contextmanager
def another_worker(own: Fleet, name: str) -> Iterator[Running]:
    """One more worker of a fleet.

    Raises:
        MeasuringError: it did not start.
    """
    before = len(own.ledger.workers.alive())
    with _worker(name, own.folder, own.environment) as worker:
        _await(worker, lambda: len(own.ledger.workers.alive()) > before)
        yield worker


def _worker(
    name: str, folder: Path, environment: Mapping[str, str]
) -> AbstractContextManager[Running]:
    words = ["worker", f"--name={name}", "--log-level=WARNING"]
    return _process(name, words, folder, environment)


@contextmanager
def _process(
    name: str, words: Sequence[str], folder: Path, environment: Mapping[str, str]
) -> Iterator[Running]:
    process = Running([*REELMILL, *words], folder / f"{name}.log", environment)
    try:
        yield process
    finally:
        # What is measured is over; nobody waits for what is still under way.
        process.kill()


def _environment(
    folder: Path, redis_url: str, base_url: str, limits: Limits
) -> dict[str, str]:
    kept = {n: v for n, v in os.environ.items() if not n.startswith("REELMILL_")}
    return kept | {
        "WAVESPEED_API_KEY": "a-key-of-the-bench",
        "WAVESPEED_BASE_URL": base_url,
        "REELMILL_REDIS_URL": redis_url,
        "REELMILL_HOME": str(folder / "home"),
        "REELMILL_STORE": str(folder / "videos"),
        "REELMILL_ACCOUNT": ACCOUNT,
        "REELMILL_VIDEOS_PER_MINUTE": str(limits.videos_per_minute),
        "REELMILL_CONCURRENT_VIDEOS": str(limits.concurrent_videos),
        # As a base install, which has no decoder, and one at such a rate.
        "REELMILL_POSTERS": "off",
        "REELMILL_QUALITY": "off",
    }


def _run(command: Sequence[str], environment: Mapping[str, str]) -> None:
    ended = subprocess.run(
        command, env=dict(environment), capture_output=True, text=True, check=False
    )
    if ended.returncode:
        raise MeasuringError(f"{' '.join(command)}:\n{ended.stderr[-2_000:]}")


def _await(process: Running, is_ready: Callable[[], bool]) -> None:
    await_true(lambda: is_ready() or process.code is not None, _START_S)
    if not is_ready():
        raise MeasuringError(f"{process} did not start:\n{process.log_end()}")


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as found:
        return int(found.getsockname()[1])
