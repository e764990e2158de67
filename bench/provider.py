"""The provider of a measurement: the sandbox in a process of its own, and its books.

All jobs begin with the same sample picture, so it makes one video and serves that to
all of them. Generation times are drawn from the seed and the number of the prediction,
so every contender gets the same ones.
"""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.request import ProxyHandler, build_opener

#: Seconds; the books of a long run are large.
_TIMEOUT_S = 60.0

#: No proxy of the environment: everything stays on this machine.
_OPENER = build_opener(ProxyHandler({}))

#: Dollars of the account: more than any run spends.
_BALANCE_USD = 10_000_000


@dataclass(frozen=True, slots=True)
class Prediction:
    """What the provider has in its books of one prediction; times in Unix seconds."""

    prompt: str
    created_at_s: float
    completed_at_s: float
    polls: int
    #: Whether anybody asked for its video.
    fetched: bool


@dataclass(frozen=True, slots=True)
class Counts:
    """What the provider has counted since its start."""

    created: int
    #: Predictions that are being generated now.
    at_once: int
    max_at_once: int
    #: The most creations that any 60 s have seen.
    max_in_60_s: int
    #: Answers that were a 429.
    refused: int
    polls: int
    #: Requests of all kinds.
    requests: int
    #: Webhooks that were taken by their receiver.
    webhooks: int


@dataclass(frozen=True, slots=True)
class Provider:
    """A provider that listens."""

    url: str
    files_url: str
    pid: int

    @property
    def picture(self) -> str:
        """The address of a picture that it has."""
        return f"{self.files_url}/pictures/mug.jpg"

    def predictions(self) -> list[Prediction]:
        """Every prediction, the oldest first."""
        return [
            Prediction(
                prompt=row["inputs"]["prompt"],
                created_at_s=row["created_at_s"],
                completed_at_s=row["due_at_s"],
                polls=row["looks"],
                fetched=row["downloads"] > 0,
            )
            for row in self._books("?rows=1")["rows"]
        ]

    def counts(self) -> Counts:
        """The figures alone, cheap enough to be asked for every second."""
        books = self._books()
        over = books["completed"] + books["failed"]
        requests = books["requests"]
        return Counts(
            created=books["predictions"],
            at_once=books["predictions"] - over,
            max_at_once=books["most_concurrent"],
            max_in_60_s=books["worst_60s_starts"],
            refused=books["answers"].get("429", 0),
            polls=requests.get("result", 0),
            requests=sum(requests.values()),
            webhooks=sum(n for code, n in books["webhooks"].items() if code[0] == "2"),
        )

    def _books(self, query: str = "") -> dict[str, Any]:
        url = f"{self.url}/sandbox/books{query}"
        with _OPENER.open(url, timeout=_TIMEOUT_S) as answer:
            books: dict[str, Any] = json.load(answer)
        return books


@contextmanager
def started(**settings: object) -> Iterator[Provider]:
    """A sandbox with these settings, which ends with the block."""
    chosen = {"tier": "ultra", "quality": "small"} | settings
    pairs = [f"--set={name}={json.dumps(value)}" for name, value in chosen.items()]
    command = [sys.executable, "-m", "sandbox", "--port=0", "--with-parent"]
    process = subprocess.Popen(
        [*command, f"--balance={_BALANCE_USD}", *pairs],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
    )
    with process:
        try:
            line = process.stdout.readline() if process.stdout else b""
            if not line:
                raise RuntimeError("the sandbox ended before it listened; see above")
            yield Provider(**json.loads(line))
        finally:
            process.terminate()
