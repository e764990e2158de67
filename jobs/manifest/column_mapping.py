"""Which columns of a table feed which names: by a person's mapping or a shop's layout.

What stands under `image`, `id` or any other name of ours in each row is found here, and
which rows of an export ask for no video.
"""

from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from typing import NamedTuple

from jobs.catalogue.validation import ValidationIssue, is_given
from jobs.manifest.columns import PICTURES, Columns
from jobs.manifest.layouts import Layout, Products, recognised
from jobs.manifest.rows import (
    Feeds,
    Header,
    Problem,
    Row,
    Skipped,
)
from jobs.text import choice, guesses, shown

NO_PICTURE = "rows of a product without a picture of their own"
FURTHER_PICTURE = "further pictures of a product"


class MappedRow(NamedTuple):
    """A row under our names."""

    #: What feeds the model, and the row's own data.
    cells: dict[str, object]
    #: Every column, under its own name and under ours, for templates.
    scope: Mapping[str, object]
    #: The picture that a layout found, for whichever input the model has for one.
    picture: str | None = None


class ColumnMapper:
    """The mapping of one manifest; the feeds that are taken earlier win."""

    def __init__(self, columns: Columns, *, only_first_pictures: bool) -> None:
        self._columns = columns
        self._only_first = only_first_pictures
        self._feeds: dict[str, tuple[str, ...]] = {}
        self._header: Header | None = None
        self._table: _Table | None = None
        self._tables = lru_cache(maxsize=1000)(self._make_table)

    @property
    def layout(self) -> Layout | None:
        """The layout of the present table, if it is a shop's."""
        return self._table.layout if self._table else None

    def source(self, name: str) -> str:
        """The column that a person sees under one of our names."""
        if name in self._feeds:
            return self._feeds[name][0]
        return self._table.source(name) if self._table else name

    def problem(self, row: Row, name: str | None, issue: ValidationIssue) -> Problem:
        """A problem of a row, at the column that a person sees under a name."""
        column = self.source(name) if name else None
        line = row.lines.get(column, row.line) if column else row.line
        value = row.cells.get(name) if name else None
        return Problem.of(issue, row.file, line, column, value)

    def accept(self, feeds: Feeds) -> list[Problem]:
        """Takes a mapping; returns what is wrong with it, and leaves that out."""
        problems: list[Problem] = []
        for name, columns in feeds.columns.items():
            issue = self._check_feed(name, columns)
            if issue is None:
                self._feeds.setdefault(name, columns)
                continue
            line, value = feeds.lines.get(name), ", ".join(columns)
            problems.append(Problem.of(issue, feeds.file, line, name, value))
        self._tables.cache_clear()
        if self._header is not None:
            self._table = self._make_table(self._header.names, is_export=True)
        return problems

    def accept_header(self, header: Header) -> list[Problem]:
        """Takes the names of a table; returns every mapped column it has not."""
        self._header = header
        self._table = self._make_table(header.names, is_export=True)
        return list(self._missing(header))

    def means_something(self, header: Header) -> bool:
        """True if any column of a table is of use to a model."""
        return bool(self._feeds or self.layout) or any(
            self._columns.is_known(name) or self._columns.misspelt(name)
            for name in header.names
        )

    def map(self, row: Row) -> MappedRow | Skipped:
        """The row under our names; or why no video is asked for there."""
        if not self._feeds and self.layout is None:
            return MappedRow(dict(row.cells), row.cells)
        table = self._table or self._tables(tuple(row.cells))
        mapped = table.map(row.cells, only_first=self._only_first)
        return (
            Skipped(row.file, row.line, mapped) if isinstance(mapped, str) else mapped
        )

    def _make_table(
        self, names: tuple[str, ...], *, is_export: bool = False
    ) -> "_Table":
        layout = recognised(names) if is_export else None
        return _Table(names, layout, self._feeds, self._columns)

    def _check_feed(
        self, name: str, columns: tuple[str, ...]
    ) -> ValidationIssue | None:
        if not self._columns.is_known(name):
            near = guesses(name, self._columns.names, most=1)
            message = f"no model has an input {shown(name)}"
            known = _listed(self._columns.names)
            suggestion = f"did you mean {near[0]}?" if near else known
        elif not all(column.strip() for column in columns) or not columns:
            message = f"no column is named for {name}"
            suggestion = f'write it like {name}="Image Src"'
        elif len(columns) > 1 and not self._columns.is_list(name):
            message = f"{name} takes one column, not {len(columns)}"
            suggestion = "name the one it is to be taken from"
        else:
            return None
        return ValidationIssue("map", message, suggestion)

    def _missing(self, header: Header) -> Iterator[Problem]:
        for name, columns in self._feeds.items():
            for column in columns:
                if column in header.names:
                    continue
                near = guesses(column, header.names, most=1)
                meant = f"did you mean {shown(near[0])}?" if near else None
                source = f"{shown(column)}, which is no column"
                message = f"{name} is to be taken from {source}"
                suggestion = meant or _listed(header.names)
                issue = ValidationIssue("map", message, suggestion)
                yield Problem.of(issue, header.file, header.line, column, None)


