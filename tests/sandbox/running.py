"""A running sandbox for tests: a process, on ports of its own."""

import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx

from tests import forked


@dataclass(frozen=True, slots=True)
class RunningSandbox:
    """Where it is, and how to ask and change it."""

    url: str
    files_url: str
    pid: int
    process: forked.Process | subprocess.Popen[str]

    def books(self, *, rows: bool = False) -> dict[str, Any]:
        """Its own books; with `rows`, every prediction too."""
        query = {"rows": "1"} if rows else {}
        answer = httpx.get(f"{self.url}/sandbox/books", params=query, trust_env=False)
        return dict(answer.raise_for_status().json())

    def configure(self, **settings: object) -> dict[str, Any]:
        """Change settings and faults; returns all of them."""
        answer = httpx.post(
            f"{self.url}/sandbox/settings", json=settings, trust_env=False
        )
        assert answer.is_success, answer.text
        return dict(answer.json())


@contextmanager
def running_sandbox(*args: str, **settings: object) -> Iterator[RunningSandbox]:
    """Start a sandbox with arguments and settings; stop it at the end."""
    pairs = [f"--set={name}={json.dumps(value)}" for name, value in settings.items()]
    words = ["--port=0", "--with-parent", *pairs, *args]
    reader, writer = os.pipe()
    with os.fdopen(reader, encoding="utf-8") as output:
        process = forked.start("sandbox", words, out=writer)
        os.close(writer)
        try:
            ready = output.readline()
            assert ready, f"the sandbox ended with {process.wait()} instead of starting"
            yield RunningSandbox(process=process, **json.loads(ready))
        finally:
            process.terminate()
            process.wait(5)
