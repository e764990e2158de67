"""JSON Schemas of single values: what an editor may see under the name of an input.

YAML as editors read it has numbers and booleans, and as reelmill reads it only text;
both are accepted here. It decides nothing about rows: that is `schema`.
"""

import re
from collections.abc import Callable, Iterable
from typing import Any

from jobs.catalogue.addresses import OBJECT_SCHEMES
from jobs.catalogue.inputs import Input

#: Nothing at all, or white space: it counts as not given.
EMPTY: dict[str, Any] = {"type": ["string", "null"], "pattern": r"^\s*$"}

#: Only defaults may hold templates.
_TEMPLATE = {"type": "string", "pattern": r"\{[{%]"}

_BOOLEAN_WORDS = ("true", "yes", "false", "no")
_DECIMAL = r"^\s*[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)\s*$"
#: More whole numbers than these are not spelt out.
_MOST_SPELT = 100


def given(*names: str) -> dict[str, Any]:
    """A row or mapping in which all of these names have a value."""
    return {
        "required": list(names),
        "properties": {name: {"not": EMPTY} for name in names},
    }


def value(spec: Input) -> dict[str, Any]:
    """What may stand under the name of an input; nothing is allowed as well."""
    return {"anyOf": [*_forms(spec), EMPTY]}


def in_defaults(spec: Input) -> dict[str, Any]:
    """The same among defaults, where a template may stand for any value."""
    return {"anyOf": [*_forms(spec), _TEMPLATE, EMPTY]}


def _forms(spec: Input) -> list[dict[str, Any]]:
    return _FORMS[spec.type](spec)


def _numbers(spec: Input) -> list[dict[str, Any]]:
    return [_bounded("number", spec), {"type": "string", "pattern": _DECIMAL}]


def _booleans(_spec: Input) -> list[dict[str, Any]]:
    words = "|".join(map(_any_case, _BOOLEAN_WORDS))
    return [{"type": "boolean"}, _words(words)]


def _pictures(_spec: Input) -> list[dict[str, Any]]:
    """An address whose scheme is known, or a path.

    Not `data:`, `file:` or `ftp:`; in an http(s) address neither a user nor a space.
    """
    web, known = (
        "|".join(map(_any_case, names))
        for names in (("http", "https"), ("http", "https", *OBJECT_SCHEMES))
    )
    refused = "|".join(map(_any_case, ("data", "file")))
    pattern = (
        rf"^(?!\s*(({refused}):|(?!({known}):)[A-Za-z][A-Za-z0-9+.-]*://))"
        rf"(?!\s*({web})://[^/?#]*@)(?!\s*({web})://\S*\s+\S)"
    )
    return [{"type": "string", "pattern": pattern}]


def _texts(spec: Input) -> list[dict[str, Any]]:
    if spec.choices:
        words = "|".join(re.escape(str(word)) for word in spec.choices)
        return [{"enum": list(spec.choices)}, _words(words)]
    # A prompt of digits alone is a number to an editor.
    text: dict[str, Any] = {"type": ["string", "number", "boolean"]}
    return [text | ({"maxLength": spec.max_chars} if spec.max_chars else {})]


def _integers(spec: Input) -> list[dict[str, Any]]:
    allowed = list(_whole_numbers(spec))
    if not allowed:
        return [_bounded("integer", spec), {"type": "string", "pattern": _DECIMAL}]
    number = {"enum": allowed} if spec.choices else _bounded("integer", spec)
    digits = "|".join(map(str, allowed))
    return [number, _words(rf"\+?0*({digits})(\.0*)?")]


def _whole_numbers(spec: Input) -> Iterable[int]:
    """All that are allowed; empty where they are too many to be spelt out."""
    if spec.choices:
        return spec.choices
    low, high = spec.minimum, spec.maximum
    if low is None or high is None or low < 0 or high - low > _MOST_SPELT:
        return ()
    return range(int(low), int(high) + 1)


def _bounded(kind: str, spec: Input) -> dict[str, Any]:
    bounds = {"minimum": spec.minimum, "maximum": spec.maximum}
    return {"type": kind} | {
        n: limit for n, limit in bounds.items() if limit is not None
    }


def _lists(spec: Input) -> list[dict[str, Any]]:
    several: dict[str, Any] = {"type": "array", "minItems": spec.min_items}
    if spec.max_items is not None:
        several["maxItems"] = spec.max_items
    if spec.item:
        several["items"] = {"anyOf": _forms(spec.item)}
    cell = {"type": "string", "description": "The items with | between them, or JSON."}
    return [several, cell]


def _objects(spec: Input) -> list[dict[str, Any]]:
    needed = [name for name, part in spec.fields.items() if part.required]
    parts = {
        "type": "object",
        "properties": {name: value(part) for name, part in spec.fields.items()},
        "additionalProperties": False,
    }
    return [{"allOf": [parts, given(*needed)]}, {"type": "string"}]


def _words(pattern: str) -> dict[str, Any]:
    return {"type": "string", "pattern": rf"^\s*({pattern})\s*$"}


def _any_case(word: str) -> str:
    return "".join(f"[{c.upper()}{c}]" if c.isalpha() else c for c in word)


_FORMS: dict[str, Callable[[Input], list[dict[str, Any]]]] = {
    "text": _texts,
    "integer": _integers,
    "number": _numbers,
    "boolean": _booleans,
    "picture": _pictures,
    "list": _lists,
    "object": _objects,
}
