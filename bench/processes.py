"""Processes that a measurement starts: their output, CPU time, memory and end.

Each is the leader of a group of its own, so that a kill reaches all that it started.
They are measured from outside, with their children, also those that have ended.
"""

import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

import psutil

_EVERY_S = 0.02

#: Characters of a log that are shown when its process fails.
_LOG_END_CHARS = 2_000


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
    def max(self) -> float:
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


def await_true(
    is_so: Callable[[], object], timeout_s: float, every_s: float = _EVERY_S
) -> bool:
    """Return once it is so, or after the timeout; whether it is so."""
    until = time.monotonic() + timeout_s
    while not is_so():
        if time.monotonic() > until:
            return False
        time.sleep(every_s)
    return True


class Running:
    """A process that was started, with all that it starts."""

    def __init__(
        self, command: Sequence[str], log: Path, environment: Mapping[str, str]
    ) -> None:
        """Start it; its words go to the log, and a line can be sent to it."""
        self.log = log
        self._command = command
        self._ended_cpu_s: float | None = None
        self._is_killed = False
        #: Only one thread may be told of its end.
        self._waiting = threading.Lock()
        with log.open("wb") as words:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=words,
                stderr=words,
                env=dict(environment),
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        """Id of the process, and of its group."""
        return self._process.pid

    @property
    def code(self) -> int | None:
        """How it ended; None while it runs."""
        with self._waiting:
            if self._process.returncode is None:
                pid, status, used = os.wait4(self.pid, os.WNOHANG)
                if pid:
                    self._process.returncode = os.waitstatus_to_exitcode(status)
                    self._ended_cpu_s = used.ru_utime + used.ru_stime
                    self._hang_up()
            return self._process.returncode

    @property
    def cpu_s(self) -> float:
        """CPU seconds of it and of all it started, those that have ended included."""
        if self.code is None:
            with suppress(psutil.NoSuchProcess):
                return tree_cpu_s(self.pid)
            self.wait()
        return self._ended_cpu_s or 0.0

    def await_output(self, word: str, timeout_s: float = 60.0) -> None:
        """Return once the word is in its log.

        Raises:
            MeasuringError: it ended before, or takes too long.
        """
        await_true(lambda: word in self.output() or self.code is not None, timeout_s)
        if word not in self.output():
            raise MeasuringError(f"{self} did not get ready:\n{self.log_end()}")

    def output(self) -> str:
        """All that it has written."""
        return self.log.read_text("utf-8", "replace")

    def log_end(self) -> str:
        """The end of that."""
        return self.output()[-_LOG_END_CHARS:]

    def go(self) -> None:
        """Send it the line that it waits for."""
        assert self._process.stdin is not None  # noqa: S101 - Popen was given a pipe
        self._process.stdin.write(b"go\n")
        self._process.stdin.flush()

    def kill(self) -> None:
        """End it and its whole group where they stand."""
        if not self._is_killed:
            # Once: the number of a group that is gone may be another's.
            self._is_killed = True
            with suppress(ProcessLookupError):
                os.killpg(self.pid, signal.SIGKILL)
        self.wait()

    def wait(self, timeout_s: float = 60.0) -> None:
        """Return once it has ended, or after the timeout."""
        await_true(lambda: self.code is not None, timeout_s)

    def _hang_up(self) -> None:
        assert self._process.stdin is not None  # noqa: S101 - Popen was given a pipe
        with suppress(BrokenPipeError):
            self._process.stdin.close()

    def __str__(self) -> str:
        return " ".join(self._command)
