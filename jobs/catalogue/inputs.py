"""One input of a model: what it may be, and how a value from a manifest becomes it.

It decides what a single value is worth, whether it came as text from a CSV cell or
typed from JSONL; rules between inputs stand in `model`. It never guesses: what is not
clearly right is a flaw with a sentence.
"""

import json
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from jobs.catalogue.addresses import ValidationIssue, flaw_of
from jobs.catalogue.formulas import STARTS, is_formula
from jobs.text import choice, guesses, shown

_WHOLE = re.compile(r"[+-]?[0-9]{1,400}(?:\.0{0,15})?")
_DECIMAL = re.compile(r"[+-]?(?:[0-9]{1,15}(?:\.[0-9]{0,15})?|\.[0-9]{1,15})")
#: Control characters but tab and line feed, and halves of surrogate pairs.
_UNSENDABLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")
#: What may follow the first field of an object in its human form, ` @ 5s`.
_NUMBER = re.compile(r"\s*([0-9][0-9.,]*)\s*s?")
_SEPARATORS = re.compile(r"[|\n]")
_BOOLEANS = {"true": True, "yes": True, "false": False, "no": False}


@dataclass(frozen=True, slots=True)
class Input:
    """What a model takes under one name; the words are those of the catalogue."""

    type: str
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
    #: `string` if the value travels as a JSON string, else empty.
    wire: str = ""

    def read(self, value: object, flaws: list[ValidationIssue]) -> Any:  # noqa: ANN401 - many types
        """The value as this input has it; what is wrong is added to `flaws`.

        Returns None, with at least one flaw added, where it cannot be read.
        """
        if type(value) is str and value[:1] in STARTS and is_formula(value):
            message = f"{shown(value)} is a formula that was not computed"
            suggestion = "save the table with its values, or write the text itself"
            flaws.append(ValidationIssue("formula", message, suggestion))
            return None
        return _READERS[self.type](self, value, flaws)

    def flaws_of(self, value: object) -> list[ValidationIssue]:
        """What is wrong with a value; empty if nothing is."""
        flaws: list[ValidationIssue] = []
        self.read(value, flaws)
        return flaws

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


def is_given(value: object) -> bool:
    """True unless it counts as left out: nothing at all, or only white space."""
    return bool(value.strip()) if isinstance(value, str) else value is not None


def _read_text(spec: Input, value: object, flaws: list[ValidationIssue]) -> str | None:
    if not isinstance(value, str):
        flaws.append(
            ValidationIssue(
                "not-text", f"{shown(value)} is not text", "put it in quotes"
            )
        )
        return None
    text = value.strip()
    if not text.isprintable():
        text = text.replace("\r\n", "\n").replace("\r", "\n")
        if not _can_be_sent(text, flaws):
            return None
    if "{" in text and ("{{" in text or "{%" in text):
        flaws.append(_no_template(text))
        return None
    if spec.max_chars is not None and len(text) > spec.max_chars:
        flaws.append(
            ValidationIssue(
                "too-long",
                f"{len(text)} characters are too many",
                f"write at most {spec.max_chars}",
            )
        )
        return None
    checked: str | None = _among(spec, text, value, flaws)
    return checked


def _no_template(text: str) -> ValidationIssue:
    """Braces that reach this point are in a cell, and cells are never templates."""
    return ValidationIssue(
        "template",
        f"{shown(text)} has a template in it, and a cell is taken as it is",
        "write the template into --prompt, --set or the defaults",
    )


def _can_be_sent(text: str, flaws: list[ValidationIssue]) -> bool:
    if bad := _UNSENDABLE.search(text):
        char = f"U+{ord(bad[0]):04X}"
        message = f"{shown(text)} has the control character {char} in it"
        flaws.append(ValidationIssue("control-character", message, "take it out"))
        return False
    if any(char.isprintable() and not char.isspace() for char in text):
        return True
    message = f"{shown(text)} has nothing in it that can be seen"
    flaws.append(
        ValidationIssue("blank", message, "write some words or leave it empty")
    )
    return False


