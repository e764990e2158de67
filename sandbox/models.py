"""The models the sandbox knows: what each takes, and what it costs.

`models.json` was read from the models' pages at wavespeed.ai in November 2026; where a
page and the provider's public list of models disagree, the page is followed and a note
says so. The inputs are JSON Schema as that list shows it; whatever it does not describe
is refused, other wire types too. A price grows with the duration; `percent` changes it
by the value of an input.
"""

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from typing import Any

Schema = Mapping[str, Any]
Inputs = Mapping[str, Any]

TYPES: dict[str, Any] = {
    "string": str,
    "integer": int,
    "number": (int, float),
    "boolean": bool,
    "array": list,
    "object": dict,
}


class InputError(ValueError):
    """An input that the model's page does not allow; its text names the input."""


@dataclass(frozen=True, slots=True)
class Model:
    """What a model takes, and what it costs."""

    id: str
    about: str
    usd_micros_for_5_s: int
    #: A schema of each input, by its name.
    inputs: Mapping[str, Schema]
    required: Sequence[str]
    #: Percent of the price by the value, as JSON, of an input.
    percent: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    #: Exactly one of these must be given, and at most one of those.
    #: Keywords of JSON Schema between inputs; they are shown, and not checked here.
    conditions: Mapping[str, Any] = field(default_factory=dict)
    exactly_one: Sequence[str] = ()
    not_together: Sequence[str] = ()
    note: str = ""

    def check(self, inputs: Inputs, *, complete: bool = True) -> None:
        """Accept the inputs; for a price they need not be complete.

        Raises:
            InputError: an input is unknown, missing, of another type, out of range, or
                excluded by another one.
        """
        for problem in self._problems(inputs, complete=complete):
            raise InputError(problem)

    def value(self, inputs: Inputs, name: str) -> Any:
        """An input or its default; None if the model does not have it."""
        return inputs.get(name, self.inputs.get(name, {}).get("default"))

    def duration_s(self, inputs: Inputs) -> int:
        """Seconds of video asked for; five where the model does not let one choose."""
        return math.ceil(float(self.value(inputs, "duration") or 5))

    def price_usd_micros(self, inputs: Inputs) -> int:
        """What one prediction costs, in micro-dollars."""
        price = self.usd_micros_for_5_s * self.duration_s(inputs) // 5
        for name, by_value in self.percent.items():
            value = json.dumps(self.value(inputs, name))
            price = price * by_value.get(value, 100) // 100
        return price

    def request_schema(self) -> dict[str, Any]:
        """The inputs as JSON Schema, as the provider's list of models shows them."""
        return {
            "type": "object",
            "properties": self.inputs,
            "required": self.required,
            "additionalProperties": False,
            "x-order-properties": [*self.inputs],
            **self.conditions,
        }

    def _problems(self, inputs: Inputs, *, complete: bool) -> Iterator[str]:
        required = self.required if complete else ()
        schema = {**self.request_schema(), "required": required}
        yield from _problems(inputs, schema, "")
        given = [name for name in self.exactly_one if inputs.get(name)]
        if complete and self.exactly_one and len(given) != 1:
            choice = " or ".join(self.exactly_one)
            yield f"{self.exactly_one[0]}: give {choice}; {len(given)} were given"
        if complete and len([n for n in self.not_together if inputs.get(n)]) > 1:
            one, *others = self.not_together
            yield f"{one}: is not supported with {', '.join(others)}"


def _problems(value: Any, schema: Schema, where: str) -> Iterator[str]:
    """What is wrong with a value, after the place of it."""
    kind = schema["type"]
    fits = isinstance(value, TYPES[kind])
    if not fits or isinstance(value, bool) is not (kind == "boolean"):
        yield f"{where}: must be of type {kind}, got {value!r:.80}"
    elif value not in schema.get("enum", [value]):
        yield f"{where}: must be one of {schema['enum']}, got {value!r:.80}"
    elif kind == "object":
        yield from _problems_of_object(value, schema, f"{where}." if where else "")
    elif kind == "array":
        yield from _out_of_range(len(value), schema, where)
        for index, each in enumerate(value):
            yield from _problems(each, schema["items"], f"{where}[{index}]")
    else:
        size = len(value) if kind == "string" else value
        yield from _out_of_range(size, schema, where)
        if schema.get("format") == "uri" and not is_web_address(value):
            yield f"{where}: must be the URL of a picture, got {value!r:.80}"


def _problems_of_object(value: Inputs, schema: Schema, prefix: str) -> Iterator[str]:
    known = schema["properties"]
    for name, each in value.items():
        if name in known:
            yield from _problems(each, known[name], prefix + name)
        else:
            yield f"{prefix}{name}: unknown input"
    for name in schema.get("required", ()):
        if name not in value:
            yield f"{prefix}{name}: is required"


def _out_of_range(size: float, schema: Schema, where: str) -> Iterator[str]:
    for name, limit in schema.items():
        if name in {"minimum", "minLength", "minItems"} and not size >= limit:
            yield f"{where}: must be at least {limit}, got {size}"
        if name in {"maximum", "maxLength", "maxItems"} and not size <= limit:
            yield f"{where}: must be at most {limit}, got {size}"


def is_web_address(text: str) -> bool:
    """Whether it begins as one."""
    return text.startswith(("http://", "https://"))


_TEXT = (files("sandbox") / "models.json").read_text(encoding="utf-8")
MODELS: Mapping[str, Model] = {
    name: Model(name, **facts) for name, facts in json.loads(_TEXT).items()
}


def picture_urls(inputs: Inputs) -> list[str]:
    """Every picture the provider would have to fetch, the first frame first."""
    found: list[str] = []
    for name in sorted(
        inputs, key=lambda name: ("end" in name or "last" in name, name)
    ):
        value = inputs[name]
        if "image" in name and value:
            found += value if isinstance(value, list) else [value]
    return found
