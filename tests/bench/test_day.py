"""A day that is played: what comes when, and that nothing is lost or paid twice."""

from pathlib import Path
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from bench.arrivals import BEGIN_S, Arrival, planned
from bench.day import ACCOUNT, SHOWN, Clock, Day, page
from bench.played import Odds
from bench.results import markdown
from jobs.ledger import Ledger
from jobs.ledger.audit import audit
from jobs.pace.limits import Limits

LIMITS = Limits(videos_per_minute=300, concurrent_videos=100)
ROUGH = Odds(throttled=0.004, lost=0.05, failed=0.1, moderated=0.03, death=0.03)


@given(st.floats(0.1, 24), st.floats(0.1, 24), st.integers(0, 99))
def test_the_full_hours_have_as_many_jobs_as_may_start_in_them(
    hours: float, full_hours: float, seed: int
) -> None:
    luck = Random(seed)  # noqa: S311 - as in the day itself
    plan = planned(hours, full_hours, LIMITS, luck)
    by_night = [each for each in plan if each.at_s < plan[0].at_s + full_hours * 1_800]
    wanted = round(full_hours * 60 * LIMITS.videos_per_minute)
    assert sum(each.jobs for each in by_night) == wanted
    assert [each.at_s for each in plan] == sorted(each.at_s for each in plan)


def test_a_rough_time_loses_nothing_and_pays_nothing_twice(
    ledger: Ledger, home: Path
) -> None:
    clock = Clock()
    own = Ledger(ledger.server, clock)
    luck = Random(1)  # noqa: S311 - as in the day itself
    plan = planned(0.02, 0.02, LIMITS, luck)
    day = Day(own, clock, LIMITS, luck, 20.0, home, ROUGH)
    day.play(plan)
    told = day.told(plan)
    assert audit(own, ACCOUNT) == []
    assert told["lost"] == told["paid_twice"] == told["paid_and_not_collected"] == 0
    assert 0 < int(str(told["worst_window"])) <= LIMITS.videos_per_minute
    assert 0 < int(str(told["most_at_once"])) <= LIMITS.concurrent_videos
    assert int(str(told["stored"])) + int(str(told["failed"])) == told["jobs"]
    assert told["answers_lost"] != 0
    assert told["worker_deaths"] != 0


def new_day(ledger: Ledger, home: Path, odds: Odds, limits: Limits) -> Day:
    """A day of which nothing was played yet, at generations of a minute."""
    clock = Clock()
    own = Ledger(ledger.server, clock)
    luck = Random(1)  # noqa: S311 - as in the day itself
    return Day(own, clock, limits, luck, 60.0, home, odds)


def test_single_lost_answers_leave_the_slots_in_use(ledger: Ledger, home: Path) -> None:
    """One in two hundred, side by side with none."""
    plan = [Arrival(BEGIN_S, 0, 800, 1)]
    shares = []
    for lost in (0.0, 1 / 200):
        ledger.server.execute_command("FLUSHALL")
        odds = Odds(0.0, lost, failed=0.0, moderated=0.0, stragglers=0.0, death=0.0)
        day = new_day(ledger, home, odds, Limits(500, 100))
        day.play(plan)
        told = day.told(plan)
        assert (told["answers_lost"] != 0) == bool(lost)
        shares.append(float(str(told["busy_while_work_waits"])))
    undisturbed, disturbed = shares
    assert disturbed >= 0.99 * undisturbed
    assert disturbed >= 0.97


def test_a_provider_that_is_down_gets_a_request_now_and_then(
    ledger: Ledger, home: Path
) -> None:
    odds = Odds(throttled=0.0, lost=1.0, death=0.0)
    day = new_day(ledger, home, odds, LIMITS)
    day.play([Arrival(BEGIN_S, 0, 5_000, 1)], until_s=BEGIN_S + 1_200)
    asked = day.told([])["answers_lost"]
    # In these minutes 6,000 might start.
    assert 0 < int(str(asked)) < 200


def test_the_page_says_how_long_a_full_day_would_take() -> None:
    numbers = dict.fromkeys(SHOWN, 0) | {"starts_limit": 5_000, "jobs_per_s": 1_000}
    text = markdown(page(numbers))
    assert "7,200,000 starts" in text
    assert "120 minutes" in text
