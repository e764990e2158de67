"""Reads JSON: one object a line, or a document with a list of them."""

import json
from collections.abc import Generator, Iterator, Mapping
from itertools import chain, islice
from typing import Any, TextIO, TypeAlias

from jobs.catalogue.validation import is_given
from jobs.manifest.columns import Columns
from jobs.manifest.rows import Header, Problem, Row
from jobs.text import shown
from producer.manifests.source import UnreadableError, bounded_lines
from producer.manifests.table import TableOptions, with_header

#: Longer whole numbers stay text, because Python refuses to read very long ones.
_MAX_DIGITS = 18
_ONE_A_LINE = "write one object a line"
_SHAPE = 'write one object a line, such as {"image": "https://…"}, or a list of them'
_CHUNK_CHARS = 1 << 16
#: One value of a document may not be longer.
_MAX_CHARS = 64 << 20
_SPACE = " \t\r\n"
#: Where an object that stands for a picture has its address.
_ADDRESSES = ("src", "url", "href", "link")

#: An object of a document, with the line where it begins.
_Object: TypeAlias = tuple[int, Mapping[str, Any]]


class _ValueError(Exception):
    """What Python reads as JSON, but that a manifest cannot have."""

    def __init__(self, column: str | None, message: str, suggestion: str) -> None:
        super().__init__(message)
        self.column = column
        self.suggestion = suggestion


def read_jsonl(
    file: str, text: TextIO, _columns: Columns, _options: TableOptions
) -> Iterator[Row | Problem]:
    """The rows of a JSONL file, and what is wrong with its form, line by line."""
    decoder = _decoder()
    number = 0
    for line, written in enumerate(bounded_lines(file, text), 1):
        if not written.strip():
            continue
        number += 1
        try:
            cells = decoder.decode(written)
            if isinstance(cells, dict):
                yield Row(file, line, number, _flat(cells))
                continue
            what = "a list" if isinstance(cells, list) else shown(cells)
            message = f"the line is {what}, not an object"
            yield _problem(file, line, _ValueError(None, message, _ONE_A_LINE))
        except (ValueError, _ValueError, RecursionError) as error:
            yield _problem(file, line, error)


def read_json(
    file: str, text: TextIO, columns: Columns, _options: TableOptions
) -> Iterator[Header | Row]:
    """The objects of the list in a document, as rows of one table."""
    return with_header(lambda: _rows(file, text, columns))


def _rows(file: str, text: TextIO, columns: Columns) -> Iterator[Row]:
    text.seek(0)
    document = _Document(text)
    number = 0
    try:
        for line, value in document.objects(columns):
            number += 1
            yield Row(file, line, number, _flat(value))
    except (ValueError, _ValueError, RecursionError) as error:
        raise UnreadableError(_problem(file, document.line, error)) from None


