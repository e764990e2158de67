"""How slots are used while times are not known, asked of a real fleet for seconds."""

import argparse
import json

import pytest

from bench import cold
from bench.cold import Case
from bench.results import markdown


def asked(*words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser(exit_on_error=False)
    cold.add_options(parser)
    return parser.parse_args(words)


def test_a_batch_is_watched_to_its_end() -> None:
    options = asked("--case=12/4/0.5/20", "--poll-min-s=0.3", "--workers=2")
    numbers = json.loads(json.dumps(cold.answer(options)))
    (case,) = numbers["cases"]
    assert case["seconds_ideal"] <= case["seconds_even"] <= case["seconds"]
    # One is sampled and the other exact, so neither bounds the other in a short run.
    assert 0 < case["slots_at_provider"] <= 1
    assert 0 < case["slots_by_ledger"] <= 1
    assert case["gets_per_job"] >= 1
    assert "| 12 | 4 | 0.5" in markdown(cold.page(numbers))


@pytest.mark.parametrize("text", ["80", "80/20", "80/20/3/4/5", "a/b/c"])
def test_a_case_has_three_numbers_or_four(text: str) -> None:
    with pytest.raises(argparse.ArgumentError, match="is no case, such as 80/20/3"):
        asked(f"--case={text}")


def test_a_case_may_be_unlearnt() -> None:
    assert asked("--case=80/20/3").case == [Case(80, 20, 3.0)]


def test_slots_are_free_again_when_an_end_is_noticed() -> None:
    assert cold.seconds([3.0, 3.0, 3.0], slots=2, every_s=0.0) == 6.0
    assert cold.seconds([3.0, 3.0, 3.0], slots=2, every_s=5.0) == 10.0
