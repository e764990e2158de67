"""The contenders as the arena sees them: brought up, told to go, killed, begun again.

Each is a set of processes and perhaps a broker with the settings of the fleet's; their
CPU time and memory are measured from outside. The programs of the other ways are in
`contenders`.
"""

import os
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from bench import valkey
from bench.contenders.starting import KEY
from bench.processes import (
    MeasuringError,
    Running,
    await_true,
    process_cpu_s,
    tree_memory_bytes,
)

#: So high that reelmill's limits bind nobody: the other ways have none.
UNBOUND = "1000000"

#: A worker reads this often what was learnt.
LEARNT_S = 16.0

#: How long a first batch, from which reelmill learns, may take.
TEACHING_S = 900.0


@dataclass(frozen=True, slots=True)
class Place:
    """Where a contender works, and what it is told."""

    #: Origin of the provider.
    url: str
    #: Folder for logs and videos, in memory where that can be.
    folder: Path
    #: Folder for what brokers keep, on a disk.
    disk: Path
    #: The manifest.
    jobs: Path
    #: How many rows it has.
    count: int
    poll_s: float
    #: A manifest to learn from before, for who learns.
    lesson: Path | None = None
    #: After so long Celery's broker delivers anew; None is its default, an hour.
    visibility_s: float | None = None

    @property
    def videos(self) -> Path:
        """Where all videos of the jobs are put, in folders or not."""
        return self.folder / "videos"

    def stored(self) -> dict[str, float]:
        """Unix seconds at which each video was written, by the job's id."""
        files = self.videos.rglob("*.mp4")
        return {file.stem: file.stat().st_mtime for file in files}


def count_of(folder: Path) -> int:
    """How many videos are below a folder; cheap enough to be asked for often."""
    names = (name for _, _, names in os.walk(folder) for name in names)
    return sum(name.endswith(".mp4") for name in names)


class Entrant(ABC):
    """One contender in one run; as a context manager it is ended with all it has."""

    def __init__(self, place: Place) -> None:
        self.place = place
        #: Process id of its broker, if it has one.
        self._broker_pid: int | None = None
        #: All processes that were ever started, the dead among them.
        self._processes: list[Running] = []

    @abstractmethod
    def start(self) -> None:
        """Bring it up; it is ready afterwards.

        Raises:
            MeasuringError: it did not get ready.
        """

    @abstractmethod
    def go(self) -> None:
        """Give it the jobs."""

    @abstractmethod
    def ended(self) -> bool:
        """Whether nothing is left for it to do.

        Raises:
            MeasuringError: a part of it ended that should not.
        """

    @abstractmethod
    def again(self) -> None:
        """Start it again after a kill, as its operator would."""

    def handed_over(self) -> bool:
        """Whether it has all jobs in hand, and no producer runs any more."""
        return True

    def kill(self) -> None:
        """End everything of it but its broker where it stands."""
        for process in self._processes:
            process.kill()

    @property
    def cpu_s(self) -> float:
        """CPU seconds of all its processes so far, its broker's left out."""
        return sum(process.cpu_s for process in self._processes)

    @property
    def producer_cpu_s(self) -> float:
        """CPU seconds, part of `cpu_s`, of what hands the jobs over and ends."""
        return 0.0

    @property
    def broker_cpu_s(self) -> float:
        """CPU seconds of its broker so far."""
        if self._broker_pid is None:
            return 0.0
        return process_cpu_s(self._broker_pid)

    def memory_bytes(self) -> int:
        """What all of it holds now, its broker included."""
        pids = [each.pid for each in self._processes if each.code is None]
        return tree_memory_bytes([*pids, *filter(None, [self._broker_pid])])

    def _run(
        self, name: str, *words: str, environment: Mapping[str, str] | None = None
    ) -> Running:
        log = self.place.folder / f"{name}-{len(self._processes)}.log"
        command = [sys.executable, "-m", *words]
        made = Running(command, log, _environment() | dict(environment or {}))
        self._processes.append(made)
        return made

    def __enter__(self) -> Self:
        self.place.videos.mkdir(parents=True, exist_ok=True)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.kill()


def _environment() -> dict[str, str]:
    """Ours without settings of the contenders, and with bytecode kept as usual."""
    ours = ("REELMILL_", "WAVESPEED_", "BENCH_", "PYTHONDONTWRITEBYTECODE")
    return {
        name: value for name, value in os.environ.items() if not name.startswith(ours)
    }


class AiohttpScript(Entrant):
    """A program with asyncio and aiohttp that renders the jobs and ends."""

    def start(self) -> None:
        """Start it; it has imported all it needs when it says so."""
        place = self.place
        words = (place.url, str(place.jobs), str(place.videos), str(place.poll_s))
        self._script = self._run("script", "bench.contenders.aiohttp_script", *words)
        self._script.await_output("ready")

    def go(self) -> None:
        """Give it the word."""
        self._script.go()

    def ended(self) -> bool:
        """Whether the program has ended, well or not."""
        return self._script.code is not None

    def again(self) -> None:
        """Run the same command once more."""
        self.start()
        self.go()