class _Document:
    """Reads the objects of a document one by one, without holding the others."""

    def __init__(self, text: TextIO) -> None:
        self._text = text
        self._decoder = _decoder()
        self._read, self._at = "", 0
        self.line = 1
        #: The name of the list that has the rows.
        self._listed = ""

    def objects(self, columns: Columns) -> Iterator[_Object]:
        """Each object with its line: of the list, or of the only one in an object."""
        if self._peek() == "[":
            yield from map(_checked, self._items())
        else:
            line, cells = self.line, (yield from self._object(columns))
            if not self._listed:
                yield line, cells
        if self._peek():
            raise _ValueError(None, "it goes on behind its end", _SHAPE)

    def _items(self) -> Iterator[tuple[int, Any]]:
        """What is in a list, with the lines."""
        self._take("[")
        while self._peek() != "]":
            yield self.line, self._value()
            if self._peek() != "]":
                self._take(",")
        self._take("]")

    def _object(self, columns: Columns) -> Generator[_Object, None, dict[str, Any]]:
        """The objects of the only list of objects in it; returns what else it has."""
        cells: dict[str, Any] = {}
        self._take("{")
        while self._peek() != "}":
            name = str(self._value())
            self._take(":")
            if name in cells:
                raise _twice(name)
            begins = "" if columns.is_known(name) else self._peek()
            if begins == "{":
                cells[name] = yield from self._object(columns)
            elif begins == "[":
                cells[name] = yield from self._list(name)
            else:
                cells[name] = self._value()
            if self._peek() != "}":
                self._take(",")
        self._take("}")
        return cells

    def _list(self, name: str) -> Generator[_Object, None, list[Any]]:
        """The objects of a list; returns what is in one of other values."""
        items = self._items()
        first = [*islice(items, 1)]
        if not first or not isinstance(first[0][1], dict):
            return [value for _, value in chain(first, items)]
        if self._listed:
            message = f"it has several lists: {self._listed} and {name}"
            suggestion = "save the one with the products as a file of its own"
            raise _ValueError(name, message, suggestion)
        self._listed = name
        yield from map(_checked, chain(first, items))
        return []

    def _value(self) -> Any:
        self._peek()
        while True:
            try:
                value, end = self._decoder.raw_decode(self._read, self._at)
            except json.JSONDecodeError:
                if not self._more():
                    raise
                continue
            # A number may go on in what was not read yet.
            if end < len(self._read) or not self._more():
                self._go(end)
                return value

    def _peek(self) -> str:
        """The next character that is no white space; none at the end."""
        while True:
            rest = self._read[self._at : self._at + 1]
            if rest and rest in _SPACE:
                self._go(self._at + 1)
            elif rest or not self._more():
                return rest

    def _take(self, wanted: str) -> None:
        if self._peek() != wanted:
            raise json.JSONDecodeError(f"Expecting {wanted!r}", self._read, self._at)
        self._go(self._at + 1)

    def _go(self, end: int) -> None:
        self.line += self._read.count("\n", self._at, end)
        self._at = end

    def _more(self) -> bool:
        """Read as much again as there is; false at the end."""
        rest = self._read[self._at :]
        if len(rest) > _MAX_CHARS:
            raise _ValueError(None, "one value of it is too long", _SHAPE)
        more = self._text.read(max(_CHUNK_CHARS, len(rest)))
        self._read, self._at = rest + more, 0
        return bool(more)


def _checked(item: tuple[int, Any]) -> _Object:
    line, value = item
    if not isinstance(value, dict):
        raise _ValueError(None, f"{shown(value)} is not an object", _SHAPE)
    return line, value


def _flat(cells: Mapping[str, Any]) -> dict[str, object]:
    """The cells, with the address instead of an object that stands for a picture."""
    flat = {name: _address(value) for name, value in cells.items()}
    several = flat.get("images")
    if isinstance(several, list) and several and not is_given(flat.get("image")):
        flat["image"] = several[0]
    return flat


def _address(value: object) -> object:
    if isinstance(value, dict):
        found = (value[name] for name in _ADDRESSES if isinstance(value.get(name), str))
        return next(found, value)
    if isinstance(value, list):
        return [_address(one) for one in value]
    return value


def _problem(file: str, line: int, error: Exception) -> Problem:
    column: str | int | None = None
    if isinstance(error, _ValueError):
        column, message, suggestion = error.column, str(error), error.suggestion
    elif isinstance(error, json.JSONDecodeError):
        column = error.colno
        message = f"it is not JSON here ({error.msg.lower()})"
        suggestion = _SHAPE
    else:
        message, suggestion = "it is nested too deeply", "write a plain object"
    return Problem(file, line, column, None, message, suggestion, "json")


def _decoder() -> json.JSONDecoder:
    return json.JSONDecoder(
        object_pairs_hook=_once, parse_constant=_no_constant, parse_int=_whole
    )


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        raise _twice(next(name for name in names if names.count(name) > 1))
    return found


def _twice(name: str) -> _ValueError:
    return _ValueError(name, f"{shown(name)} is in it twice", "take one of them out")


def _no_constant(name: str) -> float:
    raise _ValueError(None, f"{name} is no number in JSON", "write a number or null")


def _whole(digits: str) -> int | str:
    return int(digits) if len(digits) <= _MAX_DIGITS else digits
