from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.models import InputRefused, known_models, picture_urls
from tests.sandbox.desk import LEAST, MULTI, PICTURE, V16, V21, V26, V30

FULL: dict[str, dict[str, Any]] = {
    V26: {"prompt": "p", "negative_prompt": "n", "image": PICTURE, "duration": 10},
    V16: {
        "prompt": "p" * 2500,
        "negative_prompt": "",
        "image": PICTURE,
        "guidance_scale": 1,
        "duration": 5,
    },
    V21: {
        "prompt": "p",
        "negative_prompt": "n",
        "image": PICTURE,
        "guidance_scale": 0.5,
        "duration": "10",
    },
    V30: {
        "image": PICTURE,
        "multi_prompt": [{"prompt": "p", "duration": 3}, {"prompt": "q"}],
        "negative_prompt": "n",
        "duration": 15,
        "cfg_scale": 0,
        "sound": True,
        "shot_type": "intelligent",
        "element_list": [{"element_id": "e"}],
    },
    MULTI: {
        "prompt": "p",
        "images": [PICTURE] * 4,
        "duration": 10,
        "aspect_ratio": "9:16",
    },
}


@pytest.mark.parametrize("model", LEAST)
def test_every_model_takes_what_its_page_describes(model: str) -> None:
    known_models()[model].check(LEAST[model])
    known_models()[model].check(FULL[model])


@pytest.mark.parametrize("model", LEAST)
def test_no_model_takes_what_its_page_does_not_describe(model: str) -> None:
    with pytest.raises(InputRefused) as refused:
        known_models()[model].check(LEAST[model] | {"seed": 1})
    assert refused.value.field == "seed"


@pytest.mark.parametrize(
    ("model", "changes", "field"),
    [
        (V26, {"image": None}, "image"),
        (V26, {"image": ""}, "image"),
        (V26, {"image": "file:///etc/passwd"}, "image"),
        (V26, {"duration": "5"}, "duration"),
        (V26, {"duration": 5.0}, "duration"),
        (V26, {"duration": True}, "duration"),
        (V26, {"duration": 7}, "duration"),
        (V16, {"prompt": "p" * 2501}, "prompt"),
        (V16, {"guidance_scale": 1.01}, "guidance_scale"),
        (V16, {"guidance_scale": float("nan")}, "guidance_scale"),
        (V16, {"guidance_scale": "0.5"}, "guidance_scale"),
        (V21, {"duration": 5}, "duration"),
        (V21, {"negative_prompt": "n" * 2501}, "negative_prompt"),
        (V30, {"duration": 2}, "duration"),
        (V30, {"duration": 16}, "duration"),
        (V30, {"sound": 1}, "sound"),
        (V30, {"cfg_scale": -0.1}, "cfg_scale"),
        (V30, {"multi_prompt": [{"prompt": "p"}]}, "prompt"),
        (V30, {"prompt": ""}, "prompt"),
        (V30, {"multi_prompt": [{}] * 7}, "multi_prompt"),
        (V30, {"multi_prompt": [{"duration": 99}]}, "multi_prompt[0].duration"),
        (V30, {"element_list": [{"image": "x"}]}, "element_list[0].image"),
        (MULTI, {"images": []}, "images"),
        (MULTI, {"images": [PICTURE] * 5}, "images"),
        (MULTI, {"images": PICTURE}, "images"),
        (MULTI, {"images": [PICTURE, 7]}, "images[1]"),
        (MULTI, {"aspect_ratio": "4:3"}, "aspect_ratio"),
    ],
)
def test_a_wrong_input_is_refused_by_its_name(
    model: str, changes: dict[str, object], field: str
) -> None:
    with pytest.raises(InputRefused, match=r".+") as refused:
        known_models()[model].check(LEAST[model] | changes)
    assert refused.value.field == field


def test_shots_and_an_end_picture_exclude_each_other() -> None:
    inputs = {"image": PICTURE, "end_image": PICTURE, "multi_prompt": [{"prompt": "p"}]}
    with pytest.raises(InputRefused, match="not supported with end_image"):
        known_models()[V30].check(inputs)


@pytest.mark.parametrize("model", [V16, V21, MULTI])
def test_a_required_prompt_is_missed(model: str) -> None:
    inputs = {name: value for name, value in LEAST[model].items() if name != "prompt"}
    with pytest.raises(InputRefused, match="prompt: is required"):
        known_models()[model].check(inputs)


@pytest.mark.parametrize(
    ("model", "inputs", "usd_micros"),
    [
        (V26, {}, 210_000),
        (V26, {"duration": 10}, 420_000),
        (V16, {"duration": 10}, 500_000),
        (V21, {}, 250_000),
        (V21, {"duration": "10"}, 500_000),
        (MULTI, {"duration": 10}, 500_000),
        (V30, {"duration": 3}, 252_000),
        (V30, {"duration": 3, "sound": True}, 378_000),
        (V30, {}, 420_000),
        (V30, {"sound": True}, 630_000),
        (V30, {"duration": 15, "sound": False}, 1_260_000),
        (V30, {"duration": 15, "sound": True}, 1_890_000),
    ],
)
def test_a_prediction_costs_what_the_page_says(
    model: str, inputs: dict[str, object], usd_micros: int
) -> None:
    assert known_models()[model].price_usd_micros(inputs) == usd_micros


@given(
    st.sampled_from(sorted(LEAST)),
    st.dictionaries(
        st.sampled_from(["image", "images", "prompt", "duration", "sound", "x"]),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
            lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
        ),
    ),
)
def test_any_json_is_taken_or_refused_by_name(
    model: str, inputs: dict[str, Any]
) -> None:
    try:
        known_models()[model].check(inputs)
    except InputRefused as refused:
        assert refused.field  # noqa: PT017 - either outcome is right
    else:
        assert known_models()[model].price_usd_micros(inputs) > 0


def test_the_first_frame_is_the_first_picture() -> None:
    inputs = {"images": ["https://a.example/1.jpg", "https://a.example/2.jpg"]}
    assert next(picture_urls(inputs)) == "https://a.example/1.jpg"
    assert list(picture_urls({"end_image": "e", "image": "i"})) == ["i", "e"]


def test_the_schema_allows_no_other_names() -> None:
    schema = known_models()[V30].request_schema()
    assert schema["additionalProperties"] is False
    assert schema["required"] == ["image"]
    assert schema["properties"]["duration"] == {
        "type": "integer",
        "minimum": 3,
        "maximum": 15,
        "default": 5,
    }
    assert schema["properties"]["multi_prompt"]["items"]["properties"].keys() == {
        "prompt",
        "duration",
    }
