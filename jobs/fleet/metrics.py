"""The figures of a fleet, by name: what each means and how it comes from the ledger.

Names, labels and help are decided here, once, for Prometheus and for the pages that
tell of them. `ledger.figures` reads what goes in; `producer.exposing` hands out what
comes of it. Label values are ids of accounts and of a bounded number of batches.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from jobs.fleet.charges import Charges, Kind
from jobs.fleet.figures import LAG_S, POLLS, TROUBLES, AccountFigures, Figures
from jobs.pace.waits import RETENTION_S
from jobs.pricing import usd
from jobs.records import BatchRecord
from jobs.states import FINAL, State

DAY_S = 86_400.0

#: Why a batch that is not over starts nothing more.
STOPS = ("budget", "daily-budget")


@dataclass(frozen=True, slots=True)
class Sample:
    """One value of a metric."""

    value: float
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Counts:
    """A distribution: how many values there were below each upper bound."""

    bounds: Sequence[int]
    #: One more than there are bounds.
    counts: Sequence[int]
    labels: Mapping[str, str]


Value = Sample | Counts


@dataclass(frozen=True, slots=True)
class Metric:
    """A metric, and how its values come about."""

    name: str
    help: str
    values: Callable[[Figures], Iterator[Value]]
    labels: tuple[str, ...] = ()
    kind: Literal["gauge", "counter", "histogram"] = "gauge"


def _whole(read: Callable[[Figures], float | None]) -> Callable[..., Iterator[Value]]:
    """A metric of the ledger as a whole; no value is no sample."""

    def values(figures: Figures) -> Iterator[Value]:
        value = read(figures)
        if value is not None:
            yield Sample(float(value))

    return values


def _account(
    read: Callable[[AccountFigures, float], float | None],
) -> Callable[..., Iterator[Value]]:
    """A metric of each account; `read` also gets the time."""

    def values(figures: Figures) -> Iterator[Value]:
        for account in figures.accounts:
            value = read(account, figures.now_s)
            if value is not None:
                yield Sample(float(value), {"account": account.id})

    return values


def _batch(
    read: Callable[[BatchRecord], float | None],
) -> Callable[..., Iterator[Value]]:
    """A metric of each batch that is shown."""

    def values(figures: Figures) -> Iterator[Value]:
        for account in figures.accounts:
            for batch in account.batches:
                value = read(batch)
                if value is not None:
                    yield Sample(float(value), _of(batch))

    return values


def _of(batch: BatchRecord) -> dict[str, str]:
    return {"account": batch.account, "batch": batch.id}


def _jobs(figures: Figures) -> Iterator[Value]:
    for account in figures.accounts:
        for batch in account.batches:
            for state in State:
                labels = _of(batch) | {"state": state.value}
                yield Sample(float(batch.counts.get(state, 0)), labels)


def _troubles(figures: Figures) -> Iterator[Value]:
    for account in figures.accounts:
        for trouble in TROUBLES:
            labels = {"account": account.id, "trouble": trouble}
            yield Sample(float(trouble in account.troubles), labels)


def _stopped(figures: Figures) -> Iterator[Value]:
    for account in figures.accounts:
        for batch in account.batches:
            over = batch.total == sum(batch.counts.get(s, 0) for s in FINAL)
            for why in STOPS:
                is_why = batch.stopped_by == why and not over
                yield Sample(float(is_why), _of(batch) | {"by": why})


def _charges(
    read: Callable[[Charges, Kind], float | None],
) -> Callable[..., Iterator[Value]]:
    """A metric of each kind of charge that no row explains."""

    def values(figures: Figures) -> Iterator[Value]:
        for account in figures.accounts:
            for kind in Kind:
                value = float(read(account.charges, kind) or 0)
                yield Sample(value, {"account": account.id, "kind": kind.value})

    return values


def _lag(figures: Figures) -> Iterator[Value]:
    for account in figures.accounts:
        yield Counts(LAG_S, account.lag, {"account": account.id})


def _polls(figures: Figures) -> Iterator[Value]:
    for account in figures.accounts:
        yield Counts(POLLS, account.polls, {"account": account.id})


def _dollars(micros: int | None) -> float | None:
    return None if micros is None else float(usd(micros))


def _days_left(account: AccountFigures, now_s: float) -> float | None:
    if account.uncollected_at_s is None:
        return None
    return (account.uncollected_at_s + RETENTION_S - now_s) / DAY_S


def _late_s(account: AccountFigures, now_s: float) -> float:
    return max(0.0, now_s - (account.due_at_s or now_s))


ACCOUNT = ("account",)
BATCH = ("account", "batch")

METRICS = (
    Metric(
        "reelmill_jobs",
        "Jobs by state, of batches that are open or were over in the last day.",
        _jobs,
        (*BATCH, "state"),
    ),
    Metric(
        "reelmill_open_batches",
        "Batches in which something is left, those without series of their own too.",
        _account(lambda account, _: account.open_batches),
        ACCOUNT,
    ),
    Metric(
        "reelmill_batch_stopped",
        "1 while a budget keeps the rest of a batch from starting.",
        _stopped,
        (*BATCH, "by"),
    ),
    Metric(
        "reelmill_reserved_usd",
        "Dollars set aside for what may be on its way.",
        _batch(lambda batch: _dollars(batch.reserved_usd_micros)),
        BATCH,
    ),
    Metric(
        "reelmill_charged_usd",
        "Dollars that the provider took, at the price that was quoted.",
        _batch(lambda batch: _dollars(batch.charged_usd_micros)),
        BATCH,
    ),
    Metric(
        "reelmill_refunded_usd",
        "Dollars that the provider gives back for failed attempts.",
        _batch(lambda batch: _dollars(batch.refunded_usd_micros)),
        BATCH,
    ),
    Metric(
        "reelmill_budget_usd",
        "Most dollars that a batch may cost; none where it has no budget.",
        _batch(lambda batch: _dollars(batch.budget_usd_micros)),
        BATCH,
    ),
    Metric(
        "reelmill_today_usd",
        "Dollars spent or reserved on this UTC day.",
        _account(lambda account, _: _dollars(account.today_usd_micros)),
        ACCOUNT,
    ),
    Metric(
        "reelmill_daily_budget_usd",
        "Most dollars that a UTC day may cost; none where there is no such budget.",
        _account(lambda account, _: _dollars(account.daily_budget_usd_micros)),
        ACCOUNT,
    ),
    Metric(
        "reelmill_slots_in_use",
        "Videos that count as generating at once.",
        _account(lambda account, _: account.slots_in_use),
        ACCOUNT,
    ),
    Metric(
        "reelmill_slots_limit",
        "Most videos that may be generating at once.",
        _account(lambda account, _: account.limits.concurrent_videos),
        ACCOUNT,
    ),
    Metric(
        "reelmill_starts_in_window",
        "Starts that count against the rate now.",
        _account(lambda account, _: account.starts_in_window),
        ACCOUNT,
    ),
    Metric(
        "reelmill_starts_limit",
        "Most starts in any 60 s.",
        _account(lambda account, _: account.limits.videos_per_minute),
        ACCOUNT,
    ),
    Metric(
        "reelmill_throttled",
        "Answers that said too many (HTTP 429).",
        _account(lambda account, _: account.throttled),
        ACCOUNT,
        "counter",
    ),
    Metric(
        "reelmill_refusals",
        "Answers after which the account cooled down: 429, trouble, lost ones.",
        _account(lambda account, _: account.refusals),
        ACCOUNT,
        "counter",
    ),
    Metric(
        "reelmill_account_trouble",
        "1 while something is wrong with the account or it is held.",
        _troubles,
        (*ACCOUNT, "trouble"),
    ),
    Metric(
        "reelmill_unexplained_charges",
        "Charges of the provider that no row explains, since a person dismissed any.",
        _charges(lambda found, kind: found.counts.get(kind)),
        (*ACCOUNT, "kind"),
    ),
    Metric(
        "reelmill_unexplained_usd",
        "Dollars of these charges.",
        _charges(lambda found, kind: _dollars(found.usd_micros.get(kind))),
        (*ACCOUNT, "kind"),
    ),
    Metric(
        "reelmill_oldest_due_seconds",
        "How long the first that is due has waited for a worker.",
        _account(_late_s),
        ACCOUNT,
    ),
    Metric(
        "reelmill_uncollected_days_left",
        "Days until the provider deletes the oldest video paid and not stored.",
        _account(_days_left),
        ACCOUNT,
    ),
    Metric(
        "reelmill_late_predictions",
        "Predictions that go on far beyond the times of their kind, the overdue too.",
        _account(lambda account, _: account.late),
        ACCOUNT,
    ),
    Metric(
        "reelmill_lag_seconds",
        "Seconds from seeing a video finished to having it stored.",
        _lag,
        ACCOUNT,
        "histogram",
    ),
    Metric(
        "reelmill_polls",
        "Looks at one prediction until it was over.",
        _polls,
        ACCOUNT,
        "histogram",
    ),
    Metric(
        "reelmill_tellings_waiting",
        "Notifications that did not reach everybody yet.",
        _account(lambda account, _: account.tellings),
        ACCOUNT,
    ),
    Metric(
        "reelmill_workers",
        "Workers that lately said that they live.",
        _whole(lambda figures: figures.workers),
    ),
    Metric(
        "reelmill_broker_backlog",
        "Messages that no worker has taken yet.",
        _whole(lambda figures: figures.backlog),
    ),
    Metric(
        "reelmill_ledger_durable",
        "1 if the ledger's server keeps an append-only file and can write it.",
        _whole(lambda figures: figures.durable),
    ),
    Metric(
        "reelmill_ledger_evicts",
        "1 if the ledger's server forgets instead of refusing when it is full.",
        _whole(lambda figures: figures.evicts),
    ),
    Metric(
        "reelmill_ledger_bytes",
        "Memory that the ledger's server uses.",
        _whole(lambda figures: figures.used_bytes),
    ),
    Metric(
        "reelmill_schedules",
        "Schedules that the clock starts.",
        _whole(lambda figures: figures.schedules),
    ),
    Metric(
        "reelmill_schedule_fired_timestamp_seconds",
        "Unix time of the last start by the clock; none before the first.",
        _whole(lambda figures: figures.schedule_fired_at_s),
    ),
    Metric(
        "reelmill_scheduler_seen_timestamp_seconds",
        "Unix time of the last word of a scheduler; none where there never was one.",
        _whole(lambda figures: figures.scheduler_seen_at_s),
    ),
)

#: 1 while the ledger answers; the only one that is there while it does not.
UP = "reelmill_up"
UP_HELP = "1 while the ledger answers."
