"""How the page words things: nothing stays hidden, and what is tidy stays as it is."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.report.page_words import (
    DISTURBING,
    all_visible,
    visible,
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
    ["\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645", "\U0001f469\u200d\U0001f373"],
)
def test_scripts_keep_the_marks_that_they_need(text: str) -> None:
    assert visible(text) == text


def test_names_are_made_visible_too() -> None:
    assert all_visible({"a\x07": ["\ud800", 3, None]}) == {
        "a\u2407": ["[U+D800]", 3, None]
    }
