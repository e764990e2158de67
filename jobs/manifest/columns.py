"""What the names of a table's columns mean to the models of a catalogue.

Which column is an input, which is the person's own, which is misspelt; and what to say
of a table none of whose columns is of use.
"""

import shlex
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from jobs.catalogue import Catalogue, Model
from jobs.catalogue.inputs import Input
from jobs.catalogue.schema import ROLES
from jobs.catalogue.validation import InvalidValueError, ValidationIssue
from jobs.manifest.rows import RESERVED_COLUMNS, Header, Problem
from jobs.text import choice, misspelt, shown

#: The inputs that a video begins with.
PICTURES = ("image", "images")

#: Names of columns that a sentence lists.
MAX_NAMED = 12


@dataclass(frozen=True, slots=True)
class MisnamedColumn:
    """A column that is a problem where its cell is filled."""

    column: str
    issue: ValidationIssue
    #: What it should be called, if it is misspelt; no problem where that is given too.
    meant: str = ""
    #: Of an input of other models: what they take.
    theirs: tuple[Input, ...] = ()

    def is_own(self, value: object) -> bool:
        """Whether a cell cannot be meant for other models, since none would take it."""
        return bool(self.theirs) and not any(
            _takes(spec, value) for spec in self.theirs
        )


class Sorting(NamedTuple):
    """The columns of a row, by what they are to its model."""

    inputs: tuple[str, ...]
    own: tuple[str, ...]
    misnamed: tuple[MisnamedColumn, ...]


class Columns:
    """What the names of columns mean to the models of a catalogue."""

    def __init__(self, catalogue: Catalogue, mapped: Iterable[str] = ()) -> None:
        """Know the columns.

        Args:
            catalogue: the models.
            mapped: columns of one's own that are told to feed something.
        """
        self._mapped = frozenset(mapped)
        #: Short names of the models that have an input, by the input's name.
        self._having: dict[str, list[str]] = {}
        self._types: dict[str, set[str]] = {}
        self._specs: dict[str, list[Input]] = {}
        for model in catalogue.models.values():
            for name, spec in model.inputs.items():
                self._having.setdefault(name, []).append(model.name)
                self._types.setdefault(name, set()).add(spec.type)
                self._specs.setdefault(name, []).append(spec)
        self._sorted: dict[tuple[str, tuple[str, ...]], Sorting] = {}

    @property
    def names(self) -> frozenset[str]:
        """Every column that means something, whatever the model."""
        return frozenset((*RESERVED_COLUMNS, *ROLES, *self._having))

    def is_known(self, name: str) -> bool:
        """True if this column means something, whatever the model."""
        return self._is_taken(name) or name in self._mapped or name in ROLES

    def is_input(self, name: str) -> bool:
        """True if some model has this input."""
        return name in self._having or name in ROLES

    def is_list(self, name: str) -> bool:
        """True if this input takes several values."""
        return "list" in self._types.get(name, ())

    def is_composed(self, name: str) -> bool:
        """True if the text of this input is taken apart: a list or an object."""
        return not {"list", "object"}.isdisjoint(self._types.get(name, ()))

    def misspelt(self, name: str) -> str | None:
        """The input of any model that this name all but spells, being none itself."""
        return None if self.is_known(name) else misspelt(name, self._having)

    def sort(self, model: Model, columns: tuple[str, ...]) -> Sorting:
        """The columns of a row of this model, sorted.

        A column of one's own (title, sku, price) is only called misspelt where it all
        but spells an input that the row does not give.
        """
        key = (model.id, columns)
        if key not in self._sorted:
            self._sorted[key] = Sorting(
                inputs=tuple(column for column in columns if column in model.inputs),
                own=tuple(
                    column
                    for column in columns
                    if column not in model.inputs and not self._is_taken(column)
                ),
                misnamed=tuple(self._misnamed(model, columns)),
            )
        return self._sorted[key]

    def _is_taken(self, column: str) -> bool:
        return column in RESERVED_COLUMNS or column in self._having

    def _misnamed(
        self, model: Model, columns: tuple[str, ...]
    ) -> Iterator[MisnamedColumn]:
        for column in columns:
            if column in model.inputs or column in RESERVED_COLUMNS:
                continue
            if column in self._having:
                owners = choice(self._having[column], word="and")
                lacks = f"{model.name} has no such input"
                message = f"{column} is an input of {owners}; {lacks}"
                suggestion = "leave the cell empty or choose another model"
                issue = ValidationIssue("other-model", message, suggestion)
                theirs = tuple(self._specs[column])
                yield MisnamedColumn(column, issue, theirs=theirs)
                continue
            # IMAGE1 to IMAGE10 are the table's own; a guess may name one of them.
            if column[-1:].isdigit():
                continue
            if near := misspelt(column, model.inputs):
                message = f"{shown(column)} is not known"
                own = shlex.quote(f"{column}=")
                suggestion = (
                    f"did you mean {near}? (pass --map {own} if it is your own)"
                )
                issue = ValidationIssue("misspelt", message, suggestion)
                yield MisnamedColumn(column, issue, near)


def _takes(spec: Input, value: object) -> bool:
    try:
        spec.read(value)
    except InvalidValueError:
        return False
    return True


def nothing_known(header: Header, pictures: str | None) -> Problem:
    """What is said of a table none of whose columns is of use.

    Args:
        header: its names.
        pictures: the column that probably has the pictures.
    """
    names = [shown(name).strip('"') for name in header.names[:MAX_NAMED]]
    more = ", …" if header.names[MAX_NAMED:] else ""
    suggestion, pair = (
        "let the first line name the columns, such as id,image,prompt",
        "",
    )
    if pictures:
        suggestion, pair = map_hint(pictures), f"image={pictures}"
    message = f"no column is named image (found: {', '.join(names)}{more})"
    issue = ValidationIssue("header", message, suggestion, map=pair)
    return Problem.of(issue, header.file, header.line, None, ", ".join(header.names))


def map_hint(column: str, name: str = "image") -> str:
    """What to do where a column of another name has the pictures."""
    return f"if the pictures are in {shown(column)}, pass --map {name}={shown(column)}"
