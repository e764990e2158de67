"""When it will be done: moments as people say them, levels, the budget of a day."""

from typing import Any
from zoneinfo import ZoneInfo

import pytest

from jobs import settings
from jobs.pace.limits import tiers
from jobs.text import by
from producer.prices.eta import DAY_S, NEVER, Finish, finish
from producer.prices.quote import Bill
from tests.producer.asking import NEW, Wanted

BERLIN = ZoneInfo("Europe/Berlin")
#: 20:00 on Friday 15 January 2027, by UTC.
NOW_S = 1_800_043_200.0
MODEL = "kwaivgi/kling-v2.6-std/image-to-video"


def finished(wanted: Wanted, learnt: Any = None, **chosen: Any) -> Finish:
    values = {k: v for k, v in chosen.items() if k in settings.Settings.model_fields}
    rest = {k: v for k, v in chosen.items() if k not in values}
    bill = Bill.of(wanted)
    account = settings.read({}, **values)
    return finish(bill, account, now_s=NOW_S, learnt=learnt or {}, **rest)


@pytest.mark.parametrize(
    ("in_s", "words"),
    [
        (60, "21:01"),
        (61, "21:02"),
        (2 * 3600, "23:00"),
        (3 * 3600, "00:00 on Sat 16 Jan"),
        (7 * 3600 + 599, "04:10 on Sat 16 Jan"),
        (400 * DAY_S, "21:00 on Sat 19 Feb 2028"),
    ],
)
def test_a_moment_is_said_with_its_day_if_that_is_another(
    in_s: float, words: str
) -> None:
    assert by(NOW_S, in_s, BERLIN) == words


def test_the_day_is_that_of_the_place() -> None:
    assert by(NOW_S, 3 * 3600, ZoneInfo("UTC")) == "23:00"
    assert by(NOW_S, 3 * 3600, ZoneInfo("Asia/Tokyo")) == "08:00"


def test_a_higher_level_is_named_if_it_is_worth_it() -> None:
    done, late = finished(Wanted().add(400)).lines(BERLIN)
    assert done.startswith("done by 02:")
    assert "on Sat 16 Jan (5 h " in done
    assert "or at Silver by 21:0" in done
    assert "Bronze" not in done
    assert late.startswith("nine times in ten by 05:")
    assert "at Bronze: 2 starts a minute, 2 at once" in late
    assert "as planned" in late


def test_a_level_that_saves_little_is_not_named() -> None:
    (done, _) = finished(Wanted().add(1)).lines(BERLIN)
    assert " or at " not in done


def test_own_limits_have_no_name() -> None:
    found = finished(Wanted().add(90), videos_per_minute=400, concurrent_videos=20)
    assert [level.tier for level in found.levels] == ["", "silver", "gold", "ultra"]
    done, late = found.lines(BERLIN)
    assert "or at Silver" in done
    assert "; 400 starts a minute, 20 at once" in late


def test_levels_that_are_lower_in_one_way_are_left_out() -> None:
    found = finished(Wanted().add(9), videos_per_minute=10, concurrent_videos=5_000)
    assert [level.tier for level in found.levels] == ["", "ultra"]
    assert len(finished(Wanted().add(9), tier="ultra").levels) == 1
    assert len(finished(Wanted().add(9), tier="bronze").levels) == len(tiers())


def test_learnt_times_count_for_their_model_and_duration() -> None:
    wanted = Wanted().add(100)
    slow = finished(wanted, {(MODEL, 5): [400.0] * 20})
    other = finished(wanted, {(MODEL, 10): [400.0] * 20})
    assert slow.learnt
    assert not other.learnt
    assert slow.levels[0].takes.likely_s > 3 * other.levels[0].takes.likely_s
    assert "as this account's were" in slow.lines(BERLIN)[1]


def test_videos_under_way_hold_it_up() -> None:
    free, busy = (finished(Wanted().add(4), slots_in_use=n) for n in (0, 2))
    assert busy.levels[0].takes.likely_s > free.levels[0].takes.likely_s


def test_a_budget_of_a_day_holds_the_rest_until_the_next() -> None:
    to_midnight_s = 4 * 3600
    wanted = Wanted().add(100)  # $21.00
    once = finished(wanted, daily_budget="21.00", tier="silver")
    twice = finished(wanted, daily_budget="20.99", tier="silver")
    many = finished(wanted, daily_budget="2.20", tier="silver")
    assert (once.days, twice.days, many.days) == (1, 2, 10)
    assert once.levels[0].takes.likely_s < 1_000
    assert 0 < twice.levels[0].takes.likely_s - to_midnight_s < 1_000
    assert 0 < many.levels[0].takes.likely_s - to_midnight_s - 8 * DAY_S < 1_000


def test_what_today_has_cost_counts() -> None:
    wanted = Wanted().add(10)  # $2.10
    assert finished(wanted, daily_budget="3").days == 1
    spent = finished(wanted, daily_budget="3", today_usd_micros=2_000_000)
    assert spent.days == 2
    over = finished(wanted, daily_budget="3", today_usd_micros=9_000_000)
    assert over.days == 2


def test_a_daily_budget_below_one_price_is_never_done() -> None:
    found = finished(Wanted().add(1).add(1, NEW), daily_budget="0.30")
    assert found.days is None
    assert found.lines(BERLIN) == [NEVER]


def test_nothing_to_make_needs_no_time() -> None:
    found = finished(Wanted().there(5, "reused"), daily_budget="1", slots_in_use=2)
    assert found.lines(BERLIN) == ["nothing is left to be made"]
    assert found.levels[0].takes.late_s == 0


def test_a_program_gets_seconds_and_moments() -> None:
    (own, *_) = finished(Wanted().add(40)).levels
    told = own.document(NOW_S)
    assert told["tier"] == "bronze"
    assert told["likely_s"] == round(own.takes.likely_s)
    assert str(told["likely_by"]).startswith("2027-01-15T2")
    assert str(told["late_by"]) > str(told["likely_by"])
