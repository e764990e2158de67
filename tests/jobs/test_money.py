"""Money as text: exact both ways, and honest about what is no amount."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.money import usd, usd_micros

amounts = st.integers(-(10**15), 10**15)


@given(amounts)
def test_an_amount_reads_back_exactly(micros: int) -> None:
    assert usd_micros(usd(micros)) == micros
    assert usd_micros(f" ${usd(micros)} ") == micros


@pytest.mark.parametrize(
    ("micros", "text"),
    [(0, "0.00"), (252_000, "0.252"), (1, "0.000001"), (-1_500_000, "-1.50")],
)
def test_an_amount_is_written_like_this(micros: int, text: str) -> None:
    assert usd(micros) == text


@pytest.mark.parametrize("text", ["", "ten", "nan", "-Infinity", "1 2"])
def test_what_is_no_amount_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ValueError, match="is no amount of dollars, such as"):
        usd_micros(text)


def test_an_amount_that_micro_dollars_cannot_hold_is_refused() -> None:
    with pytest.raises(ValueError, match="finer than a millionth"):
        usd_micros("0.0000001")
