"""`reelmill metrics`: figures of the fleet for Prometheus.

The ledger is read once for each scrape, and nothing is kept. While it does not answer,
`reelmill_up` is 0 and the only metric. Values of labels are account ids, a bounded
number of batches, and fixed words.
"""

import signal
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from itertools import accumulate
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, generate_latest, start_http_server
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from jobs import broker
from jobs.ledger import Ledger, LedgerError, connect
from jobs.ledger.charges import Kind
from jobs.ledger.figures import LAG_S, POLLS, TROUBLES, AccountFigures, Figures
from jobs.money import usd
from jobs.pace.waits import RETENTION_S
from jobs.records import BatchRecord
from jobs.states import State
from producer import console
from producer.exits import CommandError, Exit
from producer.local_server import ledger_of
from producer.options import chosen_settings

if TYPE_CHECKING:
    from celery import Celery

DAY_S = 86_400.0

#: A scraper waits 10 s as a rule, and a ledger that is asked twice must fit in.
TIMEOUT_S = 4.0

#: Why a batch that is not over starts nothing more.
STOPS = ("budget", "daily-budget")

#: What each metric is, by its name without `reelmill_`.
HELP = dict(
    line.split(": ", 1)
    for line in """\
up: 1 while the ledger answers.
jobs: Jobs by state, of batches that are open or were over in the last day.
batch_stopped: 1 while a budget keeps the rest of a batch from starting.
reserved_usd: Dollars reserved for requests under way.
charged_usd: Dollars charged, at the quoted price.
refunded_usd: Dollars refunded for failed attempts.
budget_usd: Budget of a batch in dollars, if it has one.
open_batches: Open batches, also those without series of their own.
today_usd: Dollars charged or reserved on this UTC day.
daily_budget_usd: Budget of a UTC day in dollars, if there is one.
slots_in_use: Concurrency slots in use.
slots_limit: Concurrency limit now.
starts_in_window: Starts that count against the rate now.
starts_limit: Starts allowed in any 60 s.
oldest_due_seconds: Seconds that the oldest due job has waited.
uncollected_days_left: Days until the oldest paid video without a copy is deleted.
late_predictions: Predictions far beyond their usual time, overdue ones included.
notifications_waiting: Notifications not yet delivered to every receiver.
throttled: HTTP 429 answers.
refusals: Answers after which the account cooled down, such as 429 and lost ones.
account_trouble: 1 while something is wrong with the account or it is held.
unexplained_charges: Charges that no row explains and no user dismissed.
unexplained_usd: Dollars of these charges.
lag_seconds: Seconds from seeing a video finished to having stored it.
polls: Polls of one prediction until it was over.
workers: Live workers.
broker_backlog: Messages that no worker has taken.
ledger_durable: 1 if the ledger's server can write its append-only file.
ledger_evicts: 1 if a full ledger server would evict keys.
ledger_bytes: Memory that the ledger's server uses.
schedules: Active schedules.
schedule_fired_timestamp_seconds: Unix time of the last scheduled firing.
scheduler_seen_timestamp_seconds: Unix time of the last scheduler heartbeat.
""".splitlines()
)


def expose(host: str, port: int, *, once: bool) -> int:
    """Serve the figures until stopped, or print them once.

    Raises:
        CommandError: there is nothing to serve, or no place to serve it.
    """
    chosen = chosen_settings()
    app = broker.make_app(chosen.ledger_url)
    if once:
        with ledger_of(chosen, alone=False) as ledger:
            figures = gather(ledger, app)
        sys.stdout.write(as_text(lambda: figures))
        return Exit.STORED
    if not chosen.redis_url:
        raise CommandError(
            "figures are served of a fleet: set REELMILL_REDIS_URL, or print those of "
            "this home with --once"
        )
    ledger = connect(chosen.redis_url, TIMEOUT_S)
    _serve(host, port, lambda: gather(ledger, app))
    return Exit.STORED


def gather(ledger: Ledger, app: "Celery") -> Figures:
    """All that is measured, now."""
    try:
        found = ledger.figures.read()
    except LedgerError:
        # A server that was restarted is noticed by its first question failing.
        found = ledger.figures.read()
    schedules = ledger.schedules.all()
    newest = [ledger.schedules.firings(each.schedule.name, 1) for each in schedules]
    backlog = None
    with suppress(*broker.BrokerError):
        backlog = broker.backlog(app)
    return replace(
        found,
        workers=len(ledger.workers.alive()),
        backlog=backlog,
        schedules=len(schedules),
        schedule_fired_at_s=max(
            (f.at_s for (f,) in filter(None, newest)), default=None
        ),
        scheduler_seen_at_s=max(ledger.schedules.heartbeats().values(), default=None),
    )


def as_text(read: Callable[[], Figures]) -> str:
    """The figures in the form that Prometheus reads."""
    return generate_latest(_registry(read)).decode()


class _Fleet(Collector):
    """Asks the ledger whenever it is asked."""

    def __init__(self, read: Callable[[], Figures]) -> None:
        self._read = read

    def collect(self) -> Iterator[Metric]:
        try:
            figures = self._read()
        except (LedgerError, OSError) as error:
            console.say(f"the ledger does not answer, and is asked again: {error}")
            yield from _gauges([("up", {}, 0)])
            return
        yield from families(figures)

    def describe(self) -> Iterator[Metric]:
        # Otherwise it would be collected once at the start, to learn the names.
        yield from ()


