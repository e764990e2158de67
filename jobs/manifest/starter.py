"""A manifest to begin with: a row for each model that was asked for, explained.

It is in order as it is written. YAML carries its explanations as comments; CSV cannot,
so `explanations` has them for the terminal.
"""

import csv
import io
from collections.abc import Iterator, Sequence
from textwrap import wrap
from typing import Any

import yaml

from jobs.catalogue.inputs import Input
from jobs.catalogue.model import Model, PictureLimits, costs, rules
from jobs.catalogue.validation import InputValue
from jobs.manifest.rows import RESERVED_COLUMNS
from jobs.text import choice, plain

#: What an input is given in a starter, where the catalogue has no default for it.
_EXAMPLES: dict[str, Any] = {
    "image": "https://example.com/pictures/mug.jpg",
    "end_image": "https://example.com/pictures/mug-from-above.jpg",
    "last_image": "https://example.com/pictures/mug-from-above.jpg",
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

_HEAD = """\
# The videos you want, a row for each, in the list below. Then:
#   reelmill check {name}   everything that is wrong with it; no cost
#   reelmill price {name}   what it costs and how long it takes; no cost
#   reelmill run {name}     shows the price, asks, and renders
{others}
# What rows leave empty is taken from here, as far as their model knows it.
defaults:
  model: {model}

# Names that no model knows, such as sku, are your own: the report has them.
items:"""
_OTHERS = "#\n# Other models; reelmill models show NAME tells what one takes:"


def yaml_starter(models: Sequence[Model], others: Sequence[Model], name: str) -> str:
    """A manifest in YAML: what a row needs is written, what it may have is commented.

    Args:
        models: those that get a row.
        others: those that are only named, with their prices.
        name: of the file, for the commands in its first lines.
    """
    name = name if name.isprintable() else "MANIFEST"
    listed = [f"#   {model.name}: {costs(model)}" for model in others]
    more = "\n".join([_OTHERS, *listed, ""]) if others else ""
    head = _HEAD.format(name=name, others=more, model=models[0].name)
    rows = [_item(model, number) for number, model in enumerate(models, 1)]
    return "\n".join([head, *(line for row in rows for line in row)])


def csv_starter(models: Sequence[Model]) -> str:
    """A manifest in CSV: every column that these models know, a row for each model."""
    inputs = dict.fromkeys(name for model in models for name in model.inputs)
    text = io.StringIO()
    writer = csv.DictWriter(text, [*RESERVED_COLUMNS, *inputs, "sku"], restval="")
    writer.writeheader()
    for number, model in enumerate(models, 1):
        row = {name: _cell(value) for name, value in _needed(model).items()}
        writer.writerow({**_ours(model, number), **row})
    return text.getvalue()


def explanations(model: Model) -> list[str]:
    """What a model takes and costs, a line each."""
    return [
        f"{model.name}: {model.title}, {costs(model)}",
        *(f"  {name}: {_words(model, spec)}" for name, spec in model.inputs.items()),
        *(f"  {rule}" for rule in rules(model)),
    ]


def _item(model: Model, number: int) -> Iterator[str]:
    for words in (f"{model.title}: {costs(model)}", *rules(model)):
        yield from _comment(words, "  ")
    ours, needed = _ours(model, number), _needed(model)
    yield f"  - id: {ours['id']}"
    yield f"    model: {model.name}"
    for name, spec in model.inputs.items():
        yield from _comment(_words(model, spec), "    ")
        value = needed.get(name, _example(name, spec))
        written = yaml.safe_dump(
            {name: value}, allow_unicode=True, sort_keys=False, width=_WIDTH * 10
        )
        mark = "    " if name in needed else "    #"
        yield from (mark + line for line in written.splitlines())
    yield f"    sku: {ours['sku']}"
    yield ""


def _ours(model: Model, number: int) -> dict[str, str]:
    """What stands in a row beside its inputs."""
    job_id = f"my-first-{model.name.partition('-')[2]}"
    return {"id": job_id, "model": model.name, "sku": f"SKU-{number}"}


def _needed(model: Model) -> dict[str, Any]:
    """The inputs that a row gives: of those that exclude each other the first."""
    either = [names[0] for names in model.one_of]
    either += [n for n in ("image", "prompt") if not model.conflicts_with(n)]
    return {
        name: _example(name, spec)
        for name, spec in model.inputs.items()
        if spec.required or name in either
    }


def _example(name: str, spec: Input) -> InputValue:
    known = (spec.default, _EXAMPLES.get(name), *spec.choices[:1], spec.minimum)
    found = next((each for each in known if each is not None), None)
    if found is not None:
        is_whole = spec.type == "integer" and not isinstance(found, bool)
        return int(found) if is_whole else found
    if spec.type == "list" and spec.item:
        return [_example("", spec.item)] * max(spec.min_items, 1)
    if spec.type == "object":
        return {part: _example(part, each) for part, each in spec.fields.items()}
    return _BY_TYPE[spec.type]


def _words(model: Model, spec: Input) -> str:
    """What may be given, and what happens when nothing is."""
    words = _explained(spec)
    return words + _pictures(model.pictures) if spec.is_picture else words


def _explained(spec: Input) -> str:
    if spec.required:
        return f"{_takes(spec)}; required"
    if spec.default is None:
        return _takes(spec)
    return f"{_takes(spec)}; {plain(spec.default)} if it is left out"


def _takes(spec: Input) -> str:
    """What may be given: `whole number, 5 or 10`."""
    if spec.type == "list" and spec.item:
        most = spec.max_items
        least = f"at least {spec.min_items}"
        count = least if most is None else f"{spec.min_items} to {most}"
        return f"list of {count}{_items(spec.item)}"
    words = str("whole number" if spec.type == "integer" else spec.type)
    if spec.allowed:
        words += f", {spec.allowed}"
    if spec.max_chars and not spec.choices:
        words += f", at most {spec.max_chars} characters"
    return words


def _items(item: Input) -> str:
    if item.type != "object":
        return f" {_takes(item)}s"
    parts = [f"{name} ({_explained(part)})" for name, part in item.fields.items()]
    return f", each with {choice(parts, word='and')}"


def _pictures(limits: PictureLimits | None) -> str:
    """What the provider takes as a picture, as the end of a sentence."""
    if limits is None:
        return ""
    words = f"; {choice(limits.formats)}, at most {limits.max_bytes / 1e6:g} MB"
    words += f", each side at least {limits.min_side_px} px"
    if limits.min_aspect is not None and limits.max_aspect is not None:
        words += f", width by height {limits.min_aspect:g} to {limits.max_aspect:g}"
    return words


def _comment(text: str, indent: str) -> list[str]:
    """A comment, over several lines where it is long."""
    first, later = f"{indent}# ", f"{indent}#   "
    return wrap(text, _WIDTH, initial_indent=first, subsequent_indent=later)


def _cell(value: object) -> str:
    """A value as a cell of CSV: the items of a list with | between them."""
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return " | ".join(value)
    return plain(value)
