"""What a sheet of a workbook holds, as it is written in the workbook itself.

It decides what must be known before a sheet is read whole: how far it reaches, how much
text it amounts to, and which cells have no value to trust, because they hold an error
or a formula that nobody computed. The values themselves are read in `xlsx_rows`.
"""

import posixpath
import re
from array import array
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from xml.parsers import expat

from producer.reading.unreadable import Unreadable, whole
from producer.reading.xlsx_parts import Parts

#: Cells of the rectangle that a sheet fills, empty ones too: each costs memory.
MAX_CELLS = 20_000_000
#: Characters of all cells together; the same long text may be named by many.
MAX_TEXT_CHARS = 1 << 28
MAX_BAD_CELLS = 10_000
_MAX_TOKEN_BYTES = 8 << 20
_WORKBOOK = "xl/workbook.xml"
_LINKS = "xl/_rels/workbook.xml.rels"
_STRINGS = "xl/sharedStrings.xml"
_PLACE = re.compile(r"([A-Za-z]{1,3})([1-9][0-9]{0,6})")

#: Errors by place: row and column from 0. An empty text is a formula never computed.
BadCells = Mapping[tuple[int, int], str]


def look(file: str, parts: Parts, sheet: str) -> BadCells:
    """The cells of a sheet that have no value to trust, the workbook being sound.

    Raises:
        Unreadable: the workbook is damaged, or too large to be read whole.
    """
    texts = _Texts()
    part = _part_of(parts, sheet)
    for name in parts.names:
        if name == _STRINGS:
            _parse(parts, name, texts)
        elif name != part:
            parts.unpack(name, _nothing)
    cells = _Cells(file, texts.lengths)
    _parse(parts, part, cells)
    return cells.bad


def _nothing(_block: bytes) -> None:
    """A part that only has to stay within its bounds."""


class _Reader:
    """What happens at the events of a part's XML; by default nothing."""

    def start(self, name: str, given: Mapping[str, str]) -> None:
        """An element begins."""

    def end(self, name: str) -> None:
        """An element ends."""

    def text(self, text: str) -> None:
        """A piece of text."""


class _Links(_Reader):
    """Where the sheets are, by the ids that the workbook gives them."""

    def __init__(self) -> None:
        self.targets: dict[str, str] = {}

    def start(self, name: str, given: Mapping[str, str]) -> None:
        if name == "Relationship":
            target = posixpath.join("/xl", given.get("Target", ""))
            self.targets[given.get("Id", "")] = posixpath.normpath(target)[1:]


class _Sheets(_Reader):
    """Ids of the sheets by their names."""

    def __init__(self) -> None:
        self.ids: dict[str, str] = {}

    def start(self, name: str, given: Mapping[str, str]) -> None:
        if name == "sheet":
            ids = [value for key, value in given.items() if key.endswith("}id")]
            self.ids[given.get("name", "")] = ids[0] if ids else ""


class _Texts(_Reader):
    """Lengths of the texts that cells name by their number."""

    def __init__(self) -> None:
        self.lengths = array("I")

    def start(self, name: str, given: Mapping[str, str]) -> None:  # noqa: ARG002 - as the class above has it
        if name == "si":
            self.lengths.append(0)
            if len(self.lengths) > MAX_CELLS:
                raise ValueError

    def text(self, text: str) -> None:
        if self.lengths:
            self.lengths[-1] += len(text)


@dataclass(slots=True)
class _Cell:
    """The cell that is being read."""

    place: tuple[int, int] = (-1, -1)
    kind: str = ""
    formula: bool = False
    valued: bool = False
    #: Set while its value is read.
    inside: bool = False
    value: list[str] = field(default_factory=list)


