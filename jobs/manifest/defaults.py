"""What rows leave empty: defaults, nearest first, plain or as templates.

It decides which default fits a row and fills templates in; whether the values are right
is decided in `catalogue.model`. A default that is wrong as such is told once, where it
stands; a template that a row cannot fill is told at that row.
"""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, TypeAlias

from jobs.catalogue import Catalogue, Model, UnknownModelError
from jobs.catalogue.inputs import is_given
from jobs.manifest.column_mapping import Columns
from jobs.manifest.rows import Defaults, Problem
from jobs.manifest.template import BadTemplateError, Fits, Scope, Template, is_template
from jobs.text import choice, masked, plain, shown

#: What would change the parts of a list or an object that is written as one text.
_STRUCTURE = re.compile(r"[|\r\n]|^\s*\[|@\s*[0-9][0-9.,]*\s*s?\s*$")

_Filler: TypeAlias = Callable[[Scope], object]


@dataclass(frozen=True, slots=True)
class Layer:
    """The defaults of one place, their templates ready to be filled."""

    file: str
    cells: Mapping[str, object]
    lines: Mapping[str, int]
    fillers: Mapping[str, _Filler]

    def problem(self, name: str, value: object, said: tuple[str, str, str]) -> Problem:
        """A problem of a default itself; `said` is message, suggestion and kind."""
        text = masked(plain(value))
        return Problem(self.file, self.lines.get(name), name, text, *said)


class _Entry(NamedTuple):
    """A default that fits a model."""

    name: str
    value: object
    filler: _Filler | None
    conflicts_with: set[str]


@dataclass(slots=True)
class Filled:
    """What defaults add to a row."""

    #: Where the values come from that the row does not give itself.
    by: dict[str, Layer] = field(default_factory=dict)
    #: Values that a template made for this row alone.
    made: set[str] = field(default_factory=set)
    #: Why templates could not be filled, by the name they stand under.
    troubles: dict[str, BadTemplateError] = field(default_factory=dict)


