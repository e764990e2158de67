"""Reads the rows of one sheet of a workbook, as a spreadsheet program shows them."""

import datetime as dt
import warnings
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, BinaryIO, TypeAlias

import openpyxl

from jobs.manifest.columns import Columns
from jobs.manifest.rows import Header, Problem, Row
from jobs.text import choice, guesses, shown
from producer.manifests.csv import Table, is_blank, table_of, unclear_names
from producer.manifests.source import UnreadableError, whole

_OLE = b"\xd0\xcf\x11\xe0"
#: A workbook with pictures in cells has this part; such a cell reads as an error.
_PICTURES = "xl/richdata/richvaluerel.xml"
#: Spreadsheets keep 15 digits of a number, and lose the rest when it is typed in.
_INEXACT = 10**15
_MAX_EXACT = 1 << 53
_HOUR_S = 3600

# What openpyxl leaves out (styles, extensions of Excel) is nothing a manifest uses.
warnings.filterwarnings("ignore", category=UserWarning, module="openpyxl")

#: What openpyxl has, which publishes no types.
_Cell: TypeAlias = Any
_Sheet: TypeAlias = Any


def read_xlsx(
    file: str, workbook: BinaryIO, columns: Columns, sheet: str | None = None
) -> Iterator[Header | Row | Problem]:
    """The header and the rows of a sheet: of the first visible one if none is named.

    Cells without a usable value (an error, a picture, a formula that was never
    computed) are problems at their line and column.

    Raises:
        UnreadableError: it is no sound workbook, or has no such sheet.
    """
    has_pictures = _check_archive(file, workbook)
    table: Table | None = None
    names: dict[int, str] = {}
    known: set[int] = set()
    number = 0
    for line, cells, written in _rows(file, workbook, sheet):
        problems = [
            Problem(file, line, names.get(at, at + 1), *bad, "bad-cell")
            for at, cell in enumerate(cells)
            if (bad := _bad(cell, is_known=at in known, has_pictures=has_pictures))
        ]
        if not problems and all(map(is_blank, written)):
            continue
        if table is None:
            titles = [str(title) for title in written]
            problems += unclear_names(file, line, titles, columns)
            yield from problems
            if problems:
                return
            table = table_of(file, line, titles)
            names = {at: name for name, at in table.places.items()}
            known = {at for at, name in names.items() if columns.is_known(name)}
            yield table.header
        else:
            number += 1
            yield from problems or table.rows(line, number, written)


def _rows(
    file: str, workbook: BinaryIO, sheet: str | None
) -> Iterator[tuple[int, Sequence[_Cell], list[str | bool]]]:
    """Each row with its line, its cells from column A on, and their text."""
    with _damage(file):
        computed: Iterator[Sequence[_Cell]] | None = None
        formulas = _sheet(file, workbook, sheet, computed=False)
        for line, cells in enumerate(formulas.iter_rows(), 1):
            # openpyxl gives formulas or values; most sheets have no formula at all
            # and need no second reading.
            if computed is None and any(cell.data_type == "f" for cell in cells):
                values = _sheet(file, workbook, sheet, computed=True)
                computed = values.iter_rows(min_row=line)
            if computed is None:
                both = cells
            else:
                both = [*map(_computed, cells, next(computed))]
            yield line, both, [_text(cell) for cell in both]


def _computed(formula: _Cell, value: _Cell) -> _Cell:
    """The cell with its value, or with its formula if that was never computed."""
    # A formula whose result is an empty text is computed.
    is_missing = value.value is None and value.data_type != "str"
    return formula if is_missing and formula.data_type == "f" else value


