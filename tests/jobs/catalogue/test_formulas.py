import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.catalogue.formulas import is_formula


@pytest.mark.parametrize(
    "text",
    [
        "=A1",
        "=-A1",
        "=A:A",
        '=CONCAT(A1;"x")',
        "=_xlfn.CONCAT(A1)",
        "=Sheet1!A1",
        "=[Book.xlsx]Sheet1!A1",
        '="0012"',
        "=1+1",
        "=TRUE",
        "=cmd|' /C calc'!A0",
        "+SUM(A1:A2)",
        "@SUM(1)",
        "+A1",
        "-A1+B2",
    ],
)
def test_a_formula_is_told_by_its_look(text: str) -> None:
    assert is_formula(text)


@pytest.mark.parametrize(
    "text",
    [
        "-",
        "-5",
        "-5.5",
        "-50% off",
        "-slow (very) pan",
        "+ slow zoom (in)",
        "+1 555",
        "=> left",
        "= a slow pan",
        "=left to right",
        "=^.^=",
        "@mug turning",
        "@(home)",
    ],
)
def test_a_text_that_begins_like_one_is_none(text: str) -> None:
    assert not is_formula(text)


@given(st.integers() | st.decimals(allow_nan=False, allow_infinity=False))
def test_a_number_is_no_formula_whatever_its_sign(number: object) -> None:
    assert not is_formula(str(number))
    assert not is_formula(f"+{number}")
