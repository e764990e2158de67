"""A worker that is told to stop: soon gone, with nothing left in its hands."""

import os
import signal
from collections.abc import Iterator

import pytest

from jobs.broker import make_app
from jobs.states import State
from tests import forked
from tests.audit import audit
from tests.fleet.running import Fleet, fleet
from tests.producer.running import quick_sandbox, until

#: Nobody waits for a lease of this length.
LONG_LEASE = {"REELMILL_LEASE_S": "600"}
#: It awaits an answer for longer than a test takes.
PATIENT = {"REELMILL_SUBMIT_TIMEOUT_S": "60", "REELMILL_SETTLING_S": "61"}


@pytest.fixture
def team() -> Iterator[Fleet]:
    with (
        quick_sandbox(tier="silver", generation_s=1.0, history_inputs=True) as sandbox,
        fleet(sandbox, REELMILL_STOP_S="6") as made,
    ):
        yield made


def tell_to_stop(child: forked.Process) -> None:
    os.kill(child.pid, signal.SIGTERM)


def is_gone(child: forked.Process) -> bool:
    return not child.running


def test_what_a_stopped_worker_had_in_hand_goes_to_others_at_once(team: Fleet) -> None:
    first = team.worker(LONG_LEASE)
    team.ready(first)
    team.order(40)
    until(lambda: team.count(State.GENERATING, State.GENERATED) >= 10)
    tell_to_stop(first)
    until(lambda: is_gone(first))
    assert team.ledger.workers.known() == []
    assert team.count(State.STORED) < 40
    team.worker()
    team.until_all_stored()
    assert set(team.paid().values()) == {1}
    assert audit(team.ledger, team.chosen.account_id) == []


def test_a_request_without_an_answer_holds_a_stop_up_no_longer_than_set(
    team: Fleet,
) -> None:
    team.sandbox.configure(submit_late="first 1", submit_late_s=60.0)
    first = team.worker({**PATIENT, "REELMILL_STOP_S": "1"})
    team.ready(first)
    team.order(1)
    until(lambda: team.sandbox.books()["predictions"])
    # An order from afar ends a worker like a signal.
    make_app(team.chosen.ledger_url).control.shutdown()
    until(lambda: is_gone(first))
    assert "1 tasks are given back" in team.said()
    assert team.ledger.workers.known() == []
    team.worker()
    team.until_all_stored()
    assert set(team.paid().values()) == {1}


def test_a_second_signal_ends_it_at_once(team: Fleet) -> None:
    team.sandbox.configure(submit_late="first 1", submit_late_s=60.0)
    first = team.worker({**PATIENT, "REELMILL_STOP_S": "600"})
    team.ready(first)
    team.order(1)
    until(lambda: team.sandbox.books()["predictions"])
    tell_to_stop(first)
    until(lambda: "stopping: 1 tasks may finish" in team.said())
    assert not is_gone(first)
    tell_to_stop(first)
    until(lambda: is_gone(first))
