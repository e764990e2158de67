"""Makes the pictures of the documentation anew: `make screenshots`.

Each is a picture of the real thing: the reports of the demo and of a bad night, the
panel that watches a batch, a statement, and the dashboard of a fleet at work. What they
show stands in `scenes`, how a terminal is photographed in `terminals`.
"""

import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from playwright.sync_api import Browser, Page

from jobs.states import State
from producer.watching.display import render
from tests.browser import scenes
from tests.browser.pictures import keep
from tests.browser.running import PASSWORD, USER, browser, flower
from tests.browser.terminals import photographed, said
from tests.fleet.running import API_KEY, fleet
from tests.producer.running import REELMILL, quick_sandbox, until

#: Cells of a terminal that fits a page of the documentation.
WIDTH = 100

PHONE = {"width": 360, "height": 740}
DESK = {"width": 1100, "height": 1400}

#: Whether all that is in view has come: posters, and what shows when a video is there.
SHOWN = """() => [...document.images].every(image =>
  image.complete || image.getBoundingClientRect().top > innerHeight)"""


def opened(started: Browser, report: Path, **how: object) -> Page:
    """A report as a browser shows it, once all in view is there."""
    page = started.new_page(**how)  # type: ignore[arg-type]  # as playwright has them
    page.goto(report.as_uri())
    page.wait_for_load_state("networkidle")
    page.wait_for_function(SHOWN)
    return page


def of_report(started: Browser) -> None:
    """The report of the demo: by day, by night, and on a phone."""
    with scenes.demo() as report:
        keep(opened(started, report, viewport=DESK).screenshot(), "report")
        dark = opened(started, report, viewport=DESK, color_scheme="dark")
        keep(dark.screenshot(), "report-dark")
        phone = opened(started, report, viewport=PHONE, device_scale_factor=2)
        videos = phone.get_by_role("heading", name="Videos", exact=True)
        videos.evaluate("heading => heading.scrollIntoView({behavior: 'instant'})")
        phone.wait_for_function(SHOWN)
        keep(phone.screenshot(), "report-phone")


def of_failures(started: Browser) -> None:
    """What a report says of what failed."""
    with scenes.faulty_night() as report:
        page = opened(started, report, viewport=DESK)
        keep(page.screenshot(), "report-failures")


def of_watch(started: Browser) -> None:
    """The panel of a batch that is half way through."""
    with scenes.half_way() as (now, pace):
        shown = render([now], {now.batch.id: pace})
        title = f"reelmill watch {now.batch.id}"
        keep(photographed(started, shown, title, WIDTH), "watch")


def of_statement(started: Browser) -> None:
    """What three batches of a month come to."""
    with scenes.three_nights() as place:
        words = (REELMILL, "report", "--since", "30d")
        shown = said(words, place.folder, place.environment, WIDTH)
        title = "reelmill report --since 30d"
        keep(photographed(started, shown, title, WIDTH), "statement")


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


#: The pictures by name; each makes one or some whose names begin with it.
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
