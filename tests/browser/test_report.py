"""The report in a browser: opened from a folder, its videos play, it asks nobody."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.running import browser
from tests.producer.running import as_csv, desk, quick_sandbox, rows


@dataclass(frozen=True, slots=True)
class Opened:
    """A report as a person has it before them, and what the browser did for it."""

    page: Page
    requests: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)


@pytest.fixture(scope="module")
def report() -> Iterator[Path]:
    with quick_sandbox() as sandbox, desk(sandbox) as place:
        table = rows(sandbox, 3, ["kling-v2.6-std"])
        table[2]["prompt"] = "<img src=http://example.com/x.png onerror=alert(1)>"
        place.run(place.write("products.csv", as_csv(table)))
        (made,) = place.store.glob("*/report.html")
        yield made


@pytest.fixture(scope="module")
def started() -> Iterator[Browser]:
    with browser() as made:
        yield made


@pytest.fixture
def opened(report: Path, started: Browser) -> Iterator[Opened]:
    page = started.new_page()
    made = Opened(page)
    page.on("request", lambda request: made.requests.append(request.url))
    page.on("console", lambda message: made.complaints.append(message.text))
    page.on("pageerror", lambda error: made.complaints.append(str(error)))
    page.goto(report.as_uri())
    yield made
    page.close()


def test_the_videos_play_from_the_folder(opened: Opened) -> None:
    videos = opened.page.locator("video")
    expect(videos).to_have_count(3)
    for number in range(3):
        videos.nth(number).scroll_into_view_if_needed()
        played_s = videos.nth(number).evaluate(
            """video => new Promise((done, fail) => {
                 video.onerror = () => fail(video.error.message);
                 video.ontimeupdate = () =>
                   video.currentTime > 0 && done(video.currentTime);
                 video.muted = true;
                 video.play();
               })"""
        )
        assert played_s > 0


def test_it_asks_nobody_and_the_browser_has_nothing_to_complain_of(
    opened: Opened,
) -> None:
    opened.page.wait_for_load_state("networkidle")
    assert opened.requests
    assert not [url for url in opened.requests if not url.startswith("file://")]
    assert opened.complaints == []


def test_it_tells_what_came_of_the_batch(opened: Opened, report: Path) -> None:
    page = opened.page
    expect(page.locator("h1")).to_have_text(report.parent.name)
    expect(page.locator(".tile").first).to_contain_text("3 of 3")
    # What a row says is shown as it is written and never becomes part of the page.
    expect(page.locator("article img")).to_have_count(0)
    expect(page.locator("article", has_text="<img src=")).to_have_count(1)


def test_cards_are_filtered_without_a_script(opened: Opened) -> None:
    page = opened.page
    expect(page.locator("script")).to_have_count(0)
    page.locator("label", has_text="stored").click()
    expect(page.locator("article:visible")).to_have_count(3)
