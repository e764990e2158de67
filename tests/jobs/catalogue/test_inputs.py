from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.catalogue import builtin
from jobs.catalogue.inputs import Input, is_formula
from jobs.catalogue.validation import InvalidValueError

DURATION = Input("integer", choices=(5, 10))
LENGTH = Input("integer", minimum=3, maximum=15)
SCALE = Input("number", minimum=0, maximum=1)
TEXT = Input("text", max_chars=20)
SOUND = Input("boolean")
PICTURES = builtin().find("kling-v1.6-multi").inputs["images"]
SHOTS = builtin().find("kling-v3.0-std").inputs["multi_prompt"]
A, B = "https://example.com/a.jpg", "https://example.com/b.jpg"
NOT_WHOLE: list[object] = ["9" * 5000, "5s", 5.5, "5e0", "nan", float("nan"), True, [5]]
NO_BOOLEANS: list[object] = ["1", 1, []]
NOT_NUMBERS: list[object] = [10**400, "nan", "1e-3", "1" * 400, True]
TWO_SHOTS = [{"prompt": "wide", "duration": 4}, {"prompt": "close"}]


def refused(spec: Input, value: object) -> InvalidValueError:
    with pytest.raises(InvalidValueError) as caught:
        spec.read(value)
    return caught.value


@pytest.mark.parametrize(
    ("spec", "values", "expected"),
    [
        (DURATION, [5, " 5 ", "5.0", 5.0], 5),
        (SCALE, [".5", 0.5], 0.5),
        (SOUND, [True, "TRUE", "Yes"], True),
        (SOUND, [False, "No"], False),
        (TEXT, [" a mug "], "a mug"),
        (TEXT, ["two\r\nlines"], "two\nlines"),
        (TEXT, ["👩‍🎨 paints"], "👩‍🎨 paints"),
        (PICTURES, [[A, B], f" {A} | {B} ", f"{A}\n{B}\n", f'["{A}", "{B}"]'], [A, B]),
        (
            SHOTS,
            [
                "wide@4|close",
                '[{"prompt": "wide", "duration": 4}, {"prompt": "close"}]',
                ["wide @ 4s", {"prompt": "close"}],
            ],
            TWO_SHOTS,
        ),
    ],
)
def test_a_value_is_the_same_however_it_is_written(
    spec: Input, values: list[object], expected: Any
) -> None:
    for value in values:
        found = spec.read(value)
        assert found == expected
        assert type(found) is type(expected)


@pytest.mark.parametrize(
    ("spec", "value", "kind"),
    [
        (DURATION, "12", "not-allowed"),
        (DURATION, 10**400, "not-allowed"),
        *((DURATION, value, "not-an-integer") for value in NOT_WHOLE),
        (DURATION, "\uff15", "not-an-integer"),
        *((SCALE, value, "not-a-number") for value in NOT_NUMBERS),
        (SCALE, "1.5", "out-of-range"),
        (SCALE, -0.1, "out-of-range"),
        *((SOUND, value, "not-a-boolean") for value in NO_BOOLEANS),
        (TEXT, "a\x1b[2Jb", "control-character"),
        (TEXT, "a\ud800b", "control-character"),
        (TEXT, "\u200b\u200b", "blank"),
        (TEXT, "x" * 21, "too-long"),
        (TEXT, 5, "not-text"),
        (TEXT, "{{ title }} turns", "template"),
        (TEXT, "{% if a %}", "template"),
        (PICTURES, "|", "items"),
        (PICTURES, "|".join([A] * 5), "items"),
        (PICTURES, "[" * 100_000, "not-a-list"),
        (PICTURES, {"a": 1}, "not-a-list"),
        (PICTURES, [A, None], "missing"),
        (PICTURES, f"{A}|ftp://example.com/b.jpg", "address"),
        (SHOTS, "wide @ 2s", "out-of-range"),
        (SHOTS, "@ 5s", "missing"),
        (SHOTS, [{"prompt": "a", "length": 5}], "unknown-input"),
        (SHOTS, [["a"]], "not-an-object"),
        (SHOTS, [{"prompt": "{{ title }}"}], "template"),
        # A search that began anew at each blank would take longer than anybody waits.
        (SHOTS, f"a{' ' * 1_000_000}b @ 4s", "too-long"),
        *((spec, '=CONCAT(A1;"x")', "formula") for spec in (TEXT, DURATION, SHOTS)),
        (SHOTS, ["wide @ 4s", "=A1&B1"], "formula"),
    ],
)
def test_what_is_not_clearly_right_is_refused(
    spec: Input, value: object, kind: str
) -> None:
    assert refused(spec, value).issue.kind == kind


@pytest.mark.parametrize(
    ("spec", "value", "words"),
    [
        (DURATION, "12", '"12" is not one of 5, 10; write 5 or 10'),
        (LENGTH, 2, "write a whole number from 3 to 15"),
        (LENGTH, "x", "write a whole number from 3 to 15"),
        (LENGTH, "5 sec", "write the number alone, in seconds"),
        (SCALE, "0,5", "write it with a point"),
    ],
)
def test_a_refusal_says_what_is_wrong_and_what_to_write(
    spec: Input, value: object, words: str
) -> None:
    assert words in str(refused(spec, value))


def test_each_wrong_item_is_told_with_its_place() -> None:
    issues = refused(PICTURES, f"//a.jpg|{A}|file:c.jpg").issues
    assert [issue.message[:7] for issue in issues] == ["item 1:", "item 3:"]


@pytest.mark.parametrize(
    "text",
    [
        *("=A1", "=-A1", "=A:A", '=CONCAT(A1;"x")', "=_xlfn.CONCAT(A1)", "=Sheet1!A1"),
        *("=[Book.xlsx]Sheet1!A1", '="0012"', "=1+1", "=TRUE", "=cmd|' /C calc'!A0"),
        *("+SUM(A1:A2)", "@SUM(1)", "+A1", "-A1+B2", " =A1", "='My sheet'!A1"),
    ],
)
def test_a_formula_is_known_by_its_look(text: str) -> None:
    assert is_formula(text)


@pytest.mark.parametrize(
    "text",
    [
        *("-", "-5", "-5.5", "-50% off", "-slow (very) pan", "+ slow zoom (in)"),
        *("+1 555", "=> left", "= a slow pan", "=left to right", "=^.^="),
        *("@mug turning", "@(home)", "mug", ""),
    ],
)
def test_a_text_that_begins_like_a_formula_is_none(text: str) -> None:
    assert not is_formula(text)


@given(st.integers() | st.decimals(allow_nan=False, allow_infinity=False))
def test_a_number_is_no_formula_whatever_its_sign(number: object) -> None:
    assert not is_formula(str(number))
    assert not is_formula(f"+{number}")
