"""A JSON Schema of the YAML and JSONL manifest, for editors; made from the catalogue.

It accepts every manifest that `reelmill check` accepts as it stands, and refuses what
can be told from the form alone; sums, ids, names that are taken and pictures are looked
at by `check`. How a single value may be written is decided in `schema_values`.
"""

from collections.abc import Iterable
from itertools import combinations
from typing import Any

from jobs.catalogue import Catalogue
from jobs.catalogue.explaining import costs, explained, pictures, rules
from jobs.catalogue.model import Model
from jobs.manifest.columns import OURS
from jobs.manifest.schema_values import EMPTY, given, in_defaults, value

Schema = dict[str, Any]

DIALECT = "https://json-schema.org/draft/2020-12/schema"

#: Names of the list of rows; the second is an older word for the first.
ROWS = ("items", "rows")


def schema(catalogue: Catalogue) -> Schema:
    """The schema of a manifest that is a list of rows, or a mapping with such a list.

    A name of a model counts as it is spelt in the catalogue, though `check` overlooks
    its case: an editor offers exactly those.
    """
    models = list(catalogue.models.values())
    return {
        "$schema": DIALECT,
        "title": "Manifest of reelmill",
        "description": "The videos that are wanted, a row for each.",
        "if": {"type": "array"},
        "then": {"allOf": [{"$ref": "#/$defs/list"}, _alone(models)]},
        "else": {"$ref": "#/$defs/mapping"},
        "$defs": {
            "list": {"type": "array", "minItems": 1, "items": {"$ref": "#/$defs/row"}},
            "mapping": _mapping(models),
            "row": _row(models),
            **{_inputs_of(model): _inputs(model, models) for model in models},
        },
    }


def _mapping(models: list[Model]) -> Schema:
    rows = {
        "description": "The rows, or the name of a file, a folder or a prefix of a "
        "bucket that has them; a path starts from this file's folder.",
        "if": {"type": "string"},
        "then": {"pattern": r"\S"},
        "else": {"$ref": "#/$defs/list"},
    }
    names = _names(models)
    return {
        "type": "object",
        "properties": {
            "defaults": _defaults(models),
            "columns": {
                "description": "Which columns of a table feed an input, id or model.",
                "type": ["object", "null"],
                "propertyNames": {"enum": [*OURS, *names]},
                "additionalProperties": {
                    "type": ["string", "array"],
                    "items": {"type": "string"},
                    "minItems": 1,
                },
            },
            **dict.fromkeys(ROWS, rows),
            "key": _text("Template of the videos' names in the store, such as {id}."),
            "sheet": _text("Name of the sheet of a workbook; the first is taken else."),
            "encoding": _text("How the text of the file in items is encoded."),
            "form": _text("What form the file in items has, whatever its ending."),
        },
        "additionalProperties": False,
        "oneOf": [{"required": [name]} for name in ROWS],
        "allOf": _beside_defaults(models),
    }


def _defaults(models: list[Model]) -> Schema:
    """Values for what rows leave empty; each has to suit some model only."""
    specs: dict[str, list[Schema]] = {}
    for model in models:
        for name, spec in model.inputs.items():
            wanted = in_defaults(spec)
            if wanted not in specs.setdefault(name, []):
                specs[name].append(wanted)
    inputs = {name: {"anyOf": found} for name, found in specs.items()}
    return {
        "description": "What rows leave empty. A default is passed over where a "
        "row's model does not take it.",
        "type": ["object", "null"],
        "properties": {"id": EMPTY, "model": _model(models), **inputs},
    }


def _row(models: list[Model]) -> Schema:
    by_model = [{"if": _has_model(model), "then": _ref(model)} for model in models]
    return {
        "type": "object",
        "minProperties": 1,
        "properties": {
            "id": {
                "description": "Name of the job and of its video; one is made from "
                "the row's place if it is left out.",
                "type": ["string", "integer", "number", "boolean", "null"],
            },
            "model": _model(models),
        },
        "allOf": by_model,
    }


