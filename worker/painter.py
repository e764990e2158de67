"""Who makes the posters of a worker: a child process, as a decoder may break.

What decodes a stranger's bytes can crash, hang or take all memory. Here that ends a
child that has no secrets and little memory, and costs one poster; the worker never
decodes. The child ends by its own alarm or with its parent. What a poster is stands in
`posters`.
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
from collections.abc import Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

from worker import posters
from worker.posters import NoPoster

ROOT = Path(__file__).parent.parent
# Not from the folder that the worker happens to be started in.
COMMAND = (sys.executable, "-P", "-m", "worker.painter")
#: All that it sees of the environment: how its libraries are found.
PASSED_ON = ("PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")

#: A video that takes longer has no poster.
PATIENCE_S = 2.0
#: For its alarm to end it, and for its libraries to be found on a busy machine.
GRACE_S = 0.5
START_S = 10.0
#: Who has waited so long for another's poster goes without: the thread is needed.
QUEUE_S = 1.0
#: Of address space; its libraries take 150 MB, frames of 4K with 16 others 200 MB.
MOST_MEMORY_BYTES = 640 << 20
LIMITS = (
    (resource.RLIMIT_AS, MOST_MEMORY_BYTES),
    (resource.RLIMIT_FSIZE, 0),
    (resource.RLIMIT_CORE, 0),
)
NO_MEMORY = 3
LONGEST_ANSWER_BYTES = 2 << 20


class Painter:
    """Makes one poster after the other; for any number of threads."""

    def __init__(self, command: Sequence[str] = COMMAND) -> None:
        self._command = command
        self._turn = threading.Lock()
        self._child: subprocess.Popen[bytes] | None = None

    def poster(self, video: Path) -> bytes:
        """The poster of a video, as `posters.make` makes it.

        Raises:
            NoPoster: it has none, or not soon.
        """
        if not self._turn.acquire(timeout=QUEUE_S):
            raise NoPoster("other posters take too long")
        try:
            return self._ask(self._running(), video)
        except OSError as error:
            self._end()
            raise NoPoster(f"posters cannot be made: {error}") from None
        finally:
            self._turn.release()

    def close(self) -> None:
        """End the child; the next poster starts another."""
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
            raise NoPoster(f"posters cannot be made: {self._end()}")
        return self._child

    def _ask(self, child: "subprocess.Popen[bytes]", video: Path) -> bytes:
        assert child.stdin  # noqa: S101 - a pipe was asked for
        with suppress(BrokenPipeError):
            child.stdin.write(json.dumps(str(video.absolute())).encode() + b"\n")
        line = _line(child, PATIENCE_S + GRACE_S)
        if not line:
            raise NoPoster(self._end())
        try:
            said = json.loads(line)
            if "why" in said:
                raise NoPoster(str(said["why"]))
            return base64.b64decode(said["poster"], validate=True)
        except (ValueError, LookupError, TypeError):
            raise NoPoster(self._end()) from None

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
        if child.returncode == -signal.SIGALRM:
            return f"it takes longer than {PATIENCE_S:g} s"
        if child.returncode == -signal.SIGKILL:
            return "its decoder had to be killed"
        if child.returncode == NO_MEMORY:
            return f"it needs more than {MOST_MEMORY_BYTES >> 20} MB of memory"
        return f"its decoder broke (exit code {child.returncode})"


@cache
def painter() -> Painter:
    """That of this process."""
    made = Painter()
    atexit.register(made.close)
    return made


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
    """Make posters of the videos that are named on standard input, a line each."""
    limit()
    posters.prepare()
    _say({})
    for line in sys.stdin:
        # Nobody handles it, so it ends even what is deep in a decoder.
        signal.setitimer(signal.ITIMER_REAL, PATIENCE_S)
        said = _made(Path(json.loads(line)))
        signal.setitimer(signal.ITIMER_REAL, 0)
        _say(said)


def _made(video: Path) -> dict[str, Any]:
    try:
        return {"poster": base64.b64encode(posters.make(video)).decode()}
    except NoPoster as error:
        return {"why": str(error)}
    except MemoryError:
        # It may have been leaked, so the next poster is another child's.
        sys.exit(NO_MEMORY)


def _say(what: dict[str, Any]) -> None:
    print(json.dumps(what), flush=True)  # noqa: T201 - to the worker


if __name__ == "__main__":
    main()
