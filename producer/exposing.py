"""`reelmill metrics`: the figures of a fleet, for Prometheus.

It reads the ledger once for each scrape and keeps nothing; what there is to expose is
decided in `jobs.fleet.metrics`. While the ledger is out of reach, that is what it
tells.
"""

import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, cast

from jobs import broker
from jobs.fleet import metrics
from jobs.fleet.figures import Figures
from jobs.fleet.metrics import METRICS, Counts, Metric
from jobs.ledger import Ledger, LedgerError, connect
from producer import tables
from producer.choosing import chosen_settings
from producer.exits import Exit, Stop
from producer.private import ledger_of

if TYPE_CHECKING:
    from celery import Celery
    from prometheus_client import CollectorRegistry
    from prometheus_client.core import Metric as Family

#: A scraper waits 10 s as a rule, and a ledger that is asked twice must fit in.
TIMEOUT_S = 4.0


def expose(host: str, port: int, *, once: bool) -> int:
    """Serve the figures until stopped, or print them once.

    Raises:
        Stop: there is nothing to serve, or no place to serve it.
    """
    if find_spec("prometheus_client") is None:
        raise Stop("figures need prometheus-client: pip install 'reelmill[metrics]'")
    chosen = chosen_settings()
    app = broker.make_app(chosen.ledger_url)
    if once:
        with ledger_of(chosen, alone=False) as ledger:
            figures = gather(ledger, app)
        sys.stdout.write(as_text(lambda: figures))
        return Exit.STORED
    if not chosen.redis_url:
        raise Stop(
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
    from prometheus_client import generate_latest  # noqa: PLC0415 - an extra

    return generate_latest(_registry(read)).decode()


def _registry(read: Callable[[], Figures]) -> "CollectorRegistry":
    from prometheus_client import CollectorRegistry  # noqa: PLC0415 - an extra
    from prometheus_client.core import GaugeMetricFamily  # noqa: PLC0415 - an extra
    from prometheus_client.registry import Collector  # noqa: PLC0415 - an extra

    class Fleet(Collector):
        """Asks the ledger whenever it is asked."""

        def collect(self) -> "Iterator[Family]":
            try:
                figures = read()
            except (LedgerError, OSError) as error:
                tables.say(f"the ledger does not answer, and is asked again: {error}")
                yield GaugeMetricFamily(metrics.UP, metrics.UP_HELP, 0)
                return
            yield GaugeMetricFamily(metrics.UP, metrics.UP_HELP, 1)
            for metric in METRICS:
                yield _family(metric, figures)

        def describe(self) -> "Iterator[Family]":
            # Otherwise it would be collected once at the start, to learn the names.
            yield from ()

    made = CollectorRegistry(auto_describe=False)
    made.register(Fleet())
    return made


def _family(metric: Metric, figures: Figures) -> "Family":
    """A metric in the library's own form."""
    from prometheus_client import core  # noqa: PLC0415 - an extra

    kinds: dict[str, Any] = {
        "gauge": core.GaugeMetricFamily,
        "counter": core.CounterMetricFamily,
        "histogram": core.HistogramMetricFamily,
    }
    kind = kinds[metric.kind]
    family = kind(metric.name, metric.help, labels=metric.labels)
    add = family.add_metric
    for value in metric.values(figures):
        labels = [value.labels[name] for name in metric.labels]
        if isinstance(value, Counts):
            add(labels, buckets=_buckets(value), sum_value=None)
        else:
            add(labels, value.value)
    return cast("Family", family)


def _buckets(found: Counts) -> list[tuple[str, float]]:
    """Values up to each bound, as the library wants them: each includes the lower."""
    bounds = [*(str(float(bound)) for bound in found.bounds), "+Inf"]
    sums = [sum(found.counts[: i + 1]) for i in range(len(bounds))]
    return list(zip(bounds, sums, strict=True))


def _backlog(app: "Celery") -> int | None:
    with suppress(*broker.BrokerError):
        return broker.backlog(app)
    return None


def _serve(host: str, port: int, read: Callable[[], Figures]) -> None:
    from prometheus_client import start_http_server  # noqa: PLC0415 - an extra

    stopped = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopped.set())
    try:
        server, thread = start_http_server(port, host, _registry(read))
    except OSError as error:
        raise Stop(
            f"{host}:{port} cannot be listened on ({error.strerror}); name another "
            "with --host and --port",
            Exit.USAGE,
        ) from None
    tables.say(f"figures at http://{host}:{server.server_port}/metrics")
    stopped.wait()
    server.shutdown()
    thread.join()
