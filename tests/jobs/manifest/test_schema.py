"""The schema for editors: it refuses what is wrong in form, never what is right."""

import csv
import json
import re
from importlib import resources
from typing import Any

import pytest
import yaml
from hypothesis import given
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]  # no types

from jobs.catalogue import builtin
from jobs.job import Job
from jobs.manifest.judging import Manifest
from jobs.manifest.rows import Row
from jobs.manifest.schema import schema
from jobs.manifest.starter import yaml_starter
from tests.jobs.manifest.asked import MUG, rows

SAMPLES = resources.files("jobs") / "samples"
SCHEMA = schema(builtin())
VALIDATOR = Draft202012Validator(SCHEMA)


class AsEditors(yaml.SafeLoader):
    """YAML 1.2 as editors read it: `16:9` and `yes` are text, 5 is a number."""


#: Of its own, or the next lines would change every other loader.
AsEditors.yaml_implicit_resolvers = {}


for tag, pattern, starts in (
    ("bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
    ("int", r"[-+]?[0-9]+", "-+0123456789"),
    ("float", r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?", "-+.0123456789"),
    ("null", r"~|null|Null|NULL|", "~nN\0"),
):
    whole = re.compile(rf"^(?:{pattern})$")
    AsEditors.add_implicit_resolver(f"tag:yaml.org,2002:{tag}", whole, list(starts))

LOADERS = [yaml.BaseLoader, AsEditors]


def wrong(document: object) -> list[str]:
    return [error.message for error in VALIDATOR.iter_errors(document)]


def loaded(text: str, loader: Any) -> Any:
    return yaml.load(text, Loader=loader)  # noqa: S506 - both make plain values only


def sample(name: str) -> str:
    return (SAMPLES / name).read_text(encoding="utf-8")


def row(model: str = "kling-v2.6-std", **cells: object) -> dict[str, object]:
    return {"model": model, "image": MUG, "prompt": "Slow orbit", **cells}


def without(name: str, **cells: object) -> dict[str, object]:
    return {key: value for key, value in {**row(), **cells}.items() if key != name}


def test_it_is_a_schema_of_the_dialect_it_names() -> None:
    Draft202012Validator.check_schema(SCHEMA)
    assert SCHEMA["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert json.loads(json.dumps(SCHEMA)) == SCHEMA


@pytest.mark.parametrize("loader", LOADERS)
def test_the_samples_are_valid(loader: Any) -> None:
    assert wrong(loaded(sample("products.yaml"), loader)) == []
    assert (
        wrong([json.loads(line) for line in sample("products.jsonl").splitlines()])
        == []
    )


@pytest.mark.parametrize("loader", LOADERS)
@pytest.mark.parametrize(
    "model", builtin().models.values(), ids=lambda model: model.name
)
def test_a_starter_is_valid_whatever_is_uncommented(model: Any, loader: Any) -> None:
    text = yaml_starter([model], [], "m.yaml")
    assert wrong(loaded(text, loader)) == []
    optional = re.findall(r"^    #\w+:.*(?:\n    #  .*)*", text, re.MULTILINE)
    assert optional
    for part in optional:
        name = part.strip().strip("#").split(":")[0]
        changed = text.replace(part, part.replace("    #", "    "))
        for rival in model.rivals(name):
            changed = re.sub(rf"^    {rival}:.*\n", "", changed, flags=re.MULTILINE)
        assert wrong(loaded(changed, loader)) == []
        assert name in loaded(changed, loader)["items"][0]


@given(rows())
def test_what_the_reader_accepts_is_valid(asked: Row) -> None:
    if isinstance(Manifest(builtin()).plan(asked), Job):
        assert wrong([dict(asked.cells)]) == []


def test_an_editor_explains_inputs_and_prices() -> None:
    text = json.dumps(SCHEMA)
    for model in builtin().models.values():
        assert model.title in text
        assert (
            model.name in SCHEMA["$defs"]["row"]["properties"]["model"]["description"]
        )
    duration = SCHEMA["$defs"]["inputs-of-kling-v2.6-std"]["properties"]["duration"]
    assert duration["description"] == "whole number, 5 or 10; 5 if it is left out"


RIGHT: dict[str, object] = {
    "numbers as text": [row(duration=" 10 ", guidance_scale=None)],
    "a number with a zero behind its point": [row(duration="10.0")],
    "an empty cell of another model": [row(sound="")],
    "booleans in words": [row("kling-v3.0-std", sound="Yes")],
    "own data of any kind": [row(sku=5, tags=["a"], size={"w": 1})],
    "a path, a bucket": [row(image="shop/mug.jpg"), row(image="s3://shop/mug.jpg")],
    "a list in one cell": [
        without("image", model="kling-v1.6-multi", images=f"{MUG} | {MUG}")
    ],
    "shots in short": [
        without("prompt", model="kling-v3.0-std", multi_prompt=["Wide @ 4s", "Close"])
    ],
    "defaults give what rows lack": {
        "defaults": {"model": "kling-v2.6-std", "prompt": "{{ title }} turning"},
        "items": [{"image": MUG}],
    },
    "templates among defaults": {
        "defaults": {"duration": "{{ seconds }}", "image": "{{ front }}"},
        "items": [{"model": "kling-v2.6-std", "prompt": "So"}],
    },
    "columns give what rows lack": {
        "columns": {"image": "Image Src", "id": ["Handle"]},
        "items": [{"Image Src": MUG, "Handle": "mug", "model": "kling-v2.6-std"}],
    },
    "rows in a file": {"items": "products.csv", "key": "{batch}/{id}"},
    "the older word": {"rows": [row()]},
    "the sheet of a workbook": {"items": "shop.xlsx", "sheet": "Spring"},
}

WRONG: dict[str, object] = {
    "no rows": [],
    "no items": {"defaults": {"model": "kling-v2.6-std"}},
    "items twice": {"items": [row()], "rows": [row()]},
    "a word that is not known at the top": {"itmes": [row()], "items": [row()]},
    "no row": ["mug.jpg"],
    "no such model": [row("kling-v9")],
    "no model": [without("model")],
    "no picture": [without("image")],
    "an empty prompt": [row(prompt="  ")],
    "no picture among defaults either": {
        "defaults": {"model": "kling-v2.6-std"},
        "items": [{"prompt": "So"}],
    },
    "no prompt, and none among defaults": {
        "defaults": {"negative_prompt": "blur"},
        "items": [without("prompt")],
    },
    "an input of another model": [row(sound=True)],
    "an input the default model lacks": {
        "defaults": {"model": "kling-v2.6-std"},
        "items": [{"image": MUG, "prompt": "So", "sound": True}],
    },
    "a length the model does not have": [row(duration=7)],
    "the same as text": [row(duration="7")],
    "a length among defaults that no model has": {
        "defaults": {"duration": 99},
        "items": [row()],
    },
    "a number out of range": [row("kling-v1.6-std", guidance_scale=1.5)],
    "a number with a comma": [row("kling-v1.6-std", guidance_scale="0,5")],
    "neither true nor false": [row("kling-v3.0-std", sound="loud")],
    "a prompt that is too long": [row(prompt="x" * 2501)],
    "a list where one is meant": [row(image=[MUG])],
    "too many pictures": [without("image", model="kling-v1.6-multi", images=[MUG] * 5)],
    "shots and a prompt": [row("kling-v3.0-std", multi_prompt=["Wide"])],
    "neither shots nor a prompt": [without("prompt", model="kling-v3.0-std")],
    "a shot that is misspelt": [
        without("prompt", model="kling-v3.0-std", multi_prompt=[{"promt": "Wide"}])
    ],
    "a shot of a second": [
        without(
            "prompt",
            model="kling-v3.0-std",
            multi_prompt=[{"prompt": "Wide", "duration": 1}],
        )
    ],
    "a picture within an address": [row(image="data:image/png;base64,iVBOR")],
    "a password in an address": [row(image="https://ann:pw@example.com/a.jpg")],
    "a space in an address": [row(image="https://example.com/red mug.jpg")],
    "an address of another kind": [row(image="ftp://example.com/mug.jpg")],
    "an id among defaults": {"defaults": {"id": "a"}, "items": [row()]},
    "a column for what no model knows": {
        "columns": {"picture": "Image Src"},
        "items": "shop.csv",
    },
}


@pytest.mark.parametrize("document", RIGHT.values(), ids=RIGHT)
def test_what_is_right_is_valid(document: object) -> None:
    assert wrong(document) == []


@pytest.mark.parametrize("document", WRONG.values(), ids=WRONG)
def test_what_is_wrong_in_form_is_refused(document: object) -> None:
    assert wrong(document)


#: What only `check` can tell: names in use, sums, items within one cell, what a person
#: may have meant by an own column.
ONLY_BY_CHECK = {
    *("duplicate-id", "id", "sum", "misspelt", "cells", "quote", "formula", "template"),
    *(
        "link-local",
        "not-a-list",
        "not-an-object",
        "not-text",
        "unknown-input",
        "items",
    ),
    *("control-character", "blank", "out-of-range", "address", "local-file"),
    "too-long",
}


def test_a_mistake_that_can_be_seen_is_refused() -> None:
    seen = set()
    for number, cells in enumerate(
        csv.DictReader(sample("mistakes.csv").splitlines()), 1
    ):
        if None in cells or None in cells.values():
            continue
        outcome = Manifest(builtin()).plan(Row("m.csv", number, number, cells))
        problems = outcome if isinstance(outcome, list) else []
        kinds = {problem.kind for problem in problems}
        assert bool(problems) >= bool(wrong([cells])), cells["id"]
        if kinds - ONLY_BY_CHECK:
            assert wrong([cells]), cells["id"]
            seen |= kinds
    assert len(seen) >= 8
