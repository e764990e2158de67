"""Words for people: short durations, and nothing of strangers acts on a terminal."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.text import duration, json_text, one_line


@given(st.floats(0, 1e7))
def test_a_duration_is_short_and_near(seconds: float) -> None:
    units = {"s": 1, "min": 60, "h": 3_600}
    words = duration(seconds).split()
    told = sum(int(n) * units[u] for n, u in zip(words[::2], words[1::2], strict=True))
    assert abs(told - seconds) <= (0.5 if seconds < 60 else 30)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "0 s"), (59.4, "59 s"), (59.6, "1 min"), (3_599, "1 h 0 min")],
)
def test_a_duration_never_reads_sixty(seconds: float, words: str) -> None:
    assert duration(seconds) == words


@given(st.text(st.characters(), max_size=40))
def test_words_of_others_stay_on_their_line_and_turn_nothing_round(text: str) -> None:
    acting = set(map(chr, [*range(32), *range(0x7F, 0xA0), 0x2028, 0x2029]))
    acting |= set(map(chr, [*range(0x202A, 0x202F), *range(0x2066, 0x206A)]))
    assert not acting & set(one_line(text))
    line = json_text({"id": text})
    assert not acting & set(line)
    assert json.loads(line) == {"id": text}
