"""The terminal: what is shown of hostile text, colours, and how wide a line may be."""

import os
from collections import Counter
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.text import Text

from jobs.text import visible
from producer.console import (
    BOUNDLESS,
    NARROW_CELLS,
    UNBROKEN_CELLS,
    Screen,
    Table,
    say,
    tell,
)

HOSTILE = "mug\x1b]0;owned\x07\x1b[2J\r\x9b31m\u202egpj.exe\u2066\u200f\ud800\x00"


def printed(*objects: object, **environment: str) -> str:
    """What a person with this environment gets to see."""
    out = StringIO()
    with patch.dict(os.environ, environment, clear=True), redirect_stdout(out):
        Screen().print(*objects)
    return out.getvalue()


@pytest.mark.parametrize("form", [HOSTILE, Text(HOSTILE)], ids=["text", "styled"])
def test_hostile_text_is_shown_and_acts_on_nothing(form: object) -> None:
    for colour in ({}, {"FORCE_COLOR": "1", "TERM": "xterm-256color"}):
        shown = printed(form, **colour)
        assert shown.removesuffix("\n").isprintable()
        for piece in (r"\x1b]0;owned", r"\x9b31m", r"\u202egpj.exe", r"\ud800"):
            assert piece in shown
        assert isinstance(form, Text) or r"\x07\x1b[2J\r" in shown


@pytest.mark.parametrize(
    ("environment", "coloured"),
    [
        ({}, False),
        ({"FORCE_COLOR": "1"}, True),
        ({"FORCE_COLOR": "1", "NO_COLOR": "1"}, False),
        ({"FORCE_COLOR": "1", "TERM": "dumb"}, False),
        ({"NO_COLOR": "1"}, False),
    ],
)
def test_colours_are_only_for_who_wants_them(
    environment: dict[str, str], *, coloured: bool
) -> None:
    shown = printed(Text("wrong", style="red"), **{"TERM": "xterm", **environment})
    assert "wrong" in shown
    assert ("\x1b[31m" in shown) is coloured
    if not coloured:
        assert "\x1b" not in shown


@pytest.mark.parametrize(
    ("environment", "columns"),
    [
        ({"COLUMNS": "63"}, 63),
        ({"COLUMNS": "63", "TERM": "dumb", "FORCE_COLOR": "1"}, 63),
        ({}, BOUNDLESS),
        ({"COLUMNS": "many"}, BOUNDLESS),
        ({"FORCE_COLOR": "1", "TERM": "xterm"}, BOUNDLESS),
    ],
)
def test_a_line_is_as_wide_as_one_says_and_boundless_in_a_pipe(
    environment: dict[str, str], columns: int
) -> None:
    with patch.dict(os.environ, environment, clear=True), redirect_stdout(StringIO()):
        assert Screen().width == columns


def test_nothing_is_drawn_anew_in_a_pipe_even_in_colours() -> None:
    coloured = {"FORCE_COLOR": "1", "TERM": "xterm"}
    with patch.dict(os.environ, coloured, clear=True), redirect_stdout(StringIO()):
        screen = Screen()
        assert screen.is_terminal
        assert not screen.is_interactive


def test_a_sentence_is_one_line_that_the_terminal_wraps() -> None:
    words = "the account is paused; continue with: reelmill resume --account now [b]"
    for speak, redirect in ((say, redirect_stderr), (tell, redirect_stdout)):
        out = StringIO()
        with patch.dict(os.environ, {"COLUMNS": "40"}, clear=True), redirect(out):
            speak(words)
        assert out.getvalue() == f"{words}\n"


CELLS = st.text("abcü-漢\u202e\x1b[", min_size=1, max_size=60)
ROWS = st.lists(
    st.tuples(CELLS, st.integers(0, 10**9).map("${}".format), CELLS),
    min_size=1,
    max_size=6,
)


@settings(max_examples=40)
@given(ROWS, st.integers(40, 200))
def test_a_table_cuts_no_number_and_no_name_and_loses_nothing(
    rows: list[tuple[str, str, str]], width: int
) -> None:
    made = Table("job", "charged", "why", numbers=("charged",), sentences=("why",))
    for row in rows:
        made.add(*row)
    text = printed(made, COLUMNS=str(width))
    for name, charged, why in rows:
        assert charged in text.split()
        if width >= NARROW_CELLS and cell_len(visible(name)) <= UNBROKEN_CELLS:
            assert visible(name) in text
        assert not Counter(visible(name + why)) - Counter(text)
