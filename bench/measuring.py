"""How long commands take, how much they compute, and how much memory they hold.

Processes are measured from outside, with their children, also those that have ended.
What to run and what the numbers mean stands in the modules of the questions; how they
are started and ended while others run, in `running`.
"""

import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from types import TracebackType
from typing import Self

import psutil

#: Linux tells the peak of memory in KiB, macOS in bytes.
_PEAK_UNIT_BYTES = 1 if sys.platform == "darwin" else 1024

#: Characters of a command's last words that are told when it fails.
_LAST_WORDS_CHARS = 2_000


@dataclass(frozen=True, slots=True)
class Measured:
    """What running a command took."""

    wall_s: float
    #: Seconds of all its threads and children, in its own code and in the kernel.
    cpu_s: float
    #: Most memory that it, or one of its children, held at one time. Never less than
    #: what the process had that started it, so that one must stay small.
    peak_bytes: int


class Failed(Exception):  # noqa: N818 - it is raised as a sentence: Failed
    """A command that was to be measured ended with an error."""


def measure(
    command: Sequence[str], environment: Mapping[str, str] | None = None
) -> Measured:
    """Run a command to its end, in our environment if none is given.

    Raises:
        Failed: it ended with a code other than 0; its last words are in the message.
    """
    with tempfile.TemporaryFile() as said:
        begun_s = time.perf_counter()
        process = subprocess.Popen(  # noqa: S603 - a list that the bench made, no shell
            command,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=said,
        )
        _, status, used = os.wait4(process.pid, 0)
        wall_s = time.perf_counter() - begun_s
        process.returncode = code = os.waitstatus_to_exitcode(status)
        if code:
            said.seek(0)
            words = said.read().decode("utf-8", "replace")[-_LAST_WORDS_CHARS:]
            raise Failed(f"{' '.join(command)} ended with {code}:\n{words}")
    cpu_s = used.ru_utime + used.ru_stime
    return Measured(wall_s, cpu_s, used.ru_maxrss * _PEAK_UNIT_BYTES)


def process_cpu_s(pid: int) -> float:
    """CPU seconds of one process that lives.

    Linux tells them to the nanosecond for each thread; elsewhere hundredths of a second
    must do, and a short run may seem to have taken none.
    """
    threads = list(Path(f"/proc/{pid}/task").glob("*/schedstat"))
    if not threads:
        return float(sum(psutil.Process(pid).cpu_times()[:2]))
    return sum(int(each.read_text().split()[0]) for each in threads) / 1e9


def tree_cpu_s(pid: int) -> float:
    """CPU seconds of a process and of all it started, those that have ended included.

    Raises:
        psutil.NoSuchProcess: it has ended.
    """
    root = psutil.Process(pid)
    total_s = 0.0
    for process in (root, *root.children(recursive=True)):
        with suppress(psutil.NoSuchProcess):
            # What its own children took counts once they were waited for.
            total_s += sum(process.cpu_times()[:4])
    return total_s


def tree_memory_bytes(pids: Iterable[int]) -> int:
    """What these processes and all they started hold, each shared page once.

    Where the system does not tell that, the resident sizes are added up.
    """
    total = 0
    for pid in pids:
        with suppress(psutil.NoSuchProcess):
            root = psutil.Process(pid)
            for process in (root, *root.children(recursive=True)):
                with suppress(psutil.NoSuchProcess):
                    memory = process.memory_full_info()
                    total += int(getattr(memory, "pss", 0) or memory.rss)
    return total


class Sampled:
    """Asks for a number again and again while a block runs, in a thread."""

    def __init__(self, ask: Callable[[], float], every_s: float = 1.0) -> None:
        self._ask, self._every_s = ask, every_s
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        #: Unix seconds and what was told then.
        self.seen: list[tuple[float, float]] = []

    @property
    def most(self) -> float:
        """The largest number that was told."""
        return max((value for _, value in self.seen), default=0.0)

    @property
    def slope(self) -> float:
        """The growth from the first to the last sample, a second."""
        (begun_s, first), (ended_s, last) = self.seen[0], self.seen[-1]
        return (last - first) / (ended_s - begun_s) if ended_s > begun_s else 0.0

    @property
    def steepest(self) -> float:
        """The fastest growth between two samples that are apart, a second."""
        pairs = pairwise(self.seen)
        least_s = self._every_s / 2
        return max(
            ((b - a) / (t - s) for (s, a), (t, b) in pairs if t - s >= least_s),
            default=0.0,
        )

    def sample(self) -> None:
        """Ask now."""
        self.seen.append((time.time(), self._ask()))

    def _run(self) -> None:
        while not self._end.wait(self._every_s):
            self.sample()

    def __enter__(self) -> Self:
        self.sample()
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._end.set()
        self._thread.join()