def families(figures: Figures) -> Iterator[Metric]:
    """All metrics of a fleet whose ledger answers."""
    yield from _gauges(_samples(figures))
    for name in ("throttled", "refusals"):
        made = CounterMetricFamily(f"reelmill_{name}", HELP[name], labels=["account"])
        for account in figures.accounts:
            made.add_metric([account.id], getattr(account, name))
        yield made
    histograms = ("lag_seconds", "lag", LAG_S), ("polls", "polls", POLLS)
    for name, values, bounds in histograms:
        histogram = HistogramMetricFamily(
            f"reelmill_{name}", HELP[name], labels=["account"]
        )
        ends = [*(str(float(bound)) for bound in bounds), "+Inf"]
        for account in figures.accounts:
            up_to = accumulate(map(float, getattr(account, values)))
            buckets = list(zip(ends, up_to, strict=True))
            histogram.add_metric([account.id], buckets=buckets, sum_value=None)
        yield histogram


#: A value of a gauge with its labels; None is not known.
Sample = tuple[str, Mapping[str, str], float | None]


def _gauges(samples: Iterable[Sample]) -> Iterator[Metric]:
    gauges: dict[str, GaugeMetricFamily] = {}
    for name, labels, value in samples:
        if name not in gauges:
            names = list(labels)
            gauges[name] = GaugeMetricFamily(
                f"reelmill_{name}", HELP[name], labels=names
            )
        if value is not None:
            gauges[name].add_metric(list(labels.values()), float(value))
    yield from gauges.values()


def _samples(figures: Figures) -> Iterator[Sample]:
    for account in figures.accounts:
        yield from _of_account(account, figures.now_s)
        for batch in account.batches:
            yield from _of_batch(batch)
    fleet = {
        "up": 1,
        "workers": figures.workers,
        "broker_backlog": figures.backlog,
        "ledger_durable": figures.durable,
        "ledger_evicts": figures.evicts,
        "ledger_bytes": figures.used_bytes,
        "schedules": figures.schedules,
        "schedule_fired_timestamp_seconds": figures.schedule_fired_at_s,
        "scheduler_seen_timestamp_seconds": figures.scheduler_seen_at_s,
    }
    yield from ((name, {}, value) for name, value in fleet.items())


def _of_account(account: AccountFigures, now_s: float) -> Iterator[Sample]:
    at = {"account": account.id}
    sent_at_s = account.uncollected_at_s
    left_s = None if sent_at_s is None else sent_at_s + RETENTION_S - now_s
    values = {
        "open_batches": account.open_batches,
        "today_usd": _dollars(account.today_usd_micros),
        "daily_budget_usd": _dollars(account.daily_budget_usd_micros),
        "slots_in_use": account.slots_in_use,
        "slots_limit": account.limits.concurrent_videos,
        "starts_in_window": account.starts_in_window,
        "starts_limit": account.limits.videos_per_minute,
        "oldest_due_seconds": max(0.0, now_s - (account.due_at_s or now_s)),
        "uncollected_days_left": None if left_s is None else left_s / DAY_S,
        "late_predictions": account.late,
        "notifications_waiting": account.tellings,
    }
    yield from ((name, at, value) for name, value in values.items())
    for trouble in TROUBLES:
        yield "account_trouble", at | {"trouble": trouble}, trouble in account.troubles
    for kind in Kind:
        count = account.charges.counts.get(kind, 0)
        yield "unexplained_charges", at | {"kind": kind.value}, count
        charged = _dollars(account.charges.usd_micros.get(kind, 0))
        yield "unexplained_usd", at | {"kind": kind.value}, charged


def _of_batch(batch: BatchRecord) -> Iterator[Sample]:
    at = {"account": batch.account, "batch": batch.id}
    for what in ("reserved", "charged", "refunded", "budget"):
        yield f"{what}_usd", at, _dollars(getattr(batch, f"{what}_usd_micros"))
    for state in State:
        yield "jobs", at | {"state": state.value}, batch.count(state)
    is_over = batch.total == batch.over
    for why in STOPS:
        yield "batch_stopped", at | {"by": why}, batch.stopped_by == why and not is_over


def _dollars(micros: int | None) -> float | None:
    return None if micros is None else float(usd(micros))


def _registry(read: Callable[[], Figures]) -> CollectorRegistry:
    made = CollectorRegistry(auto_describe=False)
    made.register(_Fleet(read))
    return made


def _serve(host: str, port: int, read: Callable[[], Figures]) -> None:
    stopped = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopped.set())
    try:
        server, thread = start_http_server(port, host, _registry(read))
    except (OSError, OverflowError) as error:  # there is no such port
        raise CommandError(
            f"{host}:{port} cannot be listened on ({error}); name another "
            "with --host and --port"
        ) from None
    console.say(f"figures at http://{host}:{server.server_port}/metrics")
    stopped.wait()
    server.shutdown()
    thread.join()