class _Cells(_Reader):
    """The extent of a sheet, the amount of its text, and its bad cells."""

    def __init__(self, file: str, lengths: "array[int]") -> None:
        self.bad: dict[tuple[int, int], str] = {}
        self._file = file
        self._lengths = lengths
        self._cell = _Cell()
        self._row = -1
        self._column = -1
        self._rows = self._columns = 0
        self._chars = 0

    def start(self, name: str, given: Mapping[str, str]) -> None:
        if name == "c":
            self._begin(given)
        elif name == "v":
            self._cell.valued = self._cell.inside = True
        elif name == "is":
            self._cell.valued = True
        elif name == "f":
            self._cell.formula = True
        elif name == "row":
            written = given.get("r", "")
            self._row = int(written) - 1 if written else self._row + 1
            self._column = -1

    def end(self, name: str) -> None:
        if name == "v":
            self._cell.inside = False
        elif name == "c":
            self._finish()

    def text(self, text: str) -> None:
        self._chars += len(text)
        if self._cell.inside:
            self._cell.value.append(text)

    def _begin(self, given: Mapping[str, str]) -> None:
        row, column = self._row, self._column + 1
        if "r" in given:
            found = _PLACE.fullmatch(given["r"])
            if not found:
                raise ValueError(given["r"])
            row, column = int(found[2]) - 1, _number(found[1])
        self._column = column
        self._cell = _Cell((row, column), given.get("t", ""))
        self._rows = max(self._rows, row + 1)
        self._columns = max(self._columns, column + 1)
        if self._rows * self._columns > MAX_CELLS:
            self._refuse(f"it reaches over {self._rows} rows and {self._columns} columns")

    def _finish(self) -> None:
        cell = self._cell
        value = "".join(cell.value)
        if cell.kind == "s":
            self._chars += self._lengths[int(value)]
        elif cell.kind == "e":
            self.bad[cell.place] = value or "an error"
        elif cell.formula and not cell.valued:
            self.bad[cell.place] = ""
        if self._chars > MAX_TEXT_CHARS:
            self._refuse(f"its cells hold more than {MAX_TEXT_CHARS} characters")
        if len(self.bad) > MAX_BAD_CELLS:
            self._refuse(f"more than {MAX_BAD_CELLS} of its cells hold no value")

    def _refuse(self, message: str) -> None:
        suggestion = "save it as “CSV UTF-8”, which is read row by row"
        raise Unreadable(whole(self._file, "too-large", message, suggestion))


def _part_of(parts: Parts, sheet: str) -> str:
    links, sheets = _Links(), _Sheets()
    _parse(parts, _LINKS, links)
    _parse(parts, _WORKBOOK, sheets)
    return links.targets.get(sheets.ids.get(sheet, ""), "")


def _parse(parts: Parts, name: str, reader: _Reader) -> None:
    """Read a part's XML as it is unpacked; it has no say in what is read besides."""
    parser = expat.ParserCreate(namespace_separator="}")
    parser.StartElementHandler = lambda found, given: reader.start(_local(found), given)
    parser.EndElementHandler = lambda found: reader.end(_local(found))
    parser.CharacterDataHandler = reader.text
    parser.StartDoctypeDeclHandler = _refuse_doctype
    fed = 0

    def feed(block: bytes) -> None:
        nonlocal fed
        fed += len(block)
        parser.Parse(block, False)
        if fed - parser.CurrentByteIndex > _MAX_TOKEN_BYTES:
            raise ValueError(name)

    try:
        parts.unpack(name, feed)
        parser.Parse(b"", True)
    except (expat.ExpatError, ValueError, LookupError):
        raise parts.damaged() from None


def _refuse_doctype(*_given: object) -> None:
    """No workbook has one; it could make a little text stand for very much."""
    raise ValueError("doctype")


@cache
def _local(name: str) -> str:
    return name.rpartition("}")[2]


def _number(letters: str) -> int:
    """Number of a column from 0: A is 0, Z is 25, AA is 26."""
    number = 0
    for letter in letters.upper():
        number = number * 26 + ord(letter) - ord("A") + 1
    return number - 1
