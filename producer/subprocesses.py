"""Processes that a command starts, and that never outlive it by accident.

Each gets a session of its own, so that Ctrl-C reaches the command alone, which then
stops its children in order. Should the command be killed, the kernel tells them (on
Linux; elsewhere the next command finds and stops what was left).
"""

import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO, Self

from producer.exits import CommandError

#: From <sys/prctl.h>: the signal to get when the parent dies.
PR_SET_PDEATHSIG = 1


def _die_with(parent: int) -> Callable[[], None] | None:
    if not sys.platform.startswith("linux"):
        return None
    libc = ctypes.CDLL(None, use_errno=True)

    def tell_kernel() -> None:
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:
            os._exit(1)

    return tell_kernel


class Child:
    """A started process; as a context manager it is stopped at the end."""

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        *,
        log: Path,
        environment: Mapping[str, str] | None = None,
        read: bool = False,
    ) -> None:
        """Start a process.

        Args:
            name: what a message calls it.
            command: program and arguments.
            log: file that its output is added to.
            environment: its whole environment; None is ours.
            read: keep its standard output for us to read instead of the log.
        """
        self.name = name
        self._asked = False
        self.log = log
        try:
            out = log.open("ab")
        except OSError as error:
            raise CommandError(
                f"{log}: cannot be written ({error.strerror}); move it, "
                "or set REELMILL_HOME to another folder"
            ) from None
        with out:
            self._log_start = out.tell()
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE if read else out,
                stderr=out,
                env=None if environment is None else dict(environment),
                start_new_session=True,
                preexec_fn=_die_with(os.getpid()),  # noqa: PLW1509 - one system call
            )

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether it has not ended."""
        return self._process.poll() is None

    @property
    def output(self) -> IO[bytes]:
        """Its standard output, if it was started to be read."""
        if self._process.stdout is None:
            raise ValueError(f"{self.name} writes to {self.log}")
        return self._process.stdout

    def ask_to_stop(self) -> None:
        """Send SIGTERM, once: it finishes what it has begun."""
        if self.running and not self._asked:
            self._asked = True
            self._process.terminate()

    def stop(self, timeout_s: float = 15.0) -> None:
        """End it, kindly at first."""
        self.ask_to_stop()
        try:
            self._process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if self._process.stdout:
            self._process.stdout.close()

    def last_words(self, lines: int = 5) -> str:
        """The end of its log since its start, for a message."""
        if not self.log.exists():
            return ""
        with self.log.open("rb") as log:
            log.seek(self._log_start)
            text = log.read().decode(errors="replace")
        return "\n".join(text.splitlines()[-lines:])

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.stop()
