"""Reads workbooks of Excel, as a spreadsheet program shows them.

A sheet is read as XML, line by line: hidden rows, links, formulas and values stand
beside each other, and libraries that keep little in memory give only some of them.
"""

import datetime as dt
import posixpath
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from typing import BinaryIO, TypeVar

from jobs.catalogue.validation import MarkedText, ValidationIssue
from jobs.manifest.columns import Columns
from producer.manifests.sheets import (
    MAX_DIGITS,
    Archive,
    Sheet,
    bad_cell,
    link_in,
    linked,
    long_number,
    read_sheets,
    refuse_damage,
    uncomputed,
)
from producer.manifests.source import UnreadableError, whole
from producer.manifests.table import (
    Cell,
    Line,
    TableOptions,
    TableRecord,
)
from producer.manifests.xml import Target, local, pulled

_OLE = b"\xd0\xcf\x11\xe0"
#: A workbook with pictures in cells has this part; such a cell reads as an error.
_PICTURES = "xl/richdata/richvaluerel.xml"
_SHARED = "xl/sharedstrings.xml"
_HOUR_S = 3600
_EPOCH, _EPOCH_1904 = dt.datetime(1899, 12, 30), dt.datetime(1904, 1, 1)  # noqa: DTZ001 - days without a zone
#: Excel takes 1900 for a leap year: days before its 29 February are one too low.
_LEAP_DAY = 60
#: A sheet has no more lines and columns.
_MAX_LINES, _MAX_COLUMNS = 1 << 20, 1 << 14

#: Formats that a workbook need not spell out, as far as they show another text.
_BUILTIN = {1: "0", 2: "0.00", 9: "0%", 10: "0.00%", 46: "[h]:mm:ss"} | dict.fromkeys(
    (*range(14, 23), *range(27, 37), 45, 47, *range(50, 59)), "yyyy-mm-dd"
)
#: What in a format is no sign for digits or parts of a date.
_LITERAL = re.compile(r'"[^"]*"|\\.|_.|\*.')
_SPAN = re.compile(r"\[(?:h+|m+|s+)\]", re.IGNORECASE)
_BRACKETS = re.compile(r"\[[^\]]*\]")
_ZEROS = re.compile(r"(0+)(?:\.(0+))?")
_PLAIN = re.compile(r"general|@|[#,?\s]*0?(?:\.[0#?]*)?\s*", re.IGNORECASE)
_DIGITS, _LETTERS = "0123456789", "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_ESCAPE = re.compile(r"_x([0-9A-Fa-f]{4})_")

_T = TypeVar("_T")


def read_xlsx(
    file: str, content: BinaryIO, columns: Columns, options: TableOptions
) -> Iterator[TableRecord]:
    """The table of a workbook.

    Raises:
        UnreadableError: it is no sound workbook, or has no such sheet.
    """
    if content.read(len(_OLE)) == _OLE:
        message = "it is locked with a password, or an old .xls workbook"
        suggestion = "save it as .xlsx without a password"
        raise UnreadableError(whole(file, "workbook", message, suggestion))
    with refuse_damage(file, "xlsx"):
        sheets = _Workbook(file, content).sheets()
    yield from read_sheets(file, sheets, columns, options)


