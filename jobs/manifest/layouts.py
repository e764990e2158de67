"""Product exports and feeds: which tables are one, and what their columns are.

What is known of each is data: `layouts.toml` says how to read it.
"""

import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import field
from datetime import date
from fnmatch import fnmatchcase
from functools import cache, lru_cache
from importlib import resources

from pydantic import ConfigDict, TypeAdapter
from pydantic.dataclasses import dataclass

from jobs.text import plain

_STRICT = ConfigDict(extra="forbid")


@dataclass(frozen=True, slots=True, config=_STRICT)
class Status:
    """The column that says whether a product is for sale."""

    column: str
    #: Its value for products that are for sale.
    listed: str
    #: What the others are, in a person's words, by its value.
    others: Mapping[str, str]


@dataclass(frozen=True, slots=True, config=_STRICT)
class Layout:
    """One export or feed; the words are those of `layouts.toml`."""

    name: str
    source: str
    read_on: date
    recognised_by: tuple[str, ...]
    pictures: tuple[str, ...]
    ids: tuple[str, ...]
    names: Mapping[str, str] = field(default_factory=dict)
    unreported: tuple[str, ...] = ()
    pictures_at: str = ""
    no_picture: str = ""
    group: str = ""
    position: str = ""
    filled_down: tuple[str, ...] = ()
    variant: str = ""
    status: Status | None = None

    def columns(self, names: "Names") -> Iterator[str]:
        """The columns of a table that the export brings, and no person added."""
        yield from names.matching(*self.pictures, *self.unreported)
        status = self.status.column if self.status else ""
        variant = self.variant.partition("=")[0]
        single = (*self.ids, *self.names.values(), *self.filled_down)
        for wanted in (*single, self.group, self.position, status, variant):
            if column := names.find(wanted):
                yield column


class Names:
    """The columns of one table, found by their names whatever the case."""

    def __init__(self, columns: Iterable[str]) -> None:
        self._columns = {_folded(one): one for one in reversed([*columns])}

    def __iter__(self) -> Iterator[str]:
        return reversed(self._columns.values())

    def find(self, wanted: str) -> str | None:
        """The first column that the table has of `One name|Another`."""
        names = map(_folded, wanted.split("|"))
        return next((self._columns[one] for one in names if one in self._columns), None)

    def matching(self, *patterns: str) -> list[str]:
        """The columns that match each pattern in turn, in the order of the table."""
        every = [*reversed(self._columns.items())]
        return [
            column
            for pattern in patterns
            for wanted in map(_folded, pattern.split("|"))
            for name, column in every
            if fnmatchcase(name, wanted)
        ]


def _folded(name: str) -> str:
    """A name without case and gaps, and without the prefix that feeds may have."""
    return " ".join(name.casefold().split()).removeprefix("g:")


def matches(value: object, pattern: str) -> bool:
    """True if a cell is `one thing|another`, whatever the case; `*` is any text."""
    return _matches("" if value is None else plain(value), pattern)


@lru_cache(maxsize=1000)
def _matches(text: str, pattern: str) -> bool:
    text = text.strip().casefold()
    return any(fnmatchcase(text, one) for one in pattern.casefold().split("|"))


@cache
def builtin() -> tuple[Layout, ...]:
    """The layouts that come with reelmill."""
    file = resources.files("jobs.manifest") / "layouts.toml"
    return read(file.read_text(encoding="utf-8"))


def read(text: str) -> tuple[Layout, ...]:
    """The layouts of a document such as `layouts.toml`."""
    document = tomllib.loads(text)
    return TypeAdapter(tuple[Layout, ...]).validate_python(document["layout"])


def recognised(columns: Iterable[str]) -> Layout | None:
    """The layout of a table with these columns; None if it is nobody's export."""
    names = Names(columns)
    return next(
        (one for one in builtin() if all(map(names.find, one.recognised_by))), None
    )
