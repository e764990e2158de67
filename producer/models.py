"""The catalogue, for people and for programs."""

from collections.abc import Sequence
from typing import Any

from jobs import catalogue
from jobs.catalogue import UnknownModelError
from jobs.catalogue.inputs import Input
from jobs.catalogue.model import Model, costs, rules
from jobs.money import dollars, usd
from jobs.text import choice, plain
from producer import console
from producer.console import Table, print_json
from producer.exits import CommandError, Exit
from producer.options import AnyModel, Json


def models(name: AnyModel = None, *, json: Json = False) -> int:
    """List the models, or everything about one: inputs, limits, price.

    For example:

        reelmill models
        reelmill models kling-v3.0-std

    Args:
        name: Short name or full id of a model.
        json: Print the models as JSON.
    """
    known = catalogue.builtin()
    try:
        chosen = [known.find(name)] if name else list(known.models.values())
    except UnknownModelError as error:
        raise CommandError(f"{error}; reelmill models lists them") from None
    if json:
        print_json([_model(model) for model in chosen])
    elif name:
        console.out.print(_model_table(chosen[0]))
        for line in _model_lines(chosen[0]):
            console.tell(line)
    else:
        console.out.print(_models_table(chosen))
    return Exit.STORED


def _models_table(models: Sequence[Model]) -> Table:
    """The catalogue, a line each."""
    columns = ("model", "also", "seconds", "5 s", "10 s")
    made = Table(*columns, numbers=("5 s", "10 s"), sentences=("also", "seconds"))
    for model in models:
        duration = model.inputs.get("duration")
        lengths = duration.allowed if duration else str(model.fixed_duration_s)
        also = ", ".join(model.aliases)
        made.add(model.name, also, lengths, _cost(model, 5), _cost(model, 10))
    return made


def _model_table(model: Model) -> Table:
    """Everything that one model takes."""
    columns = ("input", "type", "needed", "default", "allowed")
    made = Table(*columns, sentences=("default", "allowed"))
    for name, spec in model.inputs.items():
        default = "" if spec.default is None else plain(spec.default)
        needed = "yes" if spec.required else ""
        made.add(name, spec.type, needed, default, _allowed(spec))
    return made


def _allowed(spec: Input) -> str:
    if spec.max_chars:
        return f"up to {spec.max_chars} characters"
    if spec.max_items:
        return f"{spec.min_items} to {spec.max_items} items"
    return spec.allowed


def _model_lines(model: Model) -> list[str]:
    """What is to be known of one model beside its inputs, a line each."""
    limits = model.pictures
    lines = [f"{model.title}: {model.id}"]
    if model.aliases:
        lines.append(f"also called {choice(model.aliases, word='and')}")
    lines += [costs(model), *rules(model)]
    if limits is None:
        return [*lines, "pictures: the provider names no limits"]
    formats, megabytes = ", ".join(limits.formats), limits.max_bytes / 1e6
    side = f"at least {limits.min_side_px} px"
    return [*lines, f"pictures: {formats}, up to {megabytes:.0f} MB, sides of {side}"]


def _cost(model: Model, duration_s: int) -> str:
    price = model.price_usd_micros({"duration": duration_s})
    return "unknown" if price is None else dollars(price)


def _model(model: Model) -> dict[str, Any]:
    return {
        "id": model.id,
        "name": model.name,
        "aliases": list(model.aliases),
        "title": model.title,
        "price": _price(model),
        "inputs": {
            name: {
                "type": spec.type,
                "required": spec.required,
                "default": spec.default,
                "allowed": spec.allowed,
            }
            for name, spec in model.inputs.items()
        },
    }


def _price(model: Model) -> dict[str, Any] | None:
    if model.price is None:
        return None
    return {
        "usd": usd(model.price.usd_micros),
        "per_s": model.price.per_s,
        "factors": [
            {"input": f.input, "value": f.value, "factor": float(f.factor)}
            for f in model.price.factors
        ],
        "read_on": model.price.read_on.isoformat(),
    }
