"""One input of a model: what it may be, and how a value from a manifest becomes it.

A value may be text, as in a CSV cell, or typed, as in JSONL. Nothing is guessed: what
is not clearly right is refused with a sentence.
"""

import json
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import field
from typing import Any, Literal

from pydantic import ConfigDict, model_validator
from pydantic.dataclasses import dataclass

from jobs.catalogue.addresses import check_address
from jobs.catalogue.validation import (
    InputValue,
    InvalidValueError,
    ValidationIssue,
    check_mark,
    invalid,
    is_given,
)
from jobs.text import choice, guesses, shown

#: Of everything that the catalogue's data describes: a slip of the pen is refused.
STRICT_DATA = ConfigDict(extra="forbid", defer_build=True)

_WHOLE = re.compile(r"[+-]?[0-9]{1,400}(?:\.0{0,15})?")
_DECIMAL = re.compile(r"[+-]?(?:[0-9]{1,15}(?:\.[0-9]{0,15})?|\.[0-9]{1,15})")
_SECONDS = re.compile(r"\s*[0-9]+ ?s(ec)?\s*")
#: Control characters but tab and line feed, and halves of surrogate pairs.
_UNSENDABLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")
#: What may follow the first field of an object in its human form, ` @ 5s`.
_NUMBER = re.compile(r"\s*([0-9][0-9.,]*)\s*s?")
_SEPARATORS = re.compile(r"[|\n]")
_BOOLEANS = {"true": True, "yes": True, "false": False, "no": False}

_CELL = r"\$?[A-Z]{1,3}\$?[0-9]{1,7}"
#: After an equals sign: a call, another sheet's cell, a cell, a range, a number, a
#: text or a truth. Texts begin with another sign more often than formulas do.
_FORMULA = re.compile(
    rf"""=[\s({{+-]*(?:
        (?i:[^\W\d][\w.]*[(\[!|] | \[[^\]]*\] | {_CELL}\s*(?:$|[-+*/^&=<>:;,%)}}])
          | \$?[A-Z]{{1,3}}:\$?[A-Z]{{1,3}}\s*$ | (?:TRUE|FALSE)\s*$)
      | [0-9]+(?:[.,][0-9]+)?\s*(?:$|[-+*/^&=<>;,%)}}])
      | (?:"[^"]*"|'[^']*')\s*(?:$|[!&=<>;,)}}]) | [\#@])
    | [+@-](?:[A-Z][A-Z0-9.]*\(.*\) | {_CELL}\s*(?:$|[-+*/^&]) | [A-Za-z]+\|.*!)""",
    re.VERBOSE | re.DOTALL,
)


def is_formula(text: str) -> bool:
    """True if a spreadsheet would compute this cell, and nobody would write it so.

    >>> is_formula('=A1&" turning"'), is_formula("-5"), is_formula("- slow pan")
    (True, False, False)
    """
    return text[:1] in "=+-@ \t\n" and _FORMULA.match(text.strip()) is not None


@dataclass(frozen=True, slots=True, config=STRICT_DATA)
class Input:
    """What a model takes under one name; the words are those of the catalogue."""

    type: Literal["text", "integer", "number", "boolean", "picture", "list", "object"]
    required: bool = False
    default: Any = None
    minimum: float | None = None
    maximum: float | None = None
    max_chars: int | None = None
    choices: tuple[Any, ...] = ()
    min_items: int = 0
    max_items: int | None = None
    #: Of a list: what each of its items is.
    item: "Input | None" = None
    #: Of an object: its parts.
    fields: Mapping[str, "Input"] = field(default_factory=dict)
    #: What the model itself calls it; empty if it has the same name.
    field: str = ""
    #: Other names that a manifest may give it.
    also: tuple[str, ...] = ()
    #: `string` if the value travels as a JSON string, else empty.
    wire: Literal["", "string"] = ""

    @model_validator(mode="after")
    def _agrees(self) -> "Input":
        if (self.type == "list") is not (self.item is not None):
            raise ValueError("a list, and nothing else, has an item")
        if (self.type == "object") is not bool(self.fields):
            raise ValueError("an object, and nothing else, has fields")
        low, high = self.minimum, self.maximum
        if low is not None and high is not None and low > high:
            raise ValueError("minimum is above maximum")
        try:
            if self.default is not None:
                self.read(self.default)
        except InvalidValueError as error:
            raise ValueError(f"default: {error}") from None
        return self

    def read(self, value: object) -> InputValue:
        """The value as this input has it.

        Raises:
            InvalidValueError: it is not allowed; of a list or an object with an issue
                for each of its parts that is wrong.
        """
        check_mark(value)
        if isinstance(value, str) and is_formula(value):
            message = f"{shown(value)} is a formula that was not computed"
            suggestion = "save the table with its values, or write the text itself"
            raise invalid("formula", message, suggestion)
        return _READERS[self.type](self, value)

    @property
    def is_picture(self) -> bool:
        """True if it holds the address of a picture, or a list of them."""
        return (self.item or self).type == "picture"

    @property
    def allowed(self) -> str:
        """What may be given, for a sentence: `5 or 10`, `0 to 1`, or empty."""
        if self.choices:
            return choice(self.choices)
        if self.minimum is not None and self.maximum is not None:
            return f"{self.minimum:g} to {self.maximum:g}"
        return ""


