"""Product exports of shops: which tables are one, and what their rows stand for.

What is known of each export is data: `layouts.toml` says how to read it.
"""

import re
import tomllib
from collections.abc import Iterable, Mapping
from datetime import date
from fnmatch import fnmatchcase
from functools import cache
from importlib import resources

from pydantic import ConfigDict, TypeAdapter
from pydantic.dataclasses import dataclass

from jobs.catalogue.validation import is_given
from jobs.manifest.naming import MAX_ID_CHARS, fitting_id
from jobs.text import plain

_COMMAS = re.compile(r"(?<!\\),")
_POSITION = re.compile(r"[1-9][0-9]{0,5}")


@dataclass(frozen=True, slots=True, config=ConfigDict(extra="forbid"))
class Layout:
    """One shop's export; the words are those of `layouts.toml`."""

    name: str
    source: str
    read_on: date
    recognised_by: frozenset[str]
    picture: str
    ids: tuple[str, ...]
    carried: tuple[str, ...]
    columns: tuple[str, ...]
    several: bool = False
    group: str = ""
    position: str = ""
    filled_down: tuple[str, ...] = ()

    def owns(self, column: str) -> bool:
        """True if the export brings this column, and no person added it."""
        return any(fnmatchcase(column, pattern) for pattern in self.columns)

    def pictures(self, cell: object) -> list[str]:
        """The addresses in a cell of its picture column."""
        text = cell if isinstance(cell, str) else ""
        parts = _COMMAS.split(text) if self.several else [text]
        return [part.replace("\\,", ",").strip() for part in parts if part.strip()]


@cache
def builtin() -> tuple[Layout, ...]:
    """The layouts that come with reelmill."""
    file = resources.files("jobs.manifest") / "layouts.toml"
    document = tomllib.loads(file.read_text(encoding="utf-8"))
    return TypeAdapter(tuple[Layout, ...]).validate_python(document["layout"])


def recognised(columns: Iterable[str]) -> Layout | None:
    """The layout of a table with these columns; None if it is nobody's export."""
    names = frozenset(columns)
    return next((one for one in builtin() if one.recognised_by <= names), None)


class Products:
    """Follows the rows of an export from product to product, holding one at a time."""

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self._group: object = None
        self._shared: dict[str, object] = {}
        #: Numbers of the pictures of the present product, in the order of its rows.
        self.numbers: list[int] = []

    def enter(self, cells: dict[str, object]) -> None:
        """Fills in what a row shares with the rows of the same product above it."""
        group = cells.get(self.layout.group)
        if not is_given(group) or group != self._group:
            self._group, self._shared, self.numbers = group, {}, []
        for column in self.layout.filled_down:
            if is_given(cells.get(column)):
                self._shared[column] = cells[column]
            elif column in self._shared and column in cells:
                cells[column] = self._shared[column]

    def add_picture(self, cells: Mapping[str, object], *, by_position: bool) -> int:
        """Count a picture; which of its product the row holds, from 1.

        A position that another row of the product has already is not used again.
        """
        position = plain(cells.get(self.layout.position, "")).strip()
        number = len(self.numbers) + 1
        if by_position and _POSITION.fullmatch(position):
            number = int(position)
        if number in self.numbers:
            number = max(self.numbers) + 1
        self.numbers.append(number)
        return number

    def name(self, cells: Mapping[str, object], number: int) -> str | None:
        """An id for a row; None if the row has nothing to be named by.

        A dot stands before the number, for handles have none: `mug.2` is the second
        picture of `mug`, and `mug-2` is another product.
        """
        given = (cells.get(column) for column in self.layout.ids)
        value = next(filter(is_given, given), None)
        if value is None:
            return None
        name = fitting_id(plain(value))
        if number == 1 or not self.layout.group:
            return name
        numbered = f"{name}.{number}"
        return numbered if len(numbered) <= MAX_ID_CHARS else fitting_id(numbered)
