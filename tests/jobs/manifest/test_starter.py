"""Starters: in order as they are written, for every model, with all explained."""

import csv
import io
from dataclasses import replace
from typing import Any

import pytest
import yaml

from jobs.catalogue import Model, builtin
from jobs.catalogue.inputs import Input
from jobs.catalogue.model import costs
from jobs.manifest.starter import csv_starter, explanations, yaml_starter

MODELS = list(builtin().models.values())

#: Inputs that no model has today, of every type.
NEW = {
    "tone": Input("text", required=True),
    "seconds": Input("integer", required=True, minimum=2, maximum=4),
    "steps": Input("integer", required=True),
    "loud": Input("boolean", required=True),
    "mask": Input("picture", required=True),
    "ratio": Input("text", required=True, choices=("1:1", "2:1")),
    "points": Input(
        "list",
        required=True,
        min_items=2,
        item=Input("object", fields={"x": Input("number"), "y": Input("number")}),
    ),
}
TOMORROW = replace(
    MODELS[0], name="kling-v9", inputs=NEW, one_of=(), price=None, fixed_duration_s=5
)


def items(text: str) -> Any:
    """The rows of a text in YAML, every value the text it is written as."""
    return yaml.load(text, yaml.BaseLoader)["items"]  # noqa: S506 - it makes only text


@pytest.mark.parametrize("model", [*MODELS, TOMORROW], ids=lambda model: model.name)
def test_a_row_of_a_starter_is_right_for_its_model(model: Model) -> None:
    (in_yaml,) = items(yaml_starter([model], [], "m"))
    (in_csv,) = csv.DictReader(io.StringIO(csv_starter([model]), newline=""))
    for row in (in_yaml, in_csv):
        values = {name: row[name] for name in model.inputs if name in row}
        assert model.check(values)[1] == []
        assert row["model"] == model.name


def test_a_starter_of_all_models_has_a_row_for_each() -> None:
    table = csv.DictReader(io.StringIO(csv_starter(MODELS), newline=""))
    for rows in (items(yaml_starter(MODELS, [], "m")), list(table)):
        assert [row["model"] for row in rows] == [model.name for model in MODELS]
        assert len({row["id"] for row in rows}) == len(MODELS)


def test_every_input_is_named_with_what_it_takes() -> None:
    for model in MODELS:
        text = yaml_starter([model], [], "m")
        for name in model.inputs:
            assert f" {name}: " in text.replace("#", " ") or f"{name}:\n" in text
        assert costs(model).split(" (")[0] in text
        head, *lines = explanations(model)
        assert costs(model) in head
        assert [line.split(":")[0].strip() for line in lines][: len(model.inputs)] == [
            *model.inputs
        ]


def test_a_name_with_a_line_break_does_not_leave_its_comment() -> None:
    text = yaml_starter(MODELS[:1], [], "'a\nitems: b'")
    assert "items: b" not in text