def _sheet(
    file: str, workbook: BinaryIO, wanted: str | None, *, computed: bool
) -> _Sheet:
    workbook.seek(0)
    book = openpyxl.load_workbook(workbook, read_only=True, data_only=computed)
    sheets = {sheet.title: sheet for sheet in book.worksheets}
    visible = [name for name in sheets if sheets[name].sheet_state == "visible"]
    name = wanted if wanted is not None else [*visible, *sheets][0]
    if name not in sheets:
        near = guesses(name, sheets, most=1)
        suggestion = f"there are {choice(map(shown, sheets), word='and')}"
        if near:
            suggestion = f"did you mean {shown(near[0])}?"
        message = f"it has no sheet {shown(name)}"
        raise UnreadableError(
            Problem(file, None, "sheet", name, message, suggestion, "sheet")
        )
    # The size that a file claims for a sheet may be wrong.
    sheets[name].reset_dimensions()
    return sheets[name]


def _bad(
    cell: _Cell, *, is_known: bool, has_pictures: bool
) -> tuple[str | None, str, str] | None:
    """Value, message and suggestion for a cell without a usable value.

    Numbers that have lost digits only matter in columns that are known.
    """
    value = cell.value
    if cell.data_type == "f":
        message = "the cell holds a formula that was never computed"
        suggestion = "open the file in a spreadsheet program and save it again"
        return None, message, suggestion
    if cell.data_type == "e" and value == "#VALUE!" and has_pictures:
        message = (
            "the cell holds a picture (or the error #VALUE!), which cannot be read"
        )
        suggestion = "save the picture as a file, and write its path or address"
        return value, message, suggestion
    if cell.data_type == "e":
        message = f"the cell holds the error {value}"
        return value, message, "correct or empty the cell in the spreadsheet"
    if is_known and isinstance(value, int | float) and abs(value) >= _INEXACT:
        text = str(_text(cell))
        message = f"{text} is a number of more than 15 digits, the rest is lost"
        return text, message, "format the column as text, then fill in the cell again"
    return None


def _text(cell: _Cell) -> str | bool:
    """A cell as text; true and false stay what they are."""
    text: str | bool
    match cell.value:
        case None:
            text = ""
        case bool() as truth:
            text = truth
        case str() as written:
            # Excel writes a carriage return as _x000D_, and openpyxl leaves it so.
            text = written.replace("_x000D_", "\r")
        case int() | float() as number:
            text = _number(number, cell.number_format)
        case dt.datetime() as moment if moment.time() != dt.time():
            text = moment.isoformat(" ")
        case dt.datetime() as moment:
            text = moment.date().isoformat()
        case dt.timedelta() as span:
            seconds = int(span.total_seconds())
            hours, rest = divmod(abs(seconds), _HOUR_S)
            text = f"{'-' * (seconds < 0)}{hours}:{rest // 60:02}:{rest % 60:02}"
        case value:  # a time of day is in ISO form as text
            text = str(value)
    return text


def _number(value: float, number_format: str) -> str:
    """A number with the 15 digits that Excel shows: 0.1*3*10 is 3 there."""
    if value != int(value) or abs(value) >= _MAX_EXACT:
        return f"{value:.15g}"
    # A format such as 00000 shows the zeros that an article number begins with.
    width = len(number_format) if set(number_format) == {"0"} else 0
    return str(int(value)).zfill(width)


def _check_archive(file: str, workbook: BinaryIO) -> bool:
    """Refuse what is no sound workbook; true if it has pictures in cells."""
    if workbook.read(len(_OLE)) == _OLE:
        message = "it is locked with a password, or an old .xls workbook"
        suggestion = "save it as .xlsx without a password"
        raise UnreadableError(whole(file, "workbook", message, suggestion))
    with _damage(file):
        names = zipfile.ZipFile(workbook).namelist()
    return any(name.casefold() == _PICTURES for name in names)


@contextmanager
def _damage(file: str) -> Iterator[None]:
    """Whatever openpyxl fails at, in any of its ways, is damage to the file."""
    try:
        yield
    except UnreadableError:
        raise
    except Exception as error:
        # KeyError, ValueError, zlib's and XML's own: it has no error of its own.
        message = "it is not a valid .xlsx file"
        suggestion = "open it in a spreadsheet program and save it again"
        raise UnreadableError(whole(file, "workbook", message, suggestion)) from error
