"""What a sheet of a workbook holds, as it is written in the workbook itself.

It decides what must be known before a sheet is read whole: how far it reaches, how much
text it amounts to, and which cells have no value to trust, because they hold an error
or a formula that nobody computed. The values themselves are read in `xlsx_rows`.
"""

import re
from array import array
from collections.abc import Mapping
from functools import lru_cache
from typing import TypeAlias

from producer.reading.unreadable import Unreadable, whole
from producer.reading.xlsx_parts import Parts
from producer.reading.xlsx_xml import Elements, parse

#: Cells of the rectangle that a sheet fills, empty ones too: each costs memory.
MAX_CELLS = 20_000_000
#: Characters of all cells together; the same long text may be named by many.
MAX_TEXT_CHARS = 1 << 28
MAX_BAD_CELLS = 10_000
_STRINGS = "xl/sharedstrings.xml"
_COLUMN = re.compile(r"[A-Za-z]{1,3}")

#: Stands in the place of an error where a picture was placed in a cell.
PICTURE = "a picture"
#: A workbook with such pictures has this part, and readers of old see an error.
_PICTURES = "xl/richdata/richvaluerel.xml"

#: Errors by place: row and column from 0. An empty text is a formula never computed.
BadCells: TypeAlias = Mapping[tuple[int, int], str]


def look(file: str, parts: Parts, part: str) -> BadCells:
    """The cells of a sheet that have no value to trust, the workbook being sound.

    Raises:
        Unreadable: the workbook is damaged, or too large to be read whole.
    """
    texts = _Texts()
    for name in parts.names:
        if name.casefold() == _STRINGS:
            parse(parts, name, texts)
        elif name != part:
            parts.unpack(name, _nothing)
    has_pictures = any(name.casefold() == _PICTURES for name in parts.names)
    cells = _Cells(file, texts.lengths, has_pictures=has_pictures)
    parse(parts, part, cells)
    return cells.bad


def _nothing(_block: bytes) -> None:
    """A part that only has to stay within its bounds."""


class _Texts(Elements):
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


class _Cells(Elements):
    """The extent of a sheet, the amount of its text, and its bad cells."""

    def __init__(self, file: str, lengths: "array[int]", *, has_pictures: bool) -> None:
        self._has_pictures = has_pictures
        self._is_rich = False
        self.bad: dict[tuple[int, int], str] = {}
        self._file = file
        self._lengths = lengths
        self._rows = self._columns = 0
        self._chars = 0
        # The cell that is being read.
        self._row = self._column = -1
        self._kind = self._value = ""
        self._has_formula = self._in_value = False

    def start(self, name: str, given: Mapping[str, str]) -> None:
        if name == "c":
            self._begin(given)
        elif name == "v":
            self._in_value = True
        elif name == "f":
            self._has_formula = True
        elif name == "row":
            written = given.get("r", "")
            self._row = int(written) - 1 if written else self._row + 1
            self._column = -1

    def end(self, name: str) -> None:
        if name == "v":
            self._in_value = False
        elif name == "c":
            self._finish()

    def text(self, text: str) -> None:
        self._chars += len(text)
        if self._in_value:
            self._value += text

    def _begin(self, given: Mapping[str, str]) -> None:
        self._kind, self._value = given.get("t", ""), ""
        self._is_rich = "vm" in given
        self._has_formula = self._in_value = False
        place = given.get("r", "")
        if place:
            letters = place.rstrip("0123456789")
            self._row = int(place[len(letters) :]) - 1
            self._column = _number(letters)
        else:
            self._column += 1
        if self._row >= self._rows or self._column >= self._columns:
            self._reach(self._row + 1, self._column + 1)

    def _reach(self, row: int, column: int) -> None:
        self._rows = max(self._rows, row)
        self._columns = max(self._columns, column)
        if row < 1 or self._rows * self._columns > MAX_CELLS:
            self._refuse(
                f"it reaches over {self._rows} rows and {self._columns} columns"
            )

    def _finish(self) -> None:
        if self._kind == "s" and self._value:
            self._chars += self._lengths[int(self._value)]
        elif self._kind == "e":
            is_picture = self._is_rich and self._has_pictures
            self._note(PICTURE if is_picture else self._value or "#?")
        elif self._has_formula and not self._value and self._kind != "str":
            self._note("")
        if self._chars > MAX_TEXT_CHARS:
            self._refuse(f"its cells hold more than {MAX_TEXT_CHARS} characters")

    def _note(self, error: str) -> None:
        self.bad[self._row, self._column] = error
        if len(self.bad) > MAX_BAD_CELLS:
            self._refuse(f"more than {MAX_BAD_CELLS} of its cells hold no value")

    def _refuse(self, message: str) -> None:
        suggestion = "save it as “CSV UTF-8”, which is read row by row"
        raise Unreadable(whole(self._file, "too-large", message, suggestion))


@lru_cache(maxsize=1024)
def _number(letters: str) -> int:
    """Number of a column from 0: A is 0, Z is 25, AA is 26."""
    if not _COLUMN.fullmatch(letters):
        raise ValueError(letters)
    number = 0
    for letter in letters.upper():
        number = number * 26 + ord(letter) - ord("A") + 1
    return number - 1
