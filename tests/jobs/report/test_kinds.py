"""Kinds of job: told apart by whatever the price list says multiplies a price."""

from dataclasses import replace
from fractions import Fraction

import pytest

from jobs.catalogue import builtin
from jobs.catalogue.model import Factor, Model
from jobs.money import usd
from jobs.report.bill import Bill
from jobs.report.kinds import Kind, in_words, kind_of
from tests.jobs.report.reported import MODEL, one_job

SWITCH = {"boolean": (True, False)}


def test_a_switch_is_told_by_its_name_and_all_else_with_its_value() -> None:
    factors = [
        Factor("sound", value=True, factor=Fraction(3, 2)),
        Factor("output_resolution", "1080p", Fraction(2)),
        Factor("watermark", value=False, factor=Fraction(11, 10)),
        Factor("mode", "usual", Fraction(1)),
    ]
    assert in_words(factors) == "sound, output resolution 1080p, no watermark"


@pytest.mark.parametrize("model", builtin().models.values(), ids=lambda m: str(m.name))
def test_jobs_of_one_kind_and_length_cost_the_same(model: Model) -> None:
    """Whatever is not named as an option must not change the price of a second."""
    job = replace(one_job().job, model=model.id, duration_s=5, inputs={})
    prices: dict[Kind, set[int | None]] = {}
    for name, spec in model.inputs.items():
        for value in spec.choices or SWITCH.get(spec.type, ()):
            inputs = {name: value, "duration": 5}
            kind = kind_of(replace(job, inputs=inputs))
            prices.setdefault(kind, set()).add(model.price_usd_micros(inputs))
    assert {len(found) for found in prices.values()} == {1}
    assert len(prices) == 1 + len(model.price.factors if model.price else ())


def test_what_is_billed_for_one_prediction_is_added_up() -> None:
    charge = {"prediction_id": "p9", "billed_usd": usd(210_000)}
    bill = Bill({"unexplained": [charge, charge]})
    assert bill.stranger_usd("p9") == "0.42"
    assert bill.stranger_usd("p8") is None
    assert bill.line(Kind(MODEL, 5, ""))["billed_usd"] == "0.00"
    assert Bill(None).line(Kind(MODEL, 5, "")) == {}