def _model(models: list[Model]) -> Schema:
    prices = "\n".join(f"{model.name}: {costs(model)}" for model in models)
    names = [name for model in models for name in _names_of(model)]
    description = f"Which model renders it.\n{prices}"
    return {"description": description, "anyOf": [{"enum": names}, EMPTY]}


def _names_of(model: Model) -> list[str]:
    return list(dict.fromkeys((model.name, *model.aliases, model.id)))


def _inputs_of(model: Model) -> str:
    return f"inputs-of-{model.name}"


def _ref(model: Model) -> Schema:
    return {"$ref": f"#/$defs/{_inputs_of(model)}"}


def _has_model(model: Model) -> Schema:
    named = {"properties": {"model": {"enum": _names_of(model)}}}
    return {**named, "required": ["model"]}


def _inputs(model: Model, models: list[Model]) -> Schema:
    """What a row of this model may hold; what it must hold depends on defaults."""
    properties = {}
    for name, spec in model.inputs.items():
        words = explained(spec)
        if spec.is_picture:
            words += f". {pictures(model.pictures)}"
        properties[name] = {"description": words, **value(spec)}
    foreign = [name for name in _names(models) if name not in model.inputs]
    for name in foreign:
        properties[name] = {"description": f"{model.name} has no {name}.", **EMPTY}
    groups = [*model.one_of, *model.apart]
    pairs = (pair for group in groups for pair in combinations(group, 2))
    found: Schema = {
        "title": model.title,
        "description": "; ".join([f"{model.title}: {costs(model)}", *rules(model)]),
        "properties": properties,
    }
    if rivals := [{"not": given(*pair)} for pair in pairs]:
        found["allOf"] = rivals
    return found


def _alone(models: list[Model]) -> Schema:
    """What the rows of a bare list need: there are no defaults to give it."""
    needs = [
        {"if": _has_model(model), "then": _any_given(names)}
        for model in models
        for names in _needs(model)
    ]
    return {"items": {"allOf": [given("model"), *needs]}}


def _beside_defaults(models: list[Model]) -> list[Schema]:
    """What the rows of a mapping need, where its defaults do not give it."""
    wanted = [_unless_given(("model",), given("model"))]
    unnamed: Schema = {"not": given("model")}
    for model in models:
        mine = _has_model(model)
        held: list[Schema] = [_each_row({"if": unnamed, "then": _ref(model)})]
        for names in _needs(model):
            needed = _any_given(names)
            wanted.append(_unless_given(names, {"if": mine, "then": needed}))
            held.append(_unless_given(names, {"if": unnamed, "then": needed}))
        # Rows without a model of their own are rows of the default one.
        wanted.append({"if": _of_defaults(mine), "then": {"allOf": held}})
    return wanted


def _needs(model: Model) -> list[tuple[str, ...]]:
    """Groups of inputs, of each of which a row of this model needs one."""
    required = [(name,) for name, spec in model.inputs.items() if spec.required]
    return [*required, *model.one_of]


def _any_given(names: Iterable[str]) -> Schema:
    return {"anyOf": [given(name) for name in names]}


def _unless_given(names: tuple[str, ...], row: Schema) -> Schema:
    """What each row is where neither defaults nor columns of a table give these."""
    fed: Schema = {"required": ["columns"]}
    given_elsewhere = {"anyOf": [fed, _of_defaults(_any_given(names))]}
    return {"if": given_elsewhere, "else": _each_row(row)}


def _of_defaults(wanted: Schema) -> Schema:
    defaults = {"type": "object", **wanted}
    return {"properties": {"defaults": defaults}, "required": ["defaults"]}


def _each_row(wanted: Schema) -> Schema:
    return {"properties": {name: {"items": wanted} for name in ROWS}}


def _names(models: Iterable[Model]) -> list[str]:
    """The inputs of all models, each once."""
    return list(dict.fromkeys(name for model in models for name in model.inputs))


def _text(description: str) -> Schema:
    return {"description": description, "type": ["string", "null"]}
