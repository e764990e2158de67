"""Tables of any width: what is left out, and that nothing people copy is cut."""

from io import StringIO

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from producer.grid import GAP, LEAST_PROSE_CELLS, Column, Grid, Need, fit
from producer.screen import folded, visible

NAMES = st.text("abcü-漢\u202e\x1b[", min_size=1, max_size=60)
NUMBERS = st.integers(0, 10**9).map(str)
SENTENCES = st.lists(st.text("abc漢;.", min_size=1, max_size=12), max_size=20).map(
    " ".join
)
COLUMNS = [
    Column("line", number=True, spare=2),
    Column("job"),
    Column("state", spare=1),
    Column("charged", number=True),
    Column("why", prose=True),
]
ROWS = st.lists(
    st.tuples(NUMBERS, NAMES, st.sampled_from(["stored", ""]), NUMBERS, SENTENCES),
    min_size=1,
    max_size=6,
)


def lines_of(rows: list[tuple[str, ...]], room: int) -> list[str]:
    grid = Grid(COLUMNS)
    for row in rows:
        grid.add_row(*map(Text, row))
    return [line.plain for line in grid.lines(room)]


@settings(max_examples=40)
@given(ROWS, st.integers(20, 200))
def test_no_word_is_ever_cut_and_none_is_made_up(
    rows: list[tuple[str, ...]], room: int
) -> None:
    words = [word for line in lines_of(rows, room)[2:] for word in line.split()]
    wanted = [visible(cell).split() for row in rows for cell in row]
    assert set(words) <= {word for cell in wanted for word in cell}
    for row in rows:
        assert {visible(row[1]), row[3]} <= set(words)
        assert [word for word in row[4].split() if word not in words] == []


@settings(max_examples=40)
@given(ROWS, st.integers(40, 200))
def test_a_line_is_wider_than_the_room_only_for_the_sake_of_a_long_word(
    rows: list[tuple[str, ...]], room: int
) -> None:
    for line in lines_of(rows, room):
        longest = max(map(cell_len, line.split()), default=0)
        assert cell_len(line) <= room or longest > LEAST_PROSE_CELLS // 2
        assert line == line.rstrip()


@settings(max_examples=60)
@given(st.lists(st.integers(0, 30), min_size=5, max_size=5), st.integers(1, 150))
def test_the_least_needed_columns_go_first_and_the_others_never(
    cells: list[int], room: int
) -> None:
    needs = [
        Need(count, len(column.name))
        for count, column in zip(cells, COLUMNS, strict=True)
    ]
    shown = fit(COLUMNS, needs, room)
    assert {1, 3} <= set(shown)
    assert list(shown) == sorted(shown)
    # What is shown of the numbers is shown whole.
    assert all(shown[n] == needs[n].whole for n in {0, 3} & set(shown))
    if sum(need.whole for need in needs) + GAP * 4 <= room:
        assert shown == {n: need.whole for n, need in enumerate(needs)}
    elif 0 in shown and cells[0]:
        # The lines went before the states, and nothing before what is empty.
        assert 2 in shown or not cells[2]


def test_an_empty_column_goes_before_one_that_tells_something() -> None:
    columns = [Column("job"), Column("budget", spare=1), Column("made", spare=2)]
    assert fit(columns, [Need(9, 3), Need(0, 6), Need(10, 4)], 24) == {0: 9, 2: 10}


def test_a_name_too_long_has_the_rest_of_its_line() -> None:
    grid = Grid(COLUMNS)
    long = "x" * 70
    grid.add_row("1", "mug", "stored", "$0.21", "")
    grid.add_row("2", long, "stored", "$0.42", "the host is away and nobody knows why")
    grid.add_section()
    grid.add_row("", "total", "", "$0.63", "")
    assert [line.plain for line in grid.lines(70)] == [
        f"{'job':<30}  state   charged  why",
        "─" * 70,
        f"{'mug':<30}  stored    $0.21",
        long,
        f"{'':<30}  stored    $0.42  the host is away and",
        f"{'':<30}                   nobody knows why",
        "",
        f"{'total':<30}            $0.63",
    ]


def test_sentences_keep_their_lines_and_break_between_words_only() -> None:
    text = Text("two lines\nand https://example.com/a/very/long/address at the end")
    assert [line.plain for line in folded(text, 20)] == [
        "two lines",
        "and",
        "https://example.com/a/very/long/address",
        "at the end",
    ]


RESUME = "reelmill resume spring-1f0c33ab --account"


def test_a_command_is_broken_only_if_no_line_can_hold_it() -> None:
    text = Text(f"paused by a person; {RESUME}, goes on and on")
    assert [line.plain for line in folded(text, 45)] == [
        "paused by a person;",
        f"{RESUME},",
        "goes on and on",
    ]
    assert [line.plain for line in folded(text, 40)] == [
        "paused by a person; reelmill resume",
        "spring-1f0c33ab --account, goes on and",
        "on",
    ]


LISTED = [
    Column("batch"),
    Column("stored", number=True),
    Column("budget", number=True, spare=1),
    Column("created", spare=2),
    Column("why", prose=True, below=True),
]


def listed() -> Grid:
    grid = Grid(LISTED)
    grid.add_row("cups", "12/12", "", "2026-05-28 00:00", "")
    grid.add_row("mugs", "1/12", "$1.00", "2026-05-28 00:00", f"paused; {RESUME}")
    return grid


def test_sentences_stand_below_their_row_where_they_would_drive_out_a_number() -> None:
    assert [line.plain for line in listed().lines(50)] == [
        "batch  stored  budget  created",
        "───────────────────────────────────────",
        "cups    12/12          2026-05-28 00:00",
        "mugs     1/12   $1.00  2026-05-28 00:00",
        "  paused;",
        f"  {RESUME}",
    ]
    wide = [line.plain for line in listed().lines(120)]
    assert wide[3].endswith(f"2026-05-28 00:00  paused; {RESUME}")
    assert len(wide) == 4


@pytest.mark.parametrize(("columns", "left"), [(120, []), (50, []), (30, ["created"])])
def test_a_terminal_is_told_what_it_has_no_room_for(
    columns: int, left: list[str]
) -> None:
    assert listed().left_out(columns) == left
    for terminal in (True, False):
        out = StringIO()
        screen = Console(file=out, force_terminal=terminal, width=columns)
        screen.print(listed())
        words = " ".join(Text.from_ansi(out.getvalue()).plain.split())
        told = "no room for created; --json has all" in words
        assert told is (terminal and bool(left))
