"""Rows of one sheet of a workbook, as a spreadsheet program shows them.

It decides how a cell's value becomes text: a whole number without a point, a date in
ISO form, a true or false as it is. What is no value (an error, a formula that nobody
computed) is told at its cell; whether the workbook is sound is looked at before, in
`xlsx_parts` and `xlsx_cells`.
"""

import datetime as dt
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, BinaryIO

from jobs.columns import Columns
from jobs.rows import Header, Problem, Row
from jobs.wording import choice, guesses, shown
from producer.reading.tables import Table, table_of, unclear_names
from producer.reading.unreadable import Unreadable, whole
from producer.reading.xlsx_cells import BadCells, look
from producer.reading.xlsx_parts import Parts

if TYPE_CHECKING:
    from python_calamine import CalamineSheet, CalamineWorkbook

#: Larger whole numbers are not kept exactly by a spreadsheet.
_MAX_EXACT = 1 << 53
_HOUR_S = 3600


def read_xlsx(
    file: str, workbook: BinaryIO, columns: Columns, sheet: str | None = None
) -> Iterator[Header | Row | Problem]:
    """The header and the rows of a sheet, its first one if none is named.

    Raises:
        Unreadable: it cannot be read, or there is no such sheet.
    """
    parts = Parts(file, workbook)
    book = _opened(file, parts, workbook)
    name = _chosen(file, book, sheet)
    bad = look(file, parts, name)
    workbook.seek(0)
    reading = _Sheet(file, bad, columns)
    for place, cells in enumerate(_cells(parts, book, name)):
        yield from reading.records(place, cells)


class _Sheet:
    """The rows of a sheet, from the line of names on."""

    def __init__(self, file: str, bad: BadCells, columns: Columns) -> None:
        self._file = file
        self._bad: dict[int, dict[int, str]] = {}
        for (row, column), error in bad.items():
            self._bad.setdefault(row, {})[column] = error
        self._columns = columns
        self._table: Table | None = None
        self._number = 0
        self._over = False

    def records(
        self, place: int, cells: tuple[int, Sequence[object]]
    ) -> Iterator[Header | Row | Problem]:
        first, values = cells
        written = [_written(value) for value in values]
        bad = {at - first: error for at, error in self._bad.get(place, {}).items()}
        if self._over or not (bad or any(cell != "" for cell in written)):
            return
        line = place + 1
        if self._table is None:
            yield from self._begin(line, written, bad)
            return
        self._number += 1
        names = {at: name for name, at in self._table.places.items()}
        problems = [
            self._problem(line, names.get(at, at + first + 1), error)
            for at, error in sorted(bad.items())
        ]
        problems += self._table.strays(line, written)
        yield from problems
        if not problems:
            yield Row(self._file, line, self._number, self._table.cells(written))

    def _begin(
        self, line: int, written: list[object], bad: dict[int, str]
    ) -> Iterator[Header | Problem]:
        names = [name if isinstance(name, str) else str(name) for name in written]
        problems = [self._problem(line, at + 1, error) for at, error in bad.items()]
        problems += unclear_names(self._file, line, names, self._columns)
        yield from problems
        self._over = bool(problems)
        self._table = table_of(self._file, line, names)
        if not problems:
            yield self._table.header

    def _problem(self, line: int, column: str | int, error: str) -> Problem:
        message = f"the cell holds the error {error}"
        suggestion = "mend or empty the cell in the spreadsheet"
        if not error:
            message = "the cell holds a formula that was never computed"
            suggestion = "open the file in a spreadsheet program and save it anew"
        value = error or None
        return Problem(
            self._file, line, column, value, message, suggestion, "bad-cell"
        )


def _written(value: object) -> object:
    """A cell as text; true and false stay what they are."""
    if isinstance(value, str | bool):
        return value
    if isinstance(value, float):
        whole_and_exact = value.is_integer() and abs(value) < _MAX_EXACT
        return str(int(value)) if whole_and_exact else repr(value)
    if isinstance(value, dt.datetime):
        return value.isoformat(" ", "auto").removesuffix(" 00:00")
    if isinstance(value, dt.date | dt.time):
        return value.isoformat()
    if isinstance(value, dt.timedelta):
        seconds = int(value.total_seconds())
        hours, rest = divmod(abs(seconds), _HOUR_S)
        return f"{'-' * (seconds < 0)}{hours}:{rest // 60:02}:{rest % 60:02}"
    return str(value)


def _opened(file: str, parts: Parts, workbook: BinaryIO) -> "CalamineWorkbook":
    try:
        import python_calamine  # noqa: PLC0415 - an extra, and only workbooks need it
    except ImportError:
        message = "workbooks need the package python-calamine, which is not installed"
        suggestion = "install reelmill[xlsx], or save the sheet as “CSV UTF-8”"
        raise Unreadable(whole(file, "extra", message, suggestion)) from None
    with _Sound(parts):
        return python_calamine.load_workbook(workbook)
