"""The report in a browser: from a folder, from a web server, by night, on a phone.

One batch is rendered for real, so its videos play; a longer report over the same videos
is made from jobs of every kind.
"""

import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]  # it has no types
from playwright.sync_api import Browser, Page, expect

from jobs.provider.answers import Listed
from jobs.quality import Quality
from jobs.records import Failure
from jobs.report.page import MAX_CARDS, as_html
from jobs.states import State
from tests.browser.reports import HARM, batch_of, job, opened
from tests.browser.running import browser
from tests.jobs.report.reported import (
    HOSTILE,
    MODEL,
    NOW_S,
    SPRING,
    of,
    one_job,
    one_try,
)
from tests.producer.running import as_csv, desk, quick_sandbox, rows

pytestmark = pytest.mark.browser

#: The smallest picture there is.
DOT = bytes.fromhex(
    "47494638396101000100800000ffffff0000002c00000000010001000002024401003b"
)

#: Of who did not ask for calm.
MOVING = {"reduced_motion": "no-preference"}


@pytest.fixture(scope="module")
def rendered() -> Iterator[Path]:
    """The report of a batch of three that was really rendered."""
    with quick_sandbox() as sandbox, desk(sandbox) as place:
        table = rows(sandbox, 3, ["kling-v2.6-std"])
        table[2]["prompt"] = HARM
        place.run(place.write("products.csv", as_csv(table)))
        (made,) = place.store.glob("*/report.html")
        yield made


@pytest.fixture(scope="module")
def folder(
    rendered: Path, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str, dict[str, Any]], Path]:
    """Writes a report beside the three videos, and says where it is."""
    place = tmp_path_factory.mktemp("reports") / "spring"
    place.mkdir()
    for number, video in enumerate(sorted(rendered.parent.glob("*.mp4"))):
        shutil.copy(video, place / f"video-{number}.mp4")

    def write(name: str, document: dict[str, Any]) -> Path:
        made = place / f"{name}.html"
        made.write_text(as_html(document), "utf-8")
        return made

    return write


@pytest.fixture(scope="module")
def many(folder: Callable[[str, dict[str, Any]], Path]) -> Path:
    return folder("report", of(*batch_of(158)))


@pytest.fixture(scope="module")
def started() -> Iterator[Browser]:
    with browser() as made:
        yield made


def cards(page: Page) -> Any:
    return page.locator("#sheet > .card")


def ids(page: Page) -> list[str]:
    return page.locator("#sheet .name b").all_inner_texts()


def test_a_rendered_batch_is_told_and_its_videos_play(
    started: Browser, rendered: Path
) -> None:
    with opened(started, rendered.as_uri(), **MOVING) as made:
        page = made.page
        expect(page.locator("h1")).to_have_text(rendered.parent.name)
        expect(page.locator(".lead")).to_have_text("All 3 videos are here.")
        expect(cards(page)).to_have_count(3)
        # What a row says is shown as it is written and never becomes part of the page.
        expect(cards(page).filter(has_text=HARM)).to_have_count(1)
        for media in page.locator("#sheet .media").all():
            media.focus()
            expect(media.locator("video")).to_have_js_property("paused", value=False)
            page.wait_for_function(
                "media => media.querySelector('video').currentTime > 0.1",
                arg=media.element_handle(),
            )
        page.wait_for_load_state("networkidle")
        assert made.elsewhere("file:") == []


def test_a_video_plays_while_it_is_pointed_at_and_then_stops(
    started: Browser, many: Path
) -> None:
    with opened(started, many.as_uri(), **MOVING) as made:
        first, second = (made.page.locator("#sheet .media").nth(n) for n in (0, 1))
        first.hover()
        expect(first.locator("video")).to_have_js_property("paused", value=False)
        expect(first.locator("video")).to_have_js_property("muted", value=True)
        second.hover()
        expect(second.locator("video")).to_have_js_property("paused", value=False)
        expect(first.locator("video")).to_have_js_property("paused", value=True)
        made.page.locator("h1").hover()
        expect(second.locator("video")).to_have_js_property("paused", value=True)


