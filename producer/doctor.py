"""`doctor`: what is wrong with this set-up, and what to do about it.

It checks everything, changes nothing and spends nothing. Each check reads and says what
it found; a thing that is wrong never keeps the others from being seen. Of jobs only
those are read that are named, so a large ledger is checked as quickly as a small one.
"""

import platform
import shutil
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from importlib.metadata import version
from pathlib import Path

from pydantic import SecretStr

from jobs import broker, catalogue, redis_url
from jobs.ledger import Ledger, LedgerError, NotDurableError
from jobs.ledger.charges import Kind
from jobs.ledger.errors import rights_words, trouble
from jobs.ledger.marks import StoreMarks, older_words
from jobs.ledger.workers import Worker
from jobs.pace.waits import RETENTION_S
from jobs.records import BatchRecord
from jobs.report.next_steps import holds
from jobs.settings import Settings, descriptions
from jobs.states import FINAL, State
from jobs.storage import Store, StoreError, parse
from jobs.text import choice, counted, duration, masked, plain
from producer import account, console
from producer.batch_copies import lost_batches
from producer.console import Table, print_json
from producer.exits import CommandError, Exit
from producer.local_server import ledger_of
from producer.options import Json, chosen_settings
from producer.schedule import stale_words

#: Less than so much room in a folder is soon full.
ROOM_BYTES = 1_000_000_000

#: Clocks that differ by more should be set.
SKEW_S = 5.0

#: The part of its memory that a server may use before somebody should know.
FULL = 0.8

#: What is due for longer is late: a worker looks several times a second.
LATE_S = 60.0

#: Less time than this until the provider deletes a video is a risk.
RISK_S = 3 * 86_400.0

#: Workers, batches or jobs that one sentence names, and jobs that are read for it.
MAX_NAMED = 5
MAX_READ = 500


class Health(StrEnum):
    """How something is."""

    GOOD = "good"
    WARNING = "warning"
    WRONG = "wrong"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was checked."""

    what: str
    health: Health
    #: What was found, and what to do where it is not good.
    words: str


def good(what: str, words: str) -> Finding:
    """Something is as it should be."""
    return Finding(what, Health.GOOD, words)


def warning(what: str, words: str) -> Finding:
    """Something works and should be mended all the same."""
    return Finding(what, Health.WARNING, words)


def wrong(what: str, words: str) -> Finding:
    """Something does not work."""
    return Finding(what, Health.WRONG, words)


# This machine, the store and the provider.


def setup(_chosen: Settings) -> Iterator[Finding]:
    """What runs here, and how old the catalogue's prices are."""
    words = f"reelmill {version('reelmill')}, Python {platform.python_version()}"
    yield good("version", words)
    known = catalogue.builtin()
    read_on = min(str(model.read_on) for model in known.models.values())
    yield good("catalogue", f"{len(known.models)} models, prices read on {read_on}")


def store(chosen: Settings) -> Iterator[Finding]:
    """Whether videos can be kept: such files are written, read and taken away."""
    try:
        kept = Store(chosen.store)
        kept.check_round_trip()
    except StoreError as error:
        yield wrong("store", f"{error}; set REELMILL_STORE")
        return
    if not kept.local:
        yield good("store", f"{kept.url} takes files and gives them back")
        return
    room_bytes = shutil.disk_usage(kept.url).free
    words = f"{kept.url} takes files, {room_bytes / 1e9:,.1f} GB are free"
    if room_bytes < ROOM_BYTES:
        yield warning("store", f"{words}; make room, or set REELMILL_STORE elsewhere")
    else:
        yield good("store", words)


def provider(chosen: Settings) -> Iterator[Finding]:
    """Whether the key is accepted, what money there is, and what time it is there."""
    if not chosen.api_key:
        words = "WAVESPEED_API_KEY is not set; set it to render"
        yield warning("provider", f"{words}, reelmill demo needs none")
        return
    money, ahead_s = account.balance_and_clock(chosen)
    if money.usd is None:
        cure = account.CURES.get(
            money.trouble, "check WAVESPEED_BASE_URL and the network"
        )
        yield wrong("provider", f"{money.reason}; {cure}")
        return
    words = f"{chosen.base_url} accepts the key; balance ${money.usd:.2f}"
    if money.usd <= 0:
        yield warning("provider", f"{words}; {account.CURES['balance']}")
    else:
        yield good("provider", words)
    if ahead_s is not None:
        yield clock_finding("provider's clock", "the provider", ahead_s)


