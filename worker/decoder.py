"""Who decodes for a worker: a child process, as a decoder may break.

What decodes a stranger's bytes can crash, hang or take all memory. Here that ends a
child that has no secrets and little memory, and costs one poster or one comparison; the
worker never decodes. The child ends by its own alarm or with its parent. What a poster
is stands in `posters`, and what is compared in `frames`.
"""

import atexit
import base64
import json
import os
import resource
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeVar

from worker import frames, posters
from worker.frames import DecodeError, FirstFrame

T = TypeVar("T")

#: What is asked, or answered, as one line of JSON.
Answer = Mapping[str, Any]

ROOT = Path(__file__).parent.parent
# Not from the folder that the worker happens to be started in.
COMMAND = (sys.executable, "-P", "-m", "worker.decoder")
#: All that it sees of the environment: how its libraries are found.
PASSED_ON = ("PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")

#: What takes more of the processor's time is not decoded.
PATIENCE_S = 2.0
#: What takes more of anybody's time is not decoded either.
LONGEST_S = 20.0
#: For its alarm to end it, and for its libraries to be found on a busy machine.
GRACE_S = 0.5
START_S = 30.0
#: Who has waited so long for others goes without: the thread is needed.
QUEUE_S = 30.0
#: Of address space; its libraries take 150 MB, frames of 4K with 16 others 200 MB.
MOST_MEMORY_BYTES = 640 << 20
LIMITS = (
    (resource.RLIMIT_AS, MOST_MEMORY_BYTES),
    (resource.RLIMIT_FSIZE, 0),
    (resource.RLIMIT_CORE, 0),
)
NO_MEMORY = 3
LONGEST_ANSWER_BYTES = 2 << 20


class Decoder:
    """Decodes one file after the other; for any number of threads."""

    def __init__(self, command: Sequence[str] = COMMAND) -> None:
        self._command = command
        self._turn = threading.Lock()
        self._child: subprocess.Popen[bytes] | None = None

    def poster(self, video: Path) -> bytes:
        """The poster of a video, as `posters.make` makes it.

        Raises:
            DecodeError: it has none, or not soon.
        """
        return self._ask(lambda told: _bytes(told["poster"]), poster=_text(video))

    def first_frame(self, video: Path) -> FirstFrame:
        """What a video begins with, as `frames.first_frame` tells.

        Raises:
            DecodeError: it cannot be decoded, or not soon.
        """
        return self._ask(_first_frame, first_frame=_text(video))

    def shrunk(self, picture: Path, aspects: Sequence[float]) -> list[bytes]:
        """A picture in each of these ratios, as `frames.shrunk` makes it.

        Raises:
            DecodeError: it cannot be decoded, or not soon.
        """

        def read(told: Answer) -> list[bytes]:
            parts = told["shrunk"]
            return [_pixels(parts[number]) for number in range(len(aspects))]

        return self._ask(read, shrunk=_text(picture), aspects=list(aspects))

    def close(self) -> None:
        """End the child; the next file starts another."""
        with self._turn:
            self._end()

    def _running(self) -> "subprocess.Popen[bytes]":
        if self._child and self._child.poll() is None:
            return self._child
        self._end()
        environment = {k: v for k, v in os.environ.items() if k in PASSED_ON}
        paths = (str(ROOT), os.environ.get("PYTHONPATH", ""))
        environment["PYTHONPATH"] = os.pathsep.join(filter(None, paths))
        self._child = subprocess.Popen(  # noqa: S603 - a command of our own
            self._command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment,
            cwd=os.sep,
            # Ctrl-C is for the worker, which may still need it.
            start_new_session=True,
            bufsize=0,
        )
        if not _line(self._child, START_S):
            raise DecodeError(f"there is no decoder: {self._end()}")
        return self._child

    def _ask(self, read: Callable[[Answer], T], **asked: object) -> T:
        """What the child answers, once it has time for this."""
        if not self._turn.acquire(timeout=QUEUE_S):
            raise DecodeError("other files take too long")
        try:
            line = self._answered(self._running(), asked)
            try:
                told = json.loads(line)
                if "why" in told:
                    raise DecodeError(str(told["why"]))
                return read(told)
            except (ValueError, LookupError, TypeError):
                raise DecodeError(self._end()) from None
        except OSError as error:
            self._end()
            raise DecodeError(f"there is no decoder: {error}") from None
        finally:
            self._turn.release()

    @staticmethod
    def _answered(child: "subprocess.Popen[bytes]", asked: Answer) -> bytes:
        assert child.stdin  # noqa: S101 - a pipe was asked for
        with suppress(BrokenPipeError):
            child.stdin.write(json.dumps(asked).encode() + b"\n")
        return _line(child, LONGEST_S + GRACE_S)

    def _end(self) -> str:
        """See that there is no child; in words what became of the last."""
        child, self._child = self._child, None
        if not child:
            return ""
        if child.stdin:
            child.stdin.close()
        # Who ends by itself is left its reason.
        with suppress(subprocess.TimeoutExpired):
            child.wait(GRACE_S)
        with child:
            child.kill()
        if child.returncode in (-signal.SIGALRM, -signal.SIGPROF):
            return f"it takes longer than {PATIENCE_S:g} s"
        if child.returncode == -signal.SIGKILL:
            return "its decoder had to be killed"
        if child.returncode == NO_MEMORY:
            return f"it needs more than {MOST_MEMORY_BYTES >> 20} MB of memory"
        return f"its decoder broke (exit code {child.returncode})"