def test_rows_are_filtered_searched_and_put_in_order(
    started: Browser, many: Path
) -> None:
    with opened(started, many.as_uri()) as made:
        page, found = made.page, made.page.locator("#found")
        expect(found).to_have_text(f"1\u2013{MAX_CARDS} of 158")
        page.locator(".states label", has_text="failed").click()
        expect(found).to_have_text("1\u20134 of 4 found among 158")
        expect(cards(page)).to_have_count(4)
        page.get_by_label("Order").select_option("-id")
        assert ids(page) == [f"mug-{n:05}" for n in (153, 152, 151, 150)]
        page.locator(".states label", has_text="unresolved").click()
        page.get_by_label("Search").fill("handle 15 connection broke")
        expect(found).to_have_text("1\u20131 of 1 found among 158")
        assert ids(page) == ["mug-00154"]
        page.get_by_role("button", name="Show all").click()
        expect(found).to_have_text(f"1\u2013{MAX_CARDS} of 158")
        page.get_by_label("Search").fill("no such mug")
        expect(found).to_have_text("No job is like that.")


def test_products_have_their_titles_and_doubtful_videos_come_first(
    started: Browser, folder: Callable[[str, dict[str, Any]], Path]
) -> None:
    def product(number: int, title: str, verdict: str) -> Any:
        record = job(number, State.STORED, attempts=(one_try(),))
        named = replace(record.job, data={"Title": title, "SKU": f"M-{number}"})
        return replace(record, job=named, quality=Quality.from_text(verdict))

    names = (("Blue mug", "pass"), ("Lamp", "review cut=review:49@2.5"))
    broken = ("Chair", "fail black=fail:0.2@4 cut=review:90@4")
    shown = [product(n, *name) for n, name in enumerate((*names, broken))]
    with opened(started, folder("titles", of(*shown)).as_uri()) as made:
        page = made.page
        assert ids(page) == ["Blue mug", "Lamp", "Chair"]
        expect(cards(page).first).to_contain_text("M-0 · mug-00000")
        page.get_by_label("Order").select_option("quality")
        assert ids(page) == ["Chair", "Lamp", "Blue mug"]
        expect(cards(page).first).to_contain_text("20% of it is black, at 4.0 s")
        page.get_by_label("Order").select_option("title")
        assert ids(page) == ["Blue mug", "Chair", "Lamp"]


def test_a_link_leads_to_the_same_rows(started: Browser, many: Path) -> None:
    address = f"{many.as_uri()}#state=failed,stored&sort=-cost&text=mug&page=2"
    with opened(started, address) as made:
        page = made.page
        expect(page.locator("#found")).to_have_text(
            "61\u2013120 of 154 found among 158"
        )
        before = ids(page)
        page.get_by_role("button", name="Next").last.click()
        expect(cards(page)).to_have_count(34)
        page.get_by_role("button", name="Previous").last.click()
        assert ids(page) == before
        assert "page=2" in page.url
        page.locator(".counts a", has_text="unresolved").click()
        expect(cards(page)).to_have_count(1)
        page.go_back()
        expect(page.locator("#found")).to_have_text(
            "61\u2013120 of 154 found among 158"
        )


def test_failures_and_what_is_unresolved_come_with_commands_to_copy(
    started: Browser, many: Path
) -> None:
    with opened(started, many.as_uri()) as made:
        page = made.page
        todo = page.locator("#todo")
        expect(todo.locator(".reason").first).to_contain_text("4 jobs")
        expect(todo.locator("blockquote")).to_have_text(f"Refused as unsafe: {HARM}")
        expect(todo).to_contain_text("$0.21 at stake")
        copy = todo.get_by_role("button", name="--adopt p-lost")
        copy.click()
        expect(copy).to_have_text("Copied")
        search = page.get_by_label("Search")
        search.focus()
        page.keyboard.press("Control+v")
        expect(search).to_have_value("reelmill resolve spring mug-00154 --adopt p-lost")
        search.fill("")
        expect(todo).to_contain_text("What the provider has of each")
        expect(todo.get_by_role("button", name="mug-00154 --absent")).to_be_visible()
        todo.get_by_role("link", name="mug-00151").click()
        expect(page.locator("#view")).to_contain_text("2. failed")


def test_a_row_is_gone_through_by_keyboard(started: Browser, many: Path) -> None:
    with opened(started, many.as_uri()) as made:
        page, view = made.page, made.page.locator("#view")
        page.locator("#sheet .media").first.focus()
        page.keyboard.press("Enter")
        expect(view.locator("h2")).to_contain_text("mug-00000")
        expect(view.locator("video")).to_have_js_property("controls", value=True)
        page.keyboard.press("ArrowRight")
        expect(view.locator("h2")).to_contain_text("mug-00001")
        assert "job=mug-00001" in page.url
        page.keyboard.press("Escape")
        expect(view).to_be_hidden()
        expect(page).not_to_have_url(re.compile("job="))
        expect(page.locator("#sheet .media").first).to_be_focused()


