"""Reads a table: finds its header, and makes a row of each line below it."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain, dropwhile, pairwise
from typing import NamedTuple, TypeAlias

from jobs.catalogue.validation import MarkedText
from jobs.manifest.columns import Columns
from jobs.manifest.layouts import recognised
from jobs.manifest.rows import Header, Notice, Problem, Row, Skipped
from jobs.text import counted, plain, shown
from producer.manifests.source import UnreadableError, whole

#: How many lines with something in them are searched for a header.
HEADER_LINES = 25
#: Repeated columns are joined with this; a list of addresses is written so.
JOINED_BY = "|"

_LIKE_PICTURES = re.compile(r"image|photo|picture|foto|bild|imag|img", re.IGNORECASE)
_PICTURE = r"\S+\.(?:avif|bmp|gif|heic|jpe?g|png|tiff?|webp)(?:[?#]\S*)?"
_NO_NAME = re.compile(
    rf"[\d\s.,:/%€$£+-]+|.*://.*|.{{81,}}|{_PICTURE}", re.DOTALL | re.IGNORECASE
)
#: A cell that only a row has.
_OF_ROW = re.compile(rf"(?:https?|s3|gs|az)://\S+|{_PICTURE}", re.IGNORECASE)
#: Marks and blanks that programs leave around names, and that nobody sees.
_UNSEEN = "\ufeff\u200b"
_EXCEL_TEXT = re.compile(r'="((?:[^"]|"")*)"')
#: So many known names are a header, wherever they stand.
_CLEAR = 2
#: So many names of a header are shown.
_MAX_SHOWN = 5

HIDDEN = "rows that are hidden in the spreadsheet"

#: What stands in a cell: text, or true or false.
Cell: TypeAlias = str | bool
TableRecord: TypeAlias = Header | Row | Problem | Notice | Skipped


@dataclass(frozen=True, slots=True)
class TableOptions:
    """What a person says about a table."""

    #: Sheet of a workbook; None is the first with a table.
    sheet: str | None = None
    #: Line of the header, from 1; None is searched for.
    header_line: int | None = None
    #: True to leave out rows that are hidden in the spreadsheet.
    visible_only: bool = False


class Line(NamedTuple):
    """A line of a table: its place in the file from 1, and the cells from the left."""

    number: int
    cells: Sequence[Cell]
    is_hidden: bool = False
    #: True if a cell of it goes on in the lines below, which have nothing there.
    is_merged: bool = False


def is_blank(cell: object) -> bool:
    """True for an empty cell, or one with white space only."""
    return cell is None or (isinstance(cell, str) and (not cell or cell.isspace()))


def without_formula(cell: str) -> str:
    """The text of a cell that says `="007"`, as Excel is told that digits are text."""
    found = _EXCEL_TEXT.fullmatch(cell)
    return found[1].replace('""', '"') if found else cell


def joined(values: Iterable[object]) -> object:
    """What several columns of one name hold: each value once, empty ones left out."""
    distinct = [*dict.fromkeys(value for value in values if not is_blank(value))]
    if len(distinct) > 1:
        return JOINED_BY.join(map(plain, distinct))
    return distinct[0] if distinct else ""


def read_table(
    file: str,
    lines: Iterable[Line],
    columns: Columns,
    options: TableOptions,
    *,
    elsewhere: str = "",
    is_sheet: bool = True,
) -> Iterator[TableRecord]:
    """The header of a table, its rows, and what a person should know of them.

    Args:
        file: as the person named it.
        lines: all lines that are not blank.
        columns: what the names mean.
        options: what is said about the table.
        elsewhere: what to try where no column is of use.
        is_sheet: False where a cell too many is a mistake, as in CSV.
    """
    at, wanted = 0, options.header_line
    if wanted is not None:
        lines = dropwhile(lambda line: line.number < wanted, lines)
    first, rest = _peeked(lines)
    if not first:
        next(rest, None)  # raises what is wrong with the first line
    if wanted is None:
        at = header_place(first, columns)
        if problem := _doubtful(file, first, at, columns, elsewhere):
            yield problem
            return
    elif not first or first[0].number != wanted:
        message = f"line {wanted} is empty or not there"
        cure = "name the line of the header"
        raise UnreadableError(whole(file, "header", message, cure, wanted))
    if not first:
        return
    table = _Table(file, first[at], columns, options, is_sheet=is_sheet)
    yield from table.problems or table.beginning(first[:at])
    if not table.problems:
        for line in chain(first[at + 1 :], rest):
            yield from table.read(line)


def with_header(rows: Callable[[], Iterator[Row]]) -> Iterator[Header | Row]:
    """Objects as rows of one table, with all their names; none if there is no object.

    They are read twice, because the last may have a name of its own.
    """
    file, names = "", dict[str, str]()
    for row in rows():
        file = row.file
        names |= dict.fromkeys(row.cells, "")
    if names:
        yield Header(file, 1, tuple(names))
    for row in rows():
        yield replace(row, cells=names | dict(row.cells))


def _peeked(lines: Iterable[Line]) -> tuple[list[Line], Iterator[Line]]:
    """The first lines and the others; an error among the first comes behind them."""
    first: list[Line] = []
    rest = iter(lines)
    try:
        while len(first) < HEADER_LINES:
            first.append(next(rest))
    except StopIteration:
        pass
    except UnreadableError as error:
        rest = _raised(error)
    return first, rest


def _raised(error: UnreadableError) -> Iterator[Line]:
    raise error
    yield


def header_place(lines: Sequence[Line], columns: Columns) -> int:
    """Which of the first lines names the columns, from 0.

    It is the first with two names that a model or a layout knows, or none but those;
    else the first that looks like names, with data below it.
    """
    worth = [_worth(line, columns) for line in lines]
    for at, (known, _) in enumerate(worth):
        if known >= min(_CLEAR, len(_filled(lines[at])) if at else 1):
            return at
    pairs = pairwise(lines)
    shaped = (
        at
        for at, (line, below) in enumerate(pairs)
        if is_header_like(line) and _filled(below)
    )
    return next(shaped, 0)


def is_useful(line: Line, columns: Columns) -> bool:
    """True if a line has a name that is known, or is like that of pictures."""
    return any(_worth(line, columns))


def is_header_like(line: Line) -> bool:
    """True if most cells of a line could be names: different, short, no numbers."""
    names = _filled(line)
    distinct = {name.casefold() for name in names}
    return (
        not any(isinstance(cell, bool) for cell in line.cells)
        and len(distinct) > 1
        and len(distinct) * 2 > len(names)
        and not names[0].startswith("#")
        and not any(map(_NO_NAME.fullmatch, names))
    )


def _is_row(line: Line) -> bool:
    """True if a cell is a picture or an address."""
    return any(map(_OF_ROW.fullmatch, _filled(line)))


def _worth(line: Line, columns: Columns) -> tuple[int, bool]:
    """How many names of a line are known, and whether one is like that of pictures."""
    names = {name for name in _filled(line) if not name.startswith("#")}
    known = sum(columns.is_known(n) or columns.is_known(n.casefold()) for n in names)
    if recognised(names):
        known += _CLEAR
    return known, is_header_like(line) and any(map(_LIKE_PICTURES.search, names))


def _filled(line: Line) -> list[str]:
    return [plain(cell).strip() for cell in line.cells if not is_blank(cell)]


def _doubtful(
    file: str, lines: Sequence[Line], at: int, columns: Columns, elsewhere: str
) -> Problem | None:
    """Why a person must say which line is the header: rows, or a better one."""
    if not lines:
        return None
    header, line = _filled(lines[at]), lines[at]
    read = ", ".join(header[:_MAX_SHOWN])
    rows = (one for one in lines[:at] if 2 * len(_filled(one)) >= len(header))
    if above := next(filter(_is_row, rows), None):
        message = f"it stands above line {line.number}, the header ({read}), and looks "
        message += "like a row"
        suggestion = f"move it below, or leave it out with --header-line {line.number}"
        line = above
    elif is_useful(line, columns):
        return None
    elif suggestion := _better(lines[at + 1 :], columns) or elsewhere:
        message = f"it names no column that a model knows, and reads {shown(read)}"
    elif _is_row(line):
        message = f"it looks like a row and not like names of columns: {shown(read)}"
        suggestion = "put a line above it that names them, such as id,image,prompt"
    else:
        return None
    return whole(file, "header", message, suggestion, line.number)


def _better(lines: Iterable[Line], columns: Columns) -> str:
    """How a person names a header among these lines; empty if there is none."""
    for line in lines:
        if is_header_like(line) and is_useful(line, columns):
            names = ", ".join(_filled(line)[:_MAX_SHOWN])
            look = f"line {line.number} looks like the header ({names}): "
            return f"{look}--header-line {line.number}"
    return ""


class _Table:
    """The columns of one table, and what is read below them."""

    def __init__(
        self,
        file: str,
        header: Line,
        columns: Columns,
        options: TableOptions,
        *,
        is_sheet: bool,
    ) -> None:
        self._file, self._line = file, header.number
        self._visible_only, self._is_sheet = options.visible_only, is_sheet
        self._number = 0
        names = [plain(cell).strip().strip(_UNSEEN).strip() for cell in header.cells]
        while names and not names[-1]:  # spreadsheets leave empty cells at the end
            names.pop()
        self._names = names
        #: Places of each column, from 0; those without a name are together.
        self._places: dict[str, list[int]] = {}
        for place, name in enumerate(names):
            self._places.setdefault(name, []).append(place)
        self._known = set(filter(columns.is_known, self._places))
        repeated = [name for name, at in self._places.items() if name and len(at) > 1]
        taken = [n for n in repeated if n in columns.names and not columns.is_list(n)]
        self._repeated = repeated
        self.problems = [self._twice(name) for name in taken]

    def _twice(self, name: str) -> Problem:
        message = f"two columns are called {shown(name)}"
        suggestion = "rename or take out one of them"
        return Problem(
            self._file, self._line, name, name, message, suggestion, "header"
        )

    def beginning(self, above: Sequence[Line]) -> Iterator[Header | Notice]:
        """The header, and what a person should know of it and the lines above it."""
        place = self._file, self._line
        if above:
            message = f"line {self._line} is the header, the lines above are not read"
            suggestion = "if another line names the columns: --header-line N"
            first = shown(", ".join(_filled(above[0])[:_MAX_SHOWN]))
            value = f"from {first} in line {above[0].number}"
            yield Notice("header-line", message, suggestion, *place, None, value)
        for name in self._repeated:
            message = f"columns with the same name are joined with {JOINED_BY}"
            suggestion = "rename one of them to use it alone"
            yield Notice("repeated-column", message, suggestion, *place, name)
        yield Header(*place, tuple(filter(None, self._places)))

    def read(self, line: Line) -> Iterator[TableRecord]:
        """The row of a line, and what a person should know of it."""
        self._number += 1
        place = self._file, line.number
        if line.is_hidden and self._visible_only:
            yield Skipped(*place, HIDDEN)
            return
        if line.is_hidden:
            message = "rows are hidden in the spreadsheet and count all the same"
            suggestion = "--visible-only leaves them out"
            yield Notice("hidden-row", message, suggestion, *place)
        width = len(self._names)
        cells = [*line.cells, *[""] * (width - len(line.cells))]
        row: dict[str, object] = dict(zip(self._names, cells, strict=False))
        for name in self._repeated:
            row[name] = joined(cells[at] for at in self._places[name])
        row.pop("", None)
        beyond = [cell for cell in cells[width:] if not is_blank(cell)]
        if beyond and not self._is_sheet:
            yield self._too_many(line)
            return
        for at in self._places.get("", ()):
            beyond += [cells[at]] * (not is_blank(cells[at]))
        if beyond:
            yield self._unnamed(line, beyond)
        if self._is_sheet:
            yield from self._marks(line.number, row)
        yield Row(*place, self._number, row)

    def _marks(self, line: int, row: Mapping[str, object]) -> Iterator[Notice]:
        """What a person should know of cells that are not what the sheet shows."""
        for name, cell in row.items():
            if not isinstance(cell, MarkedText):
                continue
            issue, place = cell.issue, (self._file, line, name, str(cell))
            message, suggestion = issue.message, issue.suggestion
            if cell.is_bad:
                message = "cells hold errors"
                suggestion = "a video or a template that uses one is refused"
            # A video that needs it is refused, and that says it for columns of ours.
            if cell.is_bad != (name in self._known):
                yield Notice(issue.kind, message, suggestion, *place)

    def _unnamed(self, line: Line, cells: Sequence[Cell]) -> Notice:
        message = "cells in columns without a name are not used"
        suggestion = "give the column a name if it is to be used"
        place = self._file, line.number, None, plain(cells[0])
        return Notice("unnamed-column", message, suggestion, *place)

    def _too_many(self, line: Line) -> Problem:
        has = counted(len(line.cells), "cell")
        message = f"it has {has}, the header has {len(self._names)}"
        suggestion = "put a text with the separator in it into double quotes"
        return whole(self._file, "cells", message, suggestion, line.number)
