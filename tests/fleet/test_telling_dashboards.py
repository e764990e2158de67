"""What dashboards hear of tasks: all of it, though it waits a second for more."""

import os
import signal
from collections import defaultdict
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest

from jobs.broker import make_app
from tests.fleet.running import Fleet, fleet
from tests.producer.running import quick_sandbox, until

#: Of each kind of event, whom it is about.
Heard = Mapping[str, set[str]]


@pytest.fixture
def team() -> Iterator[Fleet]:
    with quick_sandbox(tier="silver") as sandbox, fleet(sandbox) as made:
        yield made


@contextmanager
def listening(team: Fleet) -> Iterator[Heard]:
    """A dashboard that has heard of a worker, until a first task has succeeded."""
    heard: dict[str, set[str]] = defaultdict(set)

    def hear(event: Mapping[str, str]) -> None:
        heard[event["type"]].add(event.get("uuid", event["hostname"]))
        receiver.should_stop = bool(heard["task-succeeded"])

    app = make_app(team.chosen.ledger_url)
    with app.connection() as connection, ThreadPoolExecutor(1) as own:
        receiver = app.events.Receiver(connection, handlers={"*": hear})
        heard_all = own.submit(receiver.capture, timeout=15.0)
        team.ask_for_events()
        until(lambda: heard["worker-heartbeat"])
        yield heard
        heard_all.result()


def test_the_last_that_a_stopped_worker_did(team: Fleet) -> None:
    team.sandbox.configure(submit_late="first 1", submit_late_s=2.0)
    worker = team.worker()
    team.ready(worker)
    with listening(team) as heard:
        team.order(1)
        until(lambda: team.sandbox.books()["predictions"])
        os.kill(worker.pid, signal.SIGTERM)
    assert heard["task-succeeded"] == heard["task-received"]
