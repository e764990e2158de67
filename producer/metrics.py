"""`reelmill metrics`: figures of the fleet for Prometheus.

The ledger is read once for each scrape, and nothing is kept. While it does not answer,
`reelmill_up` is 0 and the only metric. Values of labels are account ids, a bounded
number of batches, and fixed words.
"""

import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
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
from jobs.states import FINAL, State
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

#: Gauges of an account: name, help, and the value of its figures at a time.
ACCOUNT_GAUGES: Sequence[
    tuple[str, str, Callable[[AccountFigures, float], float | None]]
] = (
    (
        "open_batches",
        "Batches in which something is left, those without series of their own too.",
        lambda a, _: a.open_batches,
    ),
    (
        "today_usd",
        "Dollars spent or reserved on this UTC day.",
        lambda a, _: _dollars(a.today_usd_micros),
    ),
    (
        "daily_budget_usd",
        "Most dollars that a UTC day may cost; none where there is no such budget.",
        lambda a, _: _dollars(a.daily_budget_usd_micros),
    ),
    (
        "slots_in_use",
        "Videos that count as generating at once.",
        lambda a, _: a.slots_in_use,
    ),
    (
        "slots_limit",
        "Most videos that may be generating at once.",
        lambda a, _: a.limits.concurrent_videos,
    ),
    (
        "starts_in_window",
        "Starts that count against the rate now.",
        lambda a, _: a.starts_in_window,
    ),
    (
        "starts_limit",
        "Most starts in any 60 s.",
        lambda a, _: a.limits.videos_per_minute,
    ),
    (
        "oldest_due_seconds",
        "How long the first that is due has waited for a worker.",
        lambda a, now_s: max(0.0, now_s - (a.due_at_s or now_s)),
    ),
    (
        "uncollected_days_left",
        "Days until the provider deletes the oldest video paid and not stored.",
        lambda a, now_s: _days_left(a.uncollected_at_s, now_s),
    ),
    (
        "late_predictions",
        "Predictions that go on far beyond the times of their kind, the overdue too.",
        lambda a, _: a.late,
    ),
    (
        "tellings_waiting",
        "Notifications that did not reach everybody yet.",
        lambda a, _: a.tellings,
    ),
)

#: Gauges of a batch.
BATCH_GAUGES: Sequence[tuple[str, str, Callable[[BatchRecord], int | None]]] = (
    (
        "reserved_usd",
        "Dollars set aside for what may be on its way.",
        lambda b: b.reserved_usd_micros,
    ),
    (
        "charged_usd",
        "Dollars that the provider took, at the price that was quoted.",
        lambda b: b.charged_usd_micros,
    ),
    (
        "refunded_usd",
        "Dollars that the provider gives back for failed attempts.",
        lambda b: b.refunded_usd_micros,
    ),
    (
        "budget_usd",
        "Most dollars that a batch may cost; none where it has no budget.",
        lambda b: b.budget_usd_micros,
    ),
)