def limits(chosen: Settings) -> Iterator[Finding]:
    """What the account may do, by the settings of this machine."""
    own = chosen.limits
    source = "by REELMILL_VIDEOS_PER_MINUTE or REELMILL_CONCURRENT_VIDEOS"
    if not chosen.own_limits:
        source = f"as of {chosen.tier}; set REELMILL_TIER to your account's"
    words = f"{own.videos_per_minute} starts a minute, {own.concurrent_videos} at once"
    yield good("limits", f"{words}, {source}")


# The ledger's server.


def server(ledger: Ledger, chosen: Settings) -> Iterator[Finding]:
    """Whether it answers, keeps what it is told, and has room."""
    for what, check in SERVER_CHECKS.items():
        try:
            yield check(ledger)
        except LedgerError as error:
            yield warning(what, f"not readable: the ledger's server says {error}")
    yield _rights(ledger, chosen)
    try:
        waiting = broker.backlog(broker.make_app(chosen.ledger_url))
        yield good("broker", f"answers, {waiting} messages wait for a worker")
    except broker.BrokerError as error:
        words = f"Celery cannot use it ({error}); check REELMILL_REDIS_URL"
        yield wrong("broker", words)


def _version(ledger: Ledger) -> Finding:
    hello = ledger.server.execute_command("HELLO")
    name = f"{hello['server'].capitalize()} {hello['version']}"
    if hello["mode"] == "cluster":
        words = f"{name} is a cluster; the ledger needs one server, replicas aside"
        return wrong("ledger", words)
    return good("ledger", f"answers, {name}")


def _rights(ledger: Ledger, chosen: Settings) -> Finding:
    try:
        missing = ledger.rights.missing(redis_url.read(chosen.ledger_url))
    except LedgerError as error:
        return wrong("rights", trouble(chosen.ledger_url, error))
    if missing:
        return wrong("rights", rights_words(chosen.ledger_url, missing))
    return good("rights", "the server's user may do all that is needed")


def _durability(ledger: Ledger) -> Finding:
    try:
        ledger.durable()
    except NotDurableError as error:
        return wrong("durability", str(error))
    except LedgerError as error:  # it takes no write at all
        return wrong("ledger", f"it takes no write: {error}")
    try:
        fsync = ledger.server.config_get("appendfsync").get("appendfsync", "?")
    except LedgerError:
        return good("durability", "a change was proven to be on disk")
    if fsync == "always":
        return good("durability", "every change is on disk before it is answered")
    words = "each block of paid requests waits for the disk; always is quicker"
    return warning("durability", f"appendfsync is {fsync}: {words}")


def _disk(ledger: Ledger) -> Finding:
    info = ledger.server.info("persistence")
    states = {info.get(f"aof_last_{what}_status") for what in ("write", "bgrewrite")}
    if not states <= {"ok", None}:
        words = "the append-only file could not be written; make room on the server's"
        return wrong("disk", f"{words} disk and look at its log")
    size_mb = int(info.get("aof_current_size", 0)) / 1e6
    return good("disk", f"the append-only file has {size_mb:,.1f} MB")


def _eviction(ledger: Ledger) -> Finding:
    policy = ledger.server.info("memory").get("maxmemory_policy", "?")
    if policy == "noeviction":
        return good("eviction", "a full server refuses instead of forgetting")
    words = f"maxmemory-policy is {policy}: a full server forgets what was paid"
    return wrong("eviction", f"{words}; set it to noeviction")


def _memory(ledger: Ledger) -> Finding:
    info = ledger.server.info("memory")
    used, limit = int(info["used_memory"]), int(info.get("maxmemory", 0))
    room = limit or int(info.get("total_system_memory", 0))
    whose = "maxmemory" if limit else "its machine's memory"
    words = f"{used / 1e6:,.0f} MB of {room / 1e6:,.0f} MB ({whose})"
    if room and used > FULL * room:
        return warning("memory", f"{words}; give it more: a full one starts nothing")
    return good("memory", words)


def _clock(ledger: Ledger) -> Finding:
    before_s = time.time()
    ahead_s = ledger.now_s() - (before_s + time.time()) / 2
    return clock_finding("clock", "the ledger's server", ahead_s)


