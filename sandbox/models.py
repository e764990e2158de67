"""The models the sandbox knows: what each takes, and what it costs.

Read from the models' pages at wavespeed.ai in November 2026; where a page and the
provider's public list of models disagree, the page is followed, and a comment says so.
Whatever a page does not describe is refused, unknown names and other wire types too.
"""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, ClassVar, Literal, TypeAlias

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)

from sandbox.settings import describe


def _web_address(value: str) -> str:
    if not value.startswith(("http://", "https://")):
        raise ValueError(f"must be the URL of a picture, got {value!r:.80}")
    return value


def _not_empty(value: str) -> str:
    if not value:
        raise ValueError("must not be empty")
    return value


Json: TypeAlias = Any
Picture = Annotated[
    str, AfterValidator(_web_address), Field(json_schema_extra={"format": "uri"})
]
Prompt = Annotated[str, AfterValidator(_not_empty), Field(max_length=2500)]
Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]


class InputError(ValueError):
    """An input that the model's page does not allow; its text names the input."""


class Inputs(BaseModel):
    """Inputs under these names, of these wire types, and no others."""

    model_config = ConfigDict(extra="forbid", strict=True)


class Model(Inputs):
    """What a model takes, and what it costs; its docstring is its description."""

    id: ClassVar[str]
    #: The price grows with the duration.
    usd_micros_for_5_s: ClassVar[int]
    #: Price with sound, in percent of the price without.
    sound_percent: ClassVar[int] = 100

    negative_prompt: str = ""

    @classmethod
    def check(cls, inputs: Mapping[str, Any], *, complete: bool = True) -> None:
        """Accept the inputs; for a price they need not be complete.

        Raises:
            InputError: an input is unknown, missing, of another type, out of range, or
                excluded by another one.
        """
        try:
            cls.model_validate(inputs)
        except ValidationError as error:
            for problem in error.errors():
                of_all = not problem["loc"] or problem["type"] == "missing"
                if complete or not of_all:
                    raise InputError(describe(problem, "unknown input")) from None

    @classmethod
    def default(cls, name: str) -> Json:
        """The default of an input; None if the model does not have it."""
        field = cls.model_fields.get(name)
        return field.default if field else None

    @classmethod
    def duration_s(cls, inputs: Mapping[str, Any]) -> int:
        """Seconds of video asked for."""
        return int(inputs.get("duration", cls.default("duration")))

    @classmethod
    def price_usd_micros(cls, inputs: Mapping[str, Any]) -> int:
        """What one prediction costs, in micro-dollars."""
        silent = cls.usd_micros_for_5_s * cls.duration_s(inputs) // 5
        return silent * (cls.sound_percent if inputs.get("sound") else 100) // 100

    @classmethod
    def request_schema(cls) -> dict[str, Any]:
        """The inputs as JSON Schema, as the provider's list of models shows them."""
        schema = cls.model_json_schema()
        plain: dict[str, Any] = _plain(schema, schema.pop("$defs", {}))
        return {"required": []} | plain


class Kling26(Model):
    """Kling 2.6 Standard brings a picture to life."""

    id = "kwaivgi/kling-v2.6-std/image-to-video"
    usd_micros_for_5_s = 210_000
    prompt: str = ""  # the page: optional; the list: required
    image: Picture
    duration: Literal[5, 10] = 5


class Kling16(Model):
    """Kling 1.6 Standard brings a picture to life."""

    id = "kwaivgi/kling-v1.6-i2v-standard"
    usd_micros_for_5_s = 250_000
    prompt: Prompt
    image: Picture
    guidance_scale: Share = 0.5
    duration: Literal[5, 10] = 5


class Kling21(Model):
    """Kling 2.1 Standard brings a picture to life."""

    id = "kwaivgi/kling-v2.1-i2v-standard"
    usd_micros_for_5_s = 250_000
    prompt: Prompt
    negative_prompt: str = Field(default="", max_length=2500)
    image: Picture = ""  # the page: optional; the list: required
    guidance_scale: Share = 0.5
    duration: Literal["5", "10"] = "5"


class Shot(Inputs):
    """One of several shots; the page only says "array", the list has this."""

    prompt: str = ""
    duration: int = Field(default=5, ge=3, le=15)


class Element(Inputs):
    """An element of the maker's library."""

    element_id: str = ""


class Kling30(Model):
    """Kling 3.0 Standard brings a picture to life, with sound where asked."""

    id = "kwaivgi/kling-v3.0-std/image-to-video"
    usd_micros_for_5_s = 420_000
    sound_percent = 150
    image: Picture
    prompt: str = ""
    end_image: Picture = ""
    duration: int = Field(default=5, ge=3, le=15)
    cfg_scale: Share = 0.5
    sound: bool = False
    # Only in the provider's list, not on the page.
    shot_type: Literal["customize", "intelligent"] = "customize"
    multi_prompt: list[Shot] = Field(default=[], min_length=1, max_length=6)
    element_list: list[Element] = Field(default=[], max_length=3)

    @model_validator(mode="after")
    def _consistent(self) -> "Kling30":
        if bool(self.prompt) is bool(self.multi_prompt):
            found = "both were given" if self.prompt else "neither was given"
            raise ValueError(f"prompt: give prompt or multi_prompt; {found}")
        if self.multi_prompt and self.end_image:
            raise ValueError("multi_prompt: is not supported with end_image")
        return self


class Kling16Multi(Model):
    """Kling 1.6 Standard makes a scene of up to four pictures."""

    id = "kwaivgi/kling-v1.6-multi-i2v-standard"
    usd_micros_for_5_s = 250_000
    prompt: Prompt
    images: list[Picture] = Field(min_length=1, max_length=4)
    duration: Literal[5, 10] = 5
    aspect_ratio: Literal["1:1", "16:9", "9:16"] = "1:1"


MODELS: Mapping[str, type[Model]] = {
    model.id: model for model in (Kling26, Kling16, Kling21, Kling30, Kling16Multi)
}


def _plain(node: Json, parts: Mapping[str, Json]) -> Json:
    """A schema without references, titles, docstrings and empty defaults."""
    if isinstance(node, list):
        return [_plain(each, parts) for each in node]
    if not isinstance(node, dict):
        return node
    if "$ref" in node:
        return _plain(parts[node["$ref"].rpartition("/")[2]], parts)
    return {
        name: _plain(value, parts)
        for name, value in node.items()
        if not (name in {"title", "description"} and isinstance(value, str))
        and not (name == "default" and value in ("", []))
    }


def picture_urls(inputs: Mapping[str, Any]) -> Iterator[str]:
    """Every picture the provider would have to fetch, the first frame first."""
    if inputs.get("image"):
        yield inputs["image"]
    yield from inputs.get("images", ())
    if inputs.get("end_image"):
        yield inputs["end_image"]
