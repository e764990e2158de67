"""Makes the pictures of the documentation anew: `make pictures`.

Each is a picture of the real thing: the report of the demo, and the dashboard while a
fleet of three workers renders two batches against the stand-in.
"""

import subprocess
import sys
from io import BytesIO
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, Page

from jobs.states import State
from tests.browser.running import PASSWORD, ROOT, USER, browser, flower
from tests.fleet.running import API_KEY, fleet
from tests.producer.running import REELMILL, desk, quick_sandbox, until

PICTURES = ROOT / "docs" / "pictures"

#: Colours are enough for a page, and a picture is small then.
COLOURS = 200

#: Plays the beginning of every video that is in view, so that its first frame is there.
PLAYED = """() => Promise.all([...document.querySelectorAll('video')].slice(0, 6)
  .map(async video => { video.muted = true; await video.play(); video.pause(); }))"""


def keep(page: Page, name: str) -> None:
    """Keep what a page shows."""
    shown = Image.open(BytesIO(page.screenshot()))
    few = shown.convert("P", palette=Image.Palette.ADAPTIVE, colors=COLOURS)
    few.save(PICTURES / name, optimize=True)


def of_report(started: Browser) -> None:
    """The report of the demo."""
    with desk() as place:
        # What the report says of places is then the same on every machine.
        own = {**place.environment, "REELMILL_HOME": "home", "REELMILL_STORE": "videos"}
        subprocess.run([REELMILL, "demo"], cwd=place.folder, env=own, check=True)
        (report,) = place.folder.glob("**/report.html")
        page = started.new_page(viewport={"width": 1100, "height": 1500})
        page.goto(report.as_uri())
        page.wait_for_load_state("networkidle")
        page.evaluate(PLAYED)
        # Until the controls have faded to rest.
        page.wait_for_timeout(4_000)
        keep(page, "report.png")


def of_flower(started: Browser) -> None:
    """The dashboard while a fleet is at work."""
    with (
        quick_sandbox("--key", API_KEY, generation_s=3.0) as sandbox,
        fleet(sandbox) as made,
        flower(made.place.folder, made.place.environment) as url,
    ):
        made.ready(*(made.worker() for _ in range(3)))
        made.order(40, "spring-shoes-1f0c33ab")
        made.order(4, "bags-77ab01c2")
        until(lambda: made.count(State.STORED) > 20)
        page = started.new_page(
            viewport={"width": 1560, "height": 760},
            http_credentials={"username": USER, "password": PASSWORD},
        )
        page.goto(f"{url}/tasks")
        page.wait_for_selector("#tasks-table tbody tr:nth-child(10)")
        keep(page, "flower.png")


def main() -> None:
    """Make them all, or those that are named."""
    makers = {"report": of_report, "flower": of_flower}
    for name in sys.argv[1:] or makers:
        with browser() as started:
            makers[name](started)
        sys.stdout.write(f"{Path('docs') / 'pictures' / name}.png\n")


if __name__ == "__main__":
    main()
