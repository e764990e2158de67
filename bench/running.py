"""Processes that a measurement starts: their words, their CPU time, their end.

Each is the leader of a group of its own, so that a kill reaches all that it started.
What they do stands elsewhere.
"""

import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import psutil

from bench.measuring import MeasuringError, tree_cpu_s

_LOOK_S = 0.02

#: Characters of a log that are told when its process fails.
_LAST_WORDS_CHARS = 2_000


def await_true(
    is_so: Callable[[], object], patience_s: float, look_s: float = _LOOK_S
) -> bool:
    """Return once it is so, or when patience has ended; whether it is so."""
    until = time.monotonic() + patience_s
    while not is_so():
        if time.monotonic() > until:
            return False
        time.sleep(look_s)
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
            self._process = subprocess.Popen(  # noqa: S603 - a list that the bench made, no shell
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

    def await_word(self, word: str, patience_s: float = 60.0) -> None:
        """Return once the word is in its log.

        Raises:
            MeasuringError: it ended before, or takes too long.
        """
        await_true(lambda: word in self.words() or self.code is not None, patience_s)
        if word not in self.words():
            raise MeasuringError(f"{self} did not get ready:\n{self.last_words()}")

    def words(self) -> str:
        """All that it has said."""
        return self.log.read_text("utf-8", "replace")

    def last_words(self) -> str:
        """The end of what it has said."""
        return self.words()[-_LAST_WORDS_CHARS:]

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

    def stop(self, patience_s: float = 10.0) -> None:
        """Ask it to end; after some time kill what is left of its group."""
        if self.code is None:
            with suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGTERM)
            self.wait(patience_s)
        self.kill()

    def wait(self, patience_s: float = 60.0) -> None:
        """Return once it has ended, or when patience has."""
        await_true(lambda: self.code is not None, patience_s)

    def _hang_up(self) -> None:
        assert self._process.stdin is not None  # noqa: S101 - Popen was given a pipe
        with suppress(BrokenPipeError):
            self._process.stdin.close()

    def __str__(self) -> str:
        return " ".join(self._command)
