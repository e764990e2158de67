"""Which columns feed which names: by a person's mapping, or by a shop's layout."""

from collections.abc import Iterable, Iterator
from functools import lru_cache

from jobs.catalogue.validation import ValidationIssue
from jobs.manifest.columns import Columns
from jobs.manifest.layouts import Names, recognised
from jobs.manifest.products import Outcome, Wanted
from jobs.manifest.rows import Feeds, Header, Problem, Row
from jobs.manifest.table import Table
from jobs.manifest.templates import folded
from jobs.text import choice, guesses, shown


class ColumnMapper:
    """The mapping of one manifest; the feeds that are taken earlier win."""

    def __init__(self, columns: Columns, wanted: Wanted) -> None:
        self._columns = columns
        self._wanted = wanted
        self._feeds: dict[str, tuple[str, ...]] = {}
        #: Columns of the table that have names of ours and are its own.
        self._own: set[str] = set()
        self._header: Header | None = None
        #: The table below the header, and that of the present row.
        self._of_header: Table | None = None
        self._table: Table | None = None
        self._tables = lru_cache(maxsize=1000)(self._make_table)

    @property
    def layout(self) -> str | None:
        """Whose export the table is; None if it is nobody's."""
        layout = self._of_header.layout if self._of_header else None
        return layout.name if layout else None

    def source(self, name: str) -> str:
        """The column that a person sees under one of our names."""
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
            if columns == ("",):
                self._own.add(folded(name))
                continue
            issue = self._check_feed(name, columns)
            if issue is None:
                self._feeds.setdefault(name, columns)
                continue
            line, value = feeds.lines.get(name), ", ".join(columns)
            problems.append(Problem.of(issue, feeds.file, line, name, value))
        self._tables.cache_clear()
        self._make_anew()
        return problems

    def _make_anew(self) -> None:
        if self._header is not None:
            self._of_header = self._make_table(self._header.names, is_export=True)

    def accept_header(self, header: Header) -> list[Problem]:
        """Takes the names of a table; returns every mapped column it has not."""
        self._header = header
        self._of_header = self._make_table(header.names, is_export=True)
        return list(self._missing(header))

    def means_something(self, header: Header) -> bool:
        """True if any column of a table is of use to a model."""
        return bool(self._feeds or self.layout) or any(
            self._columns.is_known(name) or self._columns.misspelt(name)
            for name in header.names
        )

    def map(self, row: Row) -> Iterable[Outcome]:
        """The videos that a row asks for, each as a row under our names."""
        self._table = self._of_header or self._tables(tuple(row.cells))
        return self._table.map(row)

    def finish(self) -> Iterable[Outcome]:
        """What the last rows of an export ask for, once no row follows them."""
        products = self._of_header.products if self._of_header else None
        return products.finish() if products else ()

    def _make_table(self, names: tuple[str, ...], *, is_export: bool = False) -> Table:
        layout = recognised(names) if is_export else None
        own = frozenset(self._own)
        return Table(names, layout, self._feeds, self._columns, self._wanted, own)

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
        found = Names(header.names)
        for name, columns in self._feeds.items():
            for column in columns:
                if found.find(column):
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
