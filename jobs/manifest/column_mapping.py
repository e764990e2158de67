"""Which columns of a table feed which names: by a person's mapping or a shop's layout.

It decides what stands under `image`, `id` or any other name of ours in each row, and
which rows of an export ask for no video. What the values are worth is decided in
`catalogue.inputs`, and whose export a table is in `layouts`.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from jobs.catalogue import Catalogue, Model
from jobs.catalogue.inputs import is_given
from jobs.manifest.layouts import Layout, Products, recognised
from jobs.manifest.rows import Feeds, Header, Problem, Row, Skipped
from jobs.text import choice, guesses, masked, misspelt, plain, shown

#: The inputs that a video begins with.
PICTURES = ("image", "images")
NO_PICTURE = "rows of a product without a picture of their own"
FURTHER_PICTURE = "further pictures of a product"

#: More layouts than any honest manifest has; then the memory starts afresh.
_MOST_LAYOUTS = 1000
_LIKE_A_PICTURE = re.compile(r"image|photo|picture|foto|bild|img|url", re.IGNORECASE)


#: Columns that are ours and not a model's.
RESERVED_COLUMNS = ("id", "model")


@dataclass(frozen=True, slots=True)
class Sorting:
    """The columns of a row, by what they are to its model."""

    inputs: tuple[str, ...]
    own: tuple[str, ...]
    misplaced: tuple["Misplaced", ...]


@dataclass(frozen=True, slots=True)
class Misplaced:
    """A column that is a problem where its cell is filled.

    A misspelt one is no problem where the row also gives what it is taken for.
    """

    column: str
    message: str
    suggestion: str
    #: `misspelt` or `other-model`.
    kind: str
    #: What it should be called, if it is misspelt.
    meant: str = ""


class Columns:
    """Sorts columns, and remembers how, because rows mostly look alike."""

    def __init__(self, catalogue: Catalogue, mapped: Iterable[str] = ()) -> None:
        #: Columns of one's own that are told to feed something.
        self._mapped = frozenset(mapped)
        #: Short names of the models that have an input, by the input's name.
        self._having: dict[str, list[str]] = {}
        #: Inputs that take several values, whatever the model.
        self._lists: set[str] = set()
        #: Those and all that are written in more than one part.
        self._composed: set[str] = set()
        for model in catalogue.models.values():
            for name, spec in model.inputs.items():
                self._having.setdefault(name, []).append(model.name)
                if spec.type == "list":
                    self._lists.add(name)
                if spec.type in {"list", "object"}:
                    self._composed.add(name)
        self._known: dict[tuple[str, tuple[str, ...]], Sorting] = {}

    @property
    def names(self) -> frozenset[str]:
        """Every column that means something, whatever the model."""
        return frozenset(self._having) | frozenset(RESERVED_COLUMNS)

    def is_known(self, name: str) -> bool:
        """True if some model has this input, or the column is ours or mapped."""
        return name in self._having or name in RESERVED_COLUMNS or name in self._mapped

    def is_input(self, name: str) -> bool:
        """True if some model has this input."""
        return name in self._having

    def is_list(self, name: str) -> bool:
        """True if this input takes several values."""
        return name in self._lists

    def is_composed(self, name: str) -> bool:
        """True if the text of this input is taken apart: a list or an object."""
        return name in self._composed

    def misspelt(self, name: str) -> str | None:
        """The input of any model that this name all but spells, being none itself."""
        return None if self.is_known(name) else misspelt(name, self._having)

    def sort(self, model: Model, columns: Iterable[str]) -> Sorting:
        """The columns of a row of this model, sorted."""
        layout = (model.id, tuple(columns))
        found = self._known.get(layout)
        if found is None:
            if len(self._known) >= _MOST_LAYOUTS:
                self._known.clear()
            found = self._known[layout] = self._sorted(model, layout[1])
        return found

    def _sorted(self, model: Model, columns: tuple[str, ...]) -> Sorting:
        inputs: list[str] = []
        own: list[str] = []
        misplaced: list[Misplaced] = []
        for column in columns:
            if column in model.inputs:
                inputs.append(column)
            elif column in RESERVED_COLUMNS:
                continue
            elif having := self._having.get(column):
                misplaced.append(_foreign(model, column, having))
            else:
                own.append(column)
                if near := _ours(column) or misspelt(column, model.inputs):
                    misplaced.append(_slip(column, near))
        return Sorting(tuple(inputs), tuple(own), tuple(misplaced))


def _ours(column: str) -> str | None:
    """Which of our columns this one is, but for its case: mode and ids are honest."""
    folded = column.strip().casefold()
    return folded if folded in RESERVED_COLUMNS else None


def _foreign(model: Model, column: str, having: list[str]) -> Misplaced:
    message = (
        f"{column} is an input of {choice(having, word='and')}; "
        f"{model.name} has no such input"
    )
    suggestion = "leave the cell empty or choose another model"
    return Misplaced(column, message, suggestion, "other-model")


def _slip(column: str, near: str) -> Misplaced:
    message = f"{shown(column)} is not known"
    suggestion = f"did you mean {near}? (rename the column if it is your own)"
    return Misplaced(column, message, suggestion, "misspelt", near)


class Shaped(NamedTuple):
    """A row under our names."""

    #: What feeds the model, and the row's own data.
    cells: dict[str, object]
    #: Every column, under its own name and under ours, for templates.
    scope: Mapping[str, object]
    #: The picture that a layout found, for whichever input the model has for one.
    picture: str | None = None


class Feeding:
    """The mapping of one manifest; the feeds that are taken earlier win."""

    def __init__(self, columns: Columns, *, only_first_pictures: bool) -> None:
        self._columns = columns
        self._only_first = only_first_pictures
        self._feeds: dict[str, tuple[str, ...]] = {}
        self._header: Header | None = None
        self._table: _Table | None = None
        self._others: dict[tuple[str, ...], _Table] = {}

    @property
    def active(self) -> bool:
        """True if rows have to be shaped at all."""
        return bool(self._feeds) or self.layout is not None

    @property
    def layout(self) -> Layout | None:
        """The layout of the present table, if it is a shop's."""
        return self._table.layout if self._table else None

    def source(self, name: str) -> str:
        """The column that a person sees under one of our names."""
        if name in self._feeds:
            return self._feeds[name][0]
        return self._table.source(name) if self._table else name

    def problem(
        self, row: Row, name: str | None, message: str, suggestion: str, kind: str
    ) -> Problem:
        """A problem of a row, at the column that a person sees under a name."""
        column = self.source(name) if name else None
        line = row.lines.get(column, row.line) if column else row.line
        value = row.cells.get(name) if name else None
        text = None if value is None else masked(plain(value))
        return Problem(row.file, line, column, text, message, suggestion, kind)

    def accept(self, feeds: Feeds) -> list[Problem]:
        """Takes a mapping; returns what is wrong with it, and leaves that out."""
        problems: list[Problem] = []
        for name, columns in feeds.columns.items():
            problem = self._problem_of(feeds, name, columns)
            if problem is not None:
                problems.append(problem)
            else:
                self._feeds.setdefault(name, columns)
        self._others.clear()
        if self._header is not None:
            self._lay(self._header)
        return problems

    def head(self, header: Header) -> list[Problem]:
        """Takes the names of a table; returns every mapped column it has not."""
        problems = list(self._missing(header))
        self._header = header
        self._lay(header)
        return problems

    def means_something(self, header: Header) -> bool:
        """True if any column of a table is of use to a model."""
        known = (
            self._columns.is_known(name) or self._columns.misspelt(name)
            for name in header.names
        )
        return self.active or any(known)

    def shape(self, row: Row) -> Shaped | Skipped:
        """The row under our names; or why no video is asked for there."""
        table = self._table
        if table is None:
            columns = tuple(row.cells)
            table = self._others.get(columns)
            if table is None:
                if len(self._others) >= _MOST_LAYOUTS:
                    self._others.clear()
                table = _Table(columns, None, self._feeds, self._columns)
                self._others[columns] = table
        outcome = table.shape(row.cells, only_first=self._only_first)
        return (
            Skipped(row.file, row.line, outcome)
            if isinstance(outcome, str)
            else outcome
        )

    def _lay(self, header: Header) -> None:
        layout = recognised(header.names)
        self._table = _Table(header.names, layout, self._feeds, self._columns)

    def _problem_of(
        self, feeds: Feeds, name: str, columns: tuple[str, ...]
    ) -> Problem | None:
        if not self._columns.is_known(name):
            near = guesses(name, self._columns.names, most=1)
            message = f"no model has an input {shown(name)}"
            suggestion = (
                f"did you mean {near[0]}?" if near else _all(self._columns.names)
            )
        elif not all(column.strip() for column in columns) or not columns:
            message = f"no column is named for {name}"
            suggestion = f'write it like {name}="Image Src"'
        elif len(columns) > 1 and not self._columns.is_list(name):
            message = f"{name} takes one column, not {len(columns)}"
            suggestion = "name the one it is to be taken from"
        else:
            return None
        line, value = feeds.lines.get(name), ", ".join(columns)
        return Problem(feeds.file, line, name, value, message, suggestion, "map")

    def _missing(self, header: Header) -> Iterator[Problem]:
        for name, columns in self._feeds.items():
            for column in columns:
                if column in header.names:
                    continue
                near = guesses(column, header.names, most=1)
                message = (
                    f"{name} is to be taken from {shown(column)}, which is no column"
                )
                suggestion = (
                    f"did you mean {shown(near[0])}?" if near else _all(header.names)
                )
                yield Problem(
                    header.file, header.line, column, None, message, suggestion, "map"
                )