def _read_text(spec: Input, value: object) -> str:
    if not isinstance(value, str):
        raise invalid("not-text", f"{shown(value)} is not text", "put it in quotes")
    text = value.strip()
    if not text.isprintable():
        text = text.replace("\r\n", "\n").replace("\r", "\n")
        _check_sendable(text)
    if "{{" in text or "{%" in text:  # in a cell: those of defaults are filled in
        message = f"{shown(text)} has a template in it, and a cell is taken as it is"
        suggestion = "write the template into --prompt, --set or the defaults"
        raise invalid("template", message, suggestion)
    if spec.max_chars is not None and len(text) > spec.max_chars:
        message = f"{len(text)} characters are too many"
        raise invalid("too-long", message, f"write at most {spec.max_chars}")
    _check_allowed(spec, text, value)
    return text


def _check_sendable(text: str) -> None:
    if bad := _UNSENDABLE.search(text):
        char = f"U+{ord(bad[0]):04X}"
        message = f"{shown(text)} has the control character {char} in it"
        raise invalid("control-character", message, "take it out")
    if not any(char.isprintable() and not char.isspace() for char in text):
        message = f"{shown(text)} has nothing in it that can be seen"
        raise invalid("blank", message, "write some words or leave it empty")


def _check_allowed(spec: Input, value: InputValue, given: object) -> None:
    if spec.choices and value not in spec.choices:
        listed = ", ".join(str(one) for one in spec.choices)
        message = f"{shown(given)} is not one of {listed}"
        raise invalid("not-allowed", message, f"write {spec.allowed}")
    low, high = spec.minimum, spec.maximum
    if (low is None or value >= low) and (high is None or value <= high):
        return
    if spec.allowed:
        message = f"{shown(given)} is not within {spec.allowed}"
        suggestion = f"write {_kind_of_number(spec)} from {spec.allowed}"
    else:
        message = f"{shown(given)} is out of range"
        suggestion = f"at least {low:g}" if low is not None else f"at most {high:g}"
    raise invalid("out-of-range", message, suggestion)


def _kind_of_number(spec: Input) -> str:
    return "a whole number" if spec.type == "integer" else "a number"


def _read_integer(spec: Input, value: object) -> int:
    number = None
    if isinstance(value, str):
        text = value.strip()
        number = int(text.partition(".")[0]) if _WHOLE.fullmatch(text) else None
    elif isinstance(value, float):
        number = int(value) if value.is_integer() else None
    elif type(value) is int:  # True is an int to Python, but nobody means 1 s by it
        number = value
    if number is None:
        raise _no_number(spec, value, "not-an-integer")
    _check_allowed(spec, number, value)
    return number


def _read_number(spec: Input, value: object) -> float:
    number = None
    if isinstance(value, str):
        text = value.strip()
        number = float(text) if _DECIMAL.fullmatch(text) else None
    elif type(value) is int and abs(value) < 10**15:
        number = float(value)
    elif isinstance(value, float) and math.isfinite(value):
        number = value
    if number is None:
        raise _no_number(spec, value, "not-a-number")
    _check_allowed(spec, number, value)
    return number + 0.0  # -0.0 becomes 0.0


