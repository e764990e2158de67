"""Reads a model from the provider's own list, `GET /api/v3/models`.

An entry describes its inputs by a subset of JSON Schema. What it says about pictures,
prices and times is prose, so a model that is read here has no limits for pictures, is
priced by the provider's quotes, and its generation times are learnt.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from typing import Any, Literal

from pydantic import ValidationError

from jobs.catalogue.inputs import Input
from jobs.catalogue.model import Model

#: The type of models that are read; the list has eleven others.
TYPE = "image-to-video"

#: Names that the models have for one role. A manifest has one name for each, and knows
#: the model's own name too. The names were counted in the list of 2026-08-18.
ROLES: Mapping[str, tuple[str, ...]] = {
    "image": ("image", "start_image", "first_image", "first_frame_image"),
    "last_image": ("last_image", "end_image", "end_frame_image"),
    "images": ("images", "reference_images", "reference_urls"),
    "prompt": ("prompt",),
    "negative_prompt": ("negative_prompt",),
    "duration": ("duration",),
    "resolution": ("resolution",),
    "aspect_ratio": ("aspect_ratio",),
    "sound": (
        "sound",
        "generate_audio",
        "generate_audio_switch",
        "enable_audio",
        "bgm",
        "save_audio",
    ),
    "seed": ("seed",),
}

#: What a model is called that has no name but what it does.
_KINDS = ("image-to-video", "reference-to-video", "start-end-to-video")

_Type = Literal["text", "integer", "number", "boolean", "picture", "list", "object"]

_TYPES: Mapping[str, _Type] = {
    "string": "text",
    "integer": "integer",
    "number": "number",
    "boolean": "boolean",
    "array": "list",
    "object": "object",
}
_CONDITIONS = ("allOf", "anyOf", "oneOf", "if", "then", "else", "not")
#: What may stand in conditions. Not a reference, which would be fetched, nor a pattern,
#: which may take for ever.
_KEYWORDS = {
    *_CONDITIONS,
    *("properties", "required", "type", "const", "enum", "minimum", "maximum"),
    *("minLength", "maxLength", "minItems", "maxItems", "default", "description"),
}
_HIDDEN = ("x-hidden", "x-disabled", "disabled", "readOnly")
#: Words in the name of an input that holds pictures.
_PICTURE_WORDS = {"image", "images", "keyframes"}
#: Words in the name of an input that holds an address of something else.
_MEDIA = ("video", "audio")


class SchemaError(Exception):
    """A model that cannot be read or used, and why."""


def model_of(entry: Mapping[str, Any], name: str, read_on: date) -> Model:
    """The model that an entry of the list describes.

    Args:
        entry: one element of `data` in the reply.
        name: its short name.
        read_on: the day of the list.

    Raises:
        SchemaError: it is of another type, needs something that a manifest of pictures
            does not have, or is written in a way that is not understood.
    """
    if entry.get("type") != TYPE:
        raise SchemaError(f"it is of type {entry.get('type')}, not {TYPE}")
    try:
        schema = entry["api_schema"]["api_schemas"][0]["request_schema"]
        inputs = dict(_inputs(schema))
        return Model(
            id=entry["model_id"],
            name=name,
            title=entry["model_id"],
            inputs=inputs,
            source="the provider's list of models",
            read_on=read_on,
            conditions=_conditions(schema),
            sends_defaults=True,
            base_usd_micros=_usd_micros(entry.get("base_price")),
        )
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        message = f"its schema is not understood at {place}: {first['msg']}"
        raise SchemaError(message) from None
    except (LookupError, TypeError, AttributeError, ValueError) as error:
        raise SchemaError(f"its schema is not understood ({error!r})") from None
    except (RecursionError, OverflowError) as error:
        raise SchemaError(f"its schema is not understood ({error})") from None


def short_names(ids: Iterable[str], taken: Iterable[str] = ()) -> dict[str, str]:
    """A short name for each id, by id: without maker and `image-to-video`.

    Where two would share one, or it is taken, the name keeps the maker.

    >>> list(short_names(["a/x-2/image-to-video", "b/x-2", "b/y/fast"]).values())
    ['a-x-2-image-to-video', 'b-x-2', 'y-fast']
    """
    short = {
        one: one.partition("/")[2].removesuffix(f"/{TYPE}").replace("/", "-") or one
        for one in ids
    }
    uses = Counter([*short.values(), *taken])
    return {
        one: one.replace("/", "-")
        if uses[name] > 1 or name.startswith(_KINDS)
        else name
        for one, name in short.items()
    }


def _usd_micros(dollars: object) -> int | None:
    return round(dollars * 1_000_000) if isinstance(dollars, int | float) else None


def _conditions(schema: Mapping[str, Any]) -> dict[str, Any]:
    """The conditions between inputs.

    Raises:
        SchemaError: they have words that are not checked here.
    """
    conditions = {key: schema[key] for key in _CONDITIONS if key in schema}
    strange = set(_words(conditions)) - _KEYWORDS
    if strange:
        raise SchemaError(f"its conditions are not understood: {min(strange)}")
    return conditions


def _words(schema: object) -> Iterator[str]:
    """All keywords in a schema, however deep."""
    if isinstance(schema, list):
        for one in schema:
            yield from _words(one)
    elif isinstance(schema, dict):
        for word, value in schema.items():
            if not word.startswith("x-"):
                yield word
            if word == "properties":
                yield from _words([*value.values()])
            elif word not in {"const", "enum", "required"}:
                yield from _words(value)


def _inputs(schema: Mapping[str, Any]) -> Iterator[tuple[str, Input]]:
    """The inputs under our names, in the provider's order."""
    fields, required = schema["properties"], schema.get("required", [])
    roles = _roles(fields)
    order = [*filter(fields.__contains__, schema.get("x-order-properties", []))]
    for field in dict.fromkeys([*order, *fields]):
        spec, is_needed = fields[field], field in required
        if any(spec.get(word) for word in _HIDDEN) and not is_needed:
            continue
        if is_needed and _holds_media(field, spec):
            raise SchemaError(f"it needs {field}, which is no picture")
        name = roles.get(field, field)
        made = _input(field, spec, is_needed=is_needed)
        if made is None and is_needed:
            raise SchemaError(f"it needs {field}, whose form is not understood")
        if made is not None:
            yield name, made


