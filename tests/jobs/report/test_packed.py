"""Packed rows are the rows, in a fraction of their memory."""

import json
import tracemalloc
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.report.packed import BLOCK, Packed

TEXTS = st.text() | st.sampled_from(["\n", "\u2028", "\x85", "\ud800", '"],["'])
ROWS = st.dictionaries(TEXTS, TEXTS | st.integers() | st.none() | st.booleans())


def a_row(number: int) -> dict[str, Any]:
    ids = {"id": f"sku-{number:07}", "line": number, "sha256": f"{number * 7919:064x}"}
    return ids | {"prompt": f"a slow orbit around mug {number}", "attempts": [{}]}


@given(st.lists(ROWS, max_size=4))
def test_whatever_a_row_says_comes_out_again(rows: list[dict[str, Any]]) -> None:
    rows *= 200
    packed = Packed(rows)
    assert packed == rows
    assert list(map(json.loads, packed.texts())) == rows


@pytest.mark.parametrize("count", [0, 1, BLOCK - 1, BLOCK, BLOCK + 1, 2 * BLOCK + 3])
def test_each_row_is_found_by_its_place(count: int) -> None:
    rows = [a_row(number) for number in range(count)]
    packed = Packed(rows)
    assert len(packed) == count
    assert [packed[place] for place in range(count)] == rows
    assert packed[-2:] == rows[-2:]
    assert packed[count // 2 : count // 2 + 2] == rows[count // 2 : count // 2 + 2]
    with pytest.raises(IndexError):
        packed[count]


def test_other_rows_are_not_equal() -> None:
    packed = Packed(a_row(number) for number in range(3))
    assert packed != [a_row(number) for number in range(2)]
    assert packed != [a_row(number) for number in (0, 1, 3)]
    assert packed != "abc"


def test_it_takes_a_fraction_of_their_memory() -> None:
    packed_bytes = held_bytes(lambda: Packed(map(a_row, range(5_000))))
    assert packed_bytes < held_bytes(lambda: list(map(a_row, range(5_000)))) / 5


def test_going_through_it_holds_a_block_at_a_time() -> None:
    packed = Packed(map(a_row, range(5_000)))
    assert held_bytes(lambda: sum(1 for _ in packed)) < 5 * held_bytes(
        lambda: list(map(a_row, range(BLOCK)))
    )


def held_bytes(make: Callable[[], object]) -> int:
    """The most memory that making something takes."""
    tracemalloc.start()
    try:
        make()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
