"""Workbooks for tests, written part by part so that any of them can be wrong."""

import io
import zipfile
from collections.abc import Mapping, Sequence
from html import escape

MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
PACKAGE = "http://schemas.openxmlformats.org/package/2006"
TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml"
#: Styles of cells, by their number: plain, a date, a date with time, hours, a time.
STYLES = [0, 14, 22, 46, 20]

Cell = str | int | float | bool | None


def reference(row: int, column: int) -> str:
    """Name of a cell, both from 0."""
    letters, number = "", column + 1
    while number:
        number, letter = divmod(number - 1, 26)
        letters = chr(ord("A") + letter) + letters
    return f"{letters}{row + 1}"


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


def sheet(rows: Sequence[Sequence[Cell]], top: int = 0, left: int = 0) -> str:
    """The markup of a sheet; a cell that begins with `<c` is markup already."""
    return "".join(
        f'<row r="{top + at + 1}">'
        + "".join(
            cell(reference(top + at, left + place), value)
            for place, value in enumerate(row)
        )
        + "</row>"
        for at, row in enumerate(rows)
    )


def parts_of(
    sheets: Mapping[str, str], strings: Sequence[str] = (), hidden: Sequence[str] = ()
) -> dict[str, str]:
    """The parts of a workbook by name; sheets are given as their markup."""
    tabs = links = types = ""
    parts = {}
    for number, (name, markup) in enumerate(sheets.items(), 1):
        state = ' state="hidden"' if name in hidden else ""
        tabs += (
            f'<sheet name="{escape(name)}" sheetId="{number}" r:id="r{number}"{state}/>'
        )
        links += (
            f'<Relationship Id="r{number}" Type="{OFFICE}/worksheet" '
            f'Target="worksheets/sheet{number}.xml"/>'
        )
        part = f"xl/worksheets/sheet{number}.xml"
        types += f'<Override PartName="/{part}" ContentType="{TYPE}.worksheet+xml"/>'
        parts[part] = (
            f'<worksheet xmlns="{MAIN}"><sheetData>{markup}</sheetData></worksheet>'
        )
    styles = "".join(f'<xf numFmtId="{style}"/>' for style in STYLES)
    texts = "".join(f"<si><t>{escape(text)}</t></si>" for text in strings)
    return {
        "[Content_Types].xml": f'<Types xmlns="{PACKAGE}/content-types">'
        f'<Default Extension="xml" ContentType="application/xml"/>{types}</Types>',
        "_rels/.rels": f'<Relationships xmlns="{PACKAGE}/relationships"><Relationship '
        f'Id="a" Type="{OFFICE}/officeDocument" Target="xl/workbook.xml"/>'
        "</Relationships>",
        "xl/workbook.xml": f'<workbook xmlns="{MAIN}" xmlns:r="{OFFICE}"><sheets>{tabs}'
        "</sheets></workbook>",
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{PACKAGE}/relationships">'
        f"{links}</Relationships>",
        "xl/styles.xml": f'<styleSheet xmlns="{MAIN}"><cellXfs>{styles}</cellXfs>'
        "</styleSheet>",
        "xl/sharedStrings.xml": f'<sst xmlns="{MAIN}">{texts}</sst>',
        **parts,
    }


def packed(parts: Mapping[str, str | bytes]) -> bytes:
    """An archive of parts."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return file.getvalue()


def book(*rows: Sequence[Cell]) -> bytes:
    """A workbook of one sheet."""
    return packed(parts_of({"Sheet1": sheet(rows)}))
