"""What rows leave empty: defaults, nearest first, plain or as templates.

A default that is wrong as such is told once, where it stands; a template that a row
cannot fill is told at that row.
"""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from jobs.catalogue import Catalogue, Model, UnknownModelError
from jobs.catalogue.validation import (
    InvalidValueError,
    ValidationIssue,
    invalid,
    is_given,
)
from jobs.manifest.columns import Columns
from jobs.manifest.rows import Defaults, Problem
from jobs.manifest.templates import (
    Fits,
    RowScope,
    Template,
    is_template,
    template_error,
)
from jobs.text import choice, plain, shown

#: What would change the parts of a list or an object that is written as one text.
_STRUCTURE = re.compile(r"[|\r\n]|^\s*\[|@\s*[0-9][0-9.,]*\s*s?\s*$")

_Fill: TypeAlias = Callable[[RowScope], object]
_MakeScope: TypeAlias = Callable[[], RowScope]


@dataclass(frozen=True, slots=True)
class Default:
    """One default, and where it is written."""

    name: str
    value: object
    #: What fills the templates within it; None if it has none.
    fill: _Fill | None
    file: str
    line: int | None

    def problem(self, issue: ValidationIssue) -> Problem:
        """A problem of the default itself."""
        return Problem.of(issue, self.file, self.line, self.name, self.value)


@dataclass(slots=True)
class Filled:
    """What defaults add to a row."""

    #: Where the values come from that the row does not give itself.
    by: dict[str, Default] = field(default_factory=dict)
    #: Why templates could not be filled, with the default that they are.
    template_errors: list[tuple[Default, ValidationIssue]] = field(default_factory=list)

    def made(self, default: Default, scope: _MakeScope) -> object:
        """The value of a default for a row; None if its template says nothing."""
        if default.fill is None:
            return default.value
        try:
            made = default.fill(scope())
        except InvalidValueError as error:
            self.template_errors.append((default, error.issue))
            return None
        return made if is_given(made) else None


class DefaultValues:
    """The defaults of one manifest; those that are taken earlier win."""

    def __init__(self, catalogue: Catalogue, columns: Columns) -> None:
        self._catalogue = catalogue
        self._columns = columns
        #: The defaults of each place, the nearest place first.
        self._layers: list[list[Default]] = []
        self._nearest: dict[str, Default] = {}
        #: Names whose default was told to be wrong; that it is missing is no news.
        self.bad: set[str] = set()
        #: Plain defaults by name, nearest first: what templates see of them.
        self.plain: dict[str, object] = {}

    def take(self, defaults: Defaults) -> list[Problem]:
        """Takes defaults for all rows to come; returns what is wrong with them.

        Those that are wrong are left out.
        """
        layer: list[Default] = []
        problems: list[Problem] = []
        for name, written in defaults.cells.items():
            if not is_given(written):
                continue
            value, fill, line = written, None, defaults.lines.get(name)
            try:
                value = _by_rule(written) if name == "model" else written
                fill = self._fill(name, value)
                issue = self._issue(name, value, templated=fill is not None)
            except InvalidValueError as error:
                issue = error.issue
            default = Default(name, value, fill, defaults.file, line)
            if issue is not None:
                problems.append(default.problem(issue))
                self.bad.add(name)
                continue
            if fill is None and not self.gives(name):
                self.plain[name] = value
            layer.append(default)
            self._nearest.setdefault(name, default)
        self._layers.append(layer)
        return problems

    def gives(self, *names: str) -> bool:
        """True if there is a default for one of these."""
        return not self._nearest.keys().isdisjoint(names)

    def nearest(self, name: str) -> Default | None:
        """The default that counts for a name of ours, if there is one."""
        return self._nearest.get(name)

    def fill(self, model: Model, given: dict[str, object], scope: _MakeScope) -> Filled:
        """Adds the defaults that fit to the values that a row gives.

        One for an input that the model lacks, or that excludes a value that is given
        nearer, is passed over.
        """
        filled = Filled()
        for layer in self._layers:
            nearer = {*given, *(one.name for one, _ in filled.template_errors)}
            for default in layer:
                name = model.input_name(default.name)
                if name not in model.inputs or name in nearer:
                    continue
                if not nearer.isdisjoint(model.conflicts_with(name)):
                    continue
                made = filled.made(default, scope)
                if made is not None:
                    given[name] = made
                    filled.by[name] = default
        return filled

    def fill_own(self, data: dict[str, str], model: Model, scope: _MakeScope) -> Filled:
        """Adds the defaults that no model knows to a row's own data."""
        filled = Filled()
        told: set[str] = set()
        for layer in self._layers:
            for default in layer:
                name = default.name
                if name in data or name in told or self._columns.is_known(name):
                    continue
                if name in model.other_names:
                    continue
                told.add(name)
                made = filled.made(default, scope)
                if made is not None:
                    data[name] = plain(made)
        return filled

    def _issue(
        self, name: str, value: object, *, templated: bool
    ) -> ValidationIssue | None:
        """What is wrong with a default whatever the row."""
        if name == "id" and not templated:
            message = "an id cannot serve for several rows"
            suggestion = "write ids into the rows, or a template such as {{ sku }}"
            return ValidationIssue("default-id", message, suggestion)
        if name == "model" and not templated:
            try:
                self._catalogue.find(plain(value))
            except UnknownModelError as unknown:
                return unknown_model(value, unknown, self._catalogue)
        elif name != "model" and (near := self._columns.misspelt(name)):
            message = f"no model has an input {shown(name)}"
            return ValidationIssue("unknown-input", message, f"did you mean {near}?")
        return None

    def _fill(self, name: str, value: object) -> _Fill | None:
        """What fills the templates within a default; None if it has none.

        A list that is written as JSON is taken apart before anything is filled in, so
        that no cell can add to its parts.
        """
        if not isinstance(value, str):
            return _nested(value)
        if not is_template(value):
            return None
        if not self._columns.is_composed(name):
            return _nested(value)
        if not value.lstrip().startswith("["):
            return _nested(value, _check_whole)
        try:
            return _nested(json.loads(value))
        except (ValueError, RecursionError):
            message = f"{shown(value)} is no JSON list"
            suggestion = "mend it, or write | between items"
            raise template_error(message, suggestion) from None


