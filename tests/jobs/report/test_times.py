"""Generation times: quantiles that were really met, and bins that hold them all."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from jobs.records import JobRecord
from jobs.report.times import MOST_BINS
from jobs.states import State
from tests.jobs.report.reported import NOW_S, of, one_job, one_try


def made_in(took_s: float, duration_s: int = 5) -> JobRecord:
    record = one_job(State.STORED, replace(one_try(), ended_at_s=NOW_S + took_s))
    return replace(record, job=replace(record.job, duration_s=duration_s))


def times_of(*took_s: float) -> dict[str, Any]:
    (found,) = of(*map(made_in, took_s))["times"]
    return dict(found)


def test_a_straggler_does_not_press_all_others_into_one_bin() -> None:
    usual = [60.0 + number for number in range(30)]
    found = times_of(*usual, 500_000.0)
    assert found["bins"][-1] == {"up_to_s": 500_000, "count": 1}
    assert sum(each["count"] > 0 for each in found["bins"]) > 5


@pytest.mark.parametrize(
    "record",
    [
        one_job(State.WAITING),
        one_job(State.FAILED, replace(one_try("failed"), ended_at_s=NOW_S + 9)),
        one_job(State.STORED, replace(one_try(), ended_at_s=NOW_S)),
    ],
)
def test_a_time_that_nobody_saw_is_not_told(record: JobRecord) -> None:
    document = of(record)
    assert document["times"] == []
    assert document["rows"][0]["generated_s"] is None


@given(st.lists(st.floats(0.1, 10**6), min_size=1, max_size=40))
@example([0.1, 23.1])
@example([24.0, 48.0])
def test_every_time_is_in_one_bin_and_quantiles_were_met(took_s: list[float]) -> None:
    found = times_of(*took_s)
    met = sorted(row["generated_s"] for row in of(*map(made_in, took_s))["rows"])
    bounds = [each["up_to_s"] for each in found["bins"]]
    assert bounds == sorted(set(bounds))
    assert len(bounds) <= MOST_BINS + 1
    low = 0.0
    for each in found["bins"]:
        assert each["count"] == sum(low < took <= each["up_to_s"] for took in met)
        low = each["up_to_s"]
    assert sum(each["count"] for each in found["bins"]) == found["count"] == len(met)
    for share, name in ((0.5, "p50_s"), (0.9, "p90_s")):
        assert found[name] in met
        assert sum(took <= found[name] for took in met) >= share * len(met)
        assert sum(took < found[name] for took in met) < share * len(met)
    assert found["longest_s"] == met[-1]
