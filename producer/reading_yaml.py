"""Rows of a YAML file: a list of them, or `defaults` and then `rows`.

It decides whether the file has that form and reads its events one by one, so that a
long file needs little memory and every value keeps its line; what the values mean is
judged in `jobs.manifest`. Every scalar stays the text it is written as, because YAML's
own reading turns 16:9 into 969 and no into false.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, TextIO, TypeAlias

import yaml
from yaml import events

from jobs.rows import Defaults, Problem, Row
from jobs.wording import shown
from producer.reading_text import Unreadable, lines_of

_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_NULLS = {"", "~", "null", "Null", "NULL"}
#: Deeper than any input, shallow enough for Python's stack.
_MAX_DEPTH = 12
_FORM = "write a list of rows, or defaults: and then rows:"

_Value: TypeAlias = "str | list[Any] | dict[str, Any] | None"


def read_yaml(file: str, text: TextIO) -> Iterator[Row | Defaults | Problem]:
    """The rows and defaults of a YAML file, and what is wrong with its form."""
    lines = _Lines(lines_of(file, text))
    reading = _Reading(file, yaml.parse(lines, Loader=_Loader))
    try:
        yield from reading.document()
    except yaml.MarkedYAMLError as error:
        yield from reading.told()
        yield _broken(file, error)
    except Unreadable as unreadable:
        yield from reading.told()
        yield unreadable.problem
    except yaml.reader.ReaderError as error:
        yield from reading.told()
        message = f"the character U+{_code(error):04X} cannot stand in YAML"
        yield Problem(file, None, None, None, message, "take it out", "yaml")


@dataclass(frozen=True, slots=True)
class _Lines:
    """A text that PyYAML reads line by line, so that every line is looked at."""

    lines: Iterator[str]

    def read(self, _size: int = -1, /) -> str:
        """The next line; empty at the end."""
        return next(self.lines, "")


@dataclass(slots=True)
class _Reading:
    """A file's events, and the problems met since they were last told."""

    file: str
    events: Iterator[Any]
    problems: list[Problem] = field(default_factory=list)
    number: int = 0

    def told(self) -> list[Problem]:
        """The problems, which are then forgotten."""
        problems, self.problems = self.problems, []
        return problems

    def document(self) -> Iterator[Row | Defaults | Problem]:
        """Everything in the file, in its order."""
        next(self.events)  # the start of the stream
        event = next(self.events)
        if isinstance(event, events.StreamEndEvent):
            return
        top = next(self.events)
        self._plain(top)
        if isinstance(top, events.SequenceStartEvent):
            yield from self._rows()
        elif isinstance(top, events.MappingStartEvent):
            yield from self._parts()
        elif not _is_null(top):
            self._complain(top, None, "the file is neither a list nor a mapping", _FORM)
        yield from self.told()
        next(self.events)  # the end of the document
        event = next(self.events)
        if not isinstance(event, events.StreamEndEvent):
            suggestion = "put all rows into one document, or one file each"
            self._complain(event, None, "a second document begins here", suggestion)
        yield from self.told()

    def _parts(self) -> Iterator[Row | Defaults | Problem]:
        """`defaults` and `rows`, the first before the second."""
        met: set[str] = set()
        while not isinstance(event := next(self.events), events.MappingEndEvent):
            name = self._name(event)
            value = next(self.events)
            if name in met:
                self._twice(event, name)
                self._value(value)
            elif name == "rows" and isinstance(value, events.SequenceStartEvent):
                yield from self._rows()
            elif name == "defaults" and isinstance(value, events.MappingStartEvent):
                cells, lines = self._cells()
                if "rows" in met:
                    message = "defaults stand behind the rows they are for"
                    self._complain(event, name, message, "write defaults first")
                yield Defaults(self.file, cells, lines)
            elif not (name in {"rows", "defaults"} and _is_null(value)):
                self._value(value)
                if name in {"rows", "defaults"}:
                    kind = "list" if name == "rows" else "mapping"
                    self._complain(event, name, f"{name} is not a {kind}", _FORM)
                else:
                    message = f"{shown(name)} is not known at the top of the file"
                    self._complain(event, name or None, message, _FORM)
            met.add(name)
            yield from self.told()
        if "rows" not in met:
            self._complain(event, "rows", "the file has no rows", _FORM)

    def _rows(self) -> Iterator[Row | Problem]:
        while not isinstance(event := next(self.events), events.SequenceEndEvent):
            self.number += 1
            line = event.start_mark.line + 1
            if isinstance(event, events.MappingStartEvent):
                self._plain(event)
                cells, lines = self._cells()
                if not self.problems:
                    yield Row(self.file, line, self.number, cells, lines)
            else:
                self._value(event)
                if not self.problems:
                    message = "a row is written as names and values"
                    suggestion = "write it like - image: https://…"
                    self._complain(event, None, message, suggestion)
            yield from self.told()

    def _cells(self) -> tuple[dict[str, _Value], dict[str, int]]:
        """The names and values of a mapping, and the lines of the names."""
        cells: dict[str, _Value] = {}
        lines: dict[str, int] = {}
        while not isinstance(event := next(self.events), events.MappingEndEvent):
            name = self._name(event)
            value = self._value(next(self.events))
            if name in cells:
                self._twice(event, name)
            cells[name] = value
            lines[name] = event.start_mark.line + 1
        return cells, lines

    def _name(self, event: Any) -> str:  # noqa: ANN401 - PyYAML's events have no types
        if isinstance(event, events.ScalarEvent):
            self._plain(event)
            return str(event.value)
        self._value(event)
        self._complain(event, None, "a name must be plain text", "write name: value")
        return ""

    def _value(self, event: Any, depth: int = 1) -> _Value:  # noqa: ANN401 - PyYAML's events have no types
        """The value that begins with this event; its end is read as well."""
        self._plain(event)
        if depth > _MAX_DEPTH:
            self._complain(event, None, "it is nested too deeply", "write it flatter")
            raise Unreadable(self.problems.pop())
        if isinstance(event, events.ScalarEvent):
            return None if _is_null(event) else str(event.value)
        if isinstance(event, events.SequenceStartEvent):
            items: list[_Value] = []
            while not isinstance(inner := next(self.events), events.SequenceEndEvent):
                items.append(self._value(inner, depth + 1))
            return items
        found: dict[str, _Value] = {}
        if isinstance(event, events.MappingStartEvent):
            while not isinstance(inner := next(self.events), events.MappingEndEvent):
                name = self._name(inner)
                if name in found:
                    self._twice(inner, name)
                found[name] = self._value(next(self.events), depth + 1)
        return found

    def _plain(self, event: Any) -> None:  # noqa: ANN401 - PyYAML's events have no types
        """Complains of anchors, aliases and tags: a manifest says what it means."""
        suggestion = "write the value out, or put it into defaults"
        if isinstance(event, events.AliasEvent):
            self._complain(event, None, f"*{event.anchor} is an alias", suggestion)
        elif event.anchor is not None:
            self._complain(event, None, f"&{event.anchor} is an anchor", suggestion)
        elif getattr(event, "tag", None) not in {None, "!"}:
            message = f"{shown(event.tag)} is a tag"
            self._complain(event, None, message, "write the value alone")

    def _twice(self, event: Any, name: str) -> None:  # noqa: ANN401 - PyYAML's events have no types
        message = f"{shown(name)} stands twice in it"
        self._complain(event, name, message, "take one of them out")

    def _complain(
        self,
        event: Any,  # noqa: ANN401 - PyYAML's events have no types
        column: str | None,
        message: str,
        suggestion: str,
    ) -> None:
        mark = event.start_mark
        place = mark.column + 1 if column is None else column
        self.problems.append(
            Problem(self.file, mark.line + 1, place, None, message, suggestion, "yaml")
        )


