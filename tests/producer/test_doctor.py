"""The doctor: what it looks at, what it finds, and what it leaves unsaid."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from jobs import settings
from jobs.ledger import LedgerError, connect
from producer.doctor import Finding, Health, _values, examine
from producer.local_server import _binary
from producer.subprocesses import Child
from tests.producer.running import desk, quick_sandbox, until
from tests.sandbox.running import RunningSandbox

KEY = "the-right-key"


@pytest.fixture(scope="module")
def sandbox() -> Iterator[RunningSandbox]:
    with quick_sandbox("--key", KEY, "--balance", "12.5") as running:
        yield running


def looked(folder: Path, **changes: Any) -> dict[str, Finding]:
    values = {"home": folder / "home", "store": str(folder / "store")} | changes
    return {each.what: each for each in examine(settings.read({}, **values))}


def test_a_set_up_in_order_is_found_good(home: Path, sandbox: RunningSandbox) -> None:
    found = looked(home, api_key=KEY, base_url=sandbox.url)
    assert {each.health for each in found.values()} == {Health.GOOD}
    assert {"store", "ledger", "broker", "durability", "disk"} <= found.keys()
    assert {"clock", "provider", "provider's clock", "limits"} <= found.keys()
    assert "balance $12.50" in found["provider"].words
    assert "2 starts a minute, 2 at once" in found["limits"].words


def test_what_is_wrong_comes_with_what_to_do(
    home: Path, sandbox: RunningSandbox
) -> None:
    (home / "file").write_text("")
    found = looked(
        home,
        home=home / "file" / "home",
        store=str(home / "file"),
        api_key="another",
        base_url=sandbox.url,
    )
    cures = {
        "store": "set REELMILL_STORE",
        "ledger": "set REELMILL_HOME",
        "provider": "check WAVESPEED_API_KEY",
    }
    for what, cure in cures.items():
        assert found[what].health is Health.WRONG
        assert cure in found[what].words


@contextmanager
def server(home: Path, **options: str) -> Iterator[str]:
    """Address of a server that somebody set up in their own way."""
    socket = home / "other.sock"
    url = f"unix://{socket}?db=0"
    options |= {"port": "0", "unixsocket": str(socket), "dir": str(home), "save": ""}
    words = [word for name, value in options.items() for word in (f"--{name}", value)]
    program = _binary(settings.read({}))
    with Child("a server", [program, *words], log=home / "other.log"):
        until(lambda: answers(url))
        yield url


def answers(url: str) -> bool:
    ledger = connect(url)
    try:
        ledger.ping()
    except LedgerError:
        return False
    finally:
        ledger.close()
    return True


def test_a_server_that_forgets_is_wrong_and_a_slow_one_a_warning(home: Path) -> None:
    options = {"appendfsync": "everysec", "maxmemory-policy": "allkeys-lru"}
    with server(home, appendonly="yes", **options) as url:
        found = looked(home, redis_url=url)
    assert found["ledger"].health is Health.GOOD
    assert found["durability"].health is Health.WARNING
    assert "appendfsync is everysec" in found["durability"].words
    assert found["eviction"].health is Health.WRONG
    assert "set it to noeviction" in found["eviction"].words


def test_a_server_without_a_file_of_its_writes_is_wrong(home: Path) -> None:
    with server(home, appendonly="no") as url:
        found = looked(home, redis_url=url)
    assert found["durability"].health is Health.WRONG
    assert found["eviction"].health is Health.GOOD


def test_secrets_are_masked_among_the_settings() -> None:
    chosen = settings.read(
        {}, api_key="wsk-secret", redis_url="redis://:secret@127.0.0.1:9/0"
    )
    values = _values(chosen)
    assert "secret" not in str(values)
    assert values["REELMILL_REDIS_URL"] == "redis://***@127.0.0.1:9/0"
    assert values["REELMILL_TIER"] == "bronze"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({}, 0),
        ({"WAVESPEED_API_KEY": "another"}, 4),
        ({"REELMILL_STORE": "/proc/x"}, 2),
        ({"REELMILL_REDIS_URL": "redis://127.0.0.1:9/0"}, 4),
    ],
)
def test_the_exit_code_says_how_bad_it_is(
    changes: dict[str, str | None], code: int, sandbox: RunningSandbox
) -> None:
    with desk(sandbox, KEY) as place:
        said = place.here("doctor", **changes)
        assert said.code == code, said
        assert "REELMILL_TIER=ultra" in said.out
        assert KEY not in said.out
        assert "Traceback" not in said.err