class _Workbook:
    """What the sheets of a workbook share."""

    def __init__(self, file: str, content: BinaryIO) -> None:
        self._file = file
        self._archive = Archive(content)
        self.has_pictures = _PICTURES in self._archive.names
        self._main = self._related("")["officeDocument"][0][1]
        parts = self._related(self._main)
        strings = parts.get("sharedStrings", [])
        if not strings and _SHARED in self._archive.names:  # some do not refer to it
            strings = [("", _SHARED)]
        opened = strings and self._archive.open(strings[0][1])
        self.shared = [*pulled(opened, _Strings())] if opened else []
        styles = parts.get("styles")
        self.formats = _formats(self._elements(styles[0][1])) if styles else []
        self.epoch = _EPOCH

    def sheets(self) -> list[Sheet]:
        """The sheets in the order of their tabs, without charts."""
        of_sheets = dict(self._related(self._main)["worksheet"])
        sheets: list[Sheet] = []
        for name, attributes in self._elements(self._main):
            if name == "workbookPr" and attributes.get("date1904") in {"1", "true"}:
                self.epoch = _EPOCH_1904
            key = next((v for k, v in attributes.items() if local(k) == "id"), "")
            if name == "sheet" and key in of_sheets:
                state = attributes.get("state", "visible")
                part = of_sheets[key]
                sheets.append(self._sheet(attributes["name"], state, part))
        return sheets

    def _sheet(self, name: str, state: str, part: str) -> Sheet:
        related = self._related(part)
        drawn = (self._related(drawing) for _, drawing in related.get("drawing", ()))
        has_pictures = any("image" in parts for parts in drawn)

        def lines() -> Iterator[Line]:
            with refuse_damage(self._file, "xlsx"):
                links = self._links(part, dict(related.get("hyperlink", ())))
                with self._archive.open(part, is_held=False) as opened:
                    yield from pulled(opened, _Lines(self, links))

        return Sheet(name, state == "visible", lines, has_pictures)

    def _links(self, part: str, targets: Mapping[str, str]) -> dict[str, str]:
        """Addresses by the cell that links to them; they stand behind all cells."""
        if not targets:
            return {}
        with self._archive.open(part, is_held=False) as opened:
            found = [one for one in pulled(opened, _Links()) if one]
        every = (
            (f"{column}{row}", targets[key])
            for (column, top, bottom), key in found
            if key in targets
            for row in range(top, bottom + 1)
        )
        return dict(islice(every, _MAX_LINES))

    def _elements(self, part: str) -> list[tuple[str, dict[str, str]]]:
        with self._archive.open(part) as opened:
            return [*pulled(opened, _Elements())]

    def _related(self, part: str) -> dict[str, list[tuple[str, str]]]:
        """Ids and targets of what a part refers to, by their kind."""
        folder, name = posixpath.split(part)
        path = posixpath.join(folder, "_rels", f"{name}.rels")
        found: dict[str, list[tuple[str, str]]] = {}
        if path.casefold().lstrip("/") not in self._archive.names:
            return found
        for _, one in self._elements(path):
            if "Target" in one:
                target, kind = one["Target"], one["Type"].rpartition("/")[2]
                if one.get("TargetMode") != "External":
                    target = posixpath.normpath(posixpath.join("/", folder, target))
                found.setdefault(kind, []).append((one["Id"], target))
        return found


class _Elements(Target[tuple[str, dict[str, str]]]):
    """Collects every element of a short part."""

    def start(self, name: str, attributes: dict[str, str]) -> None:
        self.found.append((local(name), attributes))


class _Links(Target[tuple[tuple[str, int, int], str] | None]):
    """Collects the cells and the id of every link."""

    def start(self, name: str, attributes: dict[str, str]) -> None:
        kind = local(name)
        if kind == "row":
            self.found.append(None)
        elif kind == "hyperlink":
            key = next((v for k, v in attributes.items() if k.endswith(":id")), "")
            self.found.append((_rows_of(attributes["ref"]), key))


class _Texts(Target[_T]):
    """Collects values, formulas and texts, without what helps to read Japanese."""

    def __init__(self) -> None:
        super().__init__()
        self._texts: list[str] = []
        self._parts: dict[str, str] = {}
        self._is_reading_aid = False

    def start(self, name: str, _attributes: dict[str, str]) -> None:
        self._texts = []
        self._is_reading_aid = self._is_reading_aid or local(name) == "rPh"

    def text(self, text: str) -> None:
        self._texts.append(text)

    def end(self, name: str) -> None:
        kind = local(name)
        if kind in {"v", "f"}:
            self._parts[kind] = "".join(self._texts)
        elif kind == "t" and not self._is_reading_aid:
            self._parts["t"] = self._parts.get("t", "") + "".join(self._texts)
        elif kind == "rPh":
            self._is_reading_aid = False


