"""Reads the rows of a CSV file, whatever separates its cells; and what tables share."""

import csv
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import TextIO

from jobs.manifest.columns import Columns
from jobs.manifest.rows import Header, Problem, Row
from jobs.text import plain, shown

_SEPARATORS = ",;\t|"
#: How Excel says in a first line what separates the cells below it.
_SAID = re.compile(r'"?sep=([,;:|^~\t])"?', re.IGNORECASE)


def read_csv(
    file: str, text: TextIO, columns: Columns
) -> Iterator[Header | Row | Problem]:
    """The header and the rows of a CSV file, and what is wrong with its form.

    A broken quote ends the reading, because nothing tells where the next row begins.
    """
    skipped, separator, header = _beginning(text)
    separator = separator or _seen(header, columns)
    lines = chain([header], text)
    reader = csv.reader(lines, delimiter=separator, strict=True, skipinitialspace=True)
    table: Table | None = None
    number = 0
    while True:
        line = skipped + reader.line_num + 1
        try:
            cells = next(reader, None)
        except csv.Error as error:
            yield _broken(file, line, error)
            return
        if cells is None:
            return
        if all(map(is_blank, cells)):
            continue
        # Spreadsheets leave empty cells at the end.
        while len(cells) > (table.width if table else 0) and is_blank(cells[-1]):
            cells.pop()
        if table is None:
            problems = unclear_names(file, line, cells, columns)
            yield from problems
            if problems:
                return
            table = table_of(file, line, cells)
            yield table.header
            continue
        number += 1
        if len(cells) == table.width:
            yield from table.rows(line, number, cells)
        else:
            yield _uneven(file, line, len(cells), table.width)


def _beginning(text: TextIO) -> tuple[int, str, str]:
    """How many lines are before the header, the separator they say, and the header."""
    skipped, separator = 0, ""
    for line in text:
        said = None if separator else _SAID.fullmatch(line.strip("\r\n "))
        if said:
            separator = said[1]
        elif line.strip():
            return skipped, separator, line
        skipped += 1
    return skipped, separator, ""


def _seen(header: str, columns: Columns) -> str:
    """What separates the cells: what makes most known columns of the header."""

    def worth(separator: str) -> tuple[int, int]:
        try:
            cells = next(csv.reader([header], delimiter=separator), [])
        except csv.Error:
            cells = []
        return sum(columns.is_known(cell.strip()) for cell in cells), len(cells)

    return max(_SEPARATORS, key=worth)


def _uneven(file: str, line: int, has: int, wanted: int) -> Problem:
    message = f"it has {has} cells, the header has {wanted}"
    if has > wanted:
        suggestion = "put a text with the separator in it into double quotes"
    else:
        suggestion = "a line break in a text needs double quotes around the text"
    return Problem(file, line, None, None, message, suggestion, "cells")


def _broken(file: str, line: int, error: csv.Error) -> Problem:
    message = "a text goes on after its closing double quote"
    if "field limit" in str(error) or "unexpected end" in str(error):
        message = "a double quote is opened in this row and its partner is missing"
    suggestion = 'close it, and write "" for a quote within a quoted text; '
    suggestion += "what follows was not read"
    return Problem(file, line, None, None, message, suggestion, "quote")


@dataclass(slots=True)
class Table:
    """The columns of one table."""

    header: Header
    #: Places of the columns that count, from 0, by name.
    places: Mapping[str, int]
    #: Places of ignored columns, with the place of the column that has their name.
    ignored: dict[int, int | None]
    #: How many cells the header has.
    width: int

    def rows(
        self, line: int, number: int, written: Sequence[object]
    ) -> Iterator[Row | Problem]:
        """A row, after problems with what stands in ignored columns, each told once.

        `written` may have more cells than the header, or fewer; `number` counts rows.
        """
        file = self.header.file
        if not self.ignored and len(written) == self.width:
            cells = dict(zip(self.header.names, written, strict=True))
            yield Row(file, line, number, cells)
            return
        for place, cell in enumerate(written):
            if is_blank(cell) or (place < self.width and place not in self.ignored):
                continue
            first = self.ignored.get(place)
            if first is None or cell != written[first]:
                self.ignored[place] = place  # told now, and not again
                name = "" if first is None else self._name(first)
                yield _unclear(file, line, name, place, cell)
        written = [*written, *[""] * (self.width - len(written))]
        cells = {name: written[place] for name, place in self.places.items()}
        yield Row(file, line, number, cells)

    def _name(self, place: int) -> str:
        return next(name for name, at in self.places.items() if at == place)


def unclear_names(
    file: str, line: int, written: Sequence[str], columns: Columns
) -> list[Problem]:
    """Problems with two columns of one name, if the name feeds a job."""
    names = [cell.strip() for cell in written]
    return [
        _unclear(file, line, name, place, name)
        for place, name in enumerate(names)
        if columns.is_known(name) and names.index(name) < place
    ]


def table_of(file: str, line: int, written: Sequence[str]) -> Table:
    """The table below a line of names; of columns with one name the first counts."""
    places: dict[str, int] = {}
    ignored: dict[int, int | None] = {}
    for place, cell in enumerate(written):
        name = cell.strip()
        if not name or name in places:
            ignored[place] = places.get(name)
        else:
            places[name] = place
    return Table(Header(file, line, tuple(places)), places, ignored, len(written))


def is_blank(cell: object) -> bool:
    """True for an empty cell, or one with white space only."""
    return cell is None or (isinstance(cell, str) and not cell.strip())


def _unclear(file: str, line: int, name: str, place: int, cell: object) -> Problem:
    message = f"the column at place {place + 1} has no name"
    suggestion = "give it a name or take it out"
    if name:
        message = f"two columns are called {shown(name)}"
        suggestion = "rename or take out one of them"
    column = name or place + 1
    return Problem(file, line, column, plain(cell), message, suggestion, "header")
