"""Rights of a user at the server: one line gives all, and what lacks is named."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import jobs.ledger
from jobs import redis_url
from jobs.ledger import Ledger, LedgerError, connect
from jobs.ledger.errors import ON_KEYS, OTHERS, acl_line, rights_words, trouble

URL = "redis://reel:quite-secret@ledger/0"
WHERE = redis_url.read(URL)

#: As an administrator types it.
ALL = acl_line(WHERE).split()[3:]
ORDERS, EVENTS = "&reelmill:celery:/0.celery.pidbox", "&reelmill:celery:/0.celeryev/*"

Restricted = Callable[..., Ledger]


@pytest.fixture
def restricted(ledger: Ledger) -> Iterator[Restricted]:
    """The ledger as a user with these rules sees it."""
    order = ledger.server.execute_command
    opened: list[Ledger] = []

    def login(*rules: str) -> Ledger:
        order("ACL", "SETUSER", "reel", "reset", "on", ">quite-secret", *rules)
        where = ledger.server.connection_pool.connection_kwargs["path"]  # type: ignore[attr-defined]  # of redis-py
        other = connect(f"unix://{where}?db=0")
        other.server.execute_command("AUTH", "reel", "quite-secret")
        opened.append(other)
        return other

    yield login
    for each in opened:
        each.close()
    order("ACL", "DELUSER", "reel")


def test_one_line_gives_all_that_is_needed(restricted: Restricted) -> None:
    ledger = restricted(*ALL)
    assert ledger.rights.missing(WHERE) == []
    ledger.durable()
    assert ledger.workers.alive() == []
    with pytest.raises(LedgerError, match="'info' command"):
        ledger.server.info("memory")


@pytest.mark.parametrize(
    ("rules", "named"),
    [
        ([*ALL, "-brpop", "-waitaof"], ["BRPOP", "WAITAOF"]),
        ([*ALL, "resetkeys", "~reelmill:jobs:*"], ["keys reelmill:*"]),
        ([*ALL, "resetchannels", "&reelmill:*"], [f"PSUBSCRIBE {EVENTS[1:]}"]),
    ],
)
def test_what_lacks_is_named(
    restricted: Restricted, rules: list[str], named: list[str]
) -> None:
    missing = restricted(*rules).rights.missing(WHERE)
    assert set(named) <= set(missing)
    words = rights_words(URL, missing)
    assert acl_line(WHERE) in words
    assert "quite-secret" not in words


@pytest.mark.parametrize("command", ["evalsha"])
def test_who_may_run_no_script_is_told_so(restricted: Restricted, command: str) -> None:
    with pytest.raises(LedgerError) as refused:
        restricted(*ALL, f"-{command}").rights.missing(WHERE)
    assert f"'{command}' command" in trouble(URL, refused.value)
    assert acl_line(WHERE) in trouble(URL, refused.value)


def test_every_command_of_a_script_is_among_the_rights_that_users_need() -> None:
    known = " ".join([*ON_KEYS.values(), *OTHERS]).split()
    scripts = (Path(jobs.ledger.__file__).parent / "lua").glob("*.lua")
    texts = [script.read_text("utf-8") for script in scripts]
    used = {name for text in texts for name in re.findall(r"\.p?call\('(\w+)'", text)}
    assert used
    assert used - set(known) == set(), "name them in jobs/ledger/errors.py"