class _Strings(_Texts[str]):
    """Collects the texts that cells share."""

    def end(self, name: str) -> None:
        if local(name) == "si":
            self.found.append(_unescaped(self._parts.pop("t", "")))
        else:
            super().end(name)


class _Lines(_Texts[Line]):
    """Collects the lines of a sheet."""

    def __init__(self, book: _Workbook, links: Mapping[str, str]) -> None:
        super().__init__()
        self._book, self._links = book, links
        self._number, self._is_hidden = 0, False
        self._cells: list[Cell] = []
        self._cell: dict[str, str] = {}

    def start(self, name: str, attributes: dict[str, str]) -> None:
        kind = local(name)
        if kind == "v":  # as below, and quicker: most elements are values
            self._texts = []
        elif kind == "c":
            self._cell, self._parts = attributes, {}
        elif kind == "row":
            self._number = int(attributes.get("r", self._number + 1))
            self._is_hidden = attributes.get("hidden") in {"1", "true"}
            self._cells = []
        elif kind == "mergeCell":
            _, top, bottom = _rows_of(attributes["ref"])
            if bottom > top:
                self.found.append(Line(top, [], is_merged=True))
        else:
            super().start(name, attributes)

    def end(self, name: str) -> None:
        kind = local(name)
        if kind == "v":
            self._parts["v"] = "".join(self._texts)
        elif kind == "c":
            self._add()
        elif kind == "row":
            if self._number > _MAX_LINES:
                raise ValueError("the sheet is too long")
            self.found.append(Line(self._number, self._cells, self._is_hidden))
        else:
            super().end(name)

    def _add(self) -> None:
        cell = self._value()
        ref = self._cell.get("r", "")
        place = _place(ref.rstrip(_DIGITS)) if ref else len(self._cells)
        if self._parts.get("f"):
            cell = linked(cell, link_in(self._parts["f"]))
        if self._links:
            cell = linked(cell, self._links.get(ref))
        if place == len(self._cells):
            self._cells.append(cell)
            return
        self._cells += [""] * (place + 1 - len(self._cells))
        self._cells[place] = cell

    def _value(self) -> Cell:
        kind, value = self._cell.get("t", "n"), self._parts.get("v", "")
        if "f" in self._parts and not value and kind != "str":
            return uncomputed(f"={self._parts['f']}")
        cell: Cell = value
        match kind:
            case "inlineStr":
                cell = _unescaped(self._parts.get("t", ""))
            case "str":
                cell = _unescaped(value)
            case "s" if value:
                cell = self._book.shared[int(value)]
            case "b" if value:
                cell = value == "1"
            case "e":
                cell = bad_cell(value, has_pictures=self._book.has_pictures)
            case "n" if value:
                cell = self._number_text(value)
        return cell

    def _number_text(self, value: str) -> str:
        style, formats = int(self._cell.get("s", "0")), self._book.formats
        shape = formats[style] if style < len(formats) else _GENERAL
        if shape is _GENERAL and len(value) <= MAX_DIGITS and value.isdecimal():
            return value
        return shape.text(value, self._book.epoch)


