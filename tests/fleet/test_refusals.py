"""The server answers with errors for a while: workers wait, commands say so with 4."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import pytest
from redis import Redis

from jobs.states import State
from tests.audit import audit
from tests.fleet.running import Fleet, fleet
from tests.producer.running import as_csv, quick_sandbox, rows, until
from tests.sandbox.running import RunningSandbox

JOBS = 30

Trouble = Callable[[Fleet], AbstractContextManager[str]]


@pytest.fixture(scope="module")
def sandbox() -> Iterator[RunningSandbox]:
    with quick_sandbox(tier="silver", generation_s=1.0, history_inputs=True) as made:
        yield made


@pytest.fixture(scope="module")
def team(sandbox: RunningSandbox) -> Iterator[Fleet]:
    with fleet(sandbox) as made:
        made.ready(made.worker(), made.worker())
        yield made


def redis_of(team: Fleet) -> Redis:
    assert team.chosen.redis_url
    return Redis.from_url(team.chosen.redis_url, decode_responses=True)


def order(client: Redis, words: str) -> None:
    client.execute_command(*words.split())  # type: ignore[no-untyped-call]  # redis-py has no types for it


@contextmanager
def full(team: Fleet) -> Iterator[str]:
    """The server may use no more memory than it has."""
    with redis_of(team) as client:
        client.config_set("maxmemory", "1mb")
        yield "its memory is full"
        client.config_set("maxmemory", "0")


@contextmanager
def without_rights(team: Fleet) -> Iterator[str]:
    """The user may write no more."""
    with redis_of(team) as client:
        order(client, "ACL SETUSER default -@write -@pubsub")
        yield "its user lacks a right"
        order(client, "ACL SETUSER default +@all")


@contextmanager
def failing_over(team: Fleet) -> Iterator[str]:
    """The server follows another one, as in a planned failover, and leads again."""
    with redis_of(team) as client:
        order(client, "REPLICAOF 127.0.0.1 1")
        yield "it is a replica"
        order(client, "REPLICAOF NO ONE")


@pytest.mark.parametrize("trouble", [full, without_rights, failing_over])
def test_workers_outlast_a_server_that_refuses(team: Fleet, trouble: Trouble) -> None:
    batch = trouble.__name__
    team.order(JOBS, batch)
    team.until_stored(team.ordered - JOBS + 10)
    before = len(waits(team))
    with trouble(team) as words:
        until(
            lambda: (
                team.said().count("the server is away")
                > team.said().count("the server is back")
            )
        )
        path = team.place.write("m.csv", as_csv(rows(team.sandbox, 3)))
        for command in (["submit", path, "--yes"], ["pause", batch]):
            ended = team.place.here(*command)
            assert ended.code == 4, ended
            assert words in " ".join(ended.err.split())
            assert "run the same command again" in " ".join(ended.err.split())
        # Not the pulse alone: whoever takes messages has met it, too.
        until(lambda: trouble is full or len(waits(team)) > before)
    team.until_all_stored()
    assert [worker.running for worker in team.workers] == [True, True]
    assert set(team.paid().values()) == {1}
    assert team.count(State.STORED) == team.ordered == len(team.paid())
    assert audit(team.ledger, team.chosen.account_id) == []
    assert "Unrecoverable" not in team.said()
    assert "Traceback" not in team.said()


def waits(team: Fleet) -> list[str]:
    return [line for line in team.said().splitlines() if "the server refuses" in line]


def test_a_worker_whose_ledger_fails_at_its_start_begins_once_it_can(
    sandbox: RunningSandbox,
) -> None:
    with fleet(sandbox) as team, redis_of(team) as client:
        # What Celery needs it has, so that it begins.
        order(client, "ACL SETUSER default -hset")
        worker = team.worker()
        until(lambda: "ready" in team.said() and "the server is away" in team.said())
        assert team.heard_of(worker) is None
        order(client, "ACL SETUSER default +hset")
        team.ready(worker)
        team.order(5)
        team.until_all_stored()
        heard = team.heard_of(worker)
        assert heard
        assert heard.facts.started_at_s > 0
