"""Rows of one sheet of a workbook, as a spreadsheet program shows them.

It decides how a cell's value becomes text: a whole number without a point, a date in
ISO form, a true or false as it is. What is no value (an error, a formula that nobody
computed) is told at its cell; whether the workbook is sound is looked at before, in
`xlsx_parts` and `xlsx_cells`.
"""

import datetime as dt
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, BinaryIO

from jobs.manifest.columns import Columns
from jobs.manifest.rows import Header, Problem, Row
from producer.reading.tables import Table, is_blank, table_of, unclear_names
from producer.reading.unreadable import Unreadable, whole
from producer.reading.xlsx_cells import PICTURE, BadCells, look
from producer.reading.xlsx_parts import Parts
from producer.reading.xlsx_sheets import find_sheet

if TYPE_CHECKING:
    from python_calamine import CalamineSheet

#: Whole numbers from here on have more digits than a spreadsheet shows, and keeps of
#: what is typed in; larger than the second, no program keeps them exactly.
_INEXACT = 10**15
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
    name, part = find_sheet(file, parts, sheet)
    bad = look(file, parts, part)
    found = _sheet(file, parts, workbook, name)
    first = found.start[1] if found.start else 0
    reading = _Sheet(file, first, bad, columns)
    place = -1
    for place, values in enumerate(found.iter_rows()):
        yield from reading.records(place, values)
    yield from reading.beyond(place)


class _Sheet:
    """The rows of a sheet, from the line of names on."""

    def __init__(self, file: str, first: int, bad: BadCells, columns: Columns) -> None:
        self._file = file
        #: The column, from 0, that a row's values begin with.
        self._first = first
        self._bad: dict[int, dict[int, str]] = {}
        for (row, column), error in bad.items():
            self._bad.setdefault(row, {})[column] = error
        self._columns = columns
        self._table: Table | None = None
        self._number = 0
        self._over = False

    def records(
        self, place: int, values: Sequence[object]
    ) -> Iterator[Header | Row | Problem]:
        """What a row at a place, from 0, is; nothing if it is blank."""
        written = [_written(value) for value in values]
        found = self._bad.get(place, {})
        bad = {at - self._first: error for at, error in found.items()}
        if self._over or (not bad and all(map(is_blank, written))):
            return
        line = place + 1
        if self._table is None:
            yield from self._begin(line, written, bad)
            return
        self._number += 1
        names = {at: name for name, at in self._table.places.items()}
        problems = [
            self._problem(line, names.get(at, at + self._first + 1), error)
            for at, error in sorted(bad.items())
        ]
        problems += self._inexact(line, values)
        yield from problems
        if problems:
            return
        if self._table.spare:
            yield from self._table.strays(line, written)
        yield Row(self._file, line, self._number, self._table.cells(written))

    def beyond(self, last: int) -> Iterator[Header | Row | Problem]:
        """What is wrong behind the last row in which any value stands."""
        for place in sorted(self._bad):
            if place > last:
                yield from self.records(place, ())

    def _begin(
        self, line: int, written: list[object], bad: dict[int, str]
    ) -> Iterator[Header | Problem]:
        names = [name if isinstance(name, str) else str(name) for name in written]
        problems = [
            self._problem(line, at + self._first + 1, error)
            for at, error in sorted(bad.items())
        ]
        problems += unclear_names(self._file, line, names, self._columns)
        yield from problems
        self._over = bool(problems)
        self._table = table_of(self._file, line, names)
        if not problems:
            yield self._table.header

    def _inexact(self, line: int, values: Sequence[object]) -> Iterator[Problem]:
        """Cells that mean something and hold numbers that have lost digits."""
        places = self._table.places if self._table else {}
        for name, at in places.items():
            value = values[at] if at < len(values) else None
            if (
                self._columns.is_known(name)
                and isinstance(value, float)
                and abs(value) >= _INEXACT
            ):
                shown = _written(value)
                message = (
                    f"{shown} is a number of more than 15 digits, the rest is lost"
                )
                suggestion = "format the column as text, then fill in the cell anew"
                yield Problem(
                    self._file, line, name, str(shown), message, suggestion, "bad-cell"
                )

    def _problem(self, line: int, column: str | int, error: str) -> Problem:
        message = f"the cell holds the error {error}"
        suggestion = "mend or empty the cell in the spreadsheet"
        if not error:
            message = "the cell holds a formula that was never computed"
            suggestion = "open the file in a spreadsheet program and save it anew"
        if error == PICTURE:
            message = "the cell holds a picture, which a manifest cannot use"
            suggestion = "save the picture as a file, and write its path or address"
        value = error or None
        return Problem(self._file, line, column, value, message, suggestion, "bad-cell")


def _written(value: object) -> object:
    """A cell as text; true and false stay what they are."""
    if isinstance(value, str | bool):
        return value
    if isinstance(value, float):
        is_exact = value.is_integer() and abs(value) < _MAX_EXACT
        # Excel shows 15 digits of what it computes: 0.1*3*10 is 3 there.
        return str(int(value)) if is_exact else f"{value:.15g}"
    if isinstance(value, dt.datetime):
        return value.isoformat(" ")
    if isinstance(value, dt.date | dt.time):
        return value.isoformat()
    if isinstance(value, dt.timedelta):
        seconds = int(value.total_seconds())
        hours, rest = divmod(abs(seconds), _HOUR_S)
        return f"{'-' * (seconds < 0)}{hours}:{rest // 60:02}:{rest % 60:02}"
    return str(value)


@contextmanager
def _sound(parts: Parts) -> Iterator[None]:
    """Whatever the reader of workbooks trips over is damage to a person."""
    try:
        yield
    except BaseException as error:
        # What its compiled part trips over is told outside of Exception.
        if isinstance(error, Exception) or type(error).__name__ == "PanicException":
            raise parts.damaged() from None
        raise


def _sheet(file: str, parts: Parts, workbook: BinaryIO, name: str) -> "CalamineSheet":
    try:
        from python_calamine import load_workbook  # noqa: PLC0415 - an extra, for workbooks alone
    except ImportError:
        message = "workbooks need the package python-calamine, which is not installed"
        suggestion = "install reelmill[xlsx], or save the sheet as “CSV UTF-8”"
        raise Unreadable(whole(file, "extra", message, suggestion)) from None
    workbook.seek(0)
    with _sound(parts):
        return load_workbook(workbook).get_sheet_by_name(name)