SERVER_CHECKS = {
    "ledger": _version,
    "durability": _durability,
    "disk": _disk,
    "eviction": _eviction,
    "memory": _memory,
    "clock": _clock,
}


def clock_finding(what: str, whose: str, ahead_s: float) -> Finding:
    """What a difference between another clock and this machine's means."""
    if abs(ahead_s) <= SKEW_S:
        return good(what, f"this machine and {whose} agree within {SKEW_S:g} s")
    relation = "ahead of" if ahead_s > 0 else "behind"
    words = (
        f"{whose} is {abs(ahead_s):,.0f} s {relation} this machine; set both clocks by "
        "NTP: buckets and webhooks refuse signatures that are minutes off"
    )
    return warning(what, words)


# The fleet: what workers and schedulers said of themselves.


def fleet(ledger: Ledger, chosen: Settings) -> Iterator[Finding]:
    """Whether workers and schedulers are at work, and fit to each other."""
    if not chosen.redis_url:
        yield good(
            "workers", "reelmill run brings its own: REELMILL_REDIS_URL is unset"
        )
        return
    everyone = ledger.workers.known()
    known = [w for w in everyone if w.facts.account == chosen.account_id]
    alive = [worker for worker in known if worker.lives]
    if alive:
        yield _alive(alive)
    elif everyone and not known and not chosen.api_key:
        words = f"no worker of this account runs, {len(everyone)} of others do"
        cure = "without a key none is ours: set WAVESPEED_API_KEY or REELMILL_ACCOUNT"
        yield warning("workers", f"{words}; {cure}")
    elif any(b.account == chosen.account_id for b in ledger.batches.unfinished()):
        words = "no worker of this account runs and there is work: reelmill worker"
        yield wrong("workers", words)
    else:
        words = "no worker of this account runs; before you submit: reelmill worker"
        yield warning("workers", words)
    yield from _unlike(known, alive, chosen)
    if lacked := ledger.workers.lacked(chosen.account_id):
        words = f"rows of {choice(lacked, word='and')} wait for a worker that knows the"
        yield warning("models", f"{words} model; bring all workers to one version")
    if words := stale_words(ledger, chosen.account_id):
        yield wrong("scheduler", words)
    if chosen.webhook_url:
        yield _webhooks(ledger, chosen)


def _alive(alive: Sequence[Worker]) -> Finding:
    machines = len({worker.facts.host for worker in alive})
    words = f"{len(alive)} at work, machines: {machines}"
    if stopping := sum(worker.facts.stopping for worker in alive):
        words += f", {stopping} about to stop"
    if any(worker.facts.starts for worker in alive):
        return good("workers", words)
    cure = "none starts videos; set REELMILL_STARTS=true for one"
    return warning("workers", f"{words}; {cure}")


def _unlike(
    known: Sequence[Worker], alive: Sequence[Worker], chosen: Settings
) -> Iterator[Finding]:
    """Workers that fell silent, or differ in version, clock or store."""
    silent = [w for w in known if not w.lives]
    if names := [f"{w.facts.name} for {duration(w.silent_s)}" for w in silent]:
        words = f"stopped unexpectedly in the last day: {_few(names)}"
        yield warning("silent workers", f"{words}; see their logs")
    here = version("reelmill")
    if others := sorted({w.facts.version for w in alive} - {here}):
        words = f"workers have {choice(others, word='and')}, this is {here}"
        yield warning("versions", f"{words}; bring all to one version")
    off = [w.facts for w in alive if abs(w.facts.ahead_s) > SKEW_S]
    if names := [f"{each.name} by {abs(each.ahead_s):,.0f} s" for each in off]:
        words = "clocks differ from the ledger's; set them by NTP"
        yield warning("workers' clocks", f"{words}: {_few(names)}")
    machines = len({worker.facts.host for worker in alive})
    if machines > 1 and parse(chosen.store)[0] == "file":
        words = "must be the same one for all"
        yield good("shared folder", f"{chosen.store} {words} {machines} machines")


def _webhooks(ledger: Ledger, chosen: Settings) -> Finding:
    heard_at_s = ledger.hooks.heard_at_s(chosen.account_id)
    if heard_at_s:
        ago = duration(max(ledger.now_s() - heard_at_s, 0.0))
        return good("webhooks", f"the last one came {ago} ago")
    words = (
        f"none ever came to {chosen.webhook_url}; see that it leads to reelmill hooks. "
        "Without them videos are asked for, a little later"
    )
    return warning("webhooks", words)


