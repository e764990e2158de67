"""One shell that types the tutorial, in a folder beside an installed clone.

It adds nothing between two blocks but a mark by which their outputs are told apart.
What should be printed stands in the page.
"""

import os
import re
import shutil
import signal
import socket
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from tests.browser.finding import browser_path
from tests.tutorial.page import ROOT

#: What a reader's folders are called in the page.
READERS = "/srv"

#: The ports that the page names, and the sample with it.
PORTS = ("8787", "8789")

#: Stands between the outputs of two blocks, with the exit code of the first.
_MARK = "\x1e"

#: All of it takes some twenty seconds where nothing else runs; machines may be busy.
PATIENCE_S = 150.0


@dataclass(frozen=True, slots=True)
class Typed:
    """What came of the commands of one block."""

    output: str
    #: Exit code of its last command.
    code: int


def type_all(folder: Path, commands: Sequence[str]) -> list[Typed]:
    """Type the commands of each block into one shell, and read what is printed.

    Args:
        folder: an empty folder; the clone and the reader's own files come into it.
        commands: those of each block, in order.
    """
    clone = _clone(folder)
    ports = {port: _free(port) for port in PORTS}
    _swap(clone / "sandbox/samples/shop.csv", ports)
    script = "".join(f'{text}printf "{_MARK}$?{_MARK}"\n' for text in commands)
    printed = _run(clone, _swapped(script, ports))
    back = {other: port for port, other in ports.items()}
    printed = _swapped(printed.replace(str(folder), READERS), back)
    parts = re.split(f"{_MARK}(\\d+){_MARK}", printed)
    return [Typed(parts[at], int(parts[at + 1])) for at in range(0, len(parts) - 1, 2)]


def _clone(folder: Path) -> Path:
    """What `git clone` and an earlier `make install` leave behind."""
    clone = folder / "reelmill"
    clone.mkdir()
    (clone / ".venv").symlink_to(ROOT / ".venv")
    shutil.copytree(ROOT / "sandbox/samples", clone / "sandbox/samples")
    shutil.copytree(ROOT / ".constraints", clone / ".constraints")
    for name in ("Makefile", "pyproject.toml"):
        shutil.copy(ROOT / name, clone)
    # Older than the installation, which is therefore not made again.
    for path in (clone / "pyproject.toml", *(clone / ".constraints").iterdir()):
        os.utime(path, (0, 0))
    return clone


def _run(clone: Path, script: str) -> str:
    # Root has no sandbox of the kernel's; the page is our own.
    options = "--headless --dump-dom" + " --no-sandbox" * (os.geteuid() == 0)
    environment = {
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "HOME": str(clone.parent),
        "LANG": "C.UTF-8",
        "BROWSER": f"{browser_path()} {options} %s",
    }
    said = clone.parent / "said"
    with said.open("w") as output:
        shell = subprocess.Popen(
            ["/usr/bin/env", "bash", "-c", script],
            cwd=clone,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    with suppress(subprocess.TimeoutExpired):
        shell.wait(PATIENCE_S)
    # Whatever it has left running, in the background or because it hangs.
    with suppress(ProcessLookupError):
        os.killpg(shell.pid, signal.SIGKILL)
    shell.wait()
    return said.read_text("utf-8")


def _free(port: str) -> str:
    """The port, or another one where somebody else of this machine listens there."""
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            taken.bind(("127.0.0.1", int(port)))
        except OSError:
            taken.bind(("127.0.0.1", 0))
        return str(taken.getsockname()[1])


def _swapped(text: str, ports: dict[str, str]) -> str:
    pattern = "|".join(map(re.escape, ports))
    return re.sub(rf"\b({pattern})\b", lambda found: ports[found[1]], text)


def _swap(path: Path, ports: dict[str, str]) -> None:
    path.write_text(_swapped(path.read_text("utf-8"), ports), "utf-8")
