"""A running sandbox for tests: the real process, on ports of its own."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx


@dataclass(frozen=True, slots=True)
class RunningSandbox:
    """Where it is, and how to ask and change it."""

    url: str
    files_url: str
    pid: int
    process: subprocess.Popen[str]

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
    """Start `python -m sandbox` with arguments and settings; stop it at the end."""
    pairs = [f"--set={name}={json.dumps(value)}" for name, value in settings.items()]
    command = [sys.executable, "-m", "sandbox", "--port=0", "--with-parent"]
    with subprocess.Popen(
        [*command, *pairs, *args], stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None
            ready = process.stdout.readline()
            assert ready, f"the sandbox ended with {process.wait()} instead of starting"
            yield RunningSandbox(process=process, **json.loads(ready))
        finally:
            process.terminate()
            process.wait(5)
