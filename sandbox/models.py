"""The models the sandbox knows: what each takes, and what it costs.

It reads `models.toml` and refuses whatever a model's page does not describe, names and
wire types included: unknown inputs, a number where the page says string. It never
fetches a picture; `pictures` does.
"""

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

Inputs = Mapping[str, Any]

#: JSON types as Python has them. A bool is an int to Python, not to JSON.
KINDS: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "picture": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "array": (list,),
    "object": (dict,),
}


class InputRefused(ValueError):  # noqa: N818 - the provider refused; that is the name
    """An input that the model's page does not allow; its text names the field."""

    def __init__(self, field: str, problem: str) -> None:
        super().__init__(f"{field}: {problem}")
        self.field = field


@dataclass(frozen=True, slots=True)
class Model:
    """One model as its page describes it."""

    id: str
    description: str
    usd_micros_for_5_s: int
    #: Each input's rules by name, as in `models.toml`.
    inputs: Mapping[str, Mapping[str, Any]]
    #: Price with sound, in percent of the price without.
    sound_percent: int = 100
    exactly_one_of: tuple[str, ...] = ()
    not_together: tuple[str, ...] = ()

    def check(self, inputs: Inputs) -> None:
        """Accept the inputs silently.

        Raises:
            InputRefused: an input is unknown, missing, of another type, out of range,
                or stands beside one that excludes it.
        """
        _check_fields(self.inputs, inputs, "")
        given = [name for name in self.exactly_one_of if inputs.get(name)]
        if self.exactly_one_of and len(given) != 1:
            names = " or ".join(self.exactly_one_of)
            found = "both were given" if given else "neither was given"
            raise InputRefused(self.exactly_one_of[0], f"give {names}; {found}")
        if self.not_together and all(inputs.get(name) for name in self.not_together):
            first, *others = self.not_together
            raise InputRefused(first, f"is not supported with {', '.join(others)}")

    def check_given(self, inputs: Inputs) -> None:
        """Check only what is there, for a price: nothing is missing from a question.

        Raises:
            InputRefused: an input is unknown, of another type or out of range.
        """
        _check_fields(self.inputs, inputs, "", complete=False)

    def duration_s(self, inputs: Inputs) -> int:
        """Seconds of video asked for."""
        return int(inputs.get("duration", self.inputs["duration"]["default"]))

    def price_usd_micros(self, inputs: Inputs) -> int:
        """What one prediction costs, in micro-dollars."""
        silent = self.usd_micros_for_5_s * self.duration_s(inputs) // 5
        percent = self.sound_percent if inputs.get("sound") else 100
        return silent * percent // 100

    def request_schema(self) -> dict[str, Any]:
        """The inputs as JSON Schema, as the provider's list of models shows them."""
        return _object_schema(self.inputs)


@cache
def known_models() -> Mapping[str, Model]:
    """Every model by id, in the order of `models.toml`."""
    raw = tomllib.loads((files("sandbox") / "models.toml").read_text("utf-8"))
    models: dict[str, Model] = {}
    for entry in raw["model"]:
        for pair in ("exactly_one_of", "not_together"):
            entry[pair] = tuple(entry.get(pair, ()))
        models[entry["id"]] = Model(**entry)
    return models


def picture_urls(inputs: Inputs) -> Iterator[str]:
    """Every picture the provider would have to fetch, the first frame first."""
    if inputs.get("image"):
        yield inputs["image"]
    yield from inputs.get("images", ())
    if inputs.get("end_image"):
        yield inputs["end_image"]


def _check_fields(
    rules: Mapping[str, Any], given: Inputs, at: str, *, complete: bool = True
) -> None:
    for name in given:
        if name not in rules:
            raise InputRefused(f"{at}{name}", "unknown input")
    for name, rule in rules.items():
        if name in given:
            _check_value(rule, given[name], f"{at}{name}")
        elif complete and rule.get("required"):
            raise InputRefused(f"{at}{name}", "is required")


def _check_value(rule: Mapping[str, Any], value: object, at: str) -> None:
    kind = rule["type"]
    is_bool = isinstance(value, bool)
    if not isinstance(value, KINDS[kind]) or is_bool is not (kind == "boolean"):
        raise InputRefused(at, f"must be {_article(kind)}, got {value!r:.80}")
    if "choices" in rule and value not in rule["choices"]:
        choices = ", ".join(map(str, rule["choices"]))
        raise InputRefused(at, f"must be one of {choices}, got {value!r:.80}")
    if isinstance(value, str):
        _check_text(rule, value, at)
    elif isinstance(value, dict):
        _check_fields(rule["fields"], value, f"{at}.")
    elif isinstance(value, list):
        _check_items(rule, value, at)
    elif isinstance(value, int | float) and not is_bool:
        _check_range(rule, value, at)


def _check_text(rule: Mapping[str, Any], value: str, at: str) -> None:
    if not value and rule.get("required"):
        raise InputRefused(at, "must not be empty")
    if len(value) > rule.get("max_length", len(value)):
        raise InputRefused(at, f"cannot exceed {rule['max_length']} characters")
    if rule["type"] == "picture" and not value.startswith(("http://", "https://")):
        raise InputRefused(at, f"must be the URL of a picture, got {value!r:.80}")


def _check_items(rule: Mapping[str, Any], value: list[object], at: str) -> None:
    fewest, most = rule.get("min_items", 0), rule["max_items"]
    if not fewest <= len(value) <= most:
        raise InputRefused(at, f"takes {fewest} to {most} items, got {len(value)}")
    for index, item in enumerate(value):
        _check_value(rule["items"], item, f"{at}[{index}]")


def _check_range(rule: Mapping[str, Any], value: float, at: str) -> None:
    least, most = rule.get("min", value), rule.get("max", value)
    # NaN compares false with everything and so is refused too.
    if not least <= value <= most:
        raise InputRefused(at, f"must be from {least} to {most}, got {value}")


def _article(kind: str) -> str:
    if kind == "picture":
        return "the URL of a picture as a string"
    return f"an {kind}" if kind[0] in "aio" else f"a {kind}"


def _object_schema(rules: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": {name: _schema(rule) for name, rule in rules.items()},
        "required": [name for name, rule in rules.items() if rule.get("required")],
        "additionalProperties": False,
    }


def _schema(rule: Mapping[str, Any]) -> dict[str, Any]:
    if rule["type"] == "object":
        return _object_schema(rule["fields"])
    words = {"choices": "enum", "min": "minimum", "max": "maximum"}
    words |= {"min_items": "minItems", "max_items": "maxItems"}
    words |= {"max_length": "maxLength", "default": "default"}
    schema: dict[str, Any] = {"type": rule["type"]}
    if rule["type"] == "picture":
        schema = {"type": "string", "format": "uri"}
    schema |= {ours: rule[key] for key, ours in words.items() if key in rule}
    if "items" in rule:
        schema["items"] = _schema(rule["items"])
    return schema
