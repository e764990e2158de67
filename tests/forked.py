"""Programs of ours as processes of their own, forked from one that has imported them.

A command takes a second of CPU to import what it needs, and tests start hundreds. What
is forked runs the same `main` with its own arguments, environment, folder and streams.
"""

import atexit
import multiprocessing
import os
import signal
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing import forkserver, reduction
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from runpy import run_module
from subprocess import TimeoutExpired
from typing import Any

#: What programs import; none of it reads the environment.
_PRELOADED = (
    "sandbox.server",
    "producer.cli",
    "producer.commands",
    "celery.bin.celery",
    "celery.bin.worker",
    "celery.apps.worker",
    "worker.dispatcher",
    "worker.collect",
    "worker.finish",
    "worker.notify",
)

_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload([*_PRELOADED])


@dataclass(slots=True)
class Process:
    """A forked program, used as `subprocess.Popen` is."""

    process: ForkServerProcess

    @property
    def pid(self) -> int:
        """Its process id."""
        assert self.process.pid is not None
        return self.process.pid

    @property
    def returncode(self) -> int | None:
        """How it ended; None while it runs."""
        return self.process.exitcode

    def poll(self) -> int | None:
        """How it ended; None while it runs."""
        return self.returncode

    @property
    def running(self) -> bool:
        """Whether it has not ended."""
        return self.returncode is None

    def wait(self, timeout: float | None = None) -> int:
        """How it ended, once it has.

        Raises:
            TimeoutExpired: it has not in so many seconds.
        """
        self.process.join(timeout)
        if self.process.exitcode is None:
            raise TimeoutExpired("forked", timeout or 0.0)
        return self.process.exitcode

    def send_signal(self, number: int) -> None:
        """Send it a signal, unless it has ended."""
        if self.returncode is None:
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def terminate(self) -> None:
        """Ask it to end."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it where it stands."""
        self.send_signal(signal.SIGKILL)

    def stop(self) -> None:
        """Ask it to end, and end it if it does not."""
        self.terminate()
        try:
            self.wait(15)
        except TimeoutExpired:
            self.kill()
            self.wait()


def start(
    module: str,
    words: Sequence[str],
    *,
    out: int,
    err: int | None = None,
    cwd: Path | None = None,
    environment: Mapping[str, str] | None = None,
) -> Process:
    """Start `python -m module` with these words, without input.

    Args:
        module: such as `sandbox`.
        words: what follows its name.
        out: descriptor of its output.
        err: of its errors; ours if not given.
        cwd: the folder in which it works; ours if not given.
        environment: all its variables; ours if not given.
    """
    given = dict(os.environ if environment is None else environment)
    streams = [_Stream(fd) for fd in (out, 2 if err is None else err)]
    process = _CONTEXT.Process(
        target=_run,
        args=(module, list(words), given, str(cwd or Path.cwd()), streams),
    )
    process.start()
    return Process(process)


class _Stream:
    """A descriptor that is handed to a process when that is started."""

    def __init__(self, fd: int) -> None:
        self.fd = fd

    def __reduce__(self) -> tuple[Any, ...]:
        return _taken, (reduction.DupFd(self.fd),)


def _taken(duplicate: Any) -> int:
    return int(duplicate.detach())


def stop_server() -> None:
    """End the process that forks; what it started has ended before."""
    forkserver._forkserver._stop()  # type: ignore[attr-defined]  # it has no other end


def _run(
    module: str,
    words: list[str],
    environment: dict[str, str],
    cwd: str,
    streams: list[int],
) -> None:
    # Held open here, it would keep the process that forks alive after our tests are
    # killed, and with it a sandbox that goes with its parent.
    os.close(forkserver._forkserver._forkserver_alive_fd)  # type: ignore[attr-defined]  # it has no other name
    for number, fd in enumerate(streams, 1):
        os.dup2(fd, number)
        os.close(fd)
    os.environ.clear()
    os.environ.update(environment)
    time.tzset()
    os.chdir(cwd)
    sys.argv = [module, *words]
    try:
        run_module(module, run_name="__main__", alter_sys=True)
    finally:
        atexit._run_exitfuncs()
