"""The broker: messages are hints that carry refs, and nothing waits in them."""

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from celery import Celery
from hypothesis import given
from hypothesis import strategies as st
from kombu import Connection

from jobs import broker, redis_url, settings
from jobs.broker import blocks, kombu_url, make_app, send
from jobs.ledger import Ledger, keys
from jobs.transitions import Ref
from producer.local_server import ledger_of


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("redis://r:6379/1", "redis://r:6379/1"),
        ("redis://:p%2Fw@[::1]", "redis://:p%2Fw@[::1]:6379/0"),
        ("rediss://me:pw@r:6379/0?ssl_ca_certs=/ca", "rediss://me:pw@r:6379/0"),
        ("unix:///run/l.sock", "redis+socket:///run/l.sock?virtual_host=0"),
        ("unix:///run/l.sock?db=2", "redis+socket:///run/l.sock?virtual_host=2"),
        ("unix:///a%20b/l.sock?db=0", "redis+socket:///a%20b/l.sock?virtual_host=0"),
    ],
)
def test_an_address_is_put_into_the_form_of_the_broker(url: str, expected: str) -> None:
    assert kombu_url(redis_url.read(url)) == expected


def test_certificates_are_looked_at_unless_a_person_says_otherwise() -> None:
    conf = make_app("rediss://r:6379/0").conf
    assert conf.broker_use_ssl == {"ssl_cert_reqs": "required"}
    conf = make_app("rediss://r?ssl_cert_reqs=none").conf
    assert conf.broker_use_ssl == {"ssl_cert_reqs": "none"}
    assert make_app("redis://r").conf.broker_use_ssl is None


def test_the_app_waits_in_no_message_and_keeps_no_result() -> None:
    conf = make_app("redis://127.0.0.1:1/0").conf
    assert conf.task_ignore_result
    assert conf.result_backend is None
    assert conf.task_acks_late
    assert conf.worker_prefetch_multiplier == 1
    assert conf.accept_content == ["json"]
    assert conf.broker_connection_max_retries is None
    assert conf.broker_transport_options["ack_emulation"] is False


@pytest.fixture
def app(ledger: Ledger) -> Iterator[Celery]:
    socket = ledger.server.config_get("unixsocket")["unixsocket"]
    with make_app(f"unix://{socket}?db=0") as made:
        yield made


def messages(ledger: Ledger) -> list[dict[str, Any]]:
    ask = ledger.server.execute_command
    key = f"{keys.CELERY}{broker.QUEUE}"
    return [json.loads(text) for text in ask("LRANGE", key, 0, -1)]


REFS = [Ref("spring", "row-1"), Ref("spring", "Tür 🌷"), Ref("autumn", "")]


def test_a_message_carries_refs_and_nothing_else(app: Celery, ledger: Ledger) -> None:
    send(app, broker.SUBMIT, REFS)
    (message,) = messages(ledger)
    args, kwargs, embedded = json.loads(base64.b64decode(message["body"]))
    assert args == [["spring/row-1", "spring/Tür 🌷", "autumn/"]]
    assert kwargs == {}
    assert not any(embedded.values())
    headers = message["headers"]
    assert headers["task"] == "reelmill.submit"
    for waiting in ("eta", "expires", "group", "timelimit"):
        assert headers[waiting] in (None, [None, None])
    assert headers["retries"] == 0


def test_the_backlog_is_what_nobody_has_taken(app: Celery, ledger: Ledger) -> None:
    assert broker.backlog(app) == 0
    for task in (broker.SUBMIT, broker.POLL, broker.COLLECT):
        send(app, task, REFS[:1])
    assert broker.backlog(app) == 3 == len(messages(ledger))


@pytest.mark.parametrize("name", ["my videos", "100%", "a?b", "a#b", "a%20b", "Tür"])
def test_ledger_and_broker_find_a_home_of_any_name(name: str) -> None:
    with TemporaryDirectory(prefix="r-") as folder:
        chosen = settings.read({}, home=Path(folder) / name)
        where = redis_url.read(chosen.ledger_url)
        with ledger_of(chosen, alone=True) as ledger:
            ledger.ping()
            with Connection(kombu_url(where)) as connection:
                connection.ensure_connection(max_retries=1, timeout=1)


@given(st.lists(st.integers()), st.integers(1, 60))
def test_blocks_hold_everything_in_order(numbers: list[int], size: int) -> None:
    refs = [Ref("spring", str(number)) for number in numbers]
    several = list(blocks(refs, size))
    assert [ref for block in several for ref in block] == refs
    assert all(1 <= len(block) <= size for block in several)