# Work that is blocked, and how to make it go on.


def standstill(ledger: Ledger, chosen: Settings) -> Iterator[Finding]:
    """What blocks the account's work."""
    unfinished = ledger.batches.unfinished()
    batches = [batch for batch in unfinished if batch.account == chosen.account_id]
    yield from _account(ledger, chosen)
    yield from _lost_data(ledger, chosen)
    yield from _late(ledger, chosen)
    yield from _crashed(ledger, chosen)
    for kind, words in ledger.charges.read(chosen.account_id).sentences():
        is_wrong = kind is Kind.PAID_TWICE
        yield (wrong if is_wrong else warning)(f"charges, {kind}", words)
    if held := [f"{b.id}: {why}" for b in batches if (why := _hold(b))]:
        yield warning("held batches", _few(held))
    counts = {b.id: b.counts.get(State.UNRESOLVED, 0) for b in batches}
    if lost := [f"{count} in {batch}" for batch, count in counts.items() if count]:
        words = (
            "lost answers need your decision, see reelmill show and reelmill resolve"
        )
        yield warning("unresolved", f"{words}: {_few(lost)}")
    yield from _too_long(ledger, chosen)
    left = sum(b.counts.get(state, 0) for b in batches for state in set(State) - FINAL)
    jobs, many = counted(left, "job"), counted(len(batches), "batch", "batches")
    yield good("work", f"unfinished: {jobs} in {many}")


def _account(ledger: Ledger, chosen: Settings) -> Iterator[Finding]:
    now, own = ledger.permits.read(chosen.account_id), chosen.limits
    cooling_s = now.cooling_until_s - ledger.now_s()
    if now.older:
        yield wrong("account", older_words(now.older))
    elif now.paused:
        yield warning("account", "paused: reelmill resume --account")
    if now.trouble:
        cure = account.CURES.get(now.trouble, "look at the account")
        words = f"starts nothing, the provider said: {now.reason}"
        yield wrong("account", f"{words}; {cure}")
    elif cooling_s > 0:
        words = f"cools down for {duration(cooling_s)} more: {now.reason}"
        yield warning("account", f"{words}; it goes on by itself")
    if now.limits not in (None, own):
        words = (
            f"workers keep to {now.limits.videos_per_minute} starts a minute and "
            f"{now.limits.concurrent_videos} at once, this machine says otherwise; "
            "give all the same REELMILL_TIER and start them anew together"
        )
        yield warning("limits of workers", words)
    adaptive = now.adaptive_concurrency
    if adaptive is not None and adaptive < own.concurrent_videos:
        words = (
            f"the provider answered 429, so only {adaptive} videos are made at once, "
            f"of {own.concurrent_videos}. It recovers by itself; at once with: "
            "reelmill resume --account"
        )
        yield warning("concurrency", words)


def _lost_data(ledger: Ledger, chosen: Settings) -> Iterator[Finding]:
    try:
        lost = lost_batches(ledger, chosen.store)
        marks = StoreMarks(ledger, Store(chosen.store), chosen.account_id)
        older = marks.are_forgotten()
    except (CommandError, StoreError):
        return  # said of the store already
    if older and not ledger.permits.read(chosen.account_id).older:
        yield wrong("lost data", older_words(chosen.store))
    if lost:
        words = (
            f"the store has copies of {len(lost)} batches that this ledger lacks. Two "
            "ledgers pay twice: set REELMILL_HOME or REELMILL_REDIS_URL to theirs, or "
            "put lost data back, or run reelmill rebuild"
        )
        yield wrong("lost data", words)


def _late(ledger: Ledger, chosen: Settings) -> Iterator[Finding]:
    """Work that is long due, and videos that the provider may delete soon."""
    figures = ledger.figures.read()
    for own in (a for a in figures.accounts if a.id == chosen.account_id):
        late_s = figures.now_s - own.due_at_s if own.due_at_s else 0.0
        if late_s > LATE_S and own.open_batches:
            cure = "run the same command again, or reelmill collect"
            if chosen.redis_url:
                cure = "start more workers, or look at the logs of those there are"
            yield warning("due", f"work has been due for {duration(late_s)}; {cure}")
        if own.uncollected_at_s is None:
            continue
        left_s = own.uncollected_at_s + RETENTION_S - figures.now_s
        if left_s < RISK_S:
            words = (
                "the oldest video that is paid and not stored may vanish in "
                f"{duration(max(left_s, 0.0))}; start a worker, or reelmill collect"
            )
            yield wrong("at risk", words)


