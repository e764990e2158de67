"""Rows of a YAML file: a list of them, or `defaults` and the like and then `items`.

It decides whether the file has that form and reads its events one by one, so that a
long file needs little memory and every value keeps its line; what a value may be is
decided in `yaml_values`, and what it means in `jobs.manifest`.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, TextIO, TypeAlias

import yaml
from yaml import events

from jobs.manifest.columns import Columns
from jobs.manifest.rows import Defaults, Feeds, Problem, Row
from jobs.wording import choice, shown
from producer.reading.sniffing import FORMS, is_encoding
from producer.reading.text import lines_of
from producer.reading.unreadable import UnreadableError
from producer.reading.wishes import ItemsWish, KeyTemplateWish
from producer.reading.yaml_values import Event, Value, Values, broken, is_null, line_of

_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_Record: TypeAlias = Row | Defaults | Feeds | Problem | KeyTemplateWish | ItemsWish

_FORM = "write a list of rows, or defaults: and then items:"
#: Two names for the rows, the documented one first.
_ITEMS = ("items", "rows")
#: What must be known before the first row.
_BEFORE = ("defaults", "columns", "key")
#: How items are read that stand in another file.
_HOW = ("sheet", "encoding", "form")


def read_yaml(file: str, text: TextIO, columns: Columns) -> Iterator[_Record]:
    """The rows of a YAML file, what it says about them, and what is wrong with it."""
    lines = _Lines(lines_of(file, text))
    values = Values(file, yaml.parse(lines, Loader=_Loader))
    try:
        yield from _Document(values, columns).records()
    except yaml.YAMLError as error:
        yield from values.told()
        yield broken(file, error)
    except UnreadableError as unreadable:
        yield from values.told()
        yield unreadable.problem


@dataclass(frozen=True, slots=True)
class _Lines:
    """A text that PyYAML reads line by line, so that every line is looked at."""

    lines: Iterator[str]

    def read(self, _size: int = -1, /) -> str:
        """The next line; empty at the end."""
        return next(self.lines, "")


class _Document:
    """What a file is made of, told in its order."""

    def __init__(self, values: Values, columns: Columns) -> None:
        self._values = values
        self._columns = columns
        self._number = 0
        self._met: set[str] = set()
        #: Where the items stand, if they stand elsewhere, and its line.
        self._source: tuple[str, int] | None = None
        #: How they are to be read.
        self._how: dict[str, str] = {}

    def records(self) -> Iterator[_Record]:
        values = self._values
        values.next()  # the start of the stream
        if isinstance(values.next(), events.StreamEndEvent):
            return
        top = values.next()
        values.plain(top)
        if isinstance(top, events.SequenceStartEvent):
            yield from self._rows()
        elif isinstance(top, events.MappingStartEvent):
            yield from self._parts()
        elif not is_null(top):
            message = "the file is neither a list nor a mapping"
            values.complain(top, None, message, _FORM)
        yield from values.told()
        values.next()  # the end of the document
        event = values.next()
        if not isinstance(event, events.StreamEndEvent):
            suggestion = "put all rows into one document, or one file each"
            values.complain(event, None, "a second document begins here", suggestion)
        yield from values.told()

    def _parts(self) -> Iterator[_Record]:
        """The names at the top: what is said about the items before them."""
        values = self._values
        while not isinstance(event := values.next(), events.MappingEndEvent):
            name = values.name(event)
            value = values.next()
            plain = _ITEMS[0] if name in _ITEMS else name
            if plain in self._met:
                values.twice(event, name)
                values.value(value)
            elif name in _BEFORE and self._number:
                values.complain(
                    event,
                    name,
                    f"{name} stand behind the items they are for"
                    if name.endswith("s")
                    else f"{name} stands behind the items it is for",
                    f"write {name} first",
                )
                values.value(value)
            else:
                yield from self._part(plain, event, value)
            self._met.add(plain)
            yield from values.told()
        if _ITEMS[0] not in self._met:
            values.complain(event, _ITEMS[0], "the file has no items", _FORM)
        elif self._source and not values.problems:
            source, line = self._source
            yield ItemsWish(values.file, line, source, **self._how)

    def _part(self, name: str, event: Event, value: Event) -> Iterator[_Record]:
        values = self._values
        if name == _ITEMS[0] and isinstance(value, events.SequenceStartEvent):
            values.plain(value)
            yield from self._rows()
        elif name == "defaults" and isinstance(value, events.MappingStartEvent):
            values.plain(value)
            yield Defaults(values.file, *values.cells())
        elif name == "columns" and isinstance(value, events.MappingStartEvent):
            values.plain(value)
            yield self._feeds()
        else:
            read = values.value(value)
            if name not in (_ITEMS[0], *_BEFORE, *_HOW):
                self._unknown(event, name)
            elif isinstance(read, str):
                yield from self._text(name, event, read)
            elif read is not None:
                values.complain(event, name, f"{name} is not {_kind(name)}", _FORM)

    def _text(self, name: str, event: Event, text: str) -> Iterator[_Record]:
        """A name at the top whose value is one text."""
        values = self._values
        if name == _ITEMS[0]:
            self._source = text, line_of(event)
        elif name == "key":
            yield KeyTemplateWish(values.file, line_of(event), text)
        elif name == "encoding" and not is_encoding(text):
            message = f"there is no text encoding {shown(text)}"
            values.complain(event, name, message, "write one such as utf-8 or cp1252")
        elif name == "form" and text not in FORMS:
            message = f"there is no form {shown(text)} of manifests"
            values.complain(event, name, message, f"write {choice(FORMS)}")
        elif name in _HOW:
            self._how[name] = text
        else:
            values.complain(event, name, f"{name} is not {_kind(name)}", _FORM)

    def _feeds(self) -> Feeds:
        """Which columns feed which name: `image: Image Src`, or a list of columns."""
        values = self._values
        fed: dict[str, tuple[str, ...]] = {}
        lines: dict[str, int] = {}
        while not isinstance(event := values.next(), events.MappingEndEvent):
            name = values.name(event)
            read = values.value(values.next())
            if name in fed:
                values.twice(event, name)
            if names := _names(read):
                fed[name] = names
                lines[name] = line_of(event)
            elif read is not None:
                message = f"{shown(name)} is not fed by the name of a column"
                values.complain(event, name, message, "write it like image: Image Src")
        return Feeds(values.file, fed, lines)

    def _unknown(self, event: Event, name: str) -> None:
        suggestion = _FORM
        if self._columns.is_known(name):
            suggestion = f"write {name} below defaults: to give it to all items"
        message = f"{shown(name)} is not known at the top of the file"
        self._values.complain(event, name or None, message, suggestion)

    def _rows(self) -> Iterator[Row | Problem]:
        values = self._values
        while not isinstance(event := values.next(), events.SequenceEndEvent):
            self._number += 1
            if isinstance(event, events.MappingStartEvent):
                values.plain(event)
                cells, lines = values.cells()
                if not values.problems:
                    yield Row(values.file, line_of(event), self._number, cells, lines)
            else:
                values.value(event)
                if not values.problems:
                    message = "a row is written as names and values"
                    suggestion = "write it like - image: https://…"
                    values.complain(event, None, message, suggestion)
            yield from values.told()


def _names(read: Value) -> tuple[str, ...]:
    """One name of a column or several; empty if it is neither."""
    names = [read] if isinstance(read, str) else read
    if not isinstance(names, list):
        return ()
    texts = tuple(n.strip() for n in names if isinstance(n, str) and n.strip())
    return texts if len(texts) == len(names) else ()


def _kind(name: str) -> str:
    if name == _ITEMS[0]:
        return "a list of rows, or the name of a file or folder"
    return "a mapping" if name in {"defaults", "columns"} else "a text"
