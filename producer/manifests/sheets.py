"""Chooses the sheet of a workbook that is read, and reads it."""

import re
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from typing import BinaryIO, NamedTuple

from jobs.catalogue.validation import MarkedText, ValidationIssue
from jobs.manifest.columns import MAX_NAMED, Columns
from jobs.manifest.rows import LinkedText, Notice, Problem
from jobs.text import choice, guesses, shown
from producer.manifests.source import UnreadableError, whole
from producer.manifests.table import (
    HEADER_LINES,
    Cell,
    Line,
    TableOptions,
    TableRecord,
    header_place,
    is_blank,
    is_useful,
    read_table,
    without_formula,
)

#: Spreadsheets keep 15 digits of a number, and lose the rest when it is typed in.
MAX_DIGITS = 15
_LINK = re.compile(
    r'(?:of:=)?(?:_xlfn\.)?(?:HYPERLINK|IMAGE)\("([^"]+)"', re.IGNORECASE
)
#: Parts of a workbook that are held whole may not be larger.
_MAX_PART_BYTES = 256 << 20


class Sheet(NamedTuple):
    """A sheet of a workbook."""

    name: str
    is_visible: bool
    #: Reads its lines from the beginning, those too that are blank.
    lines: Callable[[], Iterator[Line]]
    has_pictures: bool = False
    #: Its first lines that are not blank, if they were read already.
    head: Sequence[Line] | None = None


def bad_cell(text: str, *, has_pictures: bool = False) -> MarkedText:
    """A cell that holds an error instead of a value."""
    message = f"the cell holds the error {text}"
    suggestion = "correct or empty the cell in the spreadsheet"
    if has_pictures and text == "#VALUE!":
        message = "the cell holds a picture (or the error #VALUE!)"
        message += ", which cannot be read"
        suggestion = "save the picture as a file, and write its path or address"
    return _bad(text, message, suggestion)


def _bad(text: str, message: str, suggestion: str) -> MarkedText:
    issue = ValidationIssue("bad-cell", message, suggestion)
    return MarkedText.of(text, issue, is_bad=True)


def uncomputed(formula: str) -> str:
    """A cell with a formula and no value; its text if the formula is nothing else."""
    if (text := without_formula(formula)) != formula:
        return text
    message = "the cell holds a formula that was never computed"
    suggestion = "open the file in a spreadsheet program and save it again"
    return _bad(formula, message, suggestion)


def long_number(text: str) -> MarkedText:
    """A number that has lost digits."""
    message = f"{text} is a number of more than {MAX_DIGITS} digits, the rest is lost"
    suggestion = "format the column as text, then fill in the cell again"
    return _bad(text, message, suggestion)


def link_in(formula: str) -> str | None:
    """The address that a formula links to."""
    found = _LINK.match(formula)
    return found and found[1]


def linked(cell: Cell, link: str | None) -> Cell:
    """A cell with the address that it links to."""
    if not link or isinstance(cell, bool):
        return cell
    # Nobody would see the text of an error, or of a formula without a value.
    is_bad = isinstance(cell, MarkedText) and cell.is_bad
    return LinkedText.of(link if is_bad else cell, link)


class Archive:
    """The parts of a workbook, which is a zip archive."""

    def __init__(self, content: BinaryIO) -> None:
        self._zip = zipfile.ZipFile(content)
        # Some programs differ in the case of names, or begin them with a slash.
        self.names = {
            name.casefold().lstrip("/"): name for name in self._zip.namelist()
        }

    def open(self, part: str, *, is_held: bool = True) -> BinaryIO:
        """A part; one that is held whole has a limit."""
        info = self._zip.getinfo(self.names[part.casefold().lstrip("/")])
        if is_held and info.file_size > _MAX_PART_BYTES:
            raise zipfile.BadZipFile(f"{part} is too large")
        return self._zip.open(info)  # type: ignore[return-value]  # reads as a file


@contextmanager
def refuse_damage(file: str, kind: str) -> Iterator[None]:
    """Whatever fails in a workbook that programs cannot write is damage to the file."""
    try:
        yield
    except UnreadableError:
        raise
    except Exception as error:
        # Of zip, zlib and XML, and what is missing or no number.
        message = f"it is not a valid .{kind} file"
        suggestion = "open it in a spreadsheet program and save it again as .xlsx"
        raise UnreadableError(whole(file, "workbook", message, suggestion)) from error


def read_sheets(
    file: str, sheets: Sequence[Sheet], columns: Columns, options: TableOptions
) -> Iterator[TableRecord]:
    """The table of the sheet that is named, or of the only one with names of use."""
    visible = [sheet for sheet in sheets if sheet.is_visible] or [*sheets]
    chosen, elsewhere = visible[0], ""
    if options.sheet is not None:
        chosen = _named(file, sheets, options.sheet)
    else:
        useful = [sheet for sheet in visible if _has_table(sheet, columns)]
        if len(useful) == 1 and options.header_line is None:
            chosen = useful[0]
        if chosen is not visible[0]:
            message = (
                f"the sheet {shown(chosen.name)} is read, as the first with a table"
            )
            suggestion = "if another is meant: --sheet NAME"
            yield Notice("sheet", message, suggestion, file, value=chosen.name)
        others = [sheet for sheet in useful or visible if sheet is not chosen]
        names = choice((shown(sheet.name) for sheet in others[:MAX_NAMED]), word="and")
        if others and chosen in useful:
            message = f"only one sheet is read, though {names} could be read too"
            suggestion = "name one of them with --sheet NAME"
            yield Notice("other-sheets", message, suggestion, file, value=names)
        elif others:
            elsewhere = f"there are also the sheets {names}: --sheet NAME"
    if chosen.has_pictures:
        message = "pictures are placed on the sheet, which cannot be read"
        suggestion = "save them as files, and write their paths into a column"
        yield Notice("placed-picture", message, suggestion, file)
    merged: list[int] = []
    lines = _filled(chosen, merged)
    yield from read_table(file, lines, columns, options, elsewhere=elsewhere)
    for line in merged:
        message = "cells are merged over several rows, and count for the first of them"
        suggestion = "unmerge them, and fill in each row"
        yield Notice("merged-rows", message, suggestion, file, line)


def has_cells(line: Line) -> bool:
    """True if a line is not blank."""
    return not all(map(is_blank, line.cells))


def _filled(sheet: Sheet, merged: list[int]) -> Iterator[Line]:
    """The lines that are not blank; notes those with cells that go on below."""
    for line in sheet.lines():
        if line.is_merged:
            merged.append(line.number)
        if has_cells(line):
            yield line


def _has_table(sheet: Sheet, columns: Columns) -> bool:
    lines = sheet.head
    if lines is None:
        lines = [*islice(_filled(sheet, []), HEADER_LINES)]
    return any(is_useful(line, columns) for line in lines) and bool(
        is_useful(lines[header_place(lines, columns)], columns)
    )


def _named(file: str, sheets: Sequence[Sheet], name: str) -> Sheet:
    by_name = {sheet.name: sheet for sheet in sheets}
    if name in by_name:
        return by_name[name]
    near = guesses(name, by_name, most=1)
    suggestion = f"there are {choice(map(shown, by_name), word='and')}"
    if near:
        suggestion = f"did you mean {shown(near[0])}?"
    message = f"it has no sheet {shown(name)}"
    where = file, None, "sheet", name
    raise UnreadableError(Problem(*where, message, suggestion, "sheet"))