def _roles(fields: Mapping[str, Any]) -> dict[str, str]:
    """Our name by the model's, where it is another; the first of several wins."""
    found = {}
    for role, names in ROLES.items():
        field = next((name for name in names if name in fields), role)
        if field != role:
            found[field] = role
    return found


def _holds_media(field: str, spec: Mapping[str, Any]) -> bool:
    """True for an input that holds the address of a video or a sound."""
    kinds = {spec.get("type"), (spec.get("items") or {}).get("type")}
    return "string" in kinds and any(word in field for word in _MEDIA)


def _holds_picture(field: str, spec: Mapping[str, Any]) -> bool:
    """True for an input of pictures: only its name says so in most entries."""
    accept = (spec.get("x-ui-component-props") or {}).get("accept", "")
    words = field.split("_")
    is_named = not _PICTURE_WORDS.isdisjoint(words) or field == "reference_urls"
    return is_named or accept.startswith("image/")


def _input(field: str, spec: Mapping[str, Any], *, is_needed: bool) -> Input | None:
    """One input; None if its form is not understood."""
    kind = _TYPES.get(str(spec.get("type")))
    item, parts = spec.get("items") or {}, spec.get("properties") or {}
    is_picture = _holds_picture(field, spec)
    if kind is None or (kind in {"list", "object"} and not (item or parts)):
        return None
    if kind == "text" and is_picture and not spec.get("enum"):
        kind = "picture"
    made_item = None
    if kind == "list":
        made_item = _input(field if is_picture else "", item, is_needed=False)
        if made_item is None:
            return None
    needed = spec.get("required", [])
    made_parts = {
        name: _input(name, part, is_needed=name in needed)
        for name, part in parts.items()
    }
    return Input(
        type=kind,
        field=field,
        required=is_needed and spec.get("default") is None,
        default=spec.get("default"),
        minimum=spec.get("minimum"),
        maximum=spec.get("maximum"),
        max_chars=spec.get("maxLength") or spec.get("maxlength"),
        choices=tuple(spec.get("enum") or ()),
        min_items=spec.get("minItems") or 0,
        max_items=spec.get("maxItems"),
        item=made_item,
        fields={name: part for name, part in made_parts.items() if part},
    )
