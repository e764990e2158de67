"""Rows of a CSV file, whatever separates its cells.

It decides where cells begin and end and whether the header can be trusted; what stands
in the cells is judged in `jobs.manifest`. A row whose quotes are broken is told and
passed over, so that one forgotten quote does not hide the rest of the file.
"""

import csv
from collections import deque
from collections.abc import Iterator
from typing import TextIO

from jobs.columns import Columns
from jobs.rows import Problem, Row
from jobs.wording import shown
from producer.reading_text import lines_of

_SEPARATORS = ",;\t"


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

    def header(self) -> str:
        """The first line that is not blank; it stays to be read."""
        for line in self._lines:
            if line.strip():
                self._again.append(line)
                return line
            self.line += 1
        return ""

    def begin(self) -> None:
        """The next line begins a row."""
        self.line += len(self._taken)
        self._taken.clear()

    def give_back(self) -> None:
        """All lines of the present row but its first are to be read again."""
        self._again.extendleft(reversed(self._taken[1:]))
        del self._taken[1:]


def read_csv(file: str, text: TextIO, columns: Columns) -> Iterator[Row | Problem]:
    """The rows of a CSV file, and what is wrong with its form."""
    lines = _Lines(lines_of(file, text))
    separator = _separator(lines.header(), columns)
    reader = csv.reader(lines, delimiter=separator, strict=True, skipinitialspace=True)
    header: list[str] | None = None
    number = 0
    while True:
        lines.begin()
        try:
            cells = next(reader, None)
        except csv.Error as error:
            lines.give_back()
            number += header is not None
            yield _broken(file, lines.line, error)
            if header is None:
                return
            continue
        if cells is None:
            return
        if not any(map(str.strip, cells)):
            continue
        if header is None:
            header = _header(cells)
            problems = _problems_of_header(file, lines.line, header, columns)
            yield from problems
            if problems:
                return
            continue
        number += 1
        yield _row(file, lines.line, number, header, cells)


def _separator(header: str, columns: Columns) -> str:
    """What separates the cells: what makes most known columns of the header."""

    def worth(separator: str) -> tuple[int, int]:
        try:
            cells = next(csv.reader([header], delimiter=separator), [])
        except csv.Error:
            cells = []
        return sum(columns.is_known(cell.strip()) for cell in cells), len(cells)

    return max(_SEPARATORS, key=worth)


def _header(cells: list[str]) -> list[str]:
    """The names of the columns; empty ones at the end come from spreadsheets."""
    names = [cell.strip() for cell in cells]
    while names and not names[-1]:
        names.pop()
    return names


def _problems_of_header(
    file: str, line: int, header: list[str], columns: Columns
) -> list[Problem]:
    problems: list[Problem] = []
    for place, name in enumerate(header, 1):
        if not name:
            message = f"the column at place {place} has no name"
            suggestion = "give it a name or take it out"
            problems.append(
                Problem(file, line, place, None, message, suggestion, "header")
            )
        elif header.index(name) < place - 1:
            message = f"two columns are called {shown(name)}"
            suggestion = "rename or take out one of them"
            problems.append(
                Problem(file, line, name, name, message, suggestion, "header")
            )
    meant = (columns.is_known(name) or columns.misspelt(name) for name in header)
    if not problems and not any(meant):
        message = "no column has a name that a model knows"
        suggestion = "let the first line name the columns, such as id,image,prompt"
        value = ", ".join(header)
        problems.append(Problem(file, line, None, value, message, suggestion, "header"))
    return problems


def _row(
    file: str, line: int, number: int, header: list[str], cells: list[str]
) -> Row | Problem:
    wanted = len(header)
    while len(cells) > wanted and not cells[-1].strip():
        cells.pop()
    if len(cells) == wanted:
        return Row(file, line, number, dict(zip(header, cells, strict=True)))
    message = f"it has {len(cells)} cells, the header has {wanted}"
    if len(cells) > wanted:
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
