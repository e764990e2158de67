"""Workers come, go and die; nobody notices but the ledger."""

from collections.abc import Iterator

import pytest

from jobs.ledger.audit import audit
from jobs.states import State
from tests.fleet.running import Fleet, fleet
from tests.producer.running import quick_sandbox
from tests.sandbox.running import RunningSandbox

JOBS = 300

HOUR_S = 3_600.0


@pytest.fixture
def sandbox() -> Iterator[RunningSandbox]:
    with quick_sandbox(tier="silver", generation_s=1.5, history_inputs=True) as running:
        yield running


@pytest.fixture
def team(sandbox: RunningSandbox) -> Iterator[Fleet]:
    with fleet(sandbox) as made:
        yield made


def test_two_of_three_die_one_comes_and_all_is_stored_and_paid_once(
    team: Fleet,
) -> None:
    wrong = team.worker(ahead_s=HOUR_S)
    doomed = [team.worker(), team.worker()]
    team.ready(wrong, *doomed)
    heard = team.heard_of(wrong)
    assert heard
    assert heard.facts.ahead_s == pytest.approx(-HOUR_S, abs=5.0)
    team.order(JOBS)
    for share, victim in zip((4, 3), doomed, strict=True):
        team.until_stored(JOBS // share)
        team.kill(victim)
    team.worker()
    team.until_all_stored()
    assert set(team.paid().values()) == {1}
    assert len(team.paid()) == JOBS
    books = team.sandbox.books()
    assert books["worst_60s_starts"] <= team.chosen.limits.videos_per_minute
    assert books["most_concurrent"] <= team.chosen.limits.concurrent_videos
    assert books["charged_usd_micros"] - books["refunded_usd_micros"] == sum(
        r.charged_usd_micros - r.refunded_usd_micros for r in team.records()
    )
    assert team.count(State.STORED) == JOBS
    assert audit(team.ledger, team.chosen.account_id) == []