def test_the_way_back_closes_the_row_and_then_leaves(
    started: Browser, many: Path
) -> None:
    home = f"{many.as_uri()}#state=stored&page=2"
    with opened(started, home) as made:
        page, view = made.page, made.page.locator("#view")
        for _ in range(3):
            page.locator("#sheet .media").nth(1).click()
            page.keyboard.press("ArrowRight")
            expect(view.locator("h2")).to_contain_text("mug-00062")
            page.keyboard.press("Escape")
            expect(view).to_be_hidden()
            expect(page).to_have_url(home)
        page.locator("#sheet .media").first.click()
        page.go_back()
        expect(view).to_be_hidden()
        expect(page.locator("#found")).to_have_text(
            "61\u2013120 of 150 found among 158"
        )
        expect(page).to_have_url(home)
        # What was opened three times before is not gone through again.
        page.go_forward()
        expect(view.locator("h2")).to_contain_text("mug-00060")
        page.go_back()
        expect(view).to_be_hidden()
        page.go_back()
        assert page.url == "about:blank"
        page.go_forward()
        page.wait_for_selector("html[data-ready]")


def test_what_is_not_beside_the_page_is_said_in_words(
    started: Browser, folder: Callable[[str, dict[str, Any]], Path]
) -> None:
    spring, autumn = "spring/video-0.mp4", "autumn/mug 1.mp4"
    cases = [(spring, None), (autumn, None), (autumn, "spring/p.gif"), (spring, "no")]
    cases += [("/etc/passwd", "/etc/passwd"), ("spring/../../x.mp4", None)]
    jobs = []
    for n, (key, poster) in enumerate(cases):
        made = job(n, State.REUSED, poster=poster, source_job="autumn/mug")
        jobs.append(replace(made, job=replace(made.job, key=key)))
    place = folder("apart", of(*jobs))
    (place.parent / "p.gif").write_bytes(DOT)
    with opened(started, place.as_uri(), **MOVING) as seen:
        page, medias = seen.page, seen.page.locator("#sheet .media")
        page.wait_for_load_state("networkidle")
        expect(medias.nth(1)).to_have_text("not beside this page../autumn/mug 1.mp4")
        expect(medias.nth(1).locator("video, img")).to_have_count(0)
        for n in (4, 5):
            expect(medias.nth(n).locator("video, img")).to_have_count(0)
        for n in (0, 3):
            expect(medias.nth(n).locator("img")).to_have_count(0)
            page.wait_for_function(
                "media => media.querySelector('video').videoWidth > 0",
                arg=medias.nth(n).element_handle(),
            )
        expect(medias.nth(2).locator("img")).to_have_count(1)
        medias.nth(2).hover()
        expect(medias.nth(2)).to_have_text("video not beside this page")
        expect(medias.nth(2).locator("video")).to_have_count(0)
        expect(page.locator(".about", has_text="reused from autumn/mug")).to_have_count(
            6
        )
        medias.nth(2).click()
        stage = page.locator("#view .stage")
        expect(stage).to_have_text("not beside this page../autumn/mug 1.mp4")
        expect(page.locator("#view video")).to_have_count(0)
        lost = {text for text in seen.complaints if "ERR_FILE_NOT_FOUND" in text}
        assert lost == set(seen.complaints)
        seen.complaints.clear()


def test_source_pictures_are_asked_for_only_when_they_are_wanted(
    started: Browser, many: Path
) -> None:
    with opened(started, many.as_uri()) as made:
        page = made.page
        page.route("https://example.com/**", lambda route: route.fulfill(status=204))
        assert made.elsewhere("file:") == []
        page.get_by_label("source pictures").check()
        expect(page.locator("#sheet .source").first).to_be_attached()
        page.wait_for_function("document.querySelector('#sheet .source.none')")
        hosts = {urlsplit(url).hostname for url in made.elsewhere("file:")}
        assert hosts == {"example.com"}


@pytest.mark.parametrize(
    "looks",
    [
        {"color_scheme": "light"},
        {"color_scheme": "dark"},
        {"viewport": {"width": 360, "height": 740}},
    ],
    ids=["light", "dark", "phone"],
)
def test_everybody_can_use_it(
    started: Browser, many: Path, looks: dict[str, Any]
) -> None:
    with opened(started, many.as_uri(), **looks) as made:
        page = made.page
        wide = page.evaluate("[document.body.scrollWidth, innerWidth]")
        assert wide[0] <= wide[1]
        for shown in ("page", "row"):
            if shown == "row":
                page.locator("#sheet .media").first.click()
            found = Axe().run(page)
            assert len(found.response["passes"]) > 10
            assert found.response["violations"] == []