_DECODER = Decoder()
atexit.register(_DECODER.close)


def decoder() -> Decoder:
    """That of this process; one, whichever threads ask at once."""
    return _DECODER


def _text(path: Path) -> str:
    return str(path.absolute())


def _bytes(text: str) -> bytes:
    return base64.b64decode(text, validate=True)


def _pixels(text: str) -> bytes:
    pixels = _bytes(text)
    if len(pixels) != 3 * frames.SIDE_PX**2:
        raise ValueError("a picture of another size")
    return pixels


def _first_frame(told: Answer) -> FirstFrame:
    length_s = told["length_s"]
    return FirstFrame(
        float(told["aspect"]),
        None if length_s is None else float(length_s),
        _pixels(told["pixels"]),
    )


def _line(child: "subprocess.Popen[bytes]", patience_s: float) -> bytes:
    """The next line that it says; empty if none comes in time."""
    assert child.stdout  # noqa: S101 - a pipe was asked for
    until_s, said, waiting = time.monotonic() + patience_s, b"", select.poll()
    waiting.register(child.stdout, select.POLLIN)
    while not said.endswith(b"\n"):
        left_s = until_s - time.monotonic()
        if len(said) > LONGEST_ANSWER_BYTES or not waiting.poll(max(0.0, left_s) * 1e3):
            return b""
        piece = os.read(child.stdout.fileno(), 1 << 16)
        if not piece:
            return b""
        said += piece
    return said


def limit() -> None:
    """Let this process have little memory, and write no file."""
    for which, most in LIMITS:
        # Lower already, or unknown to this system.
        with suppress(ValueError, OSError):
            resource.setrlimit(which, (most, most))


def main() -> None:
    """Decode the files that are named on standard input, a line each."""
    limit()
    frames.prepare()
    _say({})
    for line in sys.stdin:
        asked = json.loads(line)
        # Nobody handles them, so they end even what is deep in a decoder.
        signal.setitimer(signal.ITIMER_PROF, PATIENCE_S)
        signal.setitimer(signal.ITIMER_REAL, LONGEST_S)
        try:
            said = _made(asked)
        except DecodeError as error:
            said = {"why": str(error)}
        except MemoryError:
            # It may have been leaked, so the next file is another child's.
            sys.exit(NO_MEMORY)
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.setitimer(signal.ITIMER_REAL, 0)
        _say(said)


def _made(asked: Answer) -> Answer:
    match asked:
        case {"poster": video}:
            return {"poster": _told(posters.make(Path(video)))}
        case {"first_frame": video}:
            first = frames.first_frame(Path(video))
            return {**asdict(first), "pixels": _told(first.pixels)}
        case _:
            made = frames.shrunk(Path(asked["shrunk"]), asked["aspects"])
            return {"shrunk": [_told(pixels) for pixels in made]}


def _told(content: bytes) -> str:
    return base64.b64encode(content).decode()


def _say(what: Answer) -> None:
    print(json.dumps(what), flush=True)  # noqa: T201 - to the worker


if __name__ == "__main__":
    main()
