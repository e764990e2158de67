"""Rows of a JSONL file: one object a line.

It decides whether a line is an object with each name used once; what stands in it is
judged in `jobs.manifest`. A broken line is told and passed over; a file that is one
JSON array is not read at all, because it would have to be held whole.
"""

import json
from collections.abc import Iterator
from typing import Any, TextIO

from jobs.manifest.rows import Problem, Row
from jobs.wording import shown
from producer.reading.text import lines_of

#: Longer whole numbers stay text, because Python refuses to read endless ones.
_MAX_DIGITS = 18


class _Refused(Exception):  # noqa: N818 - the line is refused
    """Valid JSON to Python, but nothing a manifest should hold."""

    def __init__(self, column: str | None, message: str, suggestion: str) -> None:
        super().__init__(message)
        self.column = column
        self.message = message
        self.suggestion = suggestion


def read_jsonl(file: str, text: TextIO) -> Iterator[Row | Problem]:
    """The rows of a JSONL file, and what is wrong with its form."""
    decoder = json.JSONDecoder(
        object_pairs_hook=_once, parse_constant=_no_constant, parse_int=_whole
    )
    number = 0
    for line, written in enumerate(lines_of(file, text), 1):
        if not written.strip():
            continue
        number += 1
        if number == 1 and written.lstrip().startswith("["):
            yield _array(file, line)
            return
        try:
            cells = decoder.decode(written)
        except json.JSONDecodeError as error:
            yield Problem(
                file,
                line,
                error.pos + 1,
                None,
                f"it is not JSON here ({error.msg.lower()})",
                'write one object a line, such as {"image": "https://…"}',
                "json",
            )
        except _Refused as refused:
            yield Problem(
                file,
                line,
                refused.column,
                None,
                refused.message,
                refused.suggestion,
                "json",
            )
        except RecursionError:
            message, suggestion = "it is nested too deeply", "write a plain object"
            yield Problem(file, line, None, None, message, suggestion, "json")
        else:
            yield _row(file, line, number, cells)


def _array(file: str, line: int) -> Problem:
    message = "the file is one JSON array, not one object a line"
    suggestion = "write one object a line, without brackets around them all"
    return Problem(file, line, None, None, message, suggestion, "json")


def _row(file: str, line: int, number: int, cells: object) -> Row | Problem:
    if isinstance(cells, dict):
        return Row(file, line, number, cells)
    what = "a list" if isinstance(cells, list) else shown(cells)
    message = f"the line is {what}, not an object"
    suggestion = "write one object a line, without brackets around them all"
    return Problem(file, line, None, None, message, suggestion, "json")


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        message = f"{shown(twice)} stands twice in it"
        raise _Refused(twice, message, "take one of them out")
    return found


def _no_constant(name: str) -> float:
    raise _Refused(None, f"{name} is no number JSON knows", "write a number or null")


def _whole(digits: str) -> int | str:
    return int(digits) if len(digits) <= _MAX_DIGITS else digits
