"""A fleet that knows nothing of the times, or is wrong about them, waits for nobody."""

import math
from collections.abc import Iterator

import pytest

from jobs.catalogue import builtin
from jobs.ledger import Ledger
from tests.audit import audit
from tests.fleet.running import V26, Fleet, fleet
from tests.producer.running import quick_sandbox
from tests.sandbox.running import RunningSandbox

#: At the first poll that the catalogue's figure calls for, each of the rounds that so
#: many jobs take with so few slots takes half a minute: all patience is over by then.
JOBS, SLOTS = 40, 10

POLL_MIN_S = 1.0

#: Far longer than what a test waits for.
WRONG_S = 200.0


@pytest.fixture
def sandbox() -> Iterator[RunningSandbox]:
    with quick_sandbox(generation_s=0.6) as running:
        yield running


@pytest.fixture
def team(sandbox: RunningSandbox) -> Iterator[Fleet]:
    settings = {
        "REELMILL_CONCURRENT_VIDEOS": f"{SLOTS}",
        "REELMILL_POLL_MIN_S": f"{POLL_MIN_S}",
        # Nobody dies here; a busy machine shall not make a live worker look dead.
        "REELMILL_LEASE_S": "20",
    }
    with fleet(sandbox, **settings) as made:
        del made.place.environment["REELMILL_FIRST_POLL_S"]
        yield made


def learn(ledger: Ledger, account: str, *times_s: float) -> None:
    model = builtin().find(V26)
    ledger.times.learn(account, {(model.id, model.duration_s({})): times_s})


@pytest.mark.parametrize("learnt", [(), (WRONG_S,) * 200])
def test_what_the_first_polls_show_reaches_all_jobs_of_all_workers(
    team: Fleet, learnt: tuple[float, ...]
) -> None:
    if learnt:
        learn(team.ledger, team.chosen.account_id, *learnt)
    team.ready(team.worker(), team.worker())
    team.order(JOBS)
    team.until_all_stored()
    rows = team.sandbox.books(rows=True)["rows"]
    assert len(rows) == JOBS
    even = sum(math.ceil(took_s(row) / POLL_MIN_S) for row in rows)
    assert sum(row["looks"] for row in rows) <= 1.1 * even
    assert max(row["looks"] for row in rows) <= 4
    assert audit(team.ledger, team.chosen.account_id) == []


def took_s(row: dict[str, float]) -> float:
    """How long the provider took for it."""
    return row["due_at_s"] - row["created_at_s"]
