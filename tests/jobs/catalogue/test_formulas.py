import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.catalogue.formulas import STARTS, is_formula


@pytest.mark.parametrize(
    "text",
    [
        "=A1",
        "= A1",
        "=$A$1",
        "=-A1",
        "=(A1+B1)",
        "=A1:B2",
        "=A:A",
        "=A1&B1",
        '=A1&" turning"',
        '=CONCAT(A1;"x")',
        "=SVERWEIS(A1;B:B;1)",
        "=ВПР(A1)",
        "=_xlfn.CONCAT(A1)",
        '=HYPERLINK("https://example.com")',
        "=Sheet1!A1",
        "='My sheet'!A1",
        "=[Book.xlsx]Sheet1!A1",
        "=Table1[Name]",
        '="0012"',
        "=5",
        "=1+1",
        "={1;2}",
        "=TRUE",
        "=#REF!",
        "=cmd|' /C calc'!A0",
        "+cmd|' /C calc'!A0",
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
        "",
        "-",
        "=",
        "==",
        "-5",
        "+5",
        "-5.5",
        "-50% off",
        "- slow pan",
        "-slow (very) pan",
        "- 'slow' & calm",
        "- A1 - the hero shot",
        "+ slow zoom (in)",
        "+1 555",
        "+49 30 (1234)",
        "=> left",
        "=== title ===",
        "= a slow pan",
        "= 3 mugs on a table",
        "=left to right",
        "=^.^=",
        "@mug turning",
        "@anna(x)",
        "@(home)",
        "A1",
        "SUM(A1)",
    ],
)
def test_a_text_that_begins_like_one_is_none(text: str) -> None:
    assert not is_formula(text)


@given(st.text())
def test_no_formula_begins_with_a_letter(text: str) -> None:
    assert not is_formula(text) or text.strip()[0] in STARTS


@given(st.integers() | st.decimals(allow_nan=False, allow_infinity=False))
def test_a_number_is_no_formula_whatever_its_sign(number: object) -> None:
    assert not is_formula(str(number))
    assert not is_formula(f"+{number}")
