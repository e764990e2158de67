"""The ledger's server: whether it answers, keeps what it is told, and has room.

It asks the server itself. What the ledger holds stands in `standstill`, who works for
it in `fleet`.
"""

import time
from collections.abc import Callable, Iterator

from jobs import broker, redis_url
from jobs.ledger import Ledger, LedgerError, NotDurableError
from jobs.ledger.errors import rights_words, trouble
from jobs.settings import Settings
from producer.doctor.findings import Finding, good, warning, wrong

#: Clocks that differ by more should be set.
SKEW_S = 5.0

#: The part of its memory that a server may use before a person should know.
FULL = 0.8

#: The shape of every look here: what it found about the named thing.
Look = Callable[[Ledger], Finding]


def server(ledger: Ledger, chosen: Settings) -> Iterator[Finding]:
    """What there is to say of the ledger's server."""
    yield _checked("ledger", _version, ledger)
    yield _rights(ledger, chosen)
    yield _broker(chosen)
    yield _durability(ledger, chosen)
    yield _checked("disk", _disk, ledger)
    yield _checked("eviction", _eviction, ledger)
    yield _checked("memory", _memory, ledger)
    yield _checked("clock", _clock, ledger)


def _checked(what: str, look: Look, ledger: Ledger) -> Finding:
    try:
        return look(ledger)
    except LedgerError as error:
        return warning(what, f"not readable: the ledger's server says {error}")


def _version(ledger: Ledger) -> Finding:
    told = ledger.server.execute_command("HELLO")
    name, number = told["server"].capitalize(), told["version"]
    if told["mode"] == "cluster":
        words = (
            f"{name} {number} is a cluster; the ledger needs one server, replicas aside"
        )
        return wrong("ledger", words)
    return good("ledger", f"answers, {name} {number}")


def _rights(ledger: Ledger, chosen: Settings) -> Finding:
    """Whether the server lets its user do what is needed."""
    try:
        missing = ledger.rights.missing(redis_url.read(chosen.ledger_url))
    except LedgerError as error:
        return wrong("rights", trouble(chosen.ledger_url, error))
    if missing:
        return wrong("rights", rights_words(chosen.ledger_url, missing))
    return good("rights", "the server's user may do all that is needed")


def _broker(chosen: Settings) -> Finding:
    """The same server through the library that hands out the work."""
    try:
        waiting = broker.backlog(broker.make_app(chosen.ledger_url))
    except broker.BrokerError as error:
        words = f"Celery cannot use it ({error}); check REELMILL_REDIS_URL"
        return wrong("broker", words)
    return good("broker", f"answers, {waiting} messages wait for a worker")


def _durability(ledger: Ledger, chosen: Settings) -> Finding:
    try:
        ledger.durable()
    except NotDurableError as error:
        return wrong("durability", str(error))
    except LedgerError as error:
        return wrong("ledger", trouble(chosen.ledger_url, error))
    try:
        fsync = ledger.server.config_get("appendfsync").get("appendfsync", "?")
    except LedgerError:
        return good("durability", "a change was proven to be on disk")
    if fsync == "always":
        return good("durability", "every change is on disk before it is answered")
    words = (
        f"appendfsync is {fsync}: each block of paid requests waits for the disk, "
        "about 0.1 s; appendfsync always is quicker"
    )
    return warning("durability", words)


def _disk(ledger: Ledger) -> Finding:
    info = ledger.server.info("persistence")
    size_mb = int(info.get("aof_current_size", 0)) / 1e6
    failed = [
        what
        for what, name in (
            ("written to", "aof_last_write_status"),
            ("rewritten", "aof_last_bgrewrite_status"),
        )
        if info.get(name, "ok") != "ok"
    ]
    if failed:
        words = (
            f"the append-only file could not be {' or '.join(failed)}; "
            "make room on the server's disk and look at its log"
        )
        return wrong("disk", words)
    return good("disk", f"the append-only file has {size_mb:,.1f} MB")


def _eviction(ledger: Ledger) -> Finding:
    policy = ledger.server.info("memory").get("maxmemory_policy", "?")
    if policy == "noeviction":
        return good("eviction", "a full server refuses instead of forgetting")
    words = (
        f"maxmemory-policy is {policy}: a full server forgets what was paid; "
        "set it to noeviction"
    )
    return wrong("eviction", words)


def _memory(ledger: Ledger) -> Finding:
    info = ledger.server.info("memory")
    used, most = int(info["used_memory"]), int(info.get("maxmemory", 0))
    room = most or int(info.get("total_system_memory", 0))
    whose = "maxmemory" if most else "its machine's memory"
    words = f"{used / 1e6:,.0f} MB of {room / 1e6:,.0f} MB ({whose})"
    if room and used > FULL * room:
        cure = "give it more: when it is full nothing new is started"
        return warning("memory", f"{words}; {cure}")
    return good("memory", words)


def _clock(ledger: Ledger) -> Finding:
    before_s = time.time()
    ledger_s = ledger.now_s()
    return clock_finding(
        "clock", "the ledger's server", ledger_s - (before_s + time.time()) / 2
    )


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
