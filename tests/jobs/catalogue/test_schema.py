"""Models of the provider's own list: what is read of an entry, and what is sent."""

from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.attempt.fingerprint import Fingerprinter
from jobs.attempt.links import to_upload
from jobs.catalogue import Catalogue, Model, builtin
from jobs.catalogue.schema import SchemaError, model_of, short_names
from jobs.catalogue.validation import ValidationIssue
from jobs.job import Job

URL = "https://example.com/mug.jpg"
TEXT = {"type": "string"}


def read(
    properties: dict[str, Any],
    required: tuple[str, ...] = ("image",),
    /,
    **keywords: Any,
) -> Model:
    schema = {"type": "object", "properties": properties, "required": required}
    run = {"type": "model_run", "request_schema": {**schema, **keywords}}
    entry = {
        "model_id": "acme/reel-9/image-to-video",
        "type": "image-to-video",
        "api_schema": {"api_schemas": [run]},
    }
    return model_of(entry, "reel-9", date(2026, 8, 18))


def issues_of(model: Model, **values: Any) -> list[ValidationIssue]:
    return model.check({"image": URL, **values})[1]


def test_every_role_has_one_name_here_and_the_models_own_on_the_wire() -> None:
    model = read(
        {
            "start_image": TEXT,
            "end_image": TEXT,
            "reference_images": {"type": "array", "items": TEXT, "maxItems": 3},
            "generate_audio": {"type": "boolean", "default": False},
        },
        ("start_image",),
    )
    values = {"image": URL, "last_image": URL, "images": f"{URL}|{URL}", "sound": "yes"}
    inputs, issues = model.check(values)
    assert issues == []
    assert model.request(inputs) == {
        "start_image": URL,
        "end_image": URL,
        "reference_images": [URL, URL],
        "generate_audio": True,
    }
    own = {"start_image": URL, "end_image": URL, "generate_audio": True}
    assert model.check(own)[0] == {"image": URL, "last_image": URL, "sound": True}


def test_defaults_are_sent_and_hidden_inputs_are_not() -> None:
    model = read(
        {
            "image": TEXT,
            "resolution": {"type": "string", "enum": ["720p", "4k"], "default": "720p"},
            "style": {"type": "string", "default": "none", "x-hidden": True},
            "model_version": {"type": "string", "default": "2", "disabled": True},
            "clips": {"type": "array", "items": {"type": "null"}},
        },
        ("image", "resolution"),
        seed={"type": "integer"},  # stray: it stands beside `properties` in some
    )
    inputs, issues = model.check({"image": URL})
    assert issues == []
    assert model.request(inputs) == {"image": URL, "resolution": "720p"}
    assert [one.kind for one in issues_of(model, style="film")] == ["unknown-input"]


def test_a_condition_between_inputs_holds_for_defaults_too() -> None:
    lengths = {"type": "integer", "enum": [5, 8, 10], "default": 10}
    short = {"properties": {"duration": {"enum": [5, 8]}}}
    is_large = {"properties": {"resolution": {"const": "1080p"}}}
    model = read(
        {"image": TEXT, "resolution": TEXT, "duration": lengths},
        allOf=[{"if": {**is_large, "required": ["resolution"]}, "then": short}],
    )
    assert issues_of(model) == issues_of(model, resolution="720p") == []
    assert issues_of(model, resolution="1080p", duration=8) == []
    (found,) = issues_of(model, resolution="1080p")
    assert (found.input, found.suggestion) == ("duration", "write 5 or 8")


def test_inputs_that_exclude_each_other_are_refused_together() -> None:
    model = read(
        {"image": TEXT, "end_image": TEXT, "loop": {"type": "boolean"}},
        **{"not": {"required": ["end_image", "loop"]}},
    )
    assert issues_of(model, loop=True) == []
    (found,) = issues_of(model, loop=True, last_image=URL)
    assert found.kind == "together"


@pytest.mark.parametrize(
    ("properties", "required", "said"),
    [
        ({"image": TEXT, "audio": TEXT}, ("image", "audio"), "needs audio"),
        ({"videos": {"type": "array", "items": TEXT}}, ("videos",), "needs videos"),
        ({"image": {"type": "tensor"}}, ("image",), "needs image, whose form"),
        ({"image": TEXT, "n": {"type": "integer", "minimum": "1x"}}, ("image",), "n.*"),
        ({"image": 7}, ("image",), "not understood"),
    ],
)
def test_a_model_that_cannot_be_used_says_why(
    properties: dict[str, Any], required: tuple[str, ...], said: str
) -> None:
    with pytest.raises(SchemaError, match=said):
        read(properties, required)


