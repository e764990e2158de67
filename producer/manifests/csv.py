"""Reads the rows of a CSV file, whatever separates its cells."""

import csv
import re
from collections.abc import Iterator
from itertools import chain
from typing import TextIO

from jobs.manifest.column_mapping import Columns
from jobs.manifest.rows import Header, Problem, Row
from producer.manifests.table import Table, is_blank, table_of, unclear_names

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
        while (
            cells and len(cells) > (table.width if table else 0) and is_blank(cells[-1])
        ):
            cells.pop()  # spreadsheets leave empty cells at the end
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
