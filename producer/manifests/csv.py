"""Reads the lines of a CSV file, whatever separates its cells."""

import csv
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import chain, islice
from typing import TextIO

from jobs.manifest.columns import Columns
from jobs.manifest.rows import Problem
from producer.manifests.source import UnreadableError, bounded_lines, whole
from producer.manifests.table import (
    HEADER_LINES,
    Line,
    TableOptions,
    TableRecord,
    is_blank,
    read_table,
    without_formula,
)

_SEPARATORS = ",;\t|"
#: Descriptions with pictures in them are long; this ends a quote that is never closed.
_MAX_CELL_CHARS = 8 << 20
#: How Excel says in a first line what separates the cells below it.
_SAID = re.compile(r'"?sep=([,;:|^~\t])"?', re.IGNORECASE)


def read_csv(
    file: str, text: TextIO, columns: Columns, options: TableOptions
) -> Iterator[TableRecord]:
    """The header and the rows of a CSV file, and what is wrong with its form.

    A broken quote ends the reading, because nothing tells where the next row begins.
    """
    csv.field_size_limit(_MAX_CELL_CHARS)
    lines = _lines(file, bounded_lines(file, text), columns)
    yield from read_table(file, lines, columns, options, is_sheet=False)


def _lines(file: str, text: Iterator[str], columns: Columns) -> Iterator[Line]:
    """Each line that is not blank; the last ones of its cells may be left out."""
    skipped, separator, first = _beginning(text)
    separator = separator or _seen(first, columns)
    written = _without_blanks_after_quotes(chain(first, text), separator)
    reader = csv.reader(
        written, delimiter=separator, strict=True, skipinitialspace=True
    )
    while True:
        number = skipped + reader.line_num + 1
        try:
            cells = next(reader, None)
        except csv.Error as error:
            raise UnreadableError(_broken(file, number, error)) from None
        if cells is None:
            return
        while cells and is_blank(cells[-1]):
            cells.pop()
        if '="' in "".join(cells):
            cells = [*map(without_formula, cells)]
        if cells:
            yield Line(number, cells)


def _beginning(text: Iterator[str]) -> tuple[int, str, list[str]]:
    """How many lines are before the table, the separator they say, and its first."""
    skipped, separator = 0, ""
    for line in text:
        said = None if separator else _SAID.fullmatch(line.strip("\r\n "))
        if said:
            separator = said[1]
        elif line.strip():
            return skipped, separator, [line, *islice(text, HEADER_LINES)]
        skipped += 1
    return skipped, separator, []


def _seen(lines: Sequence[str], columns: Columns) -> str:
    """What makes most known columns, then most lines of several cells, or even ones."""

    def worth(separator: str) -> tuple[int, int, int, int]:
        try:
            rows = [*csv.reader(lines, delimiter=separator)]
        except csv.Error:
            return 0, 0, 0, 0
        known = max(
            (sum(columns.is_known(cell.strip()) for cell in row) for row in rows),
            default=0,
        )
        widths = Counter(len(row) for row in rows if len(row) > 1)
        width, times = max(widths.items(), key=lambda one: one[::-1], default=(0, 0))
        return known, widths.total(), times, width

    return max(_SEPARATORS, key=worth)


def _without_blanks_after_quotes(lines: Iterator[str], separator: str) -> Iterator[str]:
    """The lines without blanks between a closing quote and the next separator.

    Quotes come in pairs within a text, so one that closes it follows none or a pair.
    """
    mark = re.escape(separator)
    blanks = re.compile(rf'((?:^|{mark}) *""|(?:^|[^"])(?:"")*") +(?={mark}|[\r\n]|$)')
    for line in lines:
        if '" ' in line and _goes_on_behind_a_quote(line, separator):
            yield blanks.sub(r"\1", line)
        else:
            yield line


def _goes_on_behind_a_quote(line: str, separator: str) -> bool:
    """Whether a line is refused as it is; else none of its blanks may be touched."""
    reader = csv.reader([line], delimiter=separator, strict=True, skipinitialspace=True)
    try:
        next(reader, None)
    except csv.Error as error:
        return "expected after" in str(error)
    return False


def _broken(file: str, line: int, error: csv.Error) -> Problem:
    message = "a text goes on after its closing double quote"
    if "unexpected end" in str(error):
        message = "a double quote is opened in this row and its partner is missing"
    elif "field limit" in str(error):
        message = f"a cell has more than {_MAX_CELL_CHARS:,} characters, or the double"
        message += " quote that closes it is missing"
    suggestion = 'close it, and write "" for a quote within a quoted text; '
    suggestion += "what follows was not read"
    return whole(file, "quote", message, suggestion, line)
