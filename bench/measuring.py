"""Runs a command and says how long it took, how much it computed and held in memory.

It measures one process with its children from outside and knows nothing of what the
command does; what to run and what the numbers mean stands in the modules of the
questions.
"""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass

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


class Failed(Exception):  # noqa: N818 - the command failed
    """A command that was to be measured ended with an error."""


def measure(command: Sequence[str]) -> Measured:
    """Run a command to its end.

    Raises:
        Failed: it ended with a code other than 0; its last words are in the message.
    """
    with tempfile.TemporaryFile() as said:
        begun_s = time.perf_counter()
        process = subprocess.Popen(  # noqa: S603 - our own commands
            command, stdin=subprocess.DEVNULL, stdout=said, stderr=said
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
