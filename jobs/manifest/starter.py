"""A manifest to begin with: a row for each model that was asked for, explained.

It decides which values stand in it, so that it is in order as it is; where it is kept
is the producer's to say (`starting`). YAML carries its explanations as comments, CSV
cannot, so `explanations` has them for the terminal.
"""

import csv
import io
import json
from collections.abc import Iterator, Sequence
from typing import Any

from jobs.catalogue.explaining import costs, explained, pictures, rules
from jobs.catalogue.inputs import Input
from jobs.catalogue.model import Model
from jobs.manifest.column_mapping import RESERVED_COLUMNS
from jobs.text import plain

#: What an input is given in a starter, where the catalogue has no default for it.
_EXAMPLES: dict[str, Any] = {
    "image": "https://example.com/pictures/mug.jpg",
    "end_image": "https://example.com/pictures/mug-from-above.jpg",
    "images": [
        "https://example.com/pictures/bag.jpg",
        "https://example.com/pictures/watch.jpg",
    ],
    "prompt": "Slow orbit around the product, soft light from the left, plain table",
    "negative_prompt": "blur, distortion, text",
    "multi_prompt": [
        {"prompt": "Wide shot in an empty loft, slow pan", "duration": 5},
        {"prompt": "Close-up of the surface, light glides over it", "duration": 5},
    ],
    "element_list": [{"element_id": "the id of an element you registered"}],
}
_BY_TYPE: dict[str, Any] = {
    "picture": "https://example.com/pictures/mug.jpg",
    "text": "some words",
    "integer": 1,
    "number": 1,
    "boolean": True,
}
_WIDTH = 88


def yaml_starter(models: Sequence[Model], others: Sequence[Model], name: str) -> str:
    """A manifest in YAML: what a row needs is written, what it may have is commented.

    Args:
        models: those that get a row.
        others: those that are only named, with their prices.
        name: of the file, for the commands in its first lines.
    """
    return "\n".join([*_head(others, name), *_defaults(models[0]), *_items(models)])


def csv_starter(models: Sequence[Model]) -> str:
    """A manifest in CSV: every column that these models know, a row for each model."""
    inputs = dict.fromkeys(name for model in models for name in model.inputs)
    text = io.StringIO()
    writer = csv.DictWriter(text, [*RESERVED_COLUMNS, *inputs, "sku"], restval="")
    writer.writeheader()
    for number, model in enumerate(models, 1):
        row = {name: _cell(value) for name, value in _needed(model).items()}
        ours = {"id": _id(model), "model": model.name, "sku": _sku(number)}
        writer.writerow({**ours, **row})
    return text.getvalue()


def explanations(model: Model) -> list[str]:
    """What a model takes and costs, a line each."""
    return [
        f"{model.name}: {model.title}, {costs(model)}",
        *(f"  {name}: {_words(model, spec)}" for name, spec in model.inputs.items()),
        *(f"  {rule}" for rule in rules(model)),
    ]


def _head(others: Sequence[Model], name: str) -> Iterator[str]:
    name = name if name.isprintable() else "MANIFEST"
    yield "# The videos you want, a row for each, in the list below. Then:"
    yield f"#   reelmill check {name}   everything that is wrong with it; no cost"
    yield f"#   reelmill price {name}   what it costs and how long it takes; no cost"
    yield f"#   reelmill run {name}     shows the price, asks, and renders"
    if others:
        yield "#"
        yield "# Other models; reelmill models NAME tells what one takes:"
        yield from (f"#   {model.name}: {costs(model)}" for model in others)
    yield ""


def _defaults(model: Model) -> Iterator[str]:
    yield "# What rows leave empty is taken from here, as far as their model knows it."
    yield "defaults:"
    yield f"  model: {model.name}"
    yield ""


def _items(models: Sequence[Model]) -> Iterator[str]:
    yield "# Names that no model knows, such as sku, are your own: the report has them."
    yield "items:"
    for number, model in enumerate(models, 1):
        yield from _comment(f"{model.title}: {costs(model)}", "  ")
        for rule in rules(model):
            yield from _comment(rule, "  ")
        yield f"  - id: {_id(model)}"
        yield f"    model: {model.name}"
        needed = _needed(model)
        for name, spec in model.inputs.items():
            yield from _comment(_words(model, spec), "    ")
            written = _entry(name, needed.get(name, _example(name, spec)))
            mark = "    " if name in needed else "    #"
            yield from (mark + line for line in written)
        yield f"    sku: {_sku(number)}"
        yield ""


def _needed(model: Model) -> dict[str, Any]:
    """The inputs that a row must give: of those that exclude each other the first."""
    either = [names[0] for names in model.one_of]
    return {
        name: _example(name, spec)
        for name, spec in model.inputs.items()
        if spec.required or name in either
    }


def _example(name: str, spec: Input) -> Any:  # noqa: ANN401 - inputs are of many types
    known = (spec.default, _EXAMPLES.get(name), *spec.choices[:1], spec.minimum)
    found = next((each for each in known if each is not None), None)
    if found is not None:
        return found
    if spec.type == "list" and spec.item:
        return [_example("", spec.item)] * max(spec.min_items, 1)
    if spec.type == "object":
        return {part: _example(part, each) for part, each in spec.fields.items()}
    return _BY_TYPE[spec.type]


def _words(model: Model, spec: Input) -> str:
    words = explained(spec)
    if spec.is_picture:
        words += f"; {pictures(model.pictures)}"
    return words


def _entry(name: str, value: object) -> Iterator[str]:
    """A name and its value as lines of YAML; lists have a line for each item."""
    if not isinstance(value, list):
        yield f"{name}: {_scalar(value)}"
        return
    yield f"{name}:"
    for item in value:
        parts = item.items() if isinstance(item, dict) else ()
        lines = [f"{key}: {_scalar(part)}" for key, part in parts] or [_scalar(item)]
        yield f"  - {lines[0]}"
        yield from (f"    {line}" for line in lines[1:])


def _scalar(value: object) -> str:
    """A value as YAML has it: in quotes where it could be taken for something else."""
    text = plain(value)
    is_plain = text[:1].isalnum() and not {": ", " #"} & {
        text[place : place + 2] for place in range(len(text))
    }
    return text if is_plain else json.dumps(text, ensure_ascii=False)


def _comment(text: str, indent: str) -> Iterator[str]:
    """A comment, over several lines where it is long."""
    line = f"{indent}#"
    for word in text.split():
        if len(line) + len(word) >= _WIDTH:
            yield line
            line = f"{indent}#  "
        line += f" {word}"
    yield line


def _cell(value: object) -> str:
    """A value as a cell of CSV: the items of a list with | between them."""
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return " | ".join(value)
    return plain(value)


def _id(model: Model) -> str:
    return f"my-first-{model.name.partition('-')[2]}"


def _sku(number: int) -> str:
    return f"SKU-{number}"
