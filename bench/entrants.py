"""The contenders as the arena sees them: brought up, told to go, killed, begun again.

Each is a set of processes and perhaps a broker, whose CPU time and memory are told from
outside. Those that are scripts stand here, those with a broker in `queues`; what a
contender does stands in `contenders`, and for reelmill in the product.
"""

import os
import sys
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from bench.measuring import process_cpu_s, tree_memory_bytes
from bench.running import Running


@dataclass(frozen=True, slots=True)
class Place:
    """Where a contender works, and what it is told."""

    #: Origin of the stand-in.
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
        """Unix seconds at which each video was there, by the job's id."""
        return times_of(self.videos)


def times_of(folder: Path) -> dict[str, float]:
    """Unix seconds at which each video below a folder was written, by its name."""
    files = folder.rglob("*.mp4")
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
            Failed: it did not get ready.
        """

    @abstractmethod
    def go(self) -> None:
        """Give it the jobs."""

    @abstractmethod
    def ended(self) -> bool:
        """Whether nothing is left for it to do.

        Raises:
            Failed: a part of it ended that should not.
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


class Script(Entrant):
    """A program that renders the jobs and ends."""

    module = ""

    def start(self) -> None:
        """Start it; it has imported all it needs when it says so."""
        place = self.place
        words = (place.url, str(place.jobs), str(place.videos), str(place.poll_s))
        self._script = self._run("script", f"bench.contenders.{self.module}", *words)
        self._script.await_word("ready")

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


class HttpxScript(Script):
    """asyncio and httpx."""

    module = "httpx_script"


class AiohttpScript(Script):
    """asyncio and aiohttp."""

    module = "aiohttp_script"


class SdkThreads(Script):
    """The vendor's SDK, a thread for each job."""

    module = "sdk_threads"
