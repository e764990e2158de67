"""The real `reelmill` command as a person runs it, in a folder and with an account.

It starts processes, waits for conditions and reads what is left behind; what all that
should look like stands in the tests.
"""

import csv
import json
import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import (
    ExitStack,
    chdir,
    contextmanager,
    redirect_stderr,
    redirect_stdout,
    suppress,
)
from dataclasses import dataclass, field
from functools import partial
from io import StringIO
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from producer.cli import main
from tests import forked
from tests.sandbox.running import RunningSandbox, running_sandbox

REELMILL = Path(sys.executable).with_name("reelmill")

#: Shorter than the time-out of a test, which would not say what it waited for.
PATIENCE_S = 120.0

#: Short names of the five models, the cheapest first, and what 5 s cost.
MODELS = {
    "kling-v2.6-std": 210_000,
    "kling-v1.6-std": 250_000,
    "kling-v2.1-std": 250_000,
    "kling-v1.6-multi": 250_000,
    "kling-v3.0-std": 420_000,
}

COLUMNS = ("id", "model", "image", "images", "prompt")

#: Everything a little faster than with the real provider, and an account of high rank.
QUICK = {
    "REELMILL_TIER": "ultra",
    "REELMILL_POLL_MIN_S": "0.1",
    "REELMILL_FIRST_POLL_S": "0.3",
    "REELMILL_TICK_S": "0.1",
    # Loading what inspects takes each worker half a second; its tests turn it on.
    "REELMILL_QUALITY": "off",
}


def until(
    true: Callable[[], Any], patience_s: float = PATIENCE_S, *, every_s: float = 0.05
) -> Any:
    """What `true` returns as soon as that is true."""
    end_s = time.monotonic() + patience_s
    while not (value := true()):
        assert time.monotonic() < end_s, f"{true} did not come true"
        time.sleep(every_s)
    return value


@contextmanager
def quick_sandbox(*args: str, **settings: object) -> Iterator[RunningSandbox]:
    """A stand-in provider that renders small videos in half a second."""
    quick = {"tier": "ultra", "quality": "small", "generation_s": 0.5} | settings
    with running_sandbox(*args, **quick) as sandbox:
        yield sandbox


@dataclass(frozen=True, slots=True)
class Ended:
    """How a command ended, and what it said."""

    code: int
    out: str
    err: str

    def json(self) -> Any:
        """What it printed for a program."""
        return json.loads(self.out)


@dataclass(slots=True)
class Begun:
    """A command that was started and may still run."""

    process: forked.Process
    out: Path
    err: Path

    @property
    def said(self) -> str:
        """What it told the person so far."""
        return self.err.read_text("utf-8")

    def child(self, word: str) -> int | None:
        """Process id of its child whose command line has `word` in it."""
        found = (pid for pid in children(self.process.pid) if word in command_of(pid))
        return next(found, None)

    def await_child(self, word: str) -> int:
        """Process id of that child, as soon as there is one."""
        return int(until(partial(self.child, word)))

    def family(self) -> dict[int, str]:
        """Process ids of its descendants, and the command of each."""
        found = children(self.process.pid)
        found += [each for pid in found for each in children(pid)]
        return {pid: command_of(pid) for pid in found}

    def send(self, number: signal.Signals) -> None:
        """Send it a signal."""
        self.process.send_signal(number)

    def ended(self, patience_s: float = PATIENCE_S) -> Ended:
        """How it ended, as soon as it has."""
        code = self.process.wait(patience_s)
        return Ended(code, self.out.read_text("utf-8"), self.said)