@pytest.mark.parametrize(
    "conditions",
    [
        {"not": {"$ref": "http://127.0.0.1/schema"}},
        {"allOf": [{"if": {"properties": {"image": {"pattern": "a"}}}}]},
    ],
)
def test_conditions_that_fetch_or_search_are_not_followed(
    conditions: dict[str, Any],
) -> None:
    with pytest.raises(SchemaError, match="conditions are not understood"):
        read({"image": TEXT}, **conditions)


def test_an_entry_without_sense_refuses_that_model_alone() -> None:
    deep: dict[str, Any] = TEXT
    for _ in range(3_000):
        deep = {"type": "array", "items": deep}
    with pytest.raises(SchemaError, match="not understood"):
        read({"image": TEXT, "layers": deep})
    entry = {"model_id": "a/b", "type": "image-to-video", "base_price": float("inf")}
    run = {"request_schema": {"properties": {"image": TEXT}}}
    with pytest.raises(SchemaError, match="not understood"):
        model_of({**entry, "api_schema": {"api_schemas": [run]}}, "b", date.min)


def test_a_model_of_another_type_is_refused() -> None:
    with pytest.raises(SchemaError, match="of type video-to-video"):
        model_of({"model_id": "a/b", "type": "video-to-video"}, "b", date(2026, 8, 18))


def test_a_length_in_parts_of_a_second_is_billed_by_whole_ones() -> None:
    model = read({"image": TEXT, "duration": {"type": "number", "default": 2.5}})
    assert model.duration_s({}) == 3
    assert read({"image": TEXT}).duration_s({}) == 0


def test_short_names_are_unique() -> None:
    ids = ["a/x/image-to-video", "b/x", "a/y/fast", "vidu/image-to-video-2.0"]
    assert list(short_names(ids).values()) == [
        "a-x-image-to-video",
        "b-x",
        "y-fast",
        "vidu-image-to-video-2.0",
    ]


_SCALARS: dict[str, tuple[dict[str, Any], st.SearchStrategy[Any]]] = {
    "prompt": (
        TEXT,
        st.text(st.characters(codec="ascii", categories=["L"]), min_size=1),
    ),
    "duration": (
        {"type": "integer", "minimum": 3, "maximum": 30, "default": 5},
        st.integers(3, 30),
    ),
    "resolution": (
        {"type": "string", "enum": ["720p", "4k"], "default": "720p"},
        st.sampled_from(["720p", "4k"]),
    ),
    "cfg": ({"type": "number", "minimum": 0, "maximum": 1}, st.floats(0, 1)),
    "sound": ({"type": "boolean", "default": True}, st.booleans()),
}


@given(st.fixed_dictionaries({}, optional={n: s for n, (_, s) in _SCALARS.items()}))
def test_what_is_valid_comes_back_unchanged(values: dict[str, Any]) -> None:
    model = read({"image": TEXT} | {n: spec for n, (spec, _) in _SCALARS.items()})
    row = {"image": URL, **values}
    inputs, issues = model.check(row)
    assert (inputs, issues) == (row, [])
    as_text = {
        n: str(v).lower() if v is True or v is False else v for n, v in row.items()
    }
    assert model.check(as_text) == (row, [])
    assert model.request(inputs).items() >= row.items()


def test_a_job_keeps_what_sends_it_whatever_becomes_of_the_list() -> None:
    model = read(
        {
            "start_image": TEXT,
            "generate_audio": {"type": "boolean", "default": False},
            "duration": {"type": "integer", "default": 5},
        },
        ("start_image",),
    )
    inputs = model.complete({"image": "mug.jpg"})
    job = Job("mug", 2, model.id, inputs, 1, "mug.mp4", form=model.form)
    again = Job.from_json(job.to_json())
    sender = again.find_model(builtin())
    assert sender.path == model.path
    assert sender.request(again.inputs) == model.request(inputs)
    assert to_upload(again, sender) == {"mug.jpg": ""}
    fingerprint = Fingerprinter(builtin()).of(again)
    assert fingerprint == Fingerprinter(Catalogue.of([model])).of(
        replace(job, form=None)
    )