def _listed(names: Iterable[str]) -> str:
    few = sorted(names)[:20]
    return f"there are {choice(few, word='and')}"


class _Table:
    """How the rows of one table are brought under our names."""

    def __init__(
        self,
        columns: tuple[str, ...],
        layout: Layout | None,
        feeds: Mapping[str, tuple[str, ...]],
        known: Columns,
    ) -> None:
        self.layout = layout
        self._products = Products(layout) if layout else None
        self._feeds = tuple(feeds.items())
        self._has_ids = "id" in feeds or "id" in columns
        used = {one for name in feeds if known.is_input(name) for one in feeds[name]}
        used |= feeds.keys()
        if layout:
            used |= {one for one in columns if layout.owns(one)} - {*layout.carried}
        self._own = tuple(column for column in columns if column not in used)
        #: Our names that a person gives the pictures under.
        self._pictures = [name for name in PICTURES if name in feeds or name in columns]
        self._by_position = layout is not None and all(
            feeds.get(name) == (layout.picture,) for name in self._pictures
        )

    def source(self, name: str) -> str:
        """The column that the layout takes a name from; the name where it does not."""
        if self.layout and name in PICTURES and not self._pictures:
            return self.layout.picture
        if self.layout and name == "id" and not self._has_ids:
            return self.layout.ids[0]
        return name

    def map(self, raw: Mapping[str, object], *, only_first: bool) -> MappedRow | str:
        """The row under our names, or why it is passed over."""
        scope = dict(raw)
        if self._products:
            self._products.enter(scope)
        fed = {name: self._value(name, columns, scope) for name, columns in self._feeds}
        cells = {column: scope[column] for column in self._own if column in scope}
        scope |= fed
        cells |= fed
        if self._products is None:
            return MappedRow(cells, scope)
        return self._of_product(self._products, cells, scope, only_first=only_first)

    def _of_product(
        self,
        products: Products,
        cells: dict[str, object],
        scope: dict[str, object],
        *,
        only_first: bool,
    ) -> MappedRow | str:
        layout = products.layout
        found = [] if self._pictures else layout.pictures(scope.get(layout.picture))
        if not found and not any(is_given(cells.get(name)) for name in self._pictures):
            return NO_PICTURE
        number = products.add_picture(scope, by_position=self._by_position)
        if only_first and len(products.numbers) > 1:
            return FURTHER_PICTURE
        name = None if self._has_ids else products.name(scope, number)
        if name is not None:
            scope["id"] = cells["id"] = name
        if not found:
            return MappedRow(cells, scope)
        scope["image"] = found[0]
        return MappedRow(cells, scope, found[0])

    def _value(
        self, name: str, columns: tuple[str, ...], cells: Mapping[str, object]
    ) -> object:
        if len(columns) > 1:
            given = [cells[column] for column in columns if is_given(cells.get(column))]
            return given or None
        value = cells.get(columns[0])
        if self.layout and self.layout.several and columns[0] == self.layout.picture:
            found = self.layout.pictures(value)
            return (found if name == "images" else found[0]) if found else None
        return value