def _crashed(ledger: Ledger, chosen: Settings) -> Iterator[Finding]:
    """What a worker fails over again and again, by a mistake of ours."""
    if crashes := ledger.crashes.recent(chosen.account_id):
        worst = crashes[0]
        words = (
            f"workers failed over {len(crashes)} jobs or batches, most often over "
            f"{str(worst.ref).rstrip('/')}: {worst.words}, {worst.times} times in a "
            "row; look at the workers' logs, and install a newer reelmill or report it"
        )
        yield warning("crashes", words)


def _hold(batch: BatchRecord) -> str:
    """Why a batch starts nothing, and what to do; empty if nothing holds it."""
    if batch.cancelled or batch.aside or not batch.complete:
        return ""
    return next((f"{why}; {step}" for why, step in holds(batch)), batch.note)


def _too_long(ledger: Ledger, chosen: Settings) -> Iterator[Finding]:
    """Predictions that go on far beyond the times of their kind."""
    refs = ledger.delay_queue.late(chosen.account_id, MAX_READ)
    records = ledger.batches.load(refs[:MAX_NAMED])
    named = [
        f"{ref.batch} {ref.job}, {record.failure.message}; "
        f"reelmill cancel {ref.batch} {ref.job} --abandon"
        for ref, record in zip(refs, records, strict=False)
        if record and record.failure
    ]
    if named:
        words = "the provider does not end them; each is paid and still awaited"
        yield warning("far too long", f"{words}: {_few(named, len(refs))}")


def _few(items: Sequence[str], total: int | None = None) -> str:
    more = (total or len(items)) - MAX_NAMED
    listed = "; ".join(items[:MAX_NAMED])
    return f"{listed} and {more} more" if more > 0 else listed


#: What is checked before the ledger, of the ledger, and after it.
SETUP_CHECKS = (setup, store)
LEDGER_CHECKS = (server, fleet, standstill)
AFTERWARDS = (provider, limits)

#: What is out of reach or refuses when this is wrong, rather than badly set up.
OUTSIDE = frozenset({"ledger", "rights", "broker", "provider"})


def doctor(*, json: Json = False) -> int:
    """Check this set-up and say what to do about what is wrong; spends nothing.

    For example:

        reelmill doctor

    Args:
        json: Print the findings as JSON.
    """
    chosen = chosen_settings()
    findings = list(examine(chosen))
    if json:
        listed = [asdict(finding) for finding in findings]
        print_json({"findings": listed, "settings": _values(chosen)})
    else:
        console.out.print(_table(findings))
        for line in ("", *_settings_lines(chosen)):
            console.tell(line)
    found_wrong = {f.what for f in findings if f.health is Health.WRONG}
    if found_wrong & OUTSIDE:
        return Exit.UNREACHABLE
    return Exit.USAGE if found_wrong else Exit.STORED


def examine(chosen: Settings) -> Iterator[Finding]:
    """Everything that there is to say, the set-up of this machine first."""
    for check in SETUP_CHECKS:
        yield from check(chosen)
    try:
        with ledger_of(chosen, alone=False) as ledger:
            for ask in LEDGER_CHECKS:
                yield from ask(ledger, chosen)
    except CommandError as stop:
        yield wrong("ledger", str(stop))
    for check in AFTERWARDS:
        yield from check(chosen)


def _table(findings: Sequence[Finding]) -> Table:
    made = Table("check", "result", "details", sentences=("details",))
    for finding in findings:
        made.add(finding.what, finding.health, finding.words)
    return made


def _settings_lines(chosen: Settings) -> Iterator[str]:
    words = descriptions().values()
    for (name, value), what in zip(_values(chosen).items(), words, strict=True):
        yield f"{name}={'' if value is None else plain(value)}\n    {what}"


def _values(chosen: Settings) -> dict[str, object]:
    """Every setting by its variable, secrets masked."""
    values = {
        str(f.alias): getattr(chosen, n) for n, f in Settings.model_fields.items()
    }
    return {
        name: masked(str(value)) if isinstance(value, str | SecretStr | Path) else value
        for name, value in values.items()
    }
