"""When a schedule is due, whatever the clocks of its zone do."""

from dataclasses import replace
from datetime import UTC, datetime
from itertools import islice, pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.schedule import (
    Due,
    Firing,
    Handed,
    Schedule,
    ScheduleError,
    due,
    times,
)

HOUR_S = 3600.0
DAY_S = 86_400.0
BERLIN = "Europe/Berlin"

moments = st.floats(1.7e9, 1.9e9)
zones = st.sampled_from(["UTC", BERLIN, "America/New_York", "Australia/Lord_Howe"])


def a_schedule(**changes: Any) -> Schedule:
    fields: dict[str, Any] = {
        "name": "nightly",
        "cron": "0 22 * * *",
        "zone": "UTC",
        "manifests": ("tonight.csv",),
        "account": "acme",
    }
    return Schedule(**{**fields, **changes})


def at_s(text: str) -> float:
    """Unix seconds of a time in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


def in_utc(cron: str, zone: str, after: str, count: int) -> list[str]:
    found = islice(times(cron, zone, at_s(after)), count)
    return [f"{datetime.fromtimestamp(s, UTC):%d %H:%M}" for s in found]


@given(st.integers(0, 59), st.integers(0, 23), zones, moments)
def test_every_day_has_its_firing_and_only_one(
    minute: int, hour: int, zone: str, now_s: float
) -> None:
    found = list(islice(times(f"{minute} {hour} * * *", zone, now_s), 8))
    gaps_h = [(b - a) / HOUR_S for a, b in pairwise(found)]
    assert all(22.5 <= gap_h <= 25.5 for gap_h in gaps_h)


def test_a_time_that_the_clocks_leave_out_comes_when_they_go_on() -> None:
    # On 29 March 2026 two o'clock is three o'clock.
    assert in_utc("30 2 * * *", BERLIN, "2026-03-27T12:00", 3) == [
        *("28 01:30", "29 01:00", "30 00:30"),
    ]


@pytest.mark.parametrize("after", ["2026-10-24T12:00"])
def test_a_time_that_clocks_show_twice_comes_once(after: str) -> None:
    # On 25 October 2026 half past two is at 00:30 and at 01:30 UTC.
    assert in_utc("30 2 * * *", BERLIN, after, 2) == ["25 00:30", "26 01:30"]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"cron": "0 22 * *"}, "write minute, hour, day"),
        ({"cron": "0 25 * * *"}, "its hour cannot be"),
        ({"zone": "Europe/Atlantis"}, "there is no such time zone"),
        ({"by": "6 am"}, "write a time of day, such as 06:00"),
        ({"name": "a/b"}, "is no name of a schedule"),
        ({"manifests": ()}, "name at least one manifest"),
    ],
)
def test_what_cannot_fire_is_refused(changes: dict[str, Any], words: str) -> None:
    a_schedule().check(at_s("2026-11-21T12:00"))
    with pytest.raises(ScheduleError, match=words):
        a_schedule(**changes).check(at_s("2026-11-21T12:00"))


def test_one_firing_makes_up_for_all_that_were_missed() -> None:
    first_s, newest_s = at_s("2026-11-18T22:00"), at_s("2026-11-21T22:00")
    found = due(a_schedule(), at_s("2026-11-18T12:00"), newest_s + 2 * HOUR_S)
    assert found == Due(newest_s, first_s)


def test_what_is_too_late_does_not_fire() -> None:
    first_s = at_s("2026-11-20T22:00")
    added_s, now_s = first_s - HOUR_S, first_s + 7 * HOUR_S
    assert due(a_schedule(), added_s, now_s) == Due(now_s, first_s, fires=False)
    patient = a_schedule(late_s=8 * HOUR_S)
    assert due(patient, added_s, now_s) == Due(first_s, first_s)


@given(moments, st.floats(0, 10 * DAY_S), st.floats(60, 3 * DAY_S))
def test_what_fires_is_due_and_not_too_late(
    added_s: float, passed_s: float, late_s: float
) -> None:
    schedule, now_s = a_schedule(cron="0 */4 * * *", late_s=late_s), added_s + passed_s
    found = due(schedule, added_s, now_s)
    if found is None:
        assert schedule.next_s(added_s) > now_s
        return
    assert added_s < found.first_s <= found.at_s <= now_s
    if found.fires:
        assert found.at_s > now_s - late_s
        assert schedule.next_s(found.at_s) > now_s
    assert due(schedule, found.at_s, now_s) is None


def test_a_deadline_is_the_next_such_time_in_its_zone() -> None:
    schedule = a_schedule(by="06:00", zone=BERLIN)
    fired_s = at_s("2026-11-21T21:00")
    assert schedule.deadline_s(fired_s) == at_s("2026-11-22T05:00")
    assert schedule.say(fired_s) == "2026-11-21 22:00 CET"
    assert a_schedule().deadline_s(fired_s) is None


@given(
    st.builds(
        Firing,
        moments,
        moments,
        st.tuples(st.builds(Handed, st.text(), st.text(), st.tuples(st.text()))),
        st.tuples(st.text()),
        st.text(),
    )
)
def test_a_firing_is_read_as_it_was_written(firing: Firing) -> None:
    assert Firing.from_json(firing.to_json()) == firing
    again = replace(firing, again="later", handed=())
    assert Firing.from_json(again.to_json()) == again
