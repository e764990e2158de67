"""Decoding foreign videos and pictures in a process of its own.

What decodes a stranger's bytes can crash, hang or take all memory. Here that ends a
child that has no secrets, little memory and little time, and costs one poster or one
comparison; the next file starts another child. The worker itself never decodes.
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

from jobs.quality import Figure

T = TypeVar("T")

ROOT = Path(__file__).parent.parent
# Not from the folder that the worker happens to be started in.
COMMAND = (sys.executable, "-P", "-m", "worker.decoding")
#: All that it sees of the environment: how its libraries are found.
PASSED_ON = ("PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")

#: Seconds of the processor and of the clock that a file may take: alarms end the child.
#: The worker kills a child that they do not end, or that does not start.
CPU_S = 4.0
MAX_S = 20.0
START_S = 20.0
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
    """What a video begins with, and what its file says of itself."""

    width: int
    height: int
    #: Seconds that the video lasts; None if it does not say.
    length_s: float | None
    #: 0 if it does not say.
    frames_per_s: float
    #: How many sound tracks it has.
    sounds: int
    #: `SIDE_PX` rows of as many pixels, in RGB.
    pixels: bytes

    @property
    def aspect(self) -> float:
        """Width by height."""
        return self.width / self.height


@dataclass(frozen=True, slots=True)
class Inspection:
    """What one pass over a video gives."""

    first: FirstFrame
    #: A small JPEG.
    poster: bytes
    #: As `worker.quality.Meter` measured them.
    figures: Mapping[str, Figure]


@cache
def available() -> bool:
    """Whether videos and pictures can be decoded here: the extra `video`."""
    return bool(find_spec("av") and find_spec("PIL"))


def inspect(video: Path) -> Inspection:
    """Poster, first frame and figures of a video.

    Raises:
        DecodeError: it cannot be decoded, or not soon.
    """

    def read(answer: Mapping[str, Any]) -> Inspection:
        measured = answer["figures"].items()
        figures = {str(name): Figure(*map(float, pair)) for name, pair in measured}
        return Inspection(_first_frame(answer), _bytes(answer["poster"]), figures)

    return _ask(read, "inspect", video)


def poster(video: Path) -> bytes:
    """The poster of a video alone, which takes a tenth of inspecting it.

    Raises:
        DecodeError: it has none, or not soon.
    """
    return _ask(lambda answer: _bytes(answer["poster"]), "poster", video)


def first_frame(video: Path) -> FirstFrame:
    """What a video begins with.

    Raises:
        DecodeError: it cannot be decoded, or not soon.
    """
    return _ask(_first_frame, "first_frame", video)


def _first_frame(answer: Mapping[str, Any]) -> FirstFrame:
    length_s = answer["length_s"]
    return FirstFrame(
        width=int(answer["width"]),
        height=int(answer["height"]),
        length_s=None if length_s is None else float(length_s),
        frames_per_s=float(answer["frames_per_s"]),
        sounds=int(answer["sounds"]),
        pixels=_pixels(answer["pixels"]),
    )


def shrunk(picture: Path, aspects: Sequence[float]) -> list[bytes]:
    """The middle of a picture in each of these ratios, as the pixels of a first frame.

    Raises:
        DecodeError: it cannot be decoded, or not soon.
    """

    def read(answer: Mapping[str, Any]) -> list[bytes]:
        return [_pixels(answer["shrunk"][number]) for number in range(len(aspects))]

    return _ask(read, "shrunk", picture, *aspects)


def close() -> None:
    """End the children; the next file starts another."""
    _CHILD.end()
    _INSPECTOR.end()


class _Child:
    """A process that decodes one file after the other, for any number of threads."""

    def __init__(self) -> None:
        self._turn = threading.Lock()
        self.process: subprocess.Popen[bytes] | None = None

    def ask(
        self, question: Sequence[object], *, alone: bool
    ) -> tuple[bytes, int | None]:
        """A line that it answers, or its exit code if it ended instead.

        `alone` if it decodes no other file, before or after.

        Raises:
            DecodeError: it is not asked, for other files take too long.
            OSError: there is no child.
        """
        if not self._turn.acquire(timeout=QUEUE_S):
            raise DecodeError("other files take too long")
        try:
            if alone:
                self._end(kill=True)
            process = self._running()
            killer = threading.Timer(MAX_S + START_S, process.kill)
            killer.daemon = True
            killer.start()
            try:
                line = _exchange(process, json.dumps(question).encode())
            finally:
                killer.cancel()
            if alone and line.endswith(b"\n"):
                self._end(kill=True)
                return line, None
            if line.endswith(b"\n"):
                return line, None
            self._end(kill=len(line) >= MAX_ANSWER_BYTES)
            return line, process.returncode
        finally:
            self._turn.release()

    def end(self) -> None:
        """See that there is none."""
        with self._turn:
            self._end(kill=True)

    def _running(self) -> "subprocess.Popen[bytes]":
        if self.process and self.process.poll() is None:
            return self.process
        self._end(kill=True)
        environment = {k: v for k, v in os.environ.items() if k in PASSED_ON}
        # A thread for each processor would take its address space.
        environment["OPENBLAS_NUM_THREADS"] = "1"
        paths = (str(ROOT), os.environ.get("PYTHONPATH", ""))
        environment["PYTHONPATH"] = os.pathsep.join(filter(None, paths))
        self.process = subprocess.Popen(
            COMMAND,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment,
            cwd=os.sep,
            # Ctrl-C is for the worker, which may still need it.
            start_new_session=True,
        )
        return self.process

    def _end(self, *, kill: bool) -> None:
        process, self.process = self.process, None
        if process:
            if kill:
                process.kill()
            process.communicate()


_CHILD = _Child()
#: Inspecting takes longest: what is quick does not wait for it.
_INSPECTOR = _Child()
atexit.register(close)


def _exchange(process: "subprocess.Popen[bytes]", question: bytes) -> bytes:
    to, of = cast("IO[bytes]", process.stdin), cast("IO[bytes]", process.stdout)
    with suppress(BrokenPipeError):
        to.write(question + b"\n")
        to.flush()
    return of.readline(MAX_ANSWER_BYTES)


def _ask(
    read: Callable[[Mapping[str, Any]], T], what: str, path: Path, *aspects: float
) -> T:
    """What is answered of a file, as `read` understands it."""
    try:
        # A file that took over its decoder could lie about those after it, and a first
        # frame decides whose a prediction is.
        alone = what == "first_frame"
        question = (what, str(path.absolute()), *aspects)
        child = _INSPECTOR if what == "inspect" else _CHILD
        line, exit_code = child.ask(question, alone=alone)
    except OSError as error:
        raise DecodeError(f"there is no decoder: {error}") from None
    if exit_code is not None:
        raise DecodeError(_why_it_ended(exit_code))
    try:
        answer = json.loads(line)
        if "why" in answer:
            raise DecodeError(str(answer["why"]))
        return read(answer)
    except (ValueError, LookupError, TypeError):
        raise DecodeError("its decoder gave an answer that cannot be read") from None


def _why_it_ended(exit_code: int) -> str:
    words = {
        -signal.SIGPROF: f"it takes longer than {CPU_S:g} s",
        -signal.SIGALRM: f"it takes longer than {MAX_S:g} s",
        -signal.SIGKILL: "its decoder had to be killed",
        NO_MEMORY: f"it needs more than {MAX_MEMORY_BYTES >> 20} MB of memory",
    }
    return words.get(exit_code, f"its decoder broke (exit code {exit_code})")


def _bytes(text: str) -> bytes:
    return base64.b64decode(text, validate=True)


def _pixels(text: str) -> bytes:
    pixels = _bytes(text)
    if len(pixels) != 3 * SIDE_PX**2:
        raise ValueError("a picture of another size")
    return pixels
