"""Figures: exposed as Prometheus reads them, and named alike wherever they are used."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from jobs import broker, settings
from jobs.ledger import Ledger, connect
from jobs.ledger.charges import Charges, Kind
from jobs.ledger.figures import TROUBLES, AccountFigures, Figures
from jobs.pace.limits import Limits
from jobs.records import BatchRecord
from jobs.states import State
from producer.exits import CommandError
from producer.metrics import as_text, expose, families, gather
from tests.jobs.ledger.play import ACCOUNT, PLENTY, open_batch

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
ALERTS = yaml.safe_load((DEPLOY / "alerts.yml").read_text("utf-8"))
DASHBOARD = json.loads((DEPLOY / "grafana-dashboard.json").read_text("utf-8"))
PAGE = (ROOT / "docs" / "notifications.md").read_text("utf-8")

BATCH = BatchRecord(
    id="spring",
    manifest="spring.csv",
    account=ACCOUNT,
    store="videos",
    priority=1,
    attempts=3,
    budget_usd_micros=3_000_000,
    created_at_s=1.0,
    complete=True,
    stopped_by="budget",
    counts={State.WAITING: 2, State.STORED: 1},
    charged_usd_micros=210_000,
)

#: Something of everything.
FULL = Figures(
    now_s=1_000_000.0,
    accounts=[
        AccountFigures(
            ACCOUNT,
            Limits(10, 3),
            throttled=4,
            charges=Charges({Kind.PAID_TWICE: 2}, {Kind.PAID_TWICE: 420_000}),
            troubles=frozenset({"balance"}),
            due_at_s=999_940.0,
            uncollected_at_s=1_000_000.0 - 5 * 86_400,
            polls=(1, 2, *[0] * 7, 3),
            daily_budget_usd_micros=5_000_000,
            batches=[BATCH],
        )
    ],
    durable=True,
    evicts=False,
    used_bytes=1_000_000,
    backlog=7,
    schedule_fired_at_s=1.0,
    scheduler_seen_at_s=2.0,
)


def samples(text: str) -> dict[str, float]:
    """Every value by its name and labels."""
    return {
        f"{s.name}{dict(sorted(s.labels.items())) or ''}": s.value
        for family in text_string_to_metric_families(text)
        for s in family.samples
    }


def exposed_names() -> set[str]:
    found = text_string_to_metric_families(as_text(lambda: FULL))
    return {s.name for family in found for s in family.samples}


def exposed_labels() -> set[str]:
    found = text_string_to_metric_families(as_text(lambda: FULL))
    return {label for family in found for s in family.samples for label in s.labels}


def alerts() -> Iterator[tuple[str, str]]:
    """Every rule's query, by the rule's name."""
    for group in ALERTS["groups"]:
        for rule in group["rules"]:
            yield rule["alert"], rule["expr"]


def expressions() -> Iterator[tuple[str, str]]:
    """Every query of the rules and the dashboard, by its place."""
    yield from alerts()
    for panel in DASHBOARD["panels"]:
        for target in panel["targets"]:
            yield panel["title"], target["expr"]


def names_in(text: str) -> set[str]:
    return set(re.findall(r"\breelmill_[a-z_]+", text))


def test_values_come_out_as_they_went_in() -> None:
    found = samples(as_text(lambda: FULL))
    at = f"'account': '{ACCOUNT}'"
    assert found["reelmill_up"] == 1
    assert found[f"reelmill_charged_usd{{{at}, 'batch': 'spring'}}"] == 0.21
    waiting = f"reelmill_jobs{{{at}, 'batch': 'spring', 'state': 'waiting'}}"
    assert found[waiting] == 2
    stopped = f"reelmill_batch_stopped{{{at}, 'batch': 'spring', 'by': 'budget'}}"
    assert found[stopped] == 1
    assert found[f"reelmill_account_trouble{{{at}, 'trouble': 'balance'}}"] == 1
    assert found[f"reelmill_account_trouble{{{at}, 'trouble': 'key'}}"] == 0
    assert found[f"reelmill_uncollected_days_left{{{at}}}"] == 2
    assert found[f"reelmill_oldest_due_seconds{{{at}}}"] == 60
    assert found[f"reelmill_throttled_total{{{at}}}"] == 4
    twice = f"{{{at}, 'kind': 'paid-twice'}}"
    assert found[f"reelmill_unexplained_charges{twice}"] == 2
    assert found[f"reelmill_unexplained_usd{twice}"] == 0.42
    assert found[f"reelmill_unexplained_charges{{{at}, 'kind': 'unknown'}}"] == 0
    polls = [found[f"reelmill_polls_bucket{{{at}, 'le': '{le}'}}"] for le in (1.0, 2.0)]
    assert polls == [1, 3]
    assert found[f"reelmill_polls_bucket{{{at}, 'le': '+Inf'}}"] == 6
    assert found["reelmill_broker_backlog"] == 7
    assert found["reelmill_ledger_durable"] == 1


def test_what_is_not_known_is_not_said() -> None:
    found = samples(as_text(lambda: Figures(0.0, [AccountFigures("a", Limits(1, 1))])))
    names = {name.partition("{")[0] for name in found}
    assert "reelmill_broker_backlog" not in names
    assert "reelmill_uncollected_days_left" not in names
    assert "reelmill_scheduler_seen_timestamp_seconds" not in names


def test_queries_name_only_what_is_exposed() -> None:
    exposed = exposed_names()
    for place, query in expressions():
        assert names_in(query), place
        assert names_in(query) <= exposed, place
        labels = re.findall(r"([a-z]+)\s*(?:=~|!~|=|!=)\s*\"", query)
        assert set(labels) <= exposed_labels() | {"job"}, place


def test_every_metric_is_used_and_told_of() -> None:
    used = set().union(*(names_in(query) for _, query in expressions()))
    names = {"reelmill_up", *(family.name for family in families(FULL))}
    for name in names:
        assert used & {f"{name}{ending}" for ending in ("", "_total", "_bucket")}, name
    told = re.findall(r"`(reelmill_[a-z_]+)`", PAGE)
    assert {name.removesuffix("_total") for name in told} == names


def test_label_values_in_queries_exist() -> None:
    exist = {
        "state": {state.value for state in State},
        "trouble": set(TROUBLES),
        "kind": {kind.value for kind in Kind},
    }
    said = " ".join(query for _, query in expressions())
    for label, found in re.findall(r'\b(state|trouble|kind)[=!~]+"([^"]+)', said):
        assert set(found.split("|")) <= exist[label]


def test_an_alert_says_which_ledger_it_is_of() -> None:
    for place, query in alerts():
        kept = re.findall(r"\b(?:by|on) \(([^)]*)\)", query)
        assert all("instance" in labels.split(", ") for labels in kept), place
        aggregations = re.findall(r"\b(?:sum|max|min|avg|count)\b(?! by)", query)
        assert not aggregations, "without `by` no label is left"


def test_a_hundred_open_batches_are_read_at_once(home: Path, ledger: Ledger) -> None:
    ledger.permits.set_limits(ACCOUNT, PLENTY)
    for number in range(100):
        open_batch(ledger, f"b{number}", jobs=2)
    before = commands(ledger)
    app = broker.make_app(settings.read({}, home=home).ledger_url)
    found = samples(as_text(lambda: gather(ledger, app)))
    assert sum(1 for name in found if name.startswith("reelmill_jobs")) == 100 * len(
        State
    )
    read = {name: n - before.get(name, 0) for name, n in commands(ledger).items()}
    # A hash for each batch and account, and not one for any of the 200 jobs.
    assert read["hgetall"] <= 100 + 5


def commands(ledger: Ledger) -> dict[str, int]:
    """How often each command was called so far."""
    told: dict[str, Any] = ledger.server.info("commandstats")
    return {name.removeprefix("cmdstat_"): int(s["calls"]) for name, s in told.items()}


SERVE = """
from producer.metrics import expose
raise SystemExit(expose("127.0.0.1", 0, once=False))
"""


@contextmanager
def started(ledger_url: str) -> Iterator[subprocess.Popen[str]]:
    """The command; it is ended at the end, whatever came in between."""
    environment = {"PATH": os.environ["PATH"], "REELMILL_REDIS_URL": ledger_url}
    with subprocess.Popen(
        [sys.executable, "-c", SERVE],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def test_figures_are_served_until_somebody_says_stop(
    home: Path, ledger: Ledger
) -> None:
    ledger.permits.set_limits(ACCOUNT, PLENTY)
    url = settings.read({}, home=home).ledger_url
    with started(url) as process:
        assert process.stderr
        address = process.stderr.readline().split()[-1]
        assert address.startswith("http://127.0.0.1:")
        found = samples(httpx.get(address, trust_env=False).text)
        assert found[f"reelmill_open_batches{{'account': '{ACCOUNT}'}}"] == 0
        ledger.shutdown()
        for _ in range(2):
            answer = httpx.get(address, trust_env=False)
            assert samples(answer.raise_for_status().text) == {"reelmill_up": 0}
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0


def test_a_port_that_is_taken_is_said_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REELMILL_REDIS_URL", "redis://127.0.0.1:1/0")
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        with pytest.raises(CommandError, match="name another with --host and --port"):
            expose("127.0.0.1", other.getsockname()[1], once=False)


def test_without_a_ledger_that_alone_is_told(home: Path) -> None:
    nowhere = connect(f"unix://{home}/nothing.sock")
    app = broker.make_app(f"unix://{home}/nothing.sock")
    assert samples(as_text(lambda: gather(nowhere, app))) == {"reelmill_up": 0}