def nothing_known(header: Header) -> Problem:
    """What is said of a table none of whose columns is of use."""
    like = next(filter(_LIKE_A_PICTURE.search, header.names), None)
    suggestion = (
        f"if the pictures are in {shown(like)}, pass --map image={shown(like)}"
        if like
        else "let the first line name the columns, such as id,image,prompt"
    )
    return Problem(
        header.file,
        header.line,
        None,
        ", ".join(header.names),
        "no column has a name that a model knows",
        suggestion,
        "header",
    )


def _all(names: Iterable[str]) -> str:
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
        eaten = {
            column
            for name, several in feeds.items()
            if known.is_input(name)
            for column in several
        }
        self._own = tuple(
            column
            for column in columns
            if column not in feeds
            and column not in eaten
            and not (layout and layout.owns(column) and column not in layout.carried)
        )
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

    def shape(self, raw: Mapping[str, object], *, only_first: bool) -> Shaped | str:
        """The row under our names, or why it is passed over."""
        scope = dict(raw)
        if self._products:
            self._products.enter(scope)
        fed = {name: self._value(name, columns, scope) for name, columns in self._feeds}
        cells = {column: scope[column] for column in self._own if column in scope}
        scope |= fed
        cells |= fed
        if self._products is None:
            return Shaped(cells, scope)
        return self._of_product(self._products, cells, scope, only_first=only_first)

    def _of_product(
        self,
        products: Products,
        cells: dict[str, object],
        scope: dict[str, object],
        *,
        only_first: bool,
    ) -> Shaped | str:
        layout, picture = products.layout, None
        if not self._pictures:
            found = layout.pictures(scope.get(layout.picture))
            picture = found[0] if found else None
        if picture is None and not any(
            is_given(cells.get(name)) for name in self._pictures
        ):
            return NO_PICTURE
        number = products.picture_number(scope, by_position=self._by_position)
        if only_first and number > 1:
            return FURTHER_PICTURE
        if not self._has_ids:
            name = products.name(scope, number)
            if name is not None:
                scope["id"] = cells["id"] = name
        if picture is not None:
            scope["image"] = picture
        return Shaped(cells, scope, picture)

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
