"""The page of a report: what hostile text may not do to it, and where links go."""

from dataclasses import replace
from html.parser import HTMLParser
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
from hypothesis import given

from jobs.records import JobRecord
from jobs.report.page import MOST_ROWS, as_html
from jobs.states import State
from tests.jobs.report.reported import documents, of, one_job, one_try, texts


class Page(HTMLParser):
    """What a browser would make of a page: its elements and their attributes."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.words = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.words += data


@given(documents)
def test_whatever_a_row_says_stays_text(document: dict[str, Any]) -> None:
    page = Page(as_html(document))
    tags = [tag for tag, _ in page.elements]
    assert not {"script", "img", "iframe", "link", "object", "form"} & set(tags)
    assert tags.count("article") == len(document["rows"])
    assert tags.count("style") == 1
    for _, attributes in page.elements:
        assert not [name for name in attributes if name.startswith("on")]


@given(documents)
def test_every_link_is_to_the_web_or_beside_the_page(document: dict[str, Any]) -> None:
    for tag, attributes in Page(as_html(document)).elements:
        if tag == "a":
            assert urlsplit(attributes["href"] or "").scheme in {"http", "https"}
        if tag == "video":
            source = attributes["src"] or ""
            assert source.startswith(("./", "../"))
            assert not urlsplit(source).scheme


def test_only_the_first_videos_load_their_first_frame_at_once() -> None:
    page = Page(as_html(of(*[one_job(State.STORED)] * 70)))
    loads = [found["preload"] for tag, found in page.elements if tag == "video"]
    assert loads == ["metadata"] * 60 + ["none"] * 10


@given(texts)
def test_a_page_shows_the_prompt_as_it_was_written(prompt: str) -> None:
    record = one_job(State.FAILED)
    asked = replace(record, job=replace(record.job, inputs={"prompt": prompt}))
    # HTML has no NUL and one kind of line end.
    expected = prompt.replace("\x00", "\ufffd").replace("\r\n", "\n").strip()
    shown = Page(as_html(of(asked))).words
    assert expected in shown.replace("\x00", "\ufffd").replace("\r\n", "\n")


def test_the_page_asks_nothing_of_the_network() -> None:
    text = as_html(of(one_job(State.STORED, one_try())))
    assert "default-src 'none'" in text
    assert "@import" not in text
    assert "url(" not in text
    assert text.count("src=") == text.count('src="./mug.mp4"') == 1
    assert text.count("https://") == text.count("https://example.com/mug.jpg")


@pytest.mark.parametrize(
    ("key", "link"),
    [
        ("spring/mug.mp4", "./mug.mp4"),
        ("spring/tall/mug 1.mp4", "./tall/mug%201.mp4"),
        ("all/mug.mp4", "../all/mug.mp4"),
        ("mug.mp4", "../mug.mp4"),
        ("spring-sale/mug.mp4", "../spring-sale/mug.mp4"),
        ("spring/javascript:x.mp4", "./javascript%3Ax.mp4"),
        ("spring/50%.mp4", "./50%25.mp4"),
    ],
)
def test_a_video_is_linked_from_the_folder_of_the_page(key: str, link: str) -> None:
    record = one_job(State.STORED, one_try())
    page = Page(as_html(of(replace(record, job=replace(record.job, key=key)))))
    (found,) = [
        attributes["src"] for tag, attributes in page.elements if tag == "video"
    ]
    assert found == link
    assert unquote(link).removeprefix("./").removeprefix("../") in key


@pytest.mark.parametrize("key", ["/etc/passwd", "spring/../../x.mp4", ""])
def test_no_link_leaves_the_store(key: str) -> None:
    record = one_job(State.STORED, one_try())
    page = Page(as_html(of(replace(record, job=replace(record.job, key=key)))))
    assert "video" not in [tag for tag, _ in page.elements]


def test_only_a_stored_job_has_a_video_to_play() -> None:
    page = Page(as_html(of(one_job(State.GENERATED, one_try()))))
    assert "video" not in [tag for tag, _ in page.elements]


def test_a_long_report_shows_first_what_is_in_trouble() -> None:
    fine = [one_job(State.STORED)] * MOST_ROWS
    broken = replace(one_job(State.FAILED).job, id="broken-one", line=10**6)
    text = as_html(of(*fine, JobRecord(broken, State.FAILED)))
    assert text.index("broken-one") < text.index(">mug<")
    assert text.count("<article") == MOST_ROWS
    assert "1 more job is in report.csv" in text
