"""A table for any width: which columns are shown, how wide, and how a line is laid out.

Numbers and names are never cut, for people compare and copy them: what matters less is
left out first, which is said at a terminal, and a name too long for its column has the
rest of its line, with what belongs beside it on the next. What the tables hold is
decided in `tables`.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import accumulate

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions
from rich.text import Text

from jobs.wording import choice
from producer.screen import folded, visible

#: Blanks between two columns.
GAP = 2

#: Width that a column of names is given where room is short; longer ones are few.
NAME_CELLS = 30

#: The narrowest that a column of names, and one of sentences, becomes.
LEAST_NAME_CELLS = 12
LEAST_PROSE_CELLS = 20

#: Blanks before sentences that stand below their row.
INDENT = 2


@dataclass(frozen=True, slots=True)
class Column:
    """What is known of a column before anything stands in it."""

    name: str
    #: Numbers stand to the right, and have all the room they need.
    number: bool = False
    #: Whether its sentences may be broken between words; it must be the last one.
    prose: bool = False
    #: Whether they stand below their row, unless there is room for all beside it.
    below: bool = False
    #: 0 is always shown; of the others the highest is left out first.
    spare: int = 0


@dataclass(frozen=True, slots=True)
class Need:
    """How many cells the widest text of a column takes, and its heading."""

    cells: int
    heading: int

    @property
    def whole(self) -> int:
        """Cells for all of it."""
        return max(self.cells, self.heading)


def fit(columns: Sequence[Column], needs: Sequence[Need], room: int) -> dict[int, int]:
    """The columns that are shown, by their number, with the width of each in cells.

    Where room is short, what may stand below its row goes there; then empty ones are
    left out, then the spare ones; the last resort is that names and sentences share
    what is left.

    >>> columns = [Column("job"), Column("line", number=True, spare=1)]
    >>> fit(columns, [Need(9, 3), Need(2, 4)], 80)
    {0: 9, 1: 4}
    >>> fit(columns, [Need(9, 3), Need(2, 4)], 12)
    {0: 9}
    """
    widths = {number: need.whole for number, need in enumerate(needs)}
    if _total(widths) <= room:
        return widths
    within = [n for n in widths if not columns[n].below]
    least = {n: _least(columns[n], needs[n]) for n in within}
    order = [n for n in within if not needs[n].cells and _goes(columns[n])]
    spare = [n for n in least if columns[n].spare and n not in order]
    order += sorted(spare, key=lambda n: -columns[n].spare)
    while order and _total(least) > room:
        del least[order.pop(0)]
    return _shared(columns, needs, least, room)


def _goes(column: Column) -> bool:
    """Whether it is left out if nothing stands in it."""
    return bool(column.spare) or column.prose


def _least(column: Column, need: Need) -> int:
    if column.number:
        return need.whole
    most = LEAST_PROSE_CELLS if column.prose else NAME_CELLS
    return max(need.heading, min(need.cells, most))


def _shared(
    columns: Sequence[Column], needs: Sequence[Need], least: dict[int, int], room: int
) -> dict[int, int]:
    """The least widths, grown into the room that is left or shrunk into what is not."""
    widths, left = dict(least), room - _total(least)
    for number in (n for n in widths if not columns[n].number):
        need, width = needs[number], widths[number]
        if left < 0:
            change = max(left, min(0, max(need.heading, LEAST_NAME_CELLS) - width))
        elif columns[number].prose or need.whole - width <= left:
            change = min(left, need.whole - width)
        else:
            change = 0  # a name has all the room it needs, or another line
        widths[number] += change
        left -= change
    return widths


def _total(widths: dict[int, int]) -> int:
    return sum(widths.values()) + GAP * max(0, len(widths) - 1)


@dataclass(slots=True)
class Grid:
    """A table that is made row by row and printed to any console."""

    columns: list[Column]
    #: Whether the names of the columns stand above.
    headed: bool = True
    #: None is where a section begins.
    rows: list[list[Text] | None] = field(default_factory=list)

    def add_row(self, *cells: str | Text) -> None:
        """One more row; a text is read as rich's markup."""
        row = [_cell(cell) for cell in cells]
        for column, cell in zip(self.columns, row, strict=True):
            if not column.prose and "\n" in cell.plain:
                cell.plain = cell.plain.replace("\n", " ")
        self.rows.append(row)

    def add_section(self) -> None:
        """What follows stands below an empty line."""
        self.rows.append(None)

    def lines(self, room: int) -> Iterator[Text]:
        """The table as lines, most of them no wider than the room."""
        widths = fit(self.columns, self._needs(), room)
        if self.headed:
            heading = [Text(column.name, style="bold") for column in self.columns]
            yield from self._line(heading, widths)
            yield Text("─" * _total(widths))
        for row in self.rows:
            if row is None:
                yield Text()
            else:
                yield from self._line(row, widths)
                yield from self._below(row, widths, room)

    def left_out(self, room: int) -> list[str]:
        """Names of the columns that tell something and have no place in that room."""
        needs = self._needs()
        shown = fit(self.columns, needs, room)
        return [
            column.name
            for number, column in enumerate(self.columns)
            if needs[number].cells and number not in shown and not column.below
        ]

    def _needs(self) -> list[Need]:
        rows = [row for row in self.rows if row is not None]
        return [
            Need(max((_cells(row[n]) for row in rows), default=0), cell_len(one.name))
            for n, one in enumerate(self.columns)
        ]

    def _below(
        self, row: list[Text], widths: dict[int, int], room: int
    ) -> Iterator[Text]:
        """The sentences of a row that have no place beside it."""
        for number, cell in enumerate(row):
            if self.columns[number].below and number not in widths and cell.plain:
                for part in folded(cell, room - INDENT):
                    yield Text(" " * INDENT).append_text(part)

    def _line(self, row: list[Text], widths: dict[int, int]) -> Iterator[Text]:
        """A row on as many lines as it needs."""
        starts = [0, *accumulate(width + GAP for width in widths.values())]
        line = Text()
        for start, (number, width) in zip(starts, widths.items(), strict=False):
            cell = row[number]
            if not cell.plain:
                continue
            if start and _cells(line) > start - GAP:
                yield line
                line = Text()
            if self.columns[number].prose:
                first, *more = folded(cell, width)
                _put(line, first, start)
                for other in more:
                    yield line
                    line = Text()
                    _put(line, other, start)
            else:
                ahead = width - _cells(cell) if self.columns[number].number else 0
                _put(line, cell, start + max(0, ahead))
        yield line

    def __rich_console__(
        self, console: Console, options: ConsoleOptions
    ) -> Iterator[Text]:
        for line in (*self.lines(options.max_width), *self._notes(console, options)):
            line.no_wrap, line.overflow = True, "ignore"
            yield line

    def _notes(self, console: Console, options: ConsoleOptions) -> Iterator[Text]:
        """At a terminal, which columns are not there for want of room."""
        names = self.left_out(options.max_width) if console.is_terminal else []
        if names:
            words = f"no room for {choice(names, word='and')}; --json has all"
            yield from folded(Text(words, style="dim"), options.max_width)


def _put(line: Text, cell: Text, start: int) -> None:
    """Write a cell into a line, from that column on."""
    cell.rstrip()
    line.append(" " * (start - _cells(line))).append_text(cell)


def _cell(cell: str | Text) -> Text:
    """What stands in a cell, as text that acts on nothing."""
    if isinstance(cell, str):
        return Text.from_markup(visible(cell).replace("\t", " "), emoji=False)
    safe = visible(cell.plain)
    return cell if safe == cell.plain else Text(safe, style=cell.style)


def _cells(text: Text) -> int:
    """How wide the widest line of a text is."""
    return max(map(cell_len, text.plain.split("\n")))
