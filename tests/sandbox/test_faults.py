import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.faults import FAULTS, Faults, Odds, luck


@given(st.integers(), st.text(), st.integers())
def test_luck_lies_between_0_and_1_and_repeats(seed: int, name: str, n: int) -> None:
    assert 0 <= luck(seed, name, n) < 1
    assert luck(seed, name, n) == luck(seed, name, n)


def test_a_fault_strikes_about_as_often_as_its_chance() -> None:
    faults = Faults(seed=3)
    faults.set("result_5xx", 0.2)
    assert 160 < sum(faults.strikes("result_5xx") for _ in range(1000)) < 240


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_never_strikes_at_0_and_always_at_1(name: str) -> None:
    faults = Faults()
    assert not any(faults.strikes(name) for _ in range(50))
    faults.set(name, 1)
    assert all(faults.strikes(name) for _ in range(50))
    faults.set(name, 0)
    assert not any(faults.strikes(name) for _ in range(50))


def test_the_same_seed_strikes_at_the_same_times_whatever_else_is_asked() -> None:
    one, other = Faults(seed=7), Faults(seed=7)
    for faults in (one, other):
        faults.set("result_5xx", 0.5)
        faults.set("result_429", 0.5)
    struck = []
    for _ in range(100):
        one.strikes("result_429")
        struck.append(one.strikes("result_5xx"))
    assert struck == [other.strikes("result_5xx") for _ in range(100)]


def test_the_first_few_times_and_no_more() -> None:
    faults = Faults()
    faults.set("submit_429", "first 2")
    assert [faults.strikes("submit_429") for _ in range(4)] == [
        True,
        True,
        False,
        False,
    ]
    faults.set("submit_429", "first 1")
    assert faults.strikes("submit_429")


@pytest.mark.parametrize("value", [-0.1, 1.1, "often", "first x", None, [], "0.5"])
def test_what_are_no_odds_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match="from 0 to 1"):
        Odds.read(value)


@pytest.mark.parametrize("value", [0.25, "first 3"])
def test_odds_are_written_as_they_are_read(value: object) -> None:
    assert Odds.read(value).written() == value