def _is_null(event: Any) -> bool:  # noqa: ANN401 - PyYAML's events have no types
    """True for an empty value, which counts as not given."""
    is_scalar = isinstance(event, events.ScalarEvent)
    return is_scalar and event.implicit[0] and event.value in _NULLS


#: What the parser says, in plainer words, with what to do next.
_PLAINLY = {
    "cannot start any token": (
        "a character stands here that no value can begin with",
        "indent with spaces, not tabs, and quote texts that begin with @, ` or %",
    ),
    "tab character": ("a tab stands where YAML wants spaces", "use spaces, not tabs"),
    "mapping values are not allowed": (
        "a colon stands within a text, or the line is indented wrongly",
        "put the text into quotes, and indent names alike",
    ),
    "unexpected end of stream": ("a quote is opened here and never closed", "close it"),
}


def _broken(file: str, error: yaml.MarkedYAMLError) -> Problem:
    words = str(error.problem or error.context or "it cannot be read")
    mark = error.problem_mark or error.context_mark
    message = f"it is not YAML here ({words})"
    suggestion = "check indentation, and quote texts that hold : or #"
    for said, plainly in _PLAINLY.items():
        if said in words:
            message, suggestion = plainly
    if "end of stream" in words and error.context_mark:
        mark = error.context_mark
    line, column = (mark.line + 1, mark.column + 1) if mark else (None, None)
    return Problem(file, line, column, None, message, suggestion, "yaml")


def _code(error: yaml.reader.ReaderError) -> int:
    found = error.character
    return found if isinstance(found, int) else ord(found[:1])