def _by_rule(value: object) -> object:
    """A template of a list of rules, `when` and `use`, and a name for all other rows.

    Raises:
        InvalidValueError: it is no such list.
    """
    if not isinstance(value, list):
        return value
    text, others = "", ""
    for rule in value:
        match rule:
            case {"when": str(when), "use": str(use), **more} if not (more or others):
                text += f"{{% {'elif' if text else 'if'} {when} %}}{use}"
            case str() if not others:
                others = rule
            case _:
                message = f"{shown(rule)} is no rule for a model"
                suggestion = "write when: price > 100 and use: NAME, and a NAME last"
                raise invalid("model-rule", message, suggestion)
    return f"{text}{{% else %}}{others}{{% endif %}}" if text else others


def unknown_model(
    value: object, unknown: UnknownModelError, catalogue: Catalogue
) -> ValidationIssue:
    """The issue of a name that no model has."""
    if unknown.reason:
        cure = "reelmill models list shows those that can"
        return ValidationIssue("unknown-model", str(unknown), cure)
    names = [model.name for model in catalogue.models.values()]
    known = f"there are {choice(names, word='and')}"
    meant = f"did you mean {choice(unknown.offers)}?" if unknown.offers else known
    return ValidationIssue("unknown-model", f"there is no model {shown(value)}", meant)


def _nested(value: object, fits: Fits | None = None) -> _Fill | None:
    """What fills every template in a value, however deep; None if there is none."""
    if isinstance(value, str):
        if not is_template(value):
            return None
        template = Template(value)
        return lambda scope: template.render(scope, fits)
    items: Mapping[object, object] = {}
    if isinstance(value, list):
        items = dict(enumerate(value))
    elif isinstance(value, dict):
        items = value
    fills = {key: fill for key, one in items.items() if (fill := _nested(one))}
    if not fills:
        return None

    def filled(scope: RowScope) -> object:
        made = {
            key: fills[key](scope) if key in fills else one
            for key, one in items.items()
        }
        return [*made.values()] if isinstance(value, list) else made

    return filled


def _check_whole(text: str) -> None:
    if found := _STRUCTURE.search(text):
        message = f"{shown(text)} would be taken apart at {shown(found[0])}"
        suggestion = "write this default as a list, in YAML or JSON"
        raise template_error(message, suggestion)