def _among(spec: Input, value: Any, given: object, flaws: list[ValidationIssue]) -> Any:  # noqa: ANN401 - many types
    """The value, if the choices and the range allow it."""
    if spec.choices and value not in spec.choices:
        listed = ", ".join(str(one) for one in spec.choices)
        message = f"{shown(given)} is not one of {listed}"
        flaws.append(ValidationIssue("not-allowed", message, f"write {spec.allowed}"))
        return None
    low, high = spec.minimum, spec.maximum
    if (low is not None and value < low) or (high is not None and value > high):
        if spec.allowed:
            message = f"{shown(given)} is not within {spec.allowed}"
            suggestion = f"write {_kind_of_number(spec)} from {spec.allowed}"
        else:
            message = f"{shown(given)} is out of range"
            suggestion = f"at least {low:g}" if low is not None else f"at most {high:g}"
        flaws.append(ValidationIssue("out-of-range", message, suggestion))
        return None
    return value


def _kind_of_number(spec: Input) -> str:
    return "a whole number" if spec.type == "integer" else "a number"


def _read_integer(
    spec: Input, value: object, flaws: list[ValidationIssue]
) -> int | None:
    if isinstance(value, str):
        text = value.strip()
        number = int(text.partition(".")[0]) if _WHOLE.fullmatch(text) else None
    elif isinstance(value, float):
        number = int(value) if value.is_integer() else None
    else:
        # True is an int to Python, but nobody means one second by it.
        number = value if type(value) is int else None
    if number is None:
        flaws.append(_no_number(spec, value, "not-an-integer"))
        return None
    checked: int | None = _among(spec, number, value, flaws)
    return checked


def _read_number(
    spec: Input, value: object, flaws: list[ValidationIssue]
) -> float | None:
    number = None
    if isinstance(value, str):
        text = value.strip()
        number = float(text) if _DECIMAL.fullmatch(text) else None
    elif type(value) is int and abs(value) < 10**15:
        number = float(value)
    elif isinstance(value, float) and math.isfinite(value):
        number = value
    if number is None:
        flaws.append(_no_number(spec, value, "not-a-number"))
        return None
    checked: float | None = _among(spec, number + 0.0, value, flaws)  # -0.0 becomes 0.0
    return checked


def _no_number(spec: Input, value: object, kind: str) -> ValidationIssue:
    message = f"{shown(value)} is not {_kind_of_number(spec)}"
    if isinstance(value, str) and _DECIMAL.fullmatch(
        value.strip().replace(",", ".", 1)
    ):
        if spec.type == "number":
            return ValidationIssue(kind, message, "write it with a point, such as 0.5")
    elif isinstance(value, str) and re.fullmatch(r"\s*[0-9]+ ?s(ec)?\s*", value):
        return ValidationIssue(kind, message, "write the number alone, in seconds")
    if spec.allowed and not spec.choices:
        return ValidationIssue(
            kind, message, f"write {_kind_of_number(spec)} from {spec.allowed}"
        )
    return ValidationIssue(
        kind, message, f"write {spec.allowed or _kind_of_number(spec)}"
    )


def _read_boolean(
    _spec: Input, value: object, flaws: list[ValidationIssue]
) -> bool | None:
    if isinstance(value, bool):
        return value
    if isinstance(value, str):
        known = _BOOLEANS.get(value.strip().casefold())
        if known is not None:
            return known
    message = f"{shown(value)} is neither true nor false"
    flaws.append(ValidationIssue("not-a-boolean", message, "write true or false"))
    return None


def _read_picture(
    _spec: Input, value: object, flaws: list[ValidationIssue]
) -> str | None:
    if not isinstance(value, str):
        message = f"{shown(value)} is no address of a picture"
        suggestion = "give one address or path as text"
        flaws.append(ValidationIssue("address", message, suggestion))
        return None
    url = value.strip()
    flaw = flaw_of(url)
    if flaw is None:
        return url
    flaws.append(flaw)
    return None