def test_ten_thousand_rows_are_a_page_of_cards(
    started: Browser, folder: Callable[[str, dict[str, Any]], Path]
) -> None:
    long = folder("long", of(*batch_of(10_000)))
    with opened(started, long.as_uri()) as made:
        page = made.page
        expect(cards(page)).to_have_count(MAX_CARDS)
        assert page.evaluate("document.querySelectorAll('*').length") < 2_000
        expect(page.locator("#found")).to_have_text(f"1\u2013{MAX_CARDS} of 10,000")
        page.get_by_label("Search").fill("handle 77")
        expect(page.locator("#found")).to_have_text(
            "1\u201360 of 280 found among 10,000"
        )
        page.goto(f"{long.as_uri()}#page=167")
        expect(cards(page)).to_have_count(10_000 - 166 * MAX_CARDS)


def test_a_hostile_manifest_shows_as_text_everywhere(
    started: Browser, folder: Callable[[str, dict[str, Any]], Path]
) -> None:
    texts = [*HOSTILE, HARM, "\u202egnp.exe", "a\u200bb", "\ud800", "w" * 3_000]
    jobs = []
    for n, text in enumerate(texts):
        record = one_job(State.FAILED, one_try("failed"), failure=Failure(text, text))
        inputs = {"prompt": text, "image": text}
        named = replace(record.job, id=text, line=n, inputs=inputs, data={text: text})
        jobs.append(replace(record, job=named))
    spring = replace(SPRING, id=HARM, manifest="\u202efdp", account=HARM, store=HARM)
    hostile = folder("hostile", of(*jobs, batch=spring))
    looks: dict[str, Any] = {"viewport": {"width": 360, "height": 740}}
    with opened(started, hostile.as_uri(), **looks) as made:
        page = made.page
        expect(page.locator("h1")).to_have_text(HARM)
        expect(cards(page)).to_have_count(len(jobs))
        expect(page.locator("#sheet img, #view img, h1 img")).to_have_count(0)
        for number in range(len(jobs)):
            page.locator("#sheet .media").nth(number).click()
            page.keyboard.press("Escape")
        wide = page.evaluate("[document.body.scrollWidth, innerWidth]")
        assert wide[0] <= wide[1]
        text = page.locator("#sheet").inner_text()
        assert "\\u202egnp.exe" in text
        assert "<script>alert(1)</script>" in text
        assert made.elsewhere("file:") == []


def test_nothing_moves_for_who_asked_for_calm(started: Browser, many: Path) -> None:
    with opened(started, many.as_uri()) as made:
        media = made.page.locator("#sheet .media").first
        media.hover()
        media.focus()
        media.click()
        expect(made.page.locator("#view video")).to_be_visible()
        assert made.page.locator("#sheet video").first.evaluate("v => v.paused")


def test_candidates_can_be_told_apart_and_lead_nowhere_else(
    started: Browser, folder: Callable[[str, dict[str, Any]], Path]
) -> None:
    picture: dict[str, object] = {
        "prompt": "a mug",
        "image": "https://example.com/own.jpg",
    }
    harm: dict[str, object] = {"prompt": 7, "image": "javascript:alert(1)"}
    seen = (
        Listed("p 1", MODEL, NOW_S + 2.4, "completed", picture),
        Listed("p2", "", NOW_S - 1, "processing", harm),
    )
    sent = replace(one_try("unknown"), prediction_id=None)
    lost = of(one_job(State.UNRESOLVED, sent, candidates=seen))
    with opened(started, folder("lost", lost).as_uri()) as made:
        found = made.page.locator("#unresolved")
        expect(found).to_contain_text(
            "Adopt p 1 completed, made 2026-05-28 20:26:42 UTC, "
            "2.4 s after the row was sent · prompt: a mug · its picture"
        )
        expect(found).to_contain_text("reelmill resolve spring mug --adopt 'p 1'")
        expect(found).to_contain_text(
            "Adopt p2 model unknown, processing, made 2026-05-28 20:26:39 UTC, 1 s "
            "before the row was sent"
        )
        expect(found.locator("a[href^=https]")).to_have_count(1)
        expect(found.locator("a[href^=javascript]")).to_have_count(0)


def test_without_a_script_it_is_not_blank(started: Browser, many: Path) -> None:
    context = started.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(many.as_uri())
    expect(page.locator("noscript p")).to_contain_text("names every file")
    expect(page.locator("#todo")).to_contain_text("4 jobs")
    expect(page.locator("#controls")).to_be_hidden()
    context.close()