class Filling:
    """The defaults of one manifest; those that are taken earlier win."""

    def __init__(self, catalogue: Catalogue, columns: Columns) -> None:
        self._catalogue = catalogue
        self._columns = columns
        self._layers: list[Layer] = []
        self._fitting: dict[str, list[tuple[Layer, list[_Entry]]]] = {}
        #: Defaults that no model knows, nearest first.
        self._own: list[tuple[str, object, _Filler | None]] = []
        #: Names whose default was told to be wrong; that it is missing is no news.
        self.broken: set[str] = set()
        #: Plain defaults by name, nearest first: what templates see of them.
        self.plain: dict[str, object] = {}

    def take(self, defaults: Defaults) -> list[Problem]:
        """Takes defaults for all rows to come; returns what is wrong with them.

        Those that are wrong are left out.
        """
        cells: dict[str, object] = {}
        fillers: dict[str, _Filler] = {}
        layer = Layer(defaults.file, cells, defaults.lines, fillers)
        problems: list[Problem] = []
        for name, value in defaults.cells.items():
            if not is_given(value):
                continue
            try:
                filler = self._filler(name, value)
            except BadTemplateError as bad:
                said: tuple[str, str, str] | None = (
                    bad.message,
                    bad.suggestion,
                    "template",
                )
            else:
                said = self._wrong(name, value, templated=filler is not None)
            if said is not None:
                problems.append(layer.problem(name, value, said))
                self.broken.add(name)
                continue
            if not self.gives(name):
                self._add(name, value, filler)
            cells[name] = value
            if filler is not None:
                fillers[name] = filler
        self._layers.append(layer)
        self._fitting.clear()
        return problems

    def _add(self, name: str, value: object, filler: _Filler | None) -> None:
        if not self._columns.is_known(name):
            self._own.append((name, value, filler))
        if filler is None:
            self.plain[name] = value

    def gives(self, *names: str) -> bool:
        """True if there is a default for one of these."""
        return any(name in layer.cells for layer in self._layers for name in names)

    def id_of(self, scope: Callable[[], Scope]) -> str | None:
        """The id that a template makes for a row; None if there is no such template.

        Raises:
            BadTemplateError: the row cannot fill it.
        """
        for layer in self._layers:
            if "id" in layer.fillers:
                return str(layer.fillers["id"](scope()))
        return None

    def fill(
        self, model: Model, given: dict[str, object], scope: Callable[[], Scope]
    ) -> Filled:
        """Adds the defaults that fit to the values that a row gives.

        One for an input that the model lacks, or that excludes a value that is given
        nearer, is passed over.
        """
        filled = Filled()
        fitting = self._fitting.get(model.id)
        if fitting is None:
            fitting = self._fitting[model.id] = self._fit(model)
        for layer, entries in fitting:
            nearer = {*given, *filled.troubles}
            for name, value, filler, conflicts_with in entries:
                if name in nearer or not nearer.isdisjoint(conflicts_with):
                    continue
                if filler is None:
                    given[name] = value
                    filled.by[name] = layer
                elif (made := _made(filled, name, filler, scope)) is not None:
                    given[name] = made
                    filled.by[name] = layer
        return filled

    def complete(
        self, data: dict[str, str], scope: Callable[[], Scope]
    ) -> dict[str, BadTemplateError]:
        """Adds the defaults that no model knows to a row's own data.

        Returns why templates could not be filled, by name.
        """
        if not self._own:
            return {}
        filled = Filled()
        for name, value, filler in self._own:
            if name in data:
                continue
            made = _made(filled, name, filler, scope) if filler else value
            if made is not None:
                data[name] = plain(made)
        return filled.troubles

    def text_of(self, name: str, layer: Layer | None = None) -> str:
        """A template as it was written, for a problem."""
        layers = [layer] if layer else self._layers
        return next((plain(one.cells[name]) for one in layers if name in one.cells), "")

    def _fit(self, model: Model) -> list[tuple[Layer, list[_Entry]]]:
        return [
            (
                layer,
                [
                    _Entry(
                        name, value, layer.fillers.get(name), model.conflicts_with(name)
                    )
                    for name, value in layer.cells.items()
                    if name in model.inputs
                ],
            )
            for layer in self._layers
        ]

    def _wrong(
        self, name: str, value: object, *, templated: bool
    ) -> tuple[str, str, str] | None:
        """What is wrong with a default whatever the row: message, suggestion, kind."""
        if name == "id" and not templated:
            message = "an id cannot serve for several rows"
            suggestion = "write ids into the rows, or a template such as {{ sku }}"
            return message, suggestion, "default-id"
        if name == "model":
            try:
                self._catalogue.find(plain(value))
            except UnknownModelError as unknown:
                message = f"there is no model {shown(value)}"
                return message, meant(unknown, self._catalogue), "unknown-model"
        elif near := self._columns.misspelt(name):
            message = f"no model has an input {shown(name)}"
            return message, f"did you mean {near}?", "unknown-input"
        return None

    def _filler(self, name: str, value: object) -> _Filler | None:
        """What fills the templates within a default; None if it has none.

        A list that is written as JSON is taken apart before anything is filled in, so
        that no cell can add to its parts.
        """
        if not isinstance(value, str):
            return _nested(value)
        if not is_template(value) or name == "model":
            return None
        if not self._columns.is_composed(name):
            return _nested(value)
        if value.lstrip().startswith("["):
            try:
                return _nested(json.loads(value))
            except (ValueError, RecursionError):
                message = f"{shown(value)} is no JSON list"
                raise BadTemplateError(
                    message, "mend it, or write | between items"
                ) from None
        return _nested(value, _whole_part)


def _nested(value: object, fits: Fits | None = None) -> _Filler | None:
    """What fills every template in a value, however deep; None if there is none."""
    if isinstance(value, str):
        if not is_template(value):
            return None
        template = Template.of(value)
        return lambda scope: template.render(scope, fits)
    if isinstance(value, list):
        several = [(one, _nested(one)) for one in value]
        if any(filler for _, filler in several):
            return lambda scope: [
                filler(scope) if filler else one for one, filler in several
            ]
    if isinstance(value, dict):
        parts = [(key, one, _nested(one)) for key, one in value.items()]
        if any(filler for *_, filler in parts):
            return lambda scope: {
                key: filler(scope) if filler else one for key, one, filler in parts
            }
    return None


def _whole_part(text: str) -> None:
    if found := _STRUCTURE.search(text):
        message = f"{shown(text)} would be taken apart at {shown(found[0])}"
        raise BadTemplateError(message, "write this default as a list, in YAML or JSON")


def _made(
    filled: Filled, name: str, filler: _Filler, scope: Callable[[], Scope]
) -> object:
    """What a template makes of a row; None if it cannot be filled, or says nothing."""
    try:
        made = filler(scope())
    except BadTemplateError as bad:
        filled.troubles[name] = bad
        return None
    filled.made.add(name)
    return made if is_given(made) else None


def meant(unknown: UnknownModelError, catalogue: Catalogue) -> str:
    """Which model was probably meant, for a suggestion."""
    if unknown.guesses:
        return f"did you mean {choice(unknown.guesses)}?"
    names = [model.name for model in catalogue.models.values()]
    return f"there are {choice(names, word='and')}"
