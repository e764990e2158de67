"""Reads a YAML manifest: a list of rows, or `defaults` and the like and then `items`.

Rows are composed one at a time, so that a long file needs little memory. Every value
stays the text it is written as: YAML itself turns 16:9 into 969 and no into false.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, TextIO, TypeAlias

import yaml
from yaml import events
from yaml.nodes import MappingNode, ScalarNode, SequenceNode

from jobs.manifest.columns import Columns
from jobs.manifest.rows import Defaults, Feeds, Problem, Row
from jobs.text import choice, shown
from producer.manifests.encoding import is_encoding
from producer.manifests.source import FORMS

_FORM = "write a list of rows, or defaults: and then items:"
#: What may be said about the rows, and how items are read that are in another file.
_ABOUT = ("defaults", "columns", "key")
_HOW = ("sheet", "encoding", "form")
#: Tags of empty values, and of what a manifest may not use.
_NULL, _REFUSED = "null", "refused"
_NULLS = {"", "~", "null", "Null", "NULL"}


@dataclass(frozen=True, slots=True)
class KeyTemplate:
    """The template of store keys that a manifest brings along."""

    #: The manifest, as the user named it.
    file: str
    line: int
    #: The template as it is written.
    text: str


@dataclass(frozen=True, slots=True)
class ItemsElsewhere:
    """Rows in another file, a folder or a bucket."""

    #: The manifest that says so, as the user named it.
    file: str
    line: int
    #: As it is written: a path relative to the manifest's folder, or a bucket's URL.
    source: str
    #: Sheet of a workbook; None is its first.
    sheet: str | None = None
    #: How the other file's text is encoded; None is as the manifest's own.
    encoding: str | None = None
    #: What form the other file has; None is told by its ending.
    form: str | None = None


_Record: TypeAlias = Row | Defaults | Feeds | Problem | KeyTemplate | ItemsElsewhere
#: A node or an event of PyYAML, whose types are incomplete.
_Node: TypeAlias = Any


def read_yaml(file: str, text: TextIO, columns: Columns) -> Iterator[_Record]:
    """The rows of a YAML file, what it says about them, and what is wrong with it."""
    loader = yaml.CSafeLoader(text)
    try:
        yield from _Reader(file, loader, columns).document()
    except yaml.YAMLError as error:
        yield _syntax_problem(file, error)
    except _NodeError as error:
        yield error.problem(file)
    except RecursionError:
        message, suggestion = "it is nested too deeply", "write it flatter"
        yield _NodeError(loader.peek_event(), message, suggestion).problem(file)


class _NodeError(Exception):
    """A node that a manifest cannot have; what follows can still be read."""

    def __init__(
        self, node: _Node, message: str, suggestion: str, column: str | None = None
    ) -> None:
        super().__init__(message)
        self.suggestion = suggestion
        self.line = _line(node)
        self.column = column or node.start_mark.column + 1

    def problem(self, file: str) -> Problem:
        """The problem of that node in a file."""
        place = file, self.line, self.column, None
        return Problem(*place, str(self), self.suggestion, "yaml")


class _Reader:
    def __init__(self, file: str, loader: yaml.CSafeLoader, columns: Columns) -> None:
        self._file = file
        self._loader = loader
        self._columns = columns
        self._met: set[str] = set()
        self._number = 0
        #: Source and line of items that are elsewhere, and how to read them.
        self._items: tuple[str, int] | None = None
        self._how: dict[str, str] = {}

    def document(self) -> Iterator[_Record]:
        """All that the file holds, in its order."""
        loader = self._loader
        loader.get_event()  # the start of the stream
        if loader.check_event(events.StreamEndEvent):
            return
        loader.get_event()  # the start of the document
        if loader.check_event(events.SequenceStartEvent):
            yield from self._rows()
        elif loader.check_event(events.MappingStartEvent):
            yield from self._parts()
        elif (node := _compose(loader)).tag != _NULL:
            message = "the file is neither a list nor a mapping"
            raise _NodeError(node, message, _FORM)
        loader.get_event()  # the end of the document
        if not loader.check_event(events.StreamEndEvent):
            message = "a second document begins here"
            suggestion = "put all rows into one document, or one file each"
            raise _NodeError(loader.peek_event(), message, suggestion)

    def _rows(self) -> Iterator[Row | Problem]:
        self._loader.get_event()
        while not self._loader.check_event(events.SequenceEndEvent):
            self._number += 1
            node = _compose(self._loader)
            try:
                yield Row(self._file, _line(node), self._number, *_mapping(node))
            except _NodeError as error:
                yield error.problem(self._file)
        self._loader.get_event()

    def _parts(self) -> Iterator[_Record]:
        """What the names at the top of the file say."""
        loader = self._loader
        loader.get_event()
        while not loader.check_event(events.MappingEndEvent):
            try:
                yield from self._part(_compose(loader))
            except _NodeError as error:
                yield error.problem(self._file)
        end = loader.get_event()
        if "items" not in self._met:
            raise _NodeError(end, "the file has no items", _FORM, "items")
        if self._items:
            source, line = self._items
            yield ItemsElsewhere(self._file, line, source, **self._how)

    def _part(self, key: _Node) -> Iterator[_Record]:
        """What one name at the top says; its value is read whatever it is."""
        is_new = "items" not in self._met
        is_list = self._loader.check_event(events.SequenceStartEvent)
        if key.value in ("items", "rows") and is_new and is_list:
            self._met.add("items")
            yield from self._rows()
            return
        value = _compose(self._loader)
        name = _name(key)
        self._check_name(key, "items" if name == "rows" else name)
        if value.tag == _NULL:
            return
        if name == "defaults":
            yield Defaults(self._file, *_mapping(value))
        elif name == "columns":
            yield self._feeds(value)
        elif not isinstance(text := _value(value), str):
            suggestion = _FORM if name in {"items", "rows"} else f"write {name}: TEXT"
            raise _NodeError(key, f"{name} is not a text", suggestion, name)
        elif name == "key":
            yield KeyTemplate(self._file, _line(key), text)
        elif name in {"items", "rows"}:
            self._items = text, _line(key)
        else:
            _check_how(key, name, text)
            self._how[name] = text

    def _check_name(self, key: _Node, name: str) -> None:
        if name in self._met:
            raise _twice(key)
        self._met.add(name)
        if name in _ABOUT and self._number:
            message = f"{name} must be before the items"
            raise _NodeError(key, message, f"write {name} first", name)
        if name not in {"items", *_ABOUT, *_HOW}:
            suggestion = _FORM
            if self._columns.is_known(name):
                suggestion = f"write {name} below defaults: to give it to all items"
            message = f"{shown(name)} is not known at the top of the file"
            raise _NodeError(key, message, suggestion, name)

    def _feeds(self, node: _Node) -> Feeds:
        """Which columns feed which name: `image: Image Src`, or a list of columns."""
        cells, lines = _mapping(node)
        fed: dict[str, tuple[str, ...]] = {}
        for (name, value), (key, _) in zip(cells.items(), node.value, strict=True):
            names = value if isinstance(value, list) else [value]
            texts = [n.strip() for n in names if isinstance(n, str) and n.strip()]
            if value is None:
                del lines[name]
            elif len(texts) == len(names):
                fed[name] = tuple(texts)
            else:
                message = f"{shown(name)} is not fed by the name of a column"
                raise _NodeError(key, message, "write it like image: Image Src", name)
        return Feeds(self._file, fed, lines)


def _compose(loader: yaml.CSafeLoader) -> _Node:
    """The node that begins with the next event, with the text of its scalars.

    PyYAML's own composer knows no single nodes in C, and resolves and expands them.
    """
    event: _Node = loader.get_event()
    kind: Callable[..., _Node] = ScalarNode
    value: Any = getattr(event, "value", None)
    tag = _NULL if value in _NULLS and event.implicit[0] else ""
    if event.anchor or getattr(event, "tag", None) not in {None, "!"}:
        tag = _REFUSED
    if isinstance(event, events.CollectionStartEvent):
        is_list = isinstance(event, events.SequenceStartEvent)
        kind = SequenceNode if is_list else MappingNode
        end = events.SequenceEndEvent if is_list else events.MappingEndEvent
        value = []
        while not loader.check_event(end):
            node = _compose(loader)
            value.append(node if is_list else (node, _compose(loader)))
        loader.get_event()
    return kind(tag, value, event.start_mark, event.end_mark)


def _mapping(node: _Node) -> tuple[dict[str, object], dict[str, int]]:
    """The names and values of a mapping, and the lines of the names."""
    _refuse(node)
    if not isinstance(node, MappingNode):
        message = "names and values are expected here"
        raise _NodeError(node, message, "write them like image: https://…")
    cells: dict[str, object] = {}
    lines: dict[str, int] = {}
    for key, value in node.value:
        name = _name(key)
        if name in cells:
            raise _twice(key)
        cells[name] = _value(value)
        lines[name] = _line(key)
    return cells, lines


def _value(node: _Node) -> object:
    _refuse(node)
    if isinstance(node, SequenceNode):
        return [_value(item) for item in node.value]
    if isinstance(node, MappingNode):
        return _mapping(node)[0]
    return None if node.tag == _NULL else str(node.value)


def _name(node: _Node) -> str:
    _refuse(node)
    if not isinstance(node, ScalarNode):
        raise _NodeError(node, "a name must be plain text", "write name: value")
    return str(node.value)


def _refuse(node: _Node) -> None:
    if node.tag == _REFUSED:
        message = "anchors (&), aliases (*) and tags (!) are not supported"
        suggestion = "write the value out, or put it into defaults"
        raise _NodeError(node, message, suggestion)


def _check_how(key: _Node, name: str, text: str) -> None:
    """Refuse a form or an encoding that does not exist."""
    message = f"there is no {name} {shown(text)}"
    if name == "encoding" and not is_encoding(text):
        raise _NodeError(key, message, "write one such as utf-8 or cp1252", name)
    if name == "form" and text not in FORMS:
        raise _NodeError(key, message, f"write {choice(FORMS)}", name)


def _twice(key: _Node) -> _NodeError:
    message = f"{shown(key.value)} is in it twice"
    return _NodeError(key, message, "take one of them out", key.value)


def _line(node: _Node) -> int:
    return int(node.start_mark.line) + 1


def _syntax_problem(file: str, error: yaml.YAMLError) -> Problem:
    line = column = None
    words = str(getattr(error, "problem", None) or error).partition("\n")[0]
    if isinstance(error, yaml.MarkedYAMLError):
        # A quote or a list that never ends is told where it begins.
        ends = "end of stream" in words and error.context_mark
        mark = error.context_mark if ends else error.problem_mark
        if mark:
            line, column = mark.line + 1, mark.column + 1
    message = f"it is not valid YAML here ({words})"
    suggestion = "indent with spaces, close quotes, and quote texts with : # @ or %"
    return Problem(file, line, column, None, message, suggestion, "yaml")
