"""The catalogue, for people and for programs."""

from typing import Any

from jobs import catalogue
from jobs.catalogue import UnknownModel
from jobs.catalogue.model import Model
from jobs.pricing import usd
from producer import tables
from producer.exits import Exit, Stop
from producer.printing import print_json


def models(name: str | None, *, json: bool) -> int:
    """Print the catalogue, or one model of it."""
    known = catalogue.builtin()
    try:
        chosen = [known.find(name)] if name else list(known.models.values())
    except UnknownModel as error:
        raise Stop(f"{error}; reelmill models lists them") from None
    if json:
        print_json([_model(model) for model in chosen])
    elif name:
        tables.out.print(tables.model_table(chosen[0]))
        for line in tables.model_lines(chosen[0]):
            tables.tell(line)
    else:
        tables.out.print(tables.models_table(chosen))
    return Exit.STORED


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
