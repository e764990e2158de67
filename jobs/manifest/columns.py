"""Columns of a manifest: which feed the model, which are one's own, which are slips.

It decides by names alone; whether a cell is filled, and so whether a slip matters, is
looked at in `judging`. An honest column of one's own (title, sku, price) is never
called a slip unless it all but spells an input that the row does not give.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from jobs.catalogue import Catalogue, Model
from jobs.text import choice, misspelt, shown

#: Columns that are ours and not a model's.
OURS = ("id", "model")
#: More layouts than any honest manifest has; then the memory starts afresh.
_MOST_LAYOUTS = 1000


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
        return frozenset(self._having) | frozenset(OURS)

    def is_known(self, name: str) -> bool:
        """True if some model has this input, or the column is ours or mapped."""
        return name in self._having or name in OURS or name in self._mapped

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
            elif column in OURS:
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
    return folded if folded in OURS else None


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