@dataclass(frozen=True, slots=True)
class _Format:
    """How a number is shown."""

    is_date: bool = False
    is_span: bool = False
    #: The least number of digits before and behind the point.
    digits: tuple[int, int] | None = None
    #: True if it shows signs that the number has not.
    is_odd: bool = False

    @classmethod
    def of(cls, code: str) -> "_Format":
        """The format that a code of a workbook stands for."""
        first = code.partition(";")[0]
        shape = _BRACKETS.sub("", _LITERAL.sub("", first))
        is_span = bool(_SPAN.search(first))
        is_date = is_span or (
            bool(re.search("[dmyhs]", shape, re.IGNORECASE))
            and shape.casefold() != "general"
        )
        if zeros := _ZEROS.fullmatch(_BRACKETS.sub("", first)):
            return cls(digits=(len(zeros[1]), len(zeros[2] or "")))
        is_odd = not is_date and not _PLAIN.fullmatch(_BRACKETS.sub("", first))
        made = cls(is_date, is_span, None, is_odd)
        return _GENERAL if made == _GENERAL else made

    def text(self, value: str, epoch: dt.datetime) -> str:
        """A number, which a sheet has as text, in this format."""
        exact = float(value)
        if self.is_date:
            return _moment(exact, epoch, is_span=self.is_span)
        if abs(exact) >= 10**MAX_DIGITS:
            is_written_out = value.lstrip("-").isdecimal()
            return long_number(value if is_written_out else f"{exact:.15g}")
        text = str(int(exact)) if exact.is_integer() else f"{exact:.15g}"
        if self.digits:
            width, decimals = self.digits
            padded = f"{exact:0{width + decimals + bool(decimals)}.{decimals}f}"
            return padded if float(padded) == float(text) else text
        if self.is_odd:
            message = "a number format shows another text than the number that is used"
            suggestion = "if the text is meant, format the column as text and write it"
            issue = ValidationIssue("number-format", message, suggestion)
            return MarkedText.of(text, issue, is_bad=False)
        return text


_GENERAL = _Format()


def _formats(styles: Sequence[tuple[str, dict[str, str]]]) -> list[_Format]:
    """The number format of each style that a cell may have."""
    codes = dict(_BUILTIN)
    formats: list[_Format] = []
    is_of_cells = False
    for name, attributes in styles:
        if name == "numFmt":
            codes[int(attributes["numFmtId"])] = attributes["formatCode"]
        elif name.startswith("cell"):
            is_of_cells = name == "cellXfs"
        elif name == "xf" and is_of_cells:
            code = codes.get(int(attributes.get("numFmtId", "0")), "General")
            formats.append(_Format.of(code))
    return formats


def _moment(days: float, epoch: dt.datetime, *, is_span: bool) -> str:
    """A date, a time of day, both, or a span of time, in ISO form."""
    try:
        span = dt.timedelta(seconds=round(days * 86400))
        if is_span:
            hours, rest = divmod(abs(int(span.total_seconds())), _HOUR_S)
            return f"{'-' * (days < 0)}{hours}:{rest // 60:02}:{rest % 60:02}"
        if epoch is _EPOCH and 1 <= days < _LEAP_DAY:
            span += dt.timedelta(days=1)
        moment = epoch + span
    except OverflowError:
        return bad_cell("#VALUE!")
    if 0 <= days < 1:
        return moment.time().isoformat()
    if moment.time() == dt.time():
        return moment.date().isoformat()
    return moment.isoformat(" ")


def _rows_of(reference: str) -> tuple[str, int, int]:
    """The first column of a range such as `A2:B9`, and its first and last row."""
    first, _, last = reference.replace("$", "").partition(":")
    column = first.rstrip(_DIGITS)
    top = int(first[len(column) :])
    return column, top, int(last.lstrip(_LETTERS)) if last else top


@lru_cache(maxsize=_MAX_COLUMNS)
def _place(letters: str) -> int:
    """The place of a column from 0: A is 0, AA is 26."""
    place = 0
    for letter in letters:
        place = place * 26 + ord(letter.upper()) - 64
    if not 0 < place <= _MAX_COLUMNS:
        raise ValueError(f"there is no column {letters}")
    return place - 1


def _unescaped(text: str) -> str:
    """A text with the signs that XML cannot hold, which Excel writes as _x000D_."""
    if "_x" not in text:
        return text
    return _ESCAPE.sub(lambda found: chr(int(found[1], 16)), text)
