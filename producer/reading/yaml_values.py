"""Values of a YAML file, read event by event, each with its line.

It decides what a value may be (text, a list, a mapping; no anchors, aliases or tags)
and keeps every scalar the text it is written as, because YAML's own reading turns 16:9
into 969 and no into false. What the file is made of is decided in `yaml_rows`.
"""

from collections.abc import Iterator
from typing import Any, TypeAlias

import yaml
from yaml import events

from jobs.manifest.rows import Problem
from jobs.wording import shown
from producer.reading.unreadable import UnreadableError

#: An event of PyYAML, which has no types.
Event: TypeAlias = Any
Value: TypeAlias = "str | list[Any] | dict[str, Any] | None"

_NULLS = {"", "~", "null", "Null", "NULL"}
#: Deeper than any input, shallow enough for Python's stack.
_MAX_DEPTH = 12


class Values:
    """A file's events, and the problems met since they were last told."""

    def __init__(self, file: str, events: Iterator[Event]) -> None:
        self.file = file
        self.events = events
        self.problems: list[Problem] = []

    def next(self) -> Event:
        """The next event; the parser's errors come from here."""
        return next(self.events)

    def told(self) -> list[Problem]:
        """The problems, which are then forgotten."""
        problems, self.problems = self.problems, []
        return problems

    def cells(self) -> tuple[dict[str, Value], dict[str, int]]:
        """The names and values of a mapping that has begun, and the names' lines."""
        cells: dict[str, Value] = {}
        lines: dict[str, int] = {}
        while not isinstance(event := self.next(), events.MappingEndEvent):
            name = self.name(event)
            value = self.value(self.next())
            if name in cells:
                self.twice(event, name)
            cells[name] = value
            lines[name] = line_of(event)
        return cells, lines

    def name(self, event: Event) -> str:
        """The name that an event is; empty if it is none."""
        if isinstance(event, events.ScalarEvent):
            self.plain(event)
            return str(event.value)
        self.value(event)
        self.complain(event, None, "a name must be plain text", "write name: value")
        return ""

    def value(self, event: Event, depth: int = 1) -> Value:
        """The value that begins with this event; its end is read as well.

        Raises:
            UnreadableError: it is nested too deeply.
        """
        self.plain(event)
        if depth > _MAX_DEPTH:
            self.complain(event, None, "it is nested too deeply", "write it flatter")
            raise UnreadableError(self.problems.pop())
        if isinstance(event, events.ScalarEvent):
            return None if is_null(event) else str(event.value)
        if isinstance(event, events.SequenceStartEvent):
            items: list[Value] = []
            while not isinstance(inner := self.next(), events.SequenceEndEvent):
                items.append(self.value(inner, depth + 1))
            return items
        found: dict[str, Value] = {}
        if isinstance(event, events.MappingStartEvent):
            while not isinstance(inner := self.next(), events.MappingEndEvent):
                name = self.name(inner)
                if name in found:
                    self.twice(inner, name)
                found[name] = self.value(self.next(), depth + 1)
        return found

    def plain(self, event: Event) -> None:
        """Complains of anchors, aliases and tags: a manifest says what it means."""
        suggestion = "write the value out, or put it into defaults"
        if isinstance(event, events.AliasEvent):
            self.complain(event, None, f"*{event.anchor} is an alias", suggestion)
        elif event.anchor is not None:
            self.complain(event, None, f"&{event.anchor} is an anchor", suggestion)
        elif getattr(event, "tag", None) not in {None, "!"}:
            message = f"{shown(event.tag)} is a tag"
            self.complain(event, None, message, "write the value alone")

    def twice(self, event: Event, name: str) -> None:
        """Complains of a name that its mapping has already."""
        message = f"{shown(name)} stands twice in it"
        self.complain(event, name, message, "take one of them out")

    def complain(
        self, event: Event, column: str | None, message: str, suggestion: str
    ) -> None:
        """Notes a problem at an event, to be told later."""
        mark = event.start_mark
        place = mark.column + 1 if column is None else column
        self.problems.append(
            Problem(self.file, line_of(event), place, None, message, suggestion, "yaml")
        )


def line_of(event: Event) -> int:
    """Line of an event, from 1."""
    return int(event.start_mark.line) + 1


def is_null(event: Event) -> bool:
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


def broken(file: str, error: yaml.YAMLError) -> Problem:
    """What the parser's error means to a person."""
    if isinstance(error, yaml.reader.ReaderError):
        found = error.character
        code = found if isinstance(found, int) else ord(found[:1])
        message = f"the character U+{code:04X} cannot stand in YAML"
        return Problem(file, None, None, None, message, "take it out", "yaml")
    words, mark = "it cannot be read", None
    if isinstance(error, yaml.MarkedYAMLError):
        words = str(error.problem or error.context or words)
        mark = error.problem_mark or error.context_mark
        if "end of stream" in words and error.context_mark:
            mark = error.context_mark
    message = f"it is not YAML here ({words})"
    suggestion = "check indentation, and quote texts that hold : or #"
    for said, plainly in _PLAINLY.items():
        if said in words:
            message, suggestion = plainly
    line, column = (mark.line + 1, mark.column + 1) if mark else (None, None)
    return Problem(file, line, column, None, message, suggestion, "yaml")