#: Gauges of the ledger as a whole.
FLEET_GAUGES: Sequence[tuple[str, str, Callable[[Figures], float | None]]] = (
    ("workers", "Workers that were heard of lately.", lambda f: f.workers),
    (
        "broker_backlog",
        "Messages that no worker has taken yet.",
        lambda f: f.backlog,
    ),
    (
        "ledger_durable",
        "1 if the ledger's server keeps an append-only file and can write it.",
        lambda f: f.durable,
    ),
    (
        "ledger_evicts",
        "1 if the ledger's server forgets instead of refusing when it is full.",
        lambda f: f.evicts,
    ),
    ("ledger_bytes", "Memory that the ledger's server uses.", lambda f: f.used_bytes),
    ("schedules", "Schedules that the clock starts.", lambda f: f.schedules),
    (
        "schedule_fired_timestamp_seconds",
        "Unix time of the last start by the clock; none before the first.",
        lambda f: f.schedule_fired_at_s,
    ),
    (
        "scheduler_seen_timestamp_seconds",
        "Unix time when a scheduler was last heard of; none where there never was one.",
        lambda f: f.scheduler_seen_at_s,
    ),
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
    return replace(
        found,
        workers=len(ledger.workers.alive()),
        backlog=_backlog(app),
        schedules=len(schedules),
        schedule_fired_at_s=max(
            (f.at_s for (f,) in filter(None, newest)), default=None
        ),
        scheduler_seen_at_s=max(ledger.schedules.beats().values(), default=None),
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
            yield _up(0)
            return
        yield _up(1)
        yield from families(figures)

    def describe(self) -> Iterator[Metric]:
        # Otherwise it would be collected once at the start, to learn the names.
        yield from ()


def families(figures: Figures) -> Iterator[Metric]:
    """All metrics of a fleet whose ledger answers."""
    yield from _of_batches(figures)
    yield from _of_accounts(figures)
    for name, text, read in FLEET_GAUGES:
        value = read(figures)
        gauge = GaugeMetricFamily(f"reelmill_{name}", text, labels=[])
        if value is not None:
            gauge.add_metric([], float(value))
        yield gauge


def _of_batches(figures: Figures) -> Iterator[Metric]:
    batches = [batch for account in figures.accounts for batch in account.batches]
    jobs = GaugeMetricFamily(
        "reelmill_jobs",
        "Jobs by state, of batches that are open or were over in the last day.",
        labels=["account", "batch", "state"],
    )
    stopped = GaugeMetricFamily(
        "reelmill_batch_stopped",
        "1 while a budget keeps the rest of a batch from starting.",
        labels=["account", "batch", "by"],
    )
    for batch in batches:
        at = [batch.account, batch.id]
        for state in State:
            jobs.add_metric([*at, state.value], batch.counts.get(state, 0))
        over = batch.total == sum(batch.counts.get(s, 0) for s in FINAL)
        for why in STOPS:
            stopped.add_metric([*at, why], float(batch.stopped_by == why and not over))
    yield jobs
    yield stopped
    for name, text, read in BATCH_GAUGES:
        gauge = GaugeMetricFamily(f"reelmill_{name}", text, labels=["account", "batch"])
        for batch in batches:
            value = _dollars(read(batch))
            if value is not None:
                gauge.add_metric([batch.account, batch.id], value)
        yield gauge


def _of_accounts(figures: Figures) -> Iterator[Metric]:
    for name, text, read in ACCOUNT_GAUGES:
        gauge = GaugeMetricFamily(f"reelmill_{name}", text, labels=["account"])
        for account in figures.accounts:
            value = read(account, figures.now_s)
            if value is not None:
                gauge.add_metric([account.id], float(value))
        yield gauge
    yield from _of_answers(figures)
    yield from _of_troubles(figures)
    yield from _of_predictions(figures)


def _of_answers(figures: Figures) -> Iterator[Metric]:
    throttled = CounterMetricFamily(
        "reelmill_throttled",
        "Answers that said too many (HTTP 429).",
        labels=["account"],
    )
    refusals = CounterMetricFamily(
        "reelmill_refusals",
        "Answers after which the account cooled down: 429, trouble, lost ones.",
        labels=["account"],
    )
    for account in figures.accounts:
        throttled.add_metric([account.id], account.throttled)
        refusals.add_metric([account.id], account.refusals)
    yield throttled
    yield refusals


def _of_troubles(figures: Figures) -> Iterator[Metric]:
    trouble = GaugeMetricFamily(
        "reelmill_account_trouble",
        "1 while something is wrong with the account or it is held.",
        labels=["account", "trouble"],
    )
    charges = GaugeMetricFamily(
        "reelmill_unexplained_charges",
        "Charges of the provider that no row explains, since a person dismissed any.",
        labels=["account", "kind"],
    )
    dollars = GaugeMetricFamily(
        "reelmill_unexplained_usd",
        "Dollars of these charges.",
        labels=["account", "kind"],
    )
    for account in figures.accounts:
        for each in TROUBLES:
            trouble.add_metric([account.id, each], float(each in account.troubles))
        for kind in Kind:
            found, at = account.charges, [account.id, kind.value]
            charges.add_metric(at, found.counts.get(kind, 0))
            dollars.add_metric(at, float(usd(found.usd_micros.get(kind, 0))))
    yield trouble
    yield charges
    yield dollars


def _of_predictions(figures: Figures) -> Iterator[Metric]:
    lag = HistogramMetricFamily(
        "reelmill_lag_seconds",
        "Seconds from seeing a video finished to having it stored.",
        labels=["account"],
    )
    polls = HistogramMetricFamily(
        "reelmill_polls",
        "Polls of one prediction until it was over.",
        labels=["account"],
    )
    for account in figures.accounts:
        at = [account.id]
        lag.add_metric(at, buckets=_buckets(LAG_S, account.lag), sum_value=None)
        polls.add_metric(at, buckets=_buckets(POLLS, account.polls), sum_value=None)
    yield lag
    yield polls


def _buckets(bounds: Sequence[int], counts: Sequence[int]) -> list[tuple[str, float]]:
    """Values up to each bound, each with the lower ones; `counts` has one more."""
    ends = [*(str(float(bound)) for bound in bounds), "+Inf"]
    sums = [float(sum(counts[: i + 1])) for i in range(len(ends))]
    return list(zip(ends, sums, strict=True))


def _up(value: int) -> GaugeMetricFamily:
    return GaugeMetricFamily("reelmill_up", "1 while the ledger answers.", value)


def _dollars(micros: int | None) -> float | None:
    return None if micros is None else float(usd(micros))


def _days_left(sent_at_s: float | None, now_s: float) -> float | None:
    return None if sent_at_s is None else (sent_at_s + RETENTION_S - now_s) / DAY_S


def _registry(read: Callable[[], Figures]) -> CollectorRegistry:
    made = CollectorRegistry(auto_describe=False)
    made.register(_Fleet(read))
    return made


def _backlog(app: "Celery") -> int | None:
    with suppress(*broker.BrokerError):
        return broker.backlog(app)
    return None


def _serve(host: str, port: int, read: Callable[[], Figures]) -> None:
    stopped = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopped.set())
    try:
        server, thread = start_http_server(port, host, _registry(read))
    except OSError as error:
        raise CommandError(
            f"{host}:{port} cannot be listened on ({error.strerror}); name another "
            "with --host and --port",
            Exit.USAGE,
        ) from None
    console.say(f"figures at http://{host}:{server.server_port}/metrics")
    stopped.wait()
    server.shutdown()
    thread.join()
