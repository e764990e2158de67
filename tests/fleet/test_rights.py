"""A fleet whose user has no more rights at the server than the docs say."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from redis import Redis

from jobs import redis_url
from jobs.broker import make_app
from jobs.ledger.errors import ON_CHANNELS, ON_KEYS, OTHERS, acl_line
from tests.audit import audit
from tests.fleet.running import PASSWORD, Fleet, fleet
from tests.producer.running import quick_sandbox, until

PAGE = Path(__file__).parents[2] / "docs" / "operations.md"
JOBS = 20

#: What an administrator asks here, and what belongs to a connection.
NOT_OURS = {"ACL", "INFO", "CONFIG", "KEYS", "COMMAND", "CLIENT", "AUTH", "SELECT"}


@pytest.fixture(scope="module")
def team() -> Iterator[Fleet]:
    with (
        quick_sandbox(tier="silver", generation_s=0.5) as sandbox,
        fleet(sandbox) as made,
    ):
        own = f"redis://reelmill:{PASSWORD}@127.0.0.1:{made.server.port}/0"
        words = acl_line(redis_url.read(own)).split()
        with administrator(made) as client:
            client.execute_command(*words, "on", f">{PASSWORD}")
            client.config_resetstat()
        made.place.environment["REELMILL_REDIS_URL"] = own
        yield made


def administrator(team: Fleet) -> Redis:
    return Redis(port=team.server.port, password=PASSWORD, decode_responses=True)


def test_it_does_all_its_work_and_uses_nothing_else(team: Fleet) -> None:
    team.ready(team.worker())
    team.order(JOBS)
    team.until_all_stored()
    team.place.here("list")
    team.place.here("metrics", "--once")
    told = team.place.here("doctor")
    assert told.code == 0, told
    found = " ".join(told.out.split())
    assert "user may do all that is needed" in found
    assert found.count("not readable") == 3
    assert audit(team.ledger, team.chosen.account_id) == []
    with administrator(team) as client:
        keys, counted = client.keys("*"), client.info("commandstats")
    assert [key for key in keys if not key.startswith("reelmill:")] == []
    used = {name.removeprefix("cmdstat_").partition("|")[0].upper() for name in counted}
    assert used - NOT_OURS <= needed()


def needed() -> set[str]:
    """The commands that are asked about."""
    lines = [*ON_KEYS.values(), *ON_CHANNELS.values()]
    names = {name for line in lines for name in line.split()}
    return names | {words.split()[0] for words in OTHERS}


def test_dashboards_may_listen_and_ask(team: Fleet) -> None:
    url = team.chosen.redis_url
    assert url

    def hear(event: Mapping[str, str]) -> None:
        receiver.should_stop = event["type"] == "worker-heartbeat"

    with make_app(url) as app, app.connection_for_read() as connection:
        receiver = app.events.Receiver(connection, handlers={"*": hear})
        receiver.capture()
        assert until(lambda: app.control.inspect(timeout=2.0).ping())


def test_the_docs_have_the_line() -> None:
    line = acl_line(redis_url.read(f"redis://reelmill:{PASSWORD}@ledger/0"))
    assert line in " ".join(PAGE.read_text("utf-8").split())
