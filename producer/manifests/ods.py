"""Reads workbooks of LibreOffice and other programs of OpenDocument.

Beside the value of each cell they hold the text that is shown.
"""

from collections.abc import Iterator
from typing import BinaryIO

from jobs.manifest.columns import Columns
from producer.manifests.sheets import (
    MAX_DIGITS,
    Archive,
    Sheet,
    bad_cell,
    has_cells,
    link_in,
    linked,
    long_number,
    read_sheets,
    refuse_damage,
    uncomputed,
)
from producer.manifests.table import (
    HEADER_LINES,
    Cell,
    Line,
    TableOptions,
    TableRecord,
    is_blank,
)
from producer.manifests.xml import Target, local, pulled

_CONTENT = "content.xml"
_MAX_LINES, _MAX_COLUMNS = 1 << 20, 1 << 14
_WHITE_SPACE = {"line-break": "\n", "tab": "\t"}
_ERRORS = ("#", "Err:")


def read_ods(
    file: str, content: BinaryIO, columns: Columns, options: TableOptions
) -> Iterator[TableRecord]:
    """The table of a workbook.

    Raises:
        UnreadableError: it is no sound workbook, or has no such sheet.
    """
    with refuse_damage(file, "ods"):
        archive = Archive(content)
        with archive.open(_CONTENT, is_held=False) as opened:
            found = _Lines(most=HEADER_LINES)
            heads: dict[int, list[Line]] = {}
            for at, line in pulled(opened, found):
                heads.setdefault(at, []).extend([line] * has_cells(line))

    def sheet(number: int, name: str) -> Sheet:
        def lines() -> Iterator[Line]:
            with (
                refuse_damage(file, "ods"),
                archive.open(_CONTENT, is_held=False) as opened,
            ):
                for at, line in pulled(opened, _Lines()):
                    if at == number:
                        yield line
                    elif at > number:
                        return

        is_visible, head = name not in found.hidden, heads.get(number, [])
        return Sheet(name, is_visible, lines, name in found.drawn, head)

    sheets = [sheet(number, name) for number, name in enumerate(found.names)]
    yield from read_sheets(file, sheets, columns, options)


class _Lines(Target[tuple[int, Line]]):
    """Collects the lines of all sheets, each with the number of its sheet from 0."""

    def __init__(self, most: int = _MAX_LINES) -> None:
        """Collect at most so many lines of each sheet that have something in them."""
        super().__init__()
        self._most = self._left = most
        #: Names of all sheets, of hidden ones, and of those with pictures.
        self.names: list[str] = []
        self.hidden: set[str] = set()
        self.drawn: set[str] = set()
        self._hidden_styles: set[str] = set()
        self._style = ""
        self._number = 0
        self._cells: list[Cell] = []
        self._is_merged = False
        self._row: dict[str, str] = {}
        self._cell: dict[str, str] = {}
        self._texts: list[str] = []
        self._link = ""
        #: How deep it is in what belongs to a cell and is not its text.
        self._aside = 0
        self._is_paragraph = False

    def start(self, name: str, attributes: dict[str, str]) -> None:
        kind = local(name)
        if kind == "image" and self.names:
            self.drawn.add(self.names[-1])
        if not self._left and kind != "table":
            return
        given = {local(key): value for key, value in attributes.items()}
        if self._aside or kind in {"annotation", "frame", "shapes"}:
            self._aside += 1
        elif kind in {"p", "a", "s", *_WHITE_SPACE}:
            self._start_text(kind, given)
        else:
            self._start_table(kind, given)

    def _start_table(self, kind: str, given: dict[str, str]) -> None:
        if kind == "style":
            self._style = given.get("name", "")
        elif kind == "table-properties" and given.get("display") == "false":
            self._hidden_styles.add(self._style)
        elif kind == "table":
            self.names.append(given["name"])
            if given.get("style-name") in self._hidden_styles:
                self.hidden.add(given["name"])
            self._number, self._left = 0, self._most
        elif kind == "table-row":
            self._row, self._cells, self._is_merged = given, [], False
        elif kind in {"table-cell", "covered-table-cell"}:
            self._cell, self._texts, self._link = given, [], ""

    def _start_text(self, kind: str, given: dict[str, str]) -> None:
        if kind == "p":
            self._texts += ["\n"] if self._texts else []
            self._is_paragraph = True
        elif kind == "a":
            self._link = given.get("href", "")
        elif kind == "s":
            self._texts.append(" " * min(int(given.get("c", "1")), 1000))
        else:
            self._texts.append(_WHITE_SPACE[kind])

    def text(self, text: str) -> None:
        if self._is_paragraph and not self._aside:
            self._texts.append(text)

    def end(self, name: str) -> None:
        kind = local(name)
        if not self._left:
            return
        if self._aside:
            self._aside -= 1
        elif kind == "p":
            self._is_paragraph = False
        elif kind in {"table-cell", "covered-table-cell"}:
            link = self._link or link_in(self._cell.get("formula", ""))
            cell = linked(self._value(), link)
            times = int(self._cell.get("number-columns-repeated", "1"))
            self._cells += [cell] * min(times, _MAX_COLUMNS - len(self._cells))
            self._is_merged |= self._cell.get("number-rows-spanned", "1") != "1"
        elif kind == "table-row":
            self._end_row()

    def _value(self) -> Cell:
        text = "".join(self._texts)
        kind, formula = self._cell.get("value-type"), self._cell.get("formula")
        if kind == "boolean":
            return self._cell.get("boolean-value") == "true"
        if formula and text.startswith(_ERRORS):
            return bad_cell(text)
        if formula and not text and not kind:
            return uncomputed(formula.removeprefix("of:"))
        if kind == "float" and abs(float(self._cell["value"])) >= 10**MAX_DIGITS:
            return long_number(text)
        return text

    def _end_row(self) -> None:
        times = int(self._row.get("number-rows-repeated", "1"))
        while self._cells and is_blank(self._cells[-1]):
            self._cells.pop()
        first, self._number = self._number + 1, self._number + times
        is_hidden = self._row.get("visibility", "visible") != "visible"
        if self._cells and self._number > _MAX_LINES:
            raise ValueError("the sheet is too long")
        for number in range(first, self._number + 1) if self._cells else [first]:
            line = Line(number, self._cells, is_hidden, self._is_merged)
            self.found.append((len(self.names) - 1, line))
        self._left -= bool(self._cells)
