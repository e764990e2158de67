"""A browser for tests and pictures, and the dashboard as the Makefile starts it.

It starts and ends processes and waits for conditions; what should be seen stands in
the tests.
"""

import os
import shlex
import signal
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from io import BytesIO
from pathlib import Path
from urllib.request import urlopen

from PIL import Image
from playwright.sync_api import Browser, sync_playwright

from producer.subprocesses import Child
from tests.browser.finding import browser_path
from tests.producer.running import until

ROOT = Path(__file__).parent.parent.parent

#: Name and password of the dashboard.
USER, PASSWORD = "ann", "shown-to-nobody"


def keep(picture: bytes, name: str) -> None:
    """Keep a PNG for the documentation; 256 colours make it small."""
    shown = Image.open(BytesIO(picture)).convert("RGB")
    few = shown.convert("P", palette=Image.Palette.ADAPTIVE, colors=256)
    few.save(ROOT / "docs" / "pictures" / f"{name}.png", optimize=True)


@contextmanager
def browser() -> Iterator[Browser]:
    """A browser without a window."""
    # Root has no sandbox of the kernel's; every page here is our own.
    options = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(
            executable_path=browser_path(), args=options
        )
        try:
            yield started
        finally:
            started.close()


def flower_command() -> list[str]:
    """What `make flower` runs."""
    text = (ROOT / "Makefile").read_text("utf-8").replace("\\\n", " ")
    line = next(line for line in text.splitlines() if " flower --" in line)
    return shlex.split(line.strip().replace("$(BIN)/", f"{ROOT}/.venv/bin/"))


@contextmanager
def flower(folder: Path, environment: Mapping[str, str]) -> Iterator[str]:
    """Address of the dashboard over a fleet's ledger."""
    port = _free_port()
    words = [w for w in flower_command() if not w.startswith(("--port=", "--db="))]
    words += [f"--port={port}", f"--db={folder / 'flower.db'}"]
    own = {"FLOWER_BASIC_AUTH": f"{USER}:{PASSWORD}", "PYTHONPATH": str(ROOT)}
    log = folder / "flower.log"
    with Child("flower", words, log=log, environment={**environment, **own}) as child:
        url = f"http://127.0.0.1:{port}"
        until(lambda: _is_up(url))
        # It hears of tasks from the moment that it listens to the broker.
        until(lambda: "Connected to" in log.read_text("utf-8"))
        yield url
        # Kindly it would wait for the broker, which may be gone before it.
        os.kill(child.pid, signal.SIGKILL)


def _is_up(url: str) -> bool:
    with suppress(OSError), urlopen(f"{url}/healthcheck", timeout=2) as answer:  # noqa: S310 - an address of our own
        return bool(answer.status == 200)
    return False


def _free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])
