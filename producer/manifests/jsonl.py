"""Reads the rows of a JSONL file: one object a line.

A file that is one JSON array is refused, because it would have to be held whole.
"""

import json
from collections.abc import Iterator
from typing import Any, TextIO

from jobs.manifest.rows import Problem, Row
from jobs.text import shown

#: Longer whole numbers stay text, because Python refuses to read very long ones.
_MAX_DIGITS = 18
_ONE_A_LINE = "write one object a line, without brackets around them all"


class _LineError(Exception):
    """A line that Python reads as JSON, but that a manifest cannot have."""

    def __init__(self, column: str | None, message: str, suggestion: str) -> None:
        super().__init__(message)
        self.column = column
        self.suggestion = suggestion


def read_jsonl(file: str, text: TextIO) -> Iterator[Row | Problem]:
    """The rows of a JSONL file, and what is wrong with its form, line by line."""
    decoder = json.JSONDecoder(
        object_pairs_hook=_once, parse_constant=_no_constant, parse_int=_whole
    )
    number = 0
    for line, written in enumerate(text, 1):
        if not written.strip():
            continue
        number += 1
        column: str | int | None = None
        try:
            if number == 1 and written.lstrip().startswith("["):
                message = "the file is one JSON array, not one object a line"
                yield Problem(file, line, None, None, message, _ONE_A_LINE, "json")
                return
            cells = decoder.decode(written)
            if isinstance(cells, dict):
                yield Row(file, line, number, cells)
                continue
            what = "a list" if isinstance(cells, list) else shown(cells)
            message, suggestion = f"the line is {what}, not an object", _ONE_A_LINE
        except json.JSONDecodeError as error:
            column = error.pos + 1
            message = f"it is not JSON here ({error.msg.lower()})"
            suggestion = 'write one object a line, such as {"image": "https://…"}'
        except _LineError as error:
            column, message, suggestion = error.column, str(error), error.suggestion
        except RecursionError:
            message, suggestion = "it is nested too deeply", "write a plain object"
        yield Problem(file, line, column, None, message, suggestion, "json")


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise _LineError(
            twice, f"{shown(twice)} is in it twice", "take one of them out"
        )
    return found


def _no_constant(name: str) -> float:
    raise _LineError(None, f"{name} is no number in JSON", "write a number or null")


def _whole(digits: str) -> int | str:
    return int(digits) if len(digits) <= _MAX_DIGITS else digits