@dataclass(slots=True)
class Desk:
    """A person's folder with manifests, home and store, and an account."""

    folder: Path
    environment: dict[str, str] = field(default_factory=dict)
    begun: list[Begun] = field(default_factory=list)

    @property
    def home(self) -> Path:
        """Where the private ledger is."""
        return self.folder / "home"

    @property
    def store(self) -> Path:
        """Where the videos go."""
        return self.folder / "store"

    def write(self, name: str, content: str | bytes) -> Path:
        """A file in the folder."""
        path = self.folder / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    def start(self, *words: object, **environment: str | None) -> Begun:
        """Start `reelmill` with these words; None takes a variable away."""
        given = {**self.environment, **environment}
        number = len(self.begun)
        out, err = (self.folder / f"{number}.{name}" for name in ("out", "err"))
        with out.open("wb") as to_out, err.open("wb") as to_err:
            process = forked.start(
                "producer",
                [*map(str, words)],
                out=to_out.fileno(),
                err=to_err.fileno(),
                cwd=self.folder,
                environment={n: text for n, text in given.items() if text is not None},
            )
        self.begun.append(Begun(process, out, err))
        return self.begun[-1]

    def reelmill(self, *words: object, **environment: str | None) -> Ended:
        """Run `reelmill` with these words to its end."""
        return self.start(*words, **environment).ended()

    def here(self, *words: object, **environment: str | None) -> Ended:
        """Do in this process what `reelmill` does; for commands that render nothing."""
        given = {**self.environment, **environment}
        kept = {name: text for name, text in given.items() if text is not None}
        out, err = StringIO(), StringIO()
        with ExitStack() as place:
            place.enter_context(chdir(self.folder))
            place.enter_context(patch.dict(os.environ, kept, clear=True))
            place.enter_context(
                patch.object(sys, "argv", [REELMILL.name, *map(str, words)])
            )
            place.enter_context(redirect_stdout(out))
            place.enter_context(redirect_stderr(err))
            ended = place.enter_context(pytest.raises(SystemExit))
            main()
        return Ended(int(ended.value.code or 0), out.getvalue(), err.getvalue())

    def run(self, manifest: Path, *words: object, **environment: str | None) -> Ended:
        """Render a manifest without being asked."""
        return self.reelmill("run", manifest, "--yes", *words, **environment)

    def report(self) -> dict[str, Any]:
        """The report of the only batch in the store."""
        (path,) = self.store.glob("*/report.json")
        return dict(json.loads(path.read_text("utf-8")))

    def videos(self) -> list[Path]:
        """The videos in the store."""
        return sorted(self.store.glob("**/*.mp4"))


def furnished(folder: Path, sandbox: RunningSandbox | None, key: str = "a-key") -> Desk:
    """A desk in an empty folder, which whoever made the folder removes."""
    made = Desk(folder)
    made.environment = {
        "PATH": os.environ["PATH"],
        "REELMILL_HOME": str(made.home),
        "REELMILL_STORE": str(made.store),
        **QUICK,
    }
    if sandbox:
        made.environment |= {
            "WAVESPEED_BASE_URL": sandbox.url,
            "WAVESPEED_API_KEY": key,
        }
    return made


@contextmanager
def desk(
    sandbox: RunningSandbox | None = None, key: str = "a-key", **settings: str
) -> Iterator[Desk]:
    """A desk in a short temporary folder; whatever still runs at the end is ended."""
    folder = Path(tempfile.mkdtemp(prefix="rm"))
    made = furnished(folder, sandbox, key)
    made.environment |= settings
    try:
        yield made
    finally:
        for begun in made.begun:
            if begun.process.poll() is None:
                begun.process.kill()
                begun.process.wait()
        # Its worker and its server write until they have ended.
        while left := at_home_in(folder):
            for pid in left:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            until(partial(ended, left))
        shutil.rmtree(folder)


def rows(
    sandbox: RunningSandbox, count: int, models: Iterable[str] = MODELS
) -> list[dict[str, str]]:
    """So many rows, over the models in turn."""
    names = list(models)
    picture = f"{sandbox.files_url}/pictures/mug.jpg"
    made = []
    for number in range(count):
        model = names[number % len(names)]
        column = "images" if model.endswith("multi") else "image"
        row = {"id": f"r{number:03}", "model": model, column: picture}
        made.append({**row, "prompt": f"Slow orbit {number}"})
    return made


def as_csv(table: Iterable[Mapping[str, str]]) -> str:
    """The rows as the text of a manifest."""
    lines = _Lines()
    writer = csv.DictWriter(lines, COLUMNS, restval="")
    writer.writeheader()
    writer.writerows(table)
    return "".join(lines)


class _Lines(list[str]):
    """What the csv module writes to."""

    write = list.append


def children(pid: int) -> list[int]:
    """Process ids of the children that a process has now."""
    found: list[int] = []
    for each in Path(f"/proc/{pid}/task").glob("*/children"):
        with suppress(OSError):  # a thread that has ended meanwhile
            found += map(int, each.read_text().split())
    return found


def command_of(pid: int) -> str:
    """The command line of a process; empty once it has ended."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    except OSError:
        return ""


def at_home_in(folder: Path) -> list[int]:
    """Process ids of those that were given a path below a folder."""
    found = []
    for each in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            given = (each / "environ").read_bytes() + (each / "cmdline").read_bytes()
            if str(folder).encode() in given:
                found.append(int(each.name))
    return found


def left_nothing(family: Mapping[int, str]) -> bool:
    """Whether all of a family, by process id and command, is gone with its command.

    What decodes for a worker ends by itself, a moment after a worker that was killed.
    """
    decoders = [pid for pid, words in family.items() if "worker.decoding" in words]
    others = family.keys() - set(decoders)
    return ended(others) and bool(until(lambda: ended(decoders)))


def ended(pids: Iterable[int]) -> bool:
    """Whether none of these processes runs any more."""
    return not any(map(command_of, pids))


def holding(folder: Path, text: str) -> list[Path]:
    """The files below a folder that have `text` in them."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    return [path for path in files if text.encode() in path.read_bytes()]
