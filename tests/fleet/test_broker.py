"""The server goes away and comes back, and messages are lost: nobody lends a hand."""

import base64
import json
import re
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from itertools import count

import pytest
from redis import Redis

from jobs.broker import QUEUE, make_app
from jobs.ledger import keys
from jobs.states import State
from tests.audit import audit
from tests.fleet.running import API_KEY, PASSWORD, Fleet, fleet
from tests.producer.running import quick_sandbox, until


@pytest.fixture(scope="module")
def team() -> Iterator[Fleet]:
    with (
        quick_sandbox(tier="silver", generation_s=1.0, history_inputs=True) as sandbox,
        fleet(sandbox) as made,
    ):
        made.ready(made.worker(), made.worker())
        yield made


def all_is_well(team: Fleet) -> None:
    assert set(team.paid().values()) == {1}
    assert len(team.paid()) == len(team.records())
    assert audit(team.ledger, team.chosen.account_id) == []
    assert all(worker.running for worker in team.workers)


def redis_of(team: Fleet) -> Redis:
    assert team.chosen.redis_url
    return Redis.from_url(team.chosen.redis_url, decode_responses=True)


@contextmanager
def watched(team: Fleet) -> Iterator[list[str]]:
    """Every command that reaches the server meanwhile."""
    seen: list[str] = []
    with redis_of(team) as client, client.monitor() as monitor:

        def listen() -> None:
            while not seen or "the end" not in seen[-1]:
                seen.append(monitor.next_command()["command"])

        listener = threading.Thread(target=listen)
        listener.start()
        yield seen
        client.echo("the end")
        listener.join()


def unpacked(text: str) -> str:
    """A command with what is packed in it made readable."""
    bodies = re.findall(r"body\W+([A-Za-z0-9+/]{8,}=*)", text)
    return text + "".join(base64.b64decode(body).decode() for body in bodies)


def is_of_the_ledger(text: str) -> bool:
    """Whether a command is a step of the ledger, or a part of one."""
    command, _, key = text.partition(" ")
    if key.startswith(keys.CELERY):
        return False
    return command.startswith(("EVAL", "SCRIPT")) or key.startswith("reelmill:")


def test_no_message_carries_a_secret_or_a_row(team: Fleet) -> None:
    team.ask_for_events()
    with watched(team) as seen:
        team.order(10, "plain")
        team.until_all_stored()
    to_broker = [unpacked(text) for text in seen if not is_of_the_ledger(text)]
    for door in (f"LPUSH {keys.CELERY}{QUEUE}", "PUBLISH"):
        carried = [text for text in to_broker if text.startswith(door)]
        assert any("plain" in text for text in carried)
    for text in to_broker:
        for secret in (API_KEY, PASSWORD, "Slow orbit", "/pictures/", "prompt"):
            assert secret not in text
    all_is_well(team)


def has_noticed(team: Fleet, before: int) -> bool:
    return team.said().count("the server is away") >= before + len(team.workers)


def have_all_come_back(team: Fleet) -> bool:
    said = team.said()
    return said.count("the server is back") >= said.count("the server is away")


def test_a_server_that_is_restarted_is_found_again(team: Fleet) -> None:
    team.order(60, "restarted")
    before = team.count(State.STORED)
    for number, more in ((signal.SIGTERM, 10), (signal.SIGKILL, 25)):
        team.until_stored(before + more)
        noticed = team.said().count("the server is away")
        team.server.end(number)
        until(partial(has_noticed, team, noticed))
        team.server.start()
        until(partial(have_all_come_back, team))
    team.until_all_stored()
    all_is_well(team)


def test_lost_messages_cost_a_lease_and_nothing_else(team: Fleet) -> None:
    with redis_of(team) as client:
        lost = 0
        for batch in count():
            team.order(20, f"lost{batch}")
            # Taken as a worker takes it, in its turn among those that wait for one.
            while lost < 5 and team.count(State.STORED) < team.ordered:
                lost += client.brpop([f"{keys.CELERY}{QUEUE}"], timeout=1) is not None
            if lost >= 5:
                break
    team.until_all_stored()
    all_is_well(team)


def test_what_workers_tell_about_themselves_holds_no_password(team: Fleet) -> None:
    with make_app(team.chosen.ledger_url) as app:
        inspect = app.control.inspect(timeout=5.0, limit=2)
        told = until(lambda: {**(inspect.stats() or {}), "conf": inspect.conf()})
    assert "reelmill" in json.dumps(told)
    for secret in (PASSWORD, API_KEY):
        assert secret not in json.dumps(told)
        assert secret not in team.said()
