"""Workbooks for tests: made by openpyxl, with sheets whose markup is ours."""

import io
import zipfile
from collections.abc import Mapping, Sequence
from html import escape

import openpyxl
from openpyxl.utils import get_column_letter

MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
#: Number formats of cells, by their number from 1 in the attribute `s`.
FORMATS = ["yyyy-mm-dd", "yyyy-mm-dd hh:mm", "[h]:mm:ss", "hh:mm", "00000"]
#: The only shared text, with the number 0.
SHARED = "shared"

Cell = str | int | float | bool | None


def cell(place: str, value: Cell) -> str:
    match value:
        case None:
            return ""
        case bool():
            return f'<c r="{place}" t="b"><v>{int(value)}</v></c>'
        case int() | float():
            return f'<c r="{place}"><v>{value}</v></c>'
        case _ if value.startswith("<c"):
            return value.replace("<c", f'<c r="{place}"', 1)
    return f'<c r="{place}" t="inlineStr"><is><t>{escape(value)}</t></is></c>'


def rows(*written: Sequence[Cell], top: int = 0, left: int = 0) -> str:
    """The markup of rows; a cell that begins with `<c` is markup already."""
    return "".join(
        f'<row r="{line}">'
        + "".join(
            cell(f"{get_column_letter(column)}{line}", value)
            for column, value in enumerate(row, left + 1)
        )
        + "</row>"
        for line, row in enumerate(written, top + 1)
    )


def workbook(
    sheets: Mapping[str, str], hidden: Sequence[str] = (), more: Sequence[str] = ()
) -> bytes:
    """A workbook of sheets given as the markup of their rows, and of `more` parts."""
    made = openpyxl.Workbook()
    made.remove(made.worksheets[0])
    parts = dict.fromkeys(more, "<a/>")
    parts["xl/sharedStrings.xml"] = (
        f'<sst xmlns="{MAIN}"><si><t>{SHARED}</t></si></sst>'
    )
    for number, (name, markup) in enumerate(sheets.items(), 1):
        sheet = made.create_sheet(name)
        for line, number_format in enumerate(FORMATS, 1):
            sheet.cell(line, 1).number_format = number_format
        sheet.sheet_state = "hidden" if name in hidden else "visible"
        parts[f"xl/worksheets/sheet{number}.xml"] = (
            f'<worksheet xmlns="{MAIN}"><sheetData>{markup}</sheetData></worksheet>'
        )
    saved, file = io.BytesIO(), io.BytesIO()
    made.save(saved)
    shared = '<Override PartName="/xl/sharedStrings.xml" ContentType="application/vnd.'
    shared += 'openxmlformats-officedocument.spreadsheetml.sharedStrings+xml"/></Types>'
    with zipfile.ZipFile(saved) as source, zipfile.ZipFile(file, "w") as target:
        types = source.read("[Content_Types].xml").decode()
        parts["[Content_Types].xml"] = types.replace("</Types>", shared)
        for name in {*source.namelist(), *parts}:
            target.writestr(name, parts.get(name) or source.read(name))
    return file.getvalue()


def book(*written: Sequence[Cell]) -> bytes:
    """A workbook of one sheet."""
    return workbook({"Sheet1": rows(*written)})
