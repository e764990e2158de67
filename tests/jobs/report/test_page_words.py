"""How the page words things: nothing stays hidden, and what is tidy stays as it is."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.report.page_words import (
    DISTURBING,
    all_visible,
    dollars,
    lasting,
    short_names,
    step,
    visible,
    web,
)
from tests.jobs.report.reported import texts


@given(texts | st.text(st.characters(), max_size=20))
def test_what_would_disturb_is_seen_once_and_for_all(text: str) -> None:
    shown = visible(text)
    shown.encode()
    assert not DISTURBING.search(shown)
    assert visible(shown) == shown
    assert len(shown) >= len(text.replace("\r\n", "\n"))


@pytest.mark.parametrize(
    "text",
    [
        "a mug\twith\nlines",
        "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645",  # Persian, with a joiner
        "\u05d0\u05d1\u200e 12",  # Hebrew, with a direction mark
        "\U0001f469\u200d\U0001f373",  # a cook, of two signs
    ],
)
def test_scripts_keep_the_marks_that_they_need(text: str) -> None:
    assert visible(text) == text


def test_names_are_made_visible_too() -> None:
    assert all_visible({"a\x07": ["\ud800", 3, None]}) == {
        "a\u2407": ["[U+D800]", 3, None]
    }


@pytest.mark.parametrize(
    "address",
    [
        *("javascript:alert(1)", "//example.com/x", "file:///etc/passwd", "x.jpg"),
        *("https://[example.com/", "https://example.com/\u202egpj", "https:", "", None),
    ],
)
def test_only_what_is_plainly_of_the_web_becomes_a_link(address: str | None) -> None:
    assert web(address) is None
    assert web("https://example.com/x.jpg") == "https://example.com/x.jpg"


def test_models_of_one_name_are_told_in_full() -> None:
    several = ["a/kling/x", "b/kling/x", "c/sora/y", "/odd"]
    assert list(short_names(several).values()) == [
        "odd",
        "a/kling/x",
        "b/kling/x",
        "sora",
    ]


def test_a_step_without_a_command_is_words_alone() -> None:
    assert step("Change its prompt.") == ("Change its prompt.", "")
    assert step("Ask reelmill again") == ("Ask", "reelmill again")


def test_amounts_and_times_are_as_people_write_them() -> None:
    assert dollars("1234567.8") == "$1,234,567.8"
    assert dollars("3") == "$3.00"
    assert lasting(59.7) == "1 min 0 s"
    assert lasting(0) == "0 s"
