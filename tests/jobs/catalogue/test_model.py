from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.catalogue import builtin
from jobs.catalogue.model import Model
from jobs.catalogue.validation import ValidationIssue
from jobs.manifest.rows import Row
from jobs.text import visible
from tests.jobs.manifest.asked import rows

URL = "https://example.com/mug.jpg"
MODELS = list(builtin().models.values())
V26 = builtin().find("kling-v2.6-std")
V21 = builtin().find("kling-v2.1-std")
V30 = builtin().find("kling-v3.0-std")


def least(model: Model) -> dict[str, object]:
    """The fewest values a model is content with."""
    if "images" in model.inputs:
        return {"prompt": "turn", "images": [URL]}
    return {"prompt": "turn", "image": URL}


def kinds(problems: list[ValidationIssue]) -> list[tuple[str, str]]:
    return [(problem.input, problem.kind) for problem in problems]


@pytest.mark.parametrize(
    ("name", "inputs", "usd_micros"),
    [
        ("kling-v2.6-std", {}, 210_000),
        ("kling-v2.6-std", {"duration": 10}, 420_000),
        ("kling-v1.6-std", {}, 250_000),
        ("kling-v2.1-std", {"duration": 5}, 250_000),
        ("kling-v1.6-multi", {"duration": 10}, 500_000),
        ("kling-v3.0-std", {"duration": 3, "sound": True}, 378_000),
        ("kling-v3.0-std", {"sound": False}, 420_000),
        ("kling-v3.0-std", {"multi_prompt": [{"prompt": "a"}] * 2}, 840_000),
        (
            "kling-v3.0-std",
            {"duration": 12, "multi_prompt": [{"prompt": "a", "duration": 4}]},
            1_008_000,
        ),
        (
            "kling-v3.0-std",
            {"duration": 3, "multi_prompt": [{"prompt": "a", "duration": 4}] * 2},
            672_000,
        ),
    ],
)
def test_prices_are_those_of_the_model_pages(
    name: str, inputs: dict[str, Any], usd_micros: int
) -> None:
    assert builtin().find(name).price_usd_micros(inputs) == usd_micros


def test_what_decides_the_price_is_always_said_on_the_wire() -> None:
    assert V26.request({"prompt": "a"}) == {"prompt": "a", "duration": 5}
    assert V30.request({"image": URL}) == {"image": URL, "sound": False, "duration": 5}


def test_the_older_model_gets_its_duration_as_a_string() -> None:
    assert V21.request({"duration": 10})["duration"] == "10"
    assert V21.request({})["duration"] == "5"


def test_lengths_of_shots_are_said_and_their_sum_is_the_duration() -> None:
    shots: list[dict[str, Any]] = [{"prompt": "a", "duration": 4}, {"prompt": "b"}]
    body = V30.request({"image": URL, "multi_prompt": shots})
    assert body["duration"] == 9
    assert [shot["duration"] for shot in body["multi_prompt"]] == [4, 5]
    assert shots[1] == {"prompt": "b"}


def test_a_longer_video_is_planned_to_take_at_least_as_long() -> None:
    for model in MODELS:
        lengths = [model.typical_s({"duration": s}) for s in range(3, 16)]
        assert lengths == sorted(lengths)
        assert lengths[0] > 0


def test_all_problems_of_a_row_come_at_once() -> None:
    _, problems = V30.check({"duration": "99", "cfg_scale": "x", "sound": "maybe"})
    assert kinds(problems) == [
        ("duration", "out-of-range"),
        ("cfg_scale", "not-a-number"),
        ("sound", "not-a-boolean"),
        ("image", "missing"),
        ("prompt", "missing"),
    ]


def test_an_unknown_input_comes_with_what_was_probably_meant() -> None:
    _, problems = V26.check({**least(V26), "promt": "x"})
    assert kinds(problems) == [("promt", "unknown-input")]
    assert problems[0].suggestion == "did you mean prompt?"


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"prompt": "a", "multi_prompt": "b"}, [("multi_prompt", "together")]),
        ({"multi_prompt": "b", "end_image": URL}, [("end_image", "together")]),
        ({"multi_prompt": "a @ 10s | b @ 10s"}, [("multi_prompt", "sum")]),
        ({"multi_prompt": "a@15"}, []),
        ({"multi_prompt": "|".join("a @ 3s" for _ in range(5))}, []),
    ],
)
def test_inputs_that_exclude_each_other_are_told(
    values: dict[str, object], expected: list[tuple[str, str]]
) -> None:
    assert kinds(V30.check({"image": URL, **values})[1]) == expected


@pytest.mark.parametrize("blank", ["  ", None])
def test_a_blank_value_is_not_given(blank: object) -> None:
    inputs, problems = V26.check({**least(V26), "negative_prompt": blank})
    assert problems == []
    assert "negative_prompt" not in inputs
    assert kinds(V26.check({**least(V26), "prompt": blank})[1]) == [
        ("prompt", "missing")
    ]


@given(rows())
def test_right_values_pass_and_passing_twice_changes_nothing(row: Row) -> None:
    model = builtin().find(str(row.cells["model"]))
    values = {name: row.cells[name] for name in model.inputs if name in row.cells}
    inputs, problems = model.check(values)
    if problems:
        return
    assert model.check(inputs) == (inputs, [])
    body = model.request(inputs)
    assert set(inputs) <= set(body) <= set(model.inputs)
    again = model.check(body)[0]
    assert model.price_usd_micros(inputs) == model.price_usd_micros(again)


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(model=st.sampled_from(MODELS), values=st.data())
def test_no_value_at_all_makes_the_check_fail(
    model: Model, values: st.DataObject
) -> None:
    names = st.sampled_from([*model.inputs, "other"])
    given_values = values.draw(st.dictionaries(names, ANYTHING))
    inputs, problems = model.check(given_values)
    assert set(inputs) <= set(model.inputs)
    for problem in problems:
        assert problem.message
        assert problem.suggestion
        assert visible(problem.message) == problem.message
    if not problems:
        price_usd_micros = model.price_usd_micros(inputs)
        assert price_usd_micros is not None
        assert price_usd_micros > 0
