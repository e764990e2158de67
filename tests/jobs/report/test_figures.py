"""What a report counts: kinds of one price, whole timelines, true quantiles."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from jobs.catalogue import builtin
from jobs.catalogue.model import Model
from jobs.pace.waits import MAX_GENERATION_S
from jobs.records import Attempt, JobRecord
from jobs.report.document import report
from jobs.report.figures import MAX_BINS, MAX_STEPS, STEPS_S, Kind, kind_of
from jobs.states import State
from tests.jobs.report.reported import NOW_S, SPRING, of, one_job, one_try

SWITCH = {"boolean": (True, False)}

#: Some seconds apart, or hours, or years.
spans = st.floats(0, 100) | st.floats(0, 10**5) | st.floats(0, 10**9)
moments = st.tuples(spans, st.none() | spans)


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


def job(*times: tuple[float, float | None]) -> JobRecord:
    """A job with an attempt for each start and end, in seconds since `NOW_S`."""
    tries = [
        Attempt(
            number=number,
            sent_at_s=NOW_S + start,
            outcome="generating" if end is None else "completed",
            price_usd_micros=None,
            ended_at_s=None if end is None else NOW_S + end,
        )
        for number, (start, end) in enumerate(times, 1)
    ]
    return one_job(State.GENERATING, *tries)


def timeline(*times: tuple[float, float | None], now_s: float = 0.0) -> dict[str, Any]:
    found: dict[str, Any] = report(SPRING, [job(*times)], NOW_S + now_s)["timeline"]
    return found


def test_starts_ends_and_what_runs_between_stand_in_their_steps() -> None:
    assert timeline((0.0, 2.5), (0.5, 2.0), (2.0, 3.0), (5.2, 5.9)) == {
        "from": "2026-05-28T20:26:40.000Z",
        "every_s": 1,
        "starts": [2, 0, 1, 0, 0, 1],
        "most_in_a_minute": 4,
        "running": [2, 2, 2, 1, 0, 1],
        "finished": [0, 0, 2, 1, 0, 1],
    }


def test_a_lost_answer_runs_no_longer_than_its_slot_is_lent() -> None:
    lost = replace(one_try("unknown"), sent_at_s=NOW_S)
    record = one_job(State.UNRESOLVED, lost)
    found = report(SPRING, [record], NOW_S + 40 * MAX_GENERATION_S)["timeline"]
    assert len(found["starts"]) * found["every_s"] <= MAX_GENERATION_S * 1.1


@given(st.lists(moments, min_size=1, max_size=12), spans)
@example([(0.0, 239.9)], 0.0)
@example([(0.0, 86_400.0 * 239.99)], 0.0)
@example([(86_399.0, 86_400.0 * 240 + 1)], 0.0)
def test_a_timeline_is_whole_and_short(
    times: list[tuple[float, float | None]], now_s: float
) -> None:
    found = timeline(*times, now_s=now_s)
    starts, running, finished = (
        found[name] for name in ("starts", "running", "finished")
    )
    assert len(starts) == len(running) == len(finished) <= MAX_STEPS
    assert found["every_s"] in STEPS_S or found["every_s"] % STEPS_S[-1] == 0
    assert sum(starts) == len(times)
    assert sum(finished) == sum(end is not None for _, end in times)
    assert max(running) == _at_once(times, now_s)
    sent = [NOW_S + start for start, _ in times]
    most = max(sum(at - 60 < other <= at for other in sent) for at in sent)
    assert found["most_in_a_minute"] == most


def _at_once(times: list[tuple[float, float | None]], now_s: float) -> int:
    """How many run at once at most: told the slow way, at each start."""
    spans = [
        (NOW_S + start, NOW_S + max(start, now_s if end is None else end))
        for start, end in times
    ]
    return max(sum(a <= at < b for a, b in spans) for at, _ in spans)


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
    assert [row["generated_s"] for row in document["rows"]] == [None]


@given(st.lists(st.floats(0.1, 10**6), min_size=1, max_size=40))
@example([0.1, 23.1])
@example([24.0, 48.0])
def test_every_time_is_in_one_bin_and_quantiles_were_met(took_s: list[float]) -> None:
    found = times_of(*took_s)
    met = sorted(row["generated_s"] for row in of(*map(made_in, took_s))["rows"])
    bounds = [each["up_to_s"] for each in found["bins"]]
    assert bounds == sorted(set(bounds))
    assert len(bounds) <= MAX_BINS + 1
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
