"""`docs/states.md` draws every move and explains every state, as the code has them."""

import re
from collections.abc import Collection
from pathlib import Path

from jobs.states import FINAL, PAID, TRANSITIONS, State

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "states.md").read_text("utf-8")
SOURCE = (ROOT / "jobs" / "states.py").read_text("utf-8")

#: The sentence beside each value of the two enums.
SENTENCES = re.findall(r'^    [A-Z_]+ = "(\w+)"  #: (.*)$', SOURCE, re.MULTILINE)


def test_the_page_draws_every_move_and_no_other() -> None:
    drawn = re.findall(r"^    (\w+) --> (\w+): (\w+)$", PAGE, re.MULTILINE)
    moves = {(at, to, event) for (at, event), to in TRANSITIONS.items()}
    assert len(drawn) == len(moves)
    assert set(drawn) == moves
    ends = re.findall(r"^    (\w+) --> \[\*\]$", PAGE, re.MULTILINE)
    assert set(ends) == set(FINAL)
    assert re.findall(r"^    \[\*\] --> (\w+)$", PAGE, re.MULTILINE) == ["waiting"]


def test_the_page_explains_every_state_in_the_words_of_the_code() -> None:
    states = [
        f"| `{name}` | {words} | {_mark(name, FINAL, 'yes')} | "
        f"{_mark(name, PAID, 'at stake')} |"
        for name, words in SENTENCES[: len(State)]
    ]
    assert re.findall(r"^\| `.*$", PAGE, re.MULTILINE) == states


def _mark(name: str, among: Collection[State], word: str) -> str:
    return word if name in among else ""
