"""Makes the pictures of the documentation anew: `make screenshots`.

Each is a picture of the real thing against the stand-in, with home and store below one
folder, so that what is said of places is the same on every machine.
"""

import csv
import fcntl
import io
import os
import re
import struct
import subprocess
import sys
import termios
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from itertools import product
from pathlib import Path

from playwright.sync_api import Browser
from rich.console import Console, RenderableType
from rich.text import Text

from jobs.states import State
from producer.watching.display import render
from producer.watching.eta import Poller
from tests.browser.running import PASSWORD, USER, browser, flower, keep
from tests.fleet.running import API_KEY, fleet
from tests.producer.running import REELMILL, Desk, desk, quick_sandbox, until
from tests.sandbox.running import RunningSandbox

#: Cells of a terminal that fits a page of the documentation.
WIDTH = 100

#: Places by names that every machine can have.
PLACES = {"REELMILL_HOME": "home", "REELMILL_STORE": "videos"}

PRODUCTS = ("mug", "lamp", "bag", "chair", "watch", "sneaker")
VIEWS = {
    "orbit": "Slow orbit around the product, soft morning light",
    "push-in": "The camera pushes in until the material fills the frame",
    "dusk": "Dusk falls in the room, still camera",
    "turn": "It turns half way round on a turntable, even studio light",
}
MODELS = ("kling-v2.6-std", "kling-v2.1-std", "kling-v1.6-std", "kling-v3.0-std")

#: What may happen in a night; the answer that is lost has a stranger's beside it.
NIGHT: dict[str, object] = {
    "outcome_1200": "first 3",
    "outcome_1400": "first 5",
    "outcome_5000": "first 8",
    "submit_429": "first 2",
    "submit_drop_after": "first 1",
    "stranger": "first 1",
}

#: A lost answer is settled while somebody waits for the picture.
SOON = {"REELMILL_SUBMIT_TIMEOUT_S": "2", "REELMILL_SETTLING_S": "3"}

#: Whether all that is in view has come: posters, and what shows when a video is there.
SHOWN = """() => [...document.images].every(image =>
  image.complete || image.getBoundingClientRect().top > innerHeight)"""

#: A line that was taken away again, such as one that said what is read.
_GONE = re.compile(r"[^\n]*\n(?:\x1b\[\?25[hl])*\r?\x1b\[1A\x1b\[2K")

#: What rich would have a viewer fetch from elsewhere.
_FONTS = re.compile(r"@font-face \{.*?\}", re.DOTALL)


def manifest(sandbox: RunningSandbox, views: int, *seasons: str) -> str:
    """A row for each season, each of so many views and each product."""
    file = io.StringIO()
    writer = csv.writer(file)
    writer.writerow(["id", "model", "image", "prompt"])
    for season, view, name in product(seasons, [*VIEWS][:views], PRODUCTS):
        model = MODELS[(len(view) + len(name)) % len(MODELS)]
        picture = f"{sandbox.files_url}/pictures/{name}.jpg"
        prompt = f"{VIEWS[view]}, {season}"
        writer.writerow([f"{name}-{view}-{season}", model, picture, prompt])
    return file.getvalue()


def keep_report(started: Browser, place: Desk, name: str) -> None:
    """A picture of the only report of a desk, once all in view is there."""
    (report,) = place.folder.glob("**/report.html")
    page = started.new_page(viewport={"width": 1100, "height": 1400})
    page.goto(report.as_uri())
    page.wait_for_load_state("networkidle")
    page.wait_for_function(SHOWN)
    keep(page.screenshot(), name)


def said(words: list[str | Path], place: Desk) -> Text:
    """What a command says at a terminal, with its colours."""
    own, its = os.openpty()
    fcntl.ioctl(its, termios.TIOCSWINSZ, struct.pack("HHHH", 50, WIDTH, 0, 0))
    given = {**place.environment, "TERM": "xterm-256color", "COLORTERM": "truecolor"}
    with subprocess.Popen(
        words, cwd=place.folder, env=given, stdin=its, stdout=its, stderr=its
    ):
        os.close(its)
        pieces = []
        # A terminal that nobody holds any more ends in an error.
        with suppress(OSError):
            while piece := os.read(own, 65_536):
                pieces.append(piece)
    os.close(own)
    text = b"".join(pieces).decode().replace("\r\n", "\n")
    return Text.from_ansi(_GONE.sub("", text).strip("\n"))


