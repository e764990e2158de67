"""A terminal of a test: it takes what is written, and tells what a person sees.

It knows what a live panel writes: text, line ends, moves up, erasures, the second
screen, the cursor.
"""

import re
from dataclasses import dataclass, field

_PIECE = re.compile(r"\x1b\[(\??)([\d;]*)([A-Za-z])|([\r\n])|([^\x1b\r\n]+)")


@dataclass(slots=True)
class Terminal:
    """What is seen, and where the cursor is."""

    width: int
    rows: list[str] = field(default_factory=lambda: [""])
    row: int = 0
    column: int = 0
    #: What the other screen holds while this is the second one.
    behind: tuple[list[str], int, int] | None = None
    cursor: bool = True
    #: Anything that it does not know.
    strange: list[str] = field(default_factory=list)

    def feed(self, text: str) -> None:
        """Take what is written."""
        for found in _PIECE.finditer(text):
            private, numbers, letter, control, words = found.groups()
            if words:
                self._write(words)
            elif control == "\r":
                self.column = 0
            elif control == "\n":
                self.row, self.column = self.row + 1, 0
                self.rows += [""] * (self.row + 1 - len(self.rows))
            else:
                self._obey(private + letter, numbers)

    def _write(self, words: str) -> None:
        for char in words:
            if self.column == self.width:
                self.row, self.column = self.row + 1, 0
                self.rows += [""] * (self.row + 1 - len(self.rows))
            line = self.rows[self.row].ljust(self.column)
            self.rows[self.row] = line[: self.column] + char + line[self.column + 1 :]
            self.column += 1

    def _obey(self, order: str, numbers: str) -> None:
        match order, numbers:
            case "A", _:
                self.row = max(0, self.row - int(numbers or 1))
            case "K", "2":
                self.rows[self.row] = ""
            case "H", _:
                self.row = self.column = 0
            case "m", _:
                pass
            case "?h" | "?l", "25":
                self.cursor = order == "?h"
            case "?h", "1049":
                self.behind = (self.rows, self.row, self.column)
                self.rows, self.row, self.column = [""], 0, 0
            case "?l", "1049":
                assert self.behind
                self.rows, self.row, self.column = self.behind
                self.behind = None
            case _:
                self.strange.append(numbers + order)

    @property
    def seen(self) -> list[str]:
        """The lines that are seen, without empty ones at the end."""
        return "\n".join(row.rstrip() for row in self.rows).rstrip().split("\n")
