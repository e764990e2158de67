"""The timeline: every start is in it, and never more run at once than ran."""

from dataclasses import replace
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from jobs.pace.waits import LONGEST_GENERATION_S
from jobs.records import Attempt, JobRecord
from jobs.report.document import report
from jobs.report.timeline import MOST_STEPS, ROUND_S
from jobs.states import State
from tests.jobs.report.reported import NOW_S, SPRING, one_job, one_try

#: Some seconds apart, or hours, or years.
spans = st.floats(0, 100) | st.floats(0, 10**5) | st.floats(0, 10**9)
moments = st.tuples(spans, st.none() | spans)


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
    found = report(SPRING, [record], NOW_S + 40 * LONGEST_GENERATION_S)["timeline"]
    assert len(found["starts"]) * found["every_s"] <= LONGEST_GENERATION_S * 1.1


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
    assert len(starts) == len(running) == len(finished) <= MOST_STEPS
    assert found["every_s"] in ROUND_S or found["every_s"] % ROUND_S[-1] == 0
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
