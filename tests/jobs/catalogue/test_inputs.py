from typing import TYPE_CHECKING, Any

import pytest

from jobs.catalogue import builtin
from jobs.catalogue.inputs import Input

if TYPE_CHECKING:
    from jobs.catalogue.addresses import ValidationIssue

DURATION = Input("integer", choices=(5, 10))
LENGTH = Input("integer", minimum=3, maximum=15)
SCALE = Input("number", minimum=0, maximum=1)
TEXT = Input("text", max_chars=20)
SOUND = Input("boolean")
PICTURES = builtin().find("kling-v1.6-multi").inputs["images"]
SHOTS = builtin().find("kling-v3.0-std").inputs["multi_prompt"]
A, B = "https://example.com/a.jpg", "https://example.com/b.jpg"


def read(spec: Input, value: object) -> Any:
    flaws: list[ValidationIssue] = []
    found = spec.read(value, flaws)
    assert flaws == []
    return found


def kind(spec: Input, value: object) -> str:
    flaws = spec.flaws_of(value)
    assert flaws
    return flaws[0].kind


@pytest.mark.parametrize("value", [5, " 5 ", "5.0", 5.0])
def test_five_is_five_however_it_is_written(value: object) -> None:
    found = read(DURATION, value)
    assert found == 5
    assert type(found) is int


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("12", "not-allowed"),
        ("9" * 5000, "not-an-integer"),
        ("5s", "not-an-integer"),
        (5.5, "not-an-integer"),
        ("5e0", "not-an-integer"),
        ("５", "not-an-integer"),  # noqa: RUF001 - a full-width digit, on purpose
        ("nan", "not-an-integer"),
        (float("nan"), "not-an-integer"),
        (True, "not-an-integer"),
        ([5], "not-an-integer"),
    ],
)
def test_what_is_no_allowed_whole_number_is_refused(
    value: object, expected: str
) -> None:
    assert kind(DURATION, value) == expected


def test_a_number_too_long_to_be_written_out_is_refused() -> None:
    assert kind(DURATION, 10**5000) == "not-allowed"
    assert kind(SCALE, 10**5000) == "not-a-number"


def test_messages_say_what_is_wrong_and_what_to_write() -> None:
    assert DURATION.flaws_of("12")[0].message == '"12" is not one of 5, 10'
    assert DURATION.flaws_of("12")[0].suggestion == "write 5 or 10"
    assert LENGTH.flaws_of(2)[0].suggestion == "write a whole number from 3 to 15"
    assert LENGTH.flaws_of("x")[0].suggestion == "write a whole number from 3 to 15"
    assert "in seconds" in LENGTH.flaws_of("5 sec")[0].suggestion
    assert "point" in SCALE.flaws_of("0,5")[0].suggestion


@pytest.mark.parametrize("value", [".5", 0.5])
def test_a_half_is_a_half_however_it_is_written(value: object) -> None:
    assert read(SCALE, value) == 0.5


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("nan", "not-a-number"),
        ("1e-3", "not-a-number"),
        ("1" * 400, "not-a-number"),
        (True, "not-a-number"),
        ("1.5", "out-of-range"),
        (-0.1, "out-of-range"),
    ],
)
def test_what_is_no_allowed_number_is_refused(value: object, expected: str) -> None:
    assert kind(SCALE, value) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [(True, True), ("TRUE", True), ("No", False)],
)
def test_booleans_are_read_in_words(value: object, expected: object) -> None:
    assert read(SOUND, value) is expected


@pytest.mark.parametrize("value", ["1", 1, []])
def test_what_might_be_a_boolean_is_refused(value: object) -> None:
    assert kind(SOUND, value) == "not-a-boolean"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (" a mug ", "a mug"),
        ("two\r\nlines", "two\nlines"),
        ("👩‍🎨 paints", "👩‍🎨 paints"),
    ],
)
def test_a_text_keeps_what_can_be_sent(value: str, expected: str) -> None:
    assert read(TEXT, value) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("a\x1b[2Jb", "control-character"),
        ("a\ud800b", "control-character"),
        ("\u200b\u200b", "blank"),
        ("x" * 21, "too-long"),
        (5, "not-text"),
    ],
)
def test_a_text_that_cannot_be_sent_is_refused(value: object, expected: str) -> None:
    assert kind(TEXT, value) == expected


@pytest.mark.parametrize(
    "value",
    [[A, B], f" {A} | {B} ", f"{A}\n{B}\n", f'["{A}", "{B}"]'],
)
def test_two_pictures_are_two_however_they_are_written(value: object) -> None:
    assert read(PICTURES, value) == [A, B]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("|", "items"),
        ("|".join([A] * 5), "items"),
        ("[" * 100_000, "not-a-list"),
        ({"a": 1}, "not-a-list"),
        ([A, None], "missing"),
        (f"{A}|ftp://example.com/b.jpg", "address"),
    ],
)
def test_a_list_that_is_none_is_refused(value: object, expected: str) -> None:
    assert kind(PICTURES, value) == expected


def test_each_wrong_item_is_told_with_its_place() -> None:
    flaws = PICTURES.flaws_of(f"//a.jpg|{A}|file:c.jpg")
    assert [flaw.message[:7] for flaw in flaws] == ["item 1:", "item 3:"]


@pytest.mark.parametrize(
    "value",
    [
        "wide@4|close@5",
        '[{"prompt": "wide", "duration": 4}, {"prompt": "close", "duration": "5"}]',
        ["wide @ 4s", {"prompt": "close", "duration": 5.0}],
    ],
)
def test_shots_are_read_from_words_json_and_values(value: object) -> None:
    assert read(SHOTS, value) == [
        {"prompt": "wide", "duration": 4},
        {"prompt": "close", "duration": 5},
    ]


def test_a_cell_of_blanks_is_judged_as_quickly_as_any() -> None:
    # A search that began anew at each blank would take longer than anybody waits.
    assert kind(SHOTS, f"a{' ' * 1_000_000}b @ 4s") == "too-long"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("wide @ 2s", "out-of-range"),
        ("@ 5s", "missing"),
        ([{"prompt": "a", "length": 5}], "unknown-input"),
        ([["a"]], "not-an-object"),
    ],
)
def test_a_shot_that_is_none_is_refused(value: object, expected: str) -> None:
    assert kind(SHOTS, value) == expected


@pytest.mark.parametrize("spec", [TEXT, DURATION, SHOTS])
def test_a_formula_that_nobody_computed_is_refused(spec: Input) -> None:
    assert kind(spec, '=CONCAT(A1;"x")') == "formula"


def test_a_formula_within_a_list_is_refused() -> None:
    assert kind(SHOTS, ["wide @ 4s", "=A1&B1"]) == "formula"


@pytest.mark.parametrize("value", ["{{ title }} turns", "{% if a %}"])
def test_a_template_that_stands_in_a_cell_is_refused(value: str) -> None:
    assert kind(TEXT, value) == "template"
    assert kind(SHOTS, [{"prompt": value}]) == "template"
