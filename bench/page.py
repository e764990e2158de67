"""How soon a report of many rows can be used in a browser, and how large its file is.

It makes up the documents of batches of several sizes, writes their pages as a worker
would, and opens each in a browser without a window. The same sizes give the same pages.
"""

import argparse
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Any

from playwright.sync_api import Browser, sync_playwright

from bench.results import Page, Table
from jobs.job import Job
from jobs.records import Attempt, BatchRecord, Failure, JobRecord
from jobs.report.document import report
from jobs.report.page import html_chunks
from jobs.states import State

NAMES = ("chromium", "chromium-browser", "google-chrome")

_BEGUN_S = 1_780_000_000.0
_PRICE_USD_MICROS = 210_000
_MODEL = "kwaivgi/kling-v2.6-std/image-to-video"

#: Types a search as a person would, and gives the milliseconds until it is answered.
_SEARCH = """word => new Promise(done => {
  const box = document.querySelector("[name=text]");
  const from = performance.now();
  const told = () => requestAnimationFrame(() => done(performance.now() - from));
  new MutationObserver(told).observe(document.getElementById("found"),
    { childList: true, characterData: true, subtree: true });
  box.value = word;
  box.dispatchEvent(new Event("input", { bubbles: true }));
})"""

#: Milliseconds from the beginning of the navigation until the script has done its part.
_READY = """() => performance.getEntriesByName("ready")[0]?.startTime ?? null"""

_MARK = """new MutationObserver((_, seen) => {
  if (!document.documentElement?.dataset.ready) return;
  performance.mark("ready");
  seen.disconnect();
}).observe(document, { attributes: true, subtree: true, childList: true })"""

_HEAP = "() => performance.memory.usedJSHeapSize"


_NOTES = [
    "Interactive: until all rows are read and the first cards shown; medians.",
    "Search: from a letter typed to its answer, of which 120 ms wait for the next.",
]


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add what can be chosen for this question."""
    add, rows = parser.add_argument, [1_000, 10_000, 100_000]
    add("--rows", type=int, nargs="+", default=rows)
    add("--openings", type=int, default=3)


def answer(asked: argparse.Namespace) -> dict[str, Any]:
    """Write and open a page of each size, and say what that took."""
    with tempfile.TemporaryDirectory(prefix="reelmill-bench-") as folder:
        place = Path(folder) / "report.html"
        with sync_playwright() as playwright:
            # Root has no sandbox of the kernel's; every page here is our own.
            options = ["--no-sandbox"] if os.geteuid() == 0 else []
            browser = playwright.chromium.launch(
                executable_path=next(filter(None, map(shutil.which, NAMES)), None),
                args=[*options, "--enable-precise-memory-info"],
            )
            sizes = [
                _size(browser, place, count, asked.openings) for count in asked.rows
            ]
            version = browser.version
            browser.close()
    return {"question": "opening a report", "browser": version, "sizes": sizes}


def page(numbers: dict[str, Any]) -> Page:
    """The sizes, one under the other."""
    columns = list(numbers["sizes"][0])
    rows = [[each[name] for name in columns] for each in numbers["sizes"]]
    titles = [name.replace("_", " ") for name in columns]
    return Page("How soon a report can be used", [Table("Pages", titles, rows)], _NOTES)


def _size(browser: Browser, place: Path, count: int, openings: int) -> dict[str, Any]:
    begun_s = time.perf_counter()
    with place.open("w", encoding="utf-8") as file:
        file.writelines(html_chunks(_document(count)))
    written_s = time.perf_counter() - begun_s
    seen = [_open(browser, place.as_uri()) for _ in range(openings)]
    return {
        "rows": count,
        "file_mb": round(place.stat().st_size / 1e6, 1),
        "written_s": round(written_s, 2),
        **{name: round(median(one[name] for one in seen), 3) for name in seen[0]},
    }


def _open(browser: Browser, address: str) -> dict[str, float]:
    opened = browser.new_page()
    opened.add_init_script(_MARK)
    opened.goto(address)
    opened.wait_for_function(_READY)
    found = {
        "interactive_s": opened.evaluate(_READY) / 1_000,
        "search_s": opened.evaluate(_SEARCH, "handle 77") / 1_000,
        "search_again_s": opened.evaluate(_SEARCH, "handle 78") / 1_000,
        "heap_mb": opened.evaluate(_HEAP) / 1e6,
    }
    opened.close()
    return found


def _document(count: int) -> dict[str, Any]:
    place = ("spring", "spring.csv", "default", "videos")
    batch = BatchRecord(*place, 1, 3, None, _BEGUN_S, complete=True)
    return report(batch, _jobs(count), _BEGUN_S + count + 600)


def _jobs(count: int) -> Iterator[JobRecord]:
    """Jobs as a shop has them; one in twenty fails."""
    for number in range(count):
        name, failed = f"sku-{number:06}", number % 20 == 0
        prompt = f"The mug with handle {number} turns slowly in soft morning light"
        picture = f"https://cdn.example.com/shop/files/{name}.jpg?v={number * 37}"
        inputs = {"prompt": prompt, "image": picture}
        data = {"sku": f"{number:07}", "title": "Ceramic mug"}
        asked = (_MODEL, inputs, _PRICE_USD_MICROS, f"spring/{name}.mp4", data, 5)
        job = Job(name, number + 2, *asked)
        sent_s = _BEGUN_S + number
        outcome = "failed" if failed else "completed"
        money = (_PRICE_USD_MICROS, _PRICE_USD_MICROS, failed * _PRICE_USD_MICROS)
        made = (f"{number:032x}", sent_s + 60 + number % 90)
        attempt = Attempt(1, sent_s, outcome, *money, *made)
        if failed:
            why = Failure("timeout", f"The provider gave up: worker {number} timed out")
            yield JobRecord(job, State.FAILED, (attempt,), failure=why)
        else:
            video = f"videos/spring/{name}.mp4"
            yield JobRecord(job, State.STORED, (attempt,), video, 2_400_000, "a" * 64)
