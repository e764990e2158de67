"""Rows of a CSV file, whatever separates its cells.

It decides where cells begin and end; which columns count is decided in `tables`, and
what stands in the cells is judged in `jobs.manifest`. A row whose quotes are broken is
told and passed over, so that one forgotten quote does not hide the rest of the file.
"""

import csv
import re
from collections import deque
from collections.abc import Iterator
from typing import TextIO

from jobs.manifest.columns import Columns
from jobs.manifest.rows import Header, Problem, Row
from producer.reading.tables import Table, table_of, unclear_names
from producer.reading.text import lines_of

_SEPARATORS = ",;\t|"
#: How Excel says in a first line what separates the cells below it.
_SAID = re.compile(r'"?sep=([,;:|^~\t])"?', re.IGNORECASE)


class _Lines:
    """The lines of a file for one CSV reader, which can be given back."""

    def __init__(self, lines: Iterator[str]) -> None:
        self._lines = lines
        self._again: deque[str] = deque()
        self._taken: list[str] = []
        #: Line, from 1, on which the present row begins.
        self.line = 1

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = self._again.popleft() if self._again else next(self._lines)
        self._taken.append(line)
        return line

    def separator(self, columns: Columns) -> str:
        """What separates the cells, said by the file or seen in its header.

        Blank lines before the header are passed over; the header stays to be read.
        """
        said = ""
        for line in self._lines:
            found = None if said else _SAID.fullmatch(line.strip("\r\n "))
            if found:
                said = found[1]
            elif line.strip():
                self._again.append(line)
                return said or _seen(line, columns)
            self.line += 1
        return said or _SEPARATORS[0]

    def begin(self) -> None:
        """The next line begins a row."""
        self.line += len(self._taken)
        self._taken.clear()

    def give_back(self) -> None:
        """All lines of the present row but its first are to be read again."""
        self._again.extendleft(reversed(self._taken[1:]))
        del self._taken[1:]


def read_csv(
    file: str, text: TextIO, columns: Columns
) -> Iterator[Header | Row | Problem]:
    """The header and the rows of a CSV file, and what is wrong with its form.

    Raises:
        UnreadableError: a line of it is endless or holds NUL.
    """
    lines = _Lines(lines_of(file, text))
    separator = lines.separator(columns)
    reader = csv.reader(lines, delimiter=separator, strict=True, skipinitialspace=True)
    table: Table | None = None
    number = 0
    while True:
        lines.begin()
        try:
            cells = next(reader, None)
        except csv.Error as error:
            lines.give_back()
            number += table is not None
            yield _broken(file, lines.line, error)
            if table is None:
                return
            continue
        if cells is None:
            return
        if not any(map(str.strip, cells)):
            continue
        if table is None:
            problems = unclear_names(file, lines.line, cells, columns)
            yield from problems
            if problems:
                return
            table = table_of(file, lines.line, _without_end(cells))
            yield table.header
            continue
        number += 1
        while len(cells) > table.width and not cells[-1].strip():
            cells.pop()
        if len(cells) == table.width:
            yield from table.rows(lines.line, number, cells)
        else:
            yield _uneven(file, lines.line, len(cells), table.width)


def _seen(header: str, columns: Columns) -> str:
    """What separates the cells: what makes most known columns of the header."""

    def worth(separator: str) -> tuple[int, int]:
        try:
            cells = next(csv.reader([header], delimiter=separator), [])
        except csv.Error:
            cells = []
        return sum(columns.is_known(cell.strip()) for cell in cells), len(cells)

    return max(_SEPARATORS, key=worth)


def _without_end(cells: list[str]) -> list[str]:
    """Without the empty cells that spreadsheets leave at the end of a line."""
    while cells and not cells[-1].strip():
        cells.pop()
    return cells


def _uneven(file: str, line: int, has: int, wanted: int) -> Problem:
    message = f"it has {has} cells, the header has {wanted}"
    if has > wanted:
        suggestion = "put a text with the separator in it into double quotes"
    else:
        suggestion = "a line break in a text needs double quotes around the text"
    return Problem(file, line, None, None, message, suggestion, "cells")


def _broken(file: str, line: int, error: csv.Error) -> Problem:
    if "field limit" in str(error) or "unexpected end" in str(error):
        message = "a double quote is opened in this row and its partner is missing"
    else:
        message = "a text goes on after its closing double quote"
    suggestion = 'close it, and write "" for a quote within a quoted text'
    return Problem(file, line, None, None, message, suggestion, "quote")
