"""The questions about an account's limits, asked of a real fleet for some seconds."""

import argparse
import json
from collections.abc import Mapping
from dataclasses import fields
from types import ModuleType
from typing import Any

import pytest

from bench import slots
from bench.measuring import MeasuringError
from bench.results import markdown
from bench.sampling import Sample
from bench.slots import Case
from jobs.pace.limits import Limits

QUICK = ("--poll-min-s=0.2", "--video-bytes=2000")


def asked(question: ModuleType, *words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser(exit_on_error=False)
    question.add_options(parser)
    return parser.parse_args([*words, *QUICK])


def shown(question: ModuleType, numbers: Mapping[str, Any]) -> str:
    """The page, of numbers that went through a file."""
    return markdown(question.page(json.loads(json.dumps(numbers))))


def test_slots_are_measured_by_the_ledger_and_at_the_provider_with_webhooks() -> None:
    options = asked(slots, "--case=6000/20/1", "--minutes=0.05")
    case = slots.measured(options, options.case[0], hooks=True)
    for least, most in (
        (0, case["slots_at_provider"]),
        (case["slots_at_provider"], case["slots_by_ledger"]),
        (case["slots_by_ledger"], 1),
        (1, case["webhooks_taken"]),
        (case["most_at_once"], 20),
        (case["worst_60_s"], 6_000),
        (case["refused_429"], 0),
    ):
        assert least <= most
    numbers = {"cases": [case], "watched_s": 3.0, "spread": 0.35}
    assert "| 6,000 | 20 | 1.00 | yes | slots |" in shown(slots, numbers)


@pytest.mark.parametrize(
    ("starts", "slots_", "median_s", "binds"),
    [
        (500, 300, 60.0, "slots"),
        (500, 3_000, 60.0, "rate"),
        (3_000, 300, 30.0, "slots"),
        (3_000, 3_000, 90.0, "slots"),
        (3_000, 3_000, 10.0, "rate"),
    ],
)
def test_what_binds_is_what_is_reached_first(
    starts: int, slots_: int, median_s: float, binds: str
) -> None:
    assert Case(Limits(starts, slots_), median_s).binds == binds


@pytest.mark.parametrize("text", ["500", "500/300", "a/b/c"])
def test_a_case_has_three_numbers(text: str) -> None:
    with pytest.raises(argparse.ArgumentError, match="is no case, such as 500/300/60"):
        asked(slots, f"--case={text}")


def seen(at_s: float, *, slots_in_use: int, waiting: int) -> Sample:
    nothing: dict[str, Any] = {each.name: 0 for each in fields(Sample)}
    mine = {"at_s": at_s, "slots": slots_in_use, "waiting": waiting, "created": 1}
    return Sample(**(nothing | mine))


def test_it_is_watched_from_when_the_slots_were_full_once() -> None:
    case = Case(Limits(6_000, 10), 2.0)
    filling = [seen(at_s, slots_in_use=at_s * 2, waiting=9) for at_s in range(6)]
    full = [seen(at_s, slots_in_use=7, waiting=9) for at_s in range(6, 90)]
    window = slots.watched(case, iter([*filling, *full]), minutes=1)
    assert (window[0].at_s, window[-1].at_s) == (5, 64)


def test_a_batch_that_is_over_before_the_end_is_no_measurement() -> None:
    case = Case(Limits(6_000, 10), 2.0)
    samples = [seen(at_s, slots_in_use=10, waiting=30 - at_s) for at_s in range(90)]
    with pytest.raises(MeasuringError, match="too small"):
        slots.watched(case, iter(samples), minutes=1)
