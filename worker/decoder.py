"""Decoding foreign videos and pictures, each in a process of its own.

What decodes a stranger's bytes can crash, hang or take all memory. Here that ends a
process that has no secrets and little memory, and costs one poster or one comparison;
the worker itself never decodes. A child that has its libraries loaded forks for each
file, because to load them takes fifty times as long as to make a poster. What it does
is `worker.decoding`.
"""

import atexit
import base64
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import IO, Any, TypeVar, cast

T = TypeVar("T")

ROOT = Path(__file__).parent.parent
# Not from the folder that the worker happens to be started in.
COMMAND = (sys.executable, "-P", "-m", "worker.decoding")
#: All that it sees of the environment: how its libraries are found.
PASSED_ON = ("PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")

#: Seconds of the processor, and of the clock, that decoding may take; it ends itself by
#: its alarms. It is killed where they do not end it, or where the child does not start.
CPU_S = 2.0
MAX_S = 20.0
START_S = 30.0
#: Who has waited so long goes without: the thread is needed. One file that hangs takes
#: less, so it costs no other its poster or its comparison.
QUEUE_S = 60.0
#: Of address space; its libraries take 150 MB, frames of 4K with 16 others 200 MB.
MAX_MEMORY_BYTES = 640 << 20
MAX_ANSWER_BYTES = 2 << 20
#: Exit code of who had not enough memory.
NO_MEMORY = 3

#: First frames are compared at this many pixels a side: enough to tell products apart,
#: too few for the noise of a video codec.
SIDE_PX = 32


class DecodeError(Exception):
    """A file cannot be decoded, or not soon; says why."""


@dataclass(frozen=True, slots=True)
class FirstFrame:
    """What a video begins with."""

    #: Width by height.
    aspect: float
    #: Seconds that the video lasts; None if it does not tell.
    length_s: float | None
    #: `SIDE_PX` rows of as many pixels, in RGB.
    pixels: bytes


@cache
def available() -> bool:
    """Whether videos and pictures can be decoded here: the extra `video`."""
    return bool(find_spec("av") and find_spec("PIL"))


def poster(video: Path) -> bytes:
    """The poster of a video, a small JPEG: its first frame that shows something.

    Raises:
        DecodeError: it has none, or not soon.
    """
    return _ask(lambda said: _bytes(said["poster"]), "poster", video)


def first_frame(video: Path) -> FirstFrame:
    """What a video begins with.

    Raises:
        DecodeError: it cannot be decoded, or not soon.
    """

    def read(said: Mapping[str, Any]) -> FirstFrame:
        length_s = said["length_s"]
        return FirstFrame(
            float(said["aspect"]),
            None if length_s is None else float(length_s),
            _pixels(said["pixels"]),
        )

    return _ask(read, "first_frame", video)


def shrunk(picture: Path, aspects: Sequence[float]) -> list[bytes]:
    """The middle of a picture in each of these ratios, as the pixels of a first frame.

    Raises:
        DecodeError: it cannot be decoded, or not soon.
    """

    def read(said: Mapping[str, Any]) -> list[bytes]:
        return [_pixels(said["shrunk"][number]) for number in range(len(aspects))]

    return _ask(read, "shrunk", picture, *aspects)


def close() -> None:
    """End the child; the next file starts another."""
    _CHILD.end()


class _Child:
    """A child that decodes one file after the other, for any number of threads."""

    def __init__(self) -> None:
        self._turn = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None

    def ask(self, words: Sequence[str]) -> tuple[str, int]:
        """What a fork says of a file, and its exit code.

        Raises:
            DecodeError: it is not begun, for other files take too long.
            OSError: there is no child.
        """
        if not self._turn.acquire(timeout=QUEUE_S):
            raise DecodeError("other files take too long")
        try:
            process = self._running()
            killer = threading.Timer(START_S + MAX_S, _kill, [process])
            killer.daemon = True
            killer.start()
            try:
                line = self._answer(process, words)
            finally:
                killer.cancel()
            if not line.endswith(b"\n"):
                self._end()
                return "", process.wait()
            said = json.loads(line)
            return str(said["said"]), int(said["exit_code"])
        finally:
            self._turn.release()

    def end(self) -> None:
        """See that there is none."""
        with self._turn:
            self._end()

    def _running(self) -> "subprocess.Popen[bytes]":
        if self._process and self._process.poll() is None:
            return self._process
        self._end()
        environment = {k: v for k, v in os.environ.items() if k in PASSED_ON}
        paths = (str(ROOT), os.environ.get("PYTHONPATH", ""))
        environment["PYTHONPATH"] = os.pathsep.join(filter(None, paths))
        self._process = subprocess.Popen(
            COMMAND,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment,
            cwd=os.sep,
            # Ctrl-C is for the worker, which may still need it.
            start_new_session=True,
        )
        return self._process

    @staticmethod
    def _answer(process: "subprocess.Popen[bytes]", words: Sequence[str]) -> bytes:
        to, of = cast("IO[bytes]", process.stdin), cast("IO[bytes]", process.stdout)
        with suppress(BrokenPipeError):
            to.write(json.dumps(words).encode() + b"\n")
            to.flush()
        return of.readline()

    def _end(self) -> None:
        process, self._process = self._process, None
        if process:
            _kill(process)
            process.communicate()


_CHILD = _Child()
atexit.register(_CHILD.end)


def _kill(process: "subprocess.Popen[bytes]") -> None:
    """End a child and what it has forked."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def _ask(
    read: Callable[[Mapping[str, Any]], T], what: str, path: Path, *args: float
) -> T:
    """What is answered of a file, as `read` understands it."""
    try:
        said, exit_code = _CHILD.ask((what, str(path.absolute()), *map(repr, args)))
    except OSError as error:
        raise DecodeError(f"there is no decoder: {error}") from None
    try:
        answer = json.loads(said)
        if "why" in answer:
            raise DecodeError(str(answer["why"]))
        return read(answer)
    except (ValueError, LookupError, TypeError):
        raise DecodeError(_end(exit_code)) from None


def _end(exit_code: int) -> str:
    """In words how a process ended that gave no answer."""
    if exit_code in (-signal.SIGALRM, -signal.SIGPROF):
        return f"it takes longer than {CPU_S:g} s"
    if exit_code == -signal.SIGKILL:
        return "its decoder had to be killed"
    if exit_code == NO_MEMORY:
        return f"it needs more than {MAX_MEMORY_BYTES >> 20} MB of memory"
    return f"its decoder broke (exit code {exit_code})"


def _bytes(text: str) -> bytes:
    return base64.b64decode(text, validate=True)


def _pixels(text: str) -> bytes:
    pixels = _bytes(text)
    if len(pixels) != 3 * SIDE_PX**2:
        raise ValueError("a picture of another size")
    return pixels