def _read_list(
    spec: Input, value: object, flaws: list[ValidationIssue]
) -> list[Any] | None:
    items = _items(value) if isinstance(value, str) else value
    if spec.item is None or not isinstance(items, list | tuple):
        message = f"{shown(value)} is not a list"
        flaws.append(
            ValidationIssue(
                "not-a-list", message, "write the items with | between them"
            )
        )
        return None
    found: list[Any] = []
    before = len(flaws)
    for number, item in enumerate(items, 1):
        _read_part(spec.item, item, f"item {number}: ", found.append, flaws)
    most = spec.max_items
    if len(items) < spec.min_items or (most is not None and len(items) > most):
        wanted = f"{spec.min_items} to {most}" if most else f"at least {spec.min_items}"
        message = f"{len(items)} items are too {'many' if items else 'few'}"
        flaws.append(ValidationIssue("items", message, f"give {wanted}"))
    return found if len(flaws) == before else None


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
    spec: Input,
    value: object,
    where: str,
    keep: Callable[[Any], None],
    flaws: list[ValidationIssue],
) -> None:
    """Reads a part of a list or object; its flaws begin with where it stands."""
    inner: list[ValidationIssue] = []
    if is_given(value):
        found = spec.read(value, inner)
    else:
        found = None
        inner.append(
            ValidationIssue("missing", "it is empty", "fill it or leave it out")
        )
    if inner:
        flaws += [
            ValidationIssue(f.kind, where + f.message, f.suggestion) for f in inner
        ]
    else:
        keep(found)


def _read_object(spec: Input, value: object, flaws: list[ValidationIssue]) -> Any:  # noqa: ANN401 - parts of many types
    parts = _parts(spec, value) if isinstance(value, str) else value
    if not isinstance(parts, Mapping):
        message = f"{shown(value)} is not made of {choice(spec.fields, word='and')}"
        flaws.append(
            ValidationIssue("not-an-object", message, f"write {_example(spec)}")
        )
        return None
    found: dict[str, Any] = {}
    before = len(flaws)
    for name, given in parts.items():
        part = spec.fields.get(name)
        if part is None:
            meant = guesses(str(name), spec.fields) or tuple(spec.fields)
            message = f"{shown(name)} is not known here"
            flaws.append(
                ValidationIssue("unknown-input", message, f"did you mean {meant[0]}?")
            )
        elif is_given(given):
            keep = _keeper(found, name)
            _read_part(part, given, f"{name}: ", keep, flaws)
    for name, part in spec.fields.items():
        if part.required and not is_given(parts.get(name)):
            flaws.append(
                ValidationIssue(
                    "missing", f"it has no {name}", f"write {_example(spec)}"
                )
            )
    return found if len(flaws) == before else None


def _keeper(found: dict[str, Any], name: str) -> Callable[[Any], None]:
    return lambda value: found.__setitem__(name, value)


def _parts(spec: Input, text: str) -> dict[str, str]:
    """The parts of an object that was written as `first field @ second field`."""
    names = list(spec.fields)
    first, at, rest = text.strip().rpartition("@")
    if len(names) > 1 and at and (match := _NUMBER.fullmatch(rest)):
        return {names[0]: first.rstrip(), names[1]: match[1]}
    return {names[0]: text}


def _example(spec: Input) -> str:
    parts = [f'"{name}": …' for name in spec.fields]
    return "{" + ", ".join(parts) + "}"


_READERS: dict[str, Callable[[Input, object, list[ValidationIssue]], Any]] = {
    "text": _read_text,
    "integer": _read_integer,
    "number": _read_number,
    "boolean": _read_boolean,
    "picture": _read_picture,
    "list": _read_list,
    "object": _read_object,
}

#: The words a catalogue may use for `type`.
TYPES = frozenset(_READERS)
