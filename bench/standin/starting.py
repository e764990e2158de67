"""Starting a stand-in in a process of its own, and asking it what it has counted.

It ends with the block that started it, and with the process that did.
"""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.request import ProxyHandler, Request, build_opener

#: The books of a long run are large.
_PATIENCE_S = 60.0

#: No proxy of the environment: everything stays on this machine.
_OPENER = build_opener(ProxyHandler({}))


@dataclass(frozen=True, slots=True)
class Standin:
    """A stand-in that listens."""

    url: str
    pid: int

    def books(self) -> dict[str, Any]:
        """All it has counted, with every prediction."""
        return self._ask("GET", "/bench/books")

    def counts(self) -> dict[str, Any]:
        """The figures alone."""
        return self._ask("GET", "/bench/counts")

    def reset(self) -> None:
        """Let it forget everything."""
        self._ask("POST", "/bench/reset")

    def _ask(self, method: str, path: str) -> dict[str, Any]:
        asked = Request(self.url + path, method=method)  # noqa: S310 - our own address
        with _OPENER.open(asked, timeout=_PATIENCE_S) as answer:
            told: dict[str, Any] = json.load(answer)
        return told


@contextmanager
def started(*options: str) -> Iterator[Standin]:
    """A stand-in with these options of its command line."""
    command = [sys.executable, "-m", "bench.standin", "--port=0", "--with-parent"]
    process = subprocess.Popen(  # noqa: S603 - a list that the bench made, no shell
        [*command, *options], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE
    )
    with process:
        try:
            line = process.stdout.readline() if process.stdout else b""
            if not line:
                raise RuntimeError("the stand-in ended before it listened; see above")
            yield Standin(json.loads(line)["url"], process.pid)
        finally:
            process.terminate()
