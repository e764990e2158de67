"""Product exports of shops: which tables are one, and what their rows stand for.

It decides which product a row belongs to, which picture of it the row holds, and what
the row is called; the facts stand in `layouts.toml`. How the values reach a model is
decided in `feeding`.
"""

import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache
from importlib import resources
from typing import Any

from jobs.catalogue.inputs import is_given
from jobs.manifest.naming import MAX_ID_CHARS, fitting_id
from jobs.text import plain

_COMMAS = re.compile(r"(?<!\\),")
_POSITION = re.compile(r"[1-9][0-9]{0,5}")


@dataclass(frozen=True, slots=True)
class Layout:
    """One shop's export; the words are those of `layouts.toml`."""

    name: str
    recognised_by: frozenset[str]
    picture: str
    ids: tuple[str, ...]
    filled_down: tuple[str, ...]
    carried: tuple[str, ...]
    columns: tuple[str, ...]
    several: bool = False
    group: str = ""
    position: str = ""

    def owns(self, column: str) -> bool:
        """True if the export brings this column, and no person added it."""
        return any(fnmatchcase(column, pattern) for pattern in self.columns)

    def pictures(self, cell: object) -> list[str]:
        """The addresses in a cell of its picture column."""
        text = cell if isinstance(cell, str) else ""
        if not self.several:
            return [text] if text.strip() else []
        parts = (part.replace("\\,", ",").strip() for part in _COMMAS.split(text))
        return [part for part in parts if part]


@cache
def builtin() -> tuple[Layout, ...]:
    """The layouts that come with reelmill."""
    file = resources.files("jobs.manifest") / "layouts.toml"
    tables = tomllib.loads(file.read_text(encoding="utf-8"))["layout"]
    return tuple(_layout(table) for table in tables)


def _layout(table: Mapping[str, Any]) -> Layout:
    return Layout(
        name=table["name"],
        recognised_by=frozenset(table["recognised_by"]),
        picture=table["picture"],
        ids=tuple(table["ids"]),
        filled_down=tuple(table["filled_down"]),
        carried=tuple(table["carried"]),
        columns=tuple(table["columns"]),
        several=table.get("several", False),
        group=table.get("group", ""),
        position=table.get("position", ""),
    )


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
        self._pictures = 0

    def enter(self, cells: dict[str, object]) -> None:
        """Fills in what a row shares with the rows of the same product above it."""
        group = cells.get(self.layout.group)
        if not is_given(group) or group != self._group:
            self._group, self._pictures = group, 0
            self._shared = {}
        for column in self.layout.filled_down:
            if is_given(cells.get(column)):
                self._shared[column] = cells[column]
            elif column in self._shared and column in cells:
                cells[column] = self._shared[column]

    def picture_number(self, cells: Mapping[str, object], *, by_position: bool) -> int:
        """Which picture of its product the row holds, from 1."""
        self._pictures += 1
        position = plain(cells.get(self.layout.position, "")).strip()
        if by_position and _POSITION.fullmatch(position):
            return int(position)
        return self._pictures

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
