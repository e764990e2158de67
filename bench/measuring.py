"""How much processes compute, and how much memory they hold.

Processes are measured from outside, with their children, also those that have ended.
What to run and what the numbers mean stands in the modules of the questions; how they
are started and ended while others run, in `running`.
"""

import threading
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

import psutil


class MeasuringError(Exception):
    """A process that was to be measured ended with an error."""


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
