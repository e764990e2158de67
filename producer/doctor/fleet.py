"""The fleet: whether workers and schedulers are at work, and fit to each other.

It only reads what they said of themselves. A private ledger has no fleet: `run` brings
its own worker.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from importlib.metadata import version

from jobs.ledger import Ledger
from jobs.ledger.workers import Worker
from jobs.settings import Settings
from jobs.storage import parse
from jobs.text import choice, duration
from producer.doctor.findings import Finding, good, warning, wrong
from producer.doctor.server import SKEW_S
from producer.nightly.scheduling import stale_words

#: Workers that one sentence names.
MOST_NAMED = 5


def fleet(ledger: Ledger, chosen: Settings) -> Iterator[Finding]:
    """What there is to say of those who work for the ledger."""
    if not chosen.redis_url:
        yield good(
            "workers", "reelmill run brings its own: REELMILL_REDIS_URL is unset"
        )
        return
    everyone = ledger.workers.known()
    known = [w for w in everyone if w.facts.account == chosen.account_id]
    if everyone and not known and not chosen.api_key:
        words = f"no worker of this account lives, {len(everyone)} of others do"
        cure = "without a key none is ours: set WAVESPEED_API_KEY or REELMILL_ACCOUNT"
        yield warning("workers", f"{words}; {cure}")
        return
    alive = [worker for worker in known if worker.lives]
    yield _alive(alive) if alive else _none(ledger, chosen)
    yield from _silent([worker for worker in known if not worker.lives])
    yield from _different(alive)
    yield from _lacked(ledger, chosen)
    yield from _clocks(alive)
    yield from _folder(alive, chosen)
    if words := stale_words(ledger, chosen.account_id):
        yield wrong("scheduler", words)
    yield from _webhooks(ledger, chosen)


def _none(ledger: Ledger, chosen: Settings) -> Finding:
    words = "no worker of this account lives"
    if any(b.account == chosen.account_id for b in ledger.batches.unfinished()):
        return wrong("workers", f"{words} and there is work: reelmill worker")
    return warning("workers", f"{words}; before you submit: reelmill worker")


def _alive(alive: Sequence[Worker]) -> Finding:
    machines = len({worker.facts.host for worker in alive})
    words = f"{len(alive)} at work, machines: {machines}"
    stopping = sum(worker.facts.stopping for worker in alive)
    if stopping:
        words += f", {stopping} about to stop"
    if not any(worker.facts.starts for worker in alive):
        cure = "none starts videos; set REELMILL_STARTS=true for one"
        return warning("workers", f"{words}; {cure}")
    return good("workers", words)


def _silent(silent: Sequence[Worker]) -> Iterator[Finding]:
    if silent:
        heard = [
            f"{worker.facts.name} for {duration(worker.silent_s)}"
            for worker in silent[:MOST_NAMED]
        ]
        words = (
            f"{len(silent)} ended without a word in the last day ({', '.join(heard)}); "
            "others took over what they had; their logs tell why"
        )
        yield warning("silent workers", words)


def _different(alive: Sequence[Worker]) -> Iterator[Finding]:
    here = version("reelmill")
    counts = Counter(worker.facts.version for worker in alive)
    counts.pop(here, None)
    if counts:
        others = choice((each for each in sorted(counts)), word="and")
        words = f"workers have {others}, this is {here}; bring all to one version"
        yield warning("versions", words)


def _lacked(ledger: Ledger, chosen: Settings) -> Iterator[Finding]:
    lacked = ledger.workers.lacked(chosen.account_id)
    if lacked:
        words = (
            f"rows of {choice(lacked, word='and')} wait for a worker that knows the "
            "model; bring all workers to one version"
        )
        yield warning("models", words)


def _clocks(alive: Sequence[Worker]) -> Iterator[Finding]:
    off = [worker.facts for worker in alive if abs(worker.facts.ahead_s) > SKEW_S]
    if off:
        names = ", ".join(
            f"{each.name} by {abs(each.ahead_s):,.0f} s" for each in off[:MOST_NAMED]
        )
        words = f"clocks of workers differ from the ledger's ({names}); set them by NTP"
        yield warning("workers' clocks", words)


def _folder(alive: Sequence[Worker], chosen: Settings) -> Iterator[Finding]:
    machines = {worker.facts.host for worker in alive}
    if len(machines) > 1 and parse(chosen.store)[0] == "file":
        words = (
            f"{chosen.store} is a folder; it must be the same one for all "
            f"{len(machines)} machines, as a shared disk or a volume is"
        )
        yield good("shared folder", words)


def _webhooks(ledger: Ledger, chosen: Settings) -> Iterator[Finding]:
    if not chosen.webhook_url:
        return
    heard_at_s = ledger.hooks.heard_at_s(chosen.account_id)
    if heard_at_s:
        ago = duration(max(ledger.now_s() - heard_at_s, 0.0))
        yield good("webhooks", f"the last one came {ago} ago")
        return
    words = (
        f"none ever came to {chosen.webhook_url}; see that it leads to reelmill hooks. "
        "Without them videos are asked for, a little later"
    )
    yield warning("webhooks", words)