class Fleet(Entrant):
    """A broker, a worker that stays, and a producer that hands over and ends."""

    _broker: valkey.Valkey
    _worker: Running
    _producer: Running | None = None

    def __init__(self, place: Place) -> None:
        super().__init__(place)
        self._stack = ExitStack()

    def start(self) -> None:
        """Start broker and worker."""
        made = valkey.started(self.place.disk / "broker")
        self._broker = self._stack.enter_context(made)
        self._broker_pid = self._broker.pid
        self._start_worker()

    @abstractmethod
    def _start_worker(self) -> None:
        """Start the worker and wait until it is ready."""

    def handed_over(self) -> bool:
        """Whether the producer has ended.

        Raises:
            MeasuringError: it ended badly.
        """
        producer = self._producer
        if producer and producer.code:
            raise MeasuringError(f"{producer} failed:\n{producer.log_end()}")
        return producer is not None and producer.code == 0

    @property
    def producer_cpu_s(self) -> float:
        """CPU seconds, part of `cpu_s`, of what hands the jobs over and ends."""
        return self._producer.cpu_s if self._producer else 0.0

    def ended(self) -> bool:
        """Whether all videos are there."""
        if self._worker.code is not None:
            raise MeasuringError(f"{self._worker} ended:\n{self._worker.log_end()}")
        return self.handed_over() and count_of(self.place.videos) >= self.place.count

    def again(self) -> None:
        """Start the worker again: it takes what the broker has."""
        self._start_worker()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        super().__exit__(kind, error, trace)
        self._stack.close()


class CeleryRetry(Fleet):
    """One task that polls itself, in processes."""

    def _environment(self) -> dict[str, str]:
        told = {"BENCH_BROKER": self._broker.celery_url}
        if self.place.visibility_s is not None:
            told["BENCH_VISIBILITY_S"] = str(self.place.visibility_s)
        return told

    def start(self) -> None:
        """Start broker, worker and producer; the producer waits for its word."""
        super().start()
        place = self.place
        words = (place.url, str(place.jobs), str(place.videos), str(place.poll_s))
        module = "bench.contenders.celery_retry"
        self._producer = self._run(
            "producer", module, *words, environment=self._environment()
        )
        self._producer.await_output("ready")

    def _start_worker(self) -> None:
        words = ["celery", "-A", "bench.contenders.celery_retry", "worker"]
        words += ["--pool=prefork", "--concurrency=2"]
        # Alone it has nobody to gossip or to mingle with.
        self._worker = self._run(
            *("worker", *words, "--without-gossip", "--without-mingle"),
            environment=self._environment(),
        )
        self._worker.await_output("ready")

    def go(self) -> None:
        """Let the producer hand the jobs over."""
        if self._producer:
            self._producer.go()


class Reelmill(Fleet):
    """The product as it comes, after a first batch that it learnt from.

    Without one its first look is as soon as the others'.
    """

    def _environment(self) -> dict[str, str]:
        place = self.place
        told = {
            "WAVESPEED_API_KEY": KEY,
            "WAVESPEED_BASE_URL": place.url,
            "REELMILL_REDIS_URL": self._broker.url,
            "REELMILL_HOME": str(place.folder / "home"),
            "REELMILL_STORE": str(place.videos),
            "REELMILL_VIDEOS_PER_MINUTE": UNBOUND,
            "REELMILL_CONCURRENT_VIDEOS": UNBOUND,
            "REELMILL_POLL_MIN_S": str(place.poll_s),
            # As a base install, which has no decoder; the other ways make none.
            "REELMILL_POSTERS": "off",
            "REELMILL_QUALITY": "off",
        }
        if place.lesson is None:
            told["REELMILL_FIRST_POLL_S"] = str(place.poll_s)
        return told

    def start(self) -> None:
        """Start all, and have the lesson rendered."""
        super().start()
        if self.place.lesson is None:
            return
        store = self.place.folder / "lesson"
        producer = self._submit(self.place.lesson, store)
        rows = len(self.place.lesson.read_text("utf-8").splitlines()) - 1
        if not await_true(lambda: count_of(store) >= rows, TEACHING_S):
            raise MeasuringError(f"the lesson did not end:\n{self._worker.log_end()}")
        producer.wait()
        # Nothing tells from outside when the worker has read it.
        time.sleep(LEARNT_S)

    def _start_worker(self) -> None:
        words = ("producer", "worker", "--name", "arena")
        self._worker = self._run("worker", *words, environment=self._environment())
        self._worker.await_output(" ready.")

    def go(self) -> None:
        """Submit the manifest."""
        self._producer = self._submit(self.place.jobs, self.place.videos)

    def _submit(self, manifest: Path, store: Path) -> Running:
        words = ("producer", "submit", str(manifest), "--no-look", "--yes")
        environment = self._environment()
        return self._run(
            "producer", *words, f"--store={store}", environment=environment
        )

    def ended(self) -> bool:
        """Whether all videos and the report of the batch are there."""
        return super().ended() and any(self.place.videos.glob("*/report.html"))