def keep_terminal(
    started: Browser, shown: RenderableType, title: str, name: str
) -> None:
    """A picture of what a terminal shows, as rich draws it."""
    console = Console(
        record=True,
        file=io.StringIO(),
        force_terminal=True,
        color_system="truecolor",
        width=WIDTH,
    )
    console.print(shown)
    drawn = _FONTS.sub("", console.export_svg(title=title))
    page = started.new_page(viewport={"width": 1_200, "height": 1_400})
    page.set_content(f'<body style="margin: 0; width: 1000px">{drawn}</body>')
    keep(page.locator("svg").first.screenshot(omit_background=True), name)


def of_report(started: Browser) -> None:
    """The report of the demo."""
    with desk() as place:
        environment = {**place.environment, **PLACES}
        subprocess.run(
            [REELMILL, "demo"], cwd=place.folder, env=environment, check=True
        )
        keep_report(started, place, "report")


def of_failures(started: Browser) -> None:
    """What a report says of a batch to which much has happened."""
    with (
        quick_sandbox(quality="demo", generation_s=1.0, **NIGHT) as sandbox,
        desk(sandbox, **PLACES, **SOON) as place,
    ):
        path = place.write("tonight.csv", manifest(sandbox, 4, "spring"))
        place.run(Path(path.name), "--budget", "20")
        keep_report(started, place, "report-failures")


def of_watch(started: Browser) -> None:
    """The panel of a batch that two workers are half through with."""
    with (
        quick_sandbox("--key", API_KEY, generation_s=4.0) as sandbox,
        fleet(sandbox, REELMILL_CONCURRENT_VIDEOS="16") as made,
    ):
        made.ready(made.worker(), made.worker())
        sandbox.configure(outcome_1200="first 2", outcome_5000="first 2")
        text = manifest(sandbox, 4, *(f"look-{number}" for number in range(1, 8)))
        path = made.place.write("spring-shoes.csv", text)
        ended = made.place.reelmill("submit", path, "--yes", "--budget", "60")
        assert ended.code == 0, ended.err
        poller = Poller(made.ledger, made.ledger.batches.ids(1))
        until(lambda: all(now.count(State.STORED) > 90 for now in poller.poll()))
        (now,) = poller.poll()
        # Its folder is a temporary one of this machine.
        batch = replace(now.batch, store="videos", manifest=path.name)
        shown = render([replace(now, batch=batch)], poller.paces)
        keep_terminal(started, shown, f"reelmill watch {batch.id}", "watch")


def of_statement(started: Browser) -> None:
    """What three small batches of two teams come to."""
    with (
        quick_sandbox(generation_s=0.3, outcome_5000="first 3") as sandbox,
        desk(sandbox, **PLACES) as place,
    ):
        teams = {"spring": "shoes", "summer": "shoes", "sale": "bags"}
        for season, team in teams.items():
            path = place.write(f"{season}.csv", manifest(sandbox, 2, season))
            place.run(path, "--label", f"team={team}")
        shown = said([REELMILL, "report", "--since", "30d"], place)
        keep_terminal(started, shown, "reelmill report --since 30d", "statement")


def of_flower(started: Browser) -> None:
    """The dashboard while a fleet is at work."""
    with (
        quick_sandbox("--key", API_KEY, generation_s=3.0) as sandbox,
        fleet(sandbox) as made,
        flower(made.place.folder, made.place.environment) as url,
    ):
        made.ready(*(made.worker() for _ in range(3)))
        until(lambda: made.said().count("enabled by remote") == 3)
        made.order(40, "spring-shoes-1f0c33ab")
        made.order(4, "bags-77ab01c2")
        until(lambda: made.count(State.STORED) > 20)
        page = started.new_page(
            viewport={"width": 1560, "height": 760},
            http_credentials={"username": USER, "password": PASSWORD},
        )
        page.goto(f"{url}/tasks")
        page.wait_for_selector("#tasks-table tbody tr:nth-child(10)")
        keep(page.screenshot(), "flower")


#: The pictures by name.
MAKERS: Mapping[str, Callable[[Browser], None]] = {
    "report": of_report,
    "failures": of_failures,
    "watch": of_watch,
    "statement": of_statement,
    "flower": of_flower,
}


def main() -> None:
    """Make them all, or those that are named."""
    for name in sys.argv[1:] or MAKERS:
        with browser() as started:
            MAKERS[name](started)
        sys.stdout.write(f"{name}: {Path('docs') / 'pictures'}\n")


if __name__ == "__main__":
    main()