def _no_number(spec: Input, value: object, kind: str) -> InvalidValueError:
    text = value.strip() if isinstance(value, str) else ""
    suggestion = f"write {spec.allowed or _kind_of_number(spec)}"
    if spec.type == "number" and _DECIMAL.fullmatch(text.replace(",", ".", 1)):
        suggestion = "write it with a point, such as 0.5"
    elif _SECONDS.fullmatch(text):
        suggestion = "write the number alone, in seconds"
    elif spec.allowed and not spec.choices:
        suggestion = f"write {_kind_of_number(spec)} from {spec.allowed}"
    return invalid(kind, f"{shown(value)} is not {_kind_of_number(spec)}", suggestion)


def _read_boolean(_spec: Input, value: object) -> bool:
    word = value.strip().casefold() if isinstance(value, str) else ""
    known = value if isinstance(value, bool) else _BOOLEANS.get(word)
    if known is None:
        message = f"{shown(value)} is neither true nor false"
        raise invalid("not-a-boolean", message, "write true or false")
    return known


def _read_picture(_spec: Input, value: object) -> str:
    if not isinstance(value, str):
        message = f"{shown(value)} is no address of a picture"
        raise invalid("address", message, "give one address or path as text")
    address = value.strip()
    check_address(address)
    return address


def _read_list(spec: Input, value: object) -> list[Any]:
    items = _items(value) if isinstance(value, str) else value
    if spec.item is None or not isinstance(items, list | tuple):
        suggestion = "write the items with | between them"
        raise invalid("not-a-list", f"{shown(value)} is not a list", suggestion)
    issues: list[ValidationIssue] = []
    found = [
        _read_part(spec.item, item, f"item {number}: ", issues)
        for number, item in enumerate(items, 1)
    ]
    most = spec.max_items
    if len(items) < spec.min_items or (most is not None and len(items) > most):
        wanted = f"{spec.min_items} to {most}" if most else f"at least {spec.min_items}"
        message = f"{len(items)} items are too {'many' if items else 'few'}"
        issues.append(ValidationIssue("items", message, f"give {wanted}"))
    if issues:
        raise InvalidValueError(*issues)
    return found


def _items(text: str) -> object:
    """The items of a list that was written as one text."""
    text = text.strip()
    if text.startswith("["):
        try:
            return json.loads(text)
        except (ValueError, RecursionError):
            return None
    return [part for part in map(str.strip, _SEPARATORS.split(text)) if part]


def _read_part(
    spec: Input, value: object, where: str, issues: list[ValidationIssue]
) -> InputValue:
    """A part of a list or object; what is wrong with it is added to the issues."""
    try:
        if not is_given(value):
            raise invalid("missing", "it is empty", "fill it or leave it out")
        return spec.read(value)
    except InvalidValueError as error:
        issues += [
            ValidationIssue(one.kind, where + one.message, one.suggestion)
            for one in error.issues
        ]


def _read_object(spec: Input, value: object) -> dict[str, Any]:
    example = "write {" + ", ".join(f'"{name}": …' for name in spec.fields) + "}"
    parts = _parts(spec, value) if isinstance(value, str) else value
    if not isinstance(parts, Mapping):
        message = f"{shown(value)} is not made of {choice(spec.fields, word='and')}"
        raise invalid("not-an-object", message, example)
    issues: list[ValidationIssue] = []
    found: dict[str, Any] = {}
    for name, given in parts.items():
        if name not in spec.fields:
            meant = guesses(str(name), spec.fields) or tuple(spec.fields)
            unknown = f"{shown(name)} is not known here", f"did you mean {meant[0]}?"
            issues.append(ValidationIssue("unknown-input", *unknown))
        elif is_given(given):
            found[name] = _read_part(spec.fields[name], given, f"{name}: ", issues)
    issues += [
        ValidationIssue("missing", f"it has no {name}", example)
        for name, part in spec.fields.items()
        if part.required and not is_given(parts.get(name))
    ]
    if issues:
        raise InvalidValueError(*issues)
    return found


def _parts(spec: Input, text: str) -> dict[str, str]:
    """The parts of an object that was written as `first field @ second field`."""
    names = list(spec.fields)
    first, at, rest = text.strip().rpartition("@")
    if len(names) > 1 and at and (match := _NUMBER.fullmatch(rest)):
        return {names[0]: first.rstrip(), names[1]: match[1]}
    return {names[0]: text}


_READERS: dict[str, Callable[[Input, object], Any]] = {
    "text": _read_text,
    "integer": _read_integer,
    "number": _read_number,
    "boolean": _read_boolean,
    "picture": _read_picture,
    "list": _read_list,
    "object": _read_object,
}
