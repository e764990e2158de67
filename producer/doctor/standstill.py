"""What stands still, and who can make it go on: the account, batches, single jobs.

It reads counts and sets that the ledger keeps, and of jobs only the few it names, so a
large ledger is looked at as quickly as a small one.
"""

from collections.abc import Iterator, Sequence
from itertools import islice

from jobs.ledger import Ledger
from jobs.ledger.charges import Kind
from jobs.ledger.figures import AccountFigures
from jobs.ledger.marks import StoreMarks, older_words
from jobs.pace.waits import RETENTION_S
from jobs.records import BatchRecord
from jobs.settings import Settings
from jobs.states import FINAL, State
from jobs.storage import Store, StoreError
from jobs.text import duration
from jobs.transitions import Ref
from producer import account
from producer.doctor.findings import Finding, good, warning, wrong
from producer.exits import CommandError
from producer.rebuilding.copying import lost_batches

#: What is due for longer is late: a worker looks several times a second.
LATE_S = 60.0

#: Less time than this until the provider deletes a video is a risk.
RISK_S = 3 * 86_400.0

#: Batches, or jobs, that one sentence names or looks at.
MOST_NAMED = 5
MOST_LOOKED_AT = 500


def standstill(ledger: Ledger, chosen: Settings) -> Iterator[Finding]:
    """What there is to say of the account's work."""
    unfinished = ledger.batches.unfinished()
    batches = [batch for batch in unfinished if batch.account == chosen.account_id]
    yield from _account(ledger, chosen)
    yield from _lost_data(ledger, chosen)
    yield from _late(ledger, chosen)
    yield from _crashed(ledger, chosen)
    yield from _charges(ledger, chosen)
    yield from _held(batches)
    yield from _unresolved(batches)
    yield from _too_long(ledger, chosen)
    yield from _following(ledger, batches)
    left = sum(b.counts.get(state, 0) for b in batches for state in set(State) - FINAL)
    yield good("work", f"unfinished: {left} jobs in {len(batches)} batches")


def _account(ledger: Ledger, chosen: Settings) -> Iterator[Finding]:
    standing = ledger.permits.read(chosen.account_id)
    if standing.older:
        yield wrong("account", older_words(standing.older))
    elif standing.paused:
        yield warning("account", "paused by a person: reelmill resume --account")
    if standing.trouble:
        cure = account.CURES.get(standing.trouble, "look at the account")
        words = f"starts nothing, the provider said: {standing.reason}"
        yield wrong("account", f"{words}; {cure}")
    elif (left_s := standing.cooling_until_s - ledger.now_s()) > 0:
        words = f"cools down for {duration(left_s)} more: {standing.reason}"
        yield warning("account", f"{words}; it goes on by itself")
    if standing.limits not in (None, chosen.limits):
        words = (
            f"workers keep to {standing.limits.videos_per_minute} starts a minute and "
            f"{standing.limits.concurrent_videos} at once, not to what this machine "
            "says; give all the same REELMILL_TIER and start them anew together"
        )
        yield warning("limits of workers", words)


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
            f"the ledger lacks {len(lost)} batches that the store has copies of. If "
            "theirs is another home or server, set REELMILL_HOME or REELMILL_REDIS_URL "
            "to it, for two ledgers pay twice; if its data is lost, put it back, or "
            "run reelmill rebuild"
        )
        yield wrong("lost data", words)


def _late(ledger: Ledger, chosen: Settings) -> Iterator[Finding]:
    figures = ledger.figures.read()
    found = [each for each in figures.accounts if each.id == chosen.account_id]
    for each in found:
        yield from _due(each, figures.now_s, chosen)
        yield from _at_risk(each, figures.now_s)


def _due(own: AccountFigures, now_s: float, chosen: Settings) -> Iterator[Finding]:
    late_s = now_s - own.due_at_s if own.due_at_s else 0.0
    if late_s <= LATE_S:
        return
    cure = (
        "start more workers, or look at the logs of those there are"
        if chosen.redis_url
        else "run the same command again, or reelmill collect"
    )
    yield warning("due", f"work has been due for {duration(late_s)}; {cure}")


def _crashed(ledger: Ledger, chosen: Settings) -> Iterator[Finding]:
    """What a worker fails over again and again, by a mistake of ours."""
    crashes = ledger.crashes.recent(chosen.account_id)
    if crashes:
        worst = crashes[0]
        what = str(worst.ref).rstrip("/")
        words = (
            f"over {len(crashes)} jobs or batches workers failed, most often over "
            f"{what}: {worst.words}, {worst.times} times in a row, again in "
            f"{duration(max(worst.in_s, 0.0))}; look for it in the workers' logs and "
            "install a newer reelmill, or report it"
        )
        yield warning("crashes", words)


def _at_risk(own: AccountFigures, now_s: float) -> Iterator[Finding]:
    if own.uncollected_at_s is None:
        return
    left_s = own.uncollected_at_s + RETENTION_S - now_s
    if left_s < RISK_S:
        words = (
            f"the oldest video that is paid and not stored may vanish in "
            f"{duration(max(left_s, 0.0))}; start a worker, or reelmill collect"
        )
        yield wrong("at risk", words)


def _charges(ledger: Ledger, chosen: Settings) -> Iterator[Finding]:
    for kind, words in ledger.charges.read(chosen.account_id).sentences():
        is_wrong = kind is Kind.PAID_TWICE
        yield (wrong if is_wrong else warning)(f"charges, {kind}", words)


def _held(batches: Sequence[BatchRecord]) -> Iterator[Finding]:
    cures = {batch.id: _cure(batch) for batch in batches}
    held = [f"{batch_id} {cure}" for batch_id, cure in cures.items() if cure]
    if held:
        yield warning("held batches", _few(held))


def _cure(batch: BatchRecord) -> str:
    """Why a batch starts nothing, and what to do; empty if nothing holds it."""
    if batch.cancelled or not batch.complete:
        return ""
    if batch.paused:
        return f"is paused: reelmill resume {batch.id}"
    if batch.note:
        return f"says: {batch.note}"
    if batch.stopped_by == "budget":
        return "has used its budget: the same command with a larger --budget"
    return ""


def _unresolved(batches: Sequence[BatchRecord]) -> Iterator[Finding]:
    counts = {b.id: b.counts.get(State.UNRESOLVED, 0) for b in batches}
    found = [f"{count} in {batch}" for batch, count in counts.items() if count]
    if found:
        words = "lost answers wait for a person, see reelmill show and reelmill resolve"
        yield warning("unresolved", f"{words}: {_few(found)}")


def _too_long(ledger: Ledger, chosen: Settings) -> Iterator[Finding]:
    """Predictions that go on far beyond the times of their kind."""
    refs = ledger.delay_queue.late(chosen.account_id, MOST_LOOKED_AT)
    told = []
    for ref, record in zip(refs, ledger.batches.load(refs[:MOST_NAMED]), strict=False):
        if record and record.failure:
            give_up = f"reelmill cancel {ref.batch} {ref.job} --abandon"
            told.append(f"{ref.batch} {ref.job}, {record.failure.message}; {give_up}")
    if told:
        words = "the provider does not end them; each is paid and still awaited"
        yield warning("far too long", f"{words}: {_few(told, len(refs))}")


def _following(ledger: Ledger, batches: Sequence[BatchRecord]) -> Iterator[Finding]:
    """Jobs that wait for a video which a paused batch does not make."""
    refs = (
        ref
        for batch in batches
        if batch.counts.get(State.FOLLOWING)
        for ref in ledger.batches.refs_in(batch.id, [State.FOLLOWING])
    )
    followers = ledger.batches.records(islice(refs, MOST_LOOKED_AT))
    leaders = sorted({Ref.parse(each.leader).batch for each in followers})
    paused = [
        f"{name}: reelmill resume {name}"
        for name in leaders
        if (batch := ledger.batches.read(name)) and batch.paused
    ]
    if paused:
        words = "jobs wait for videos of batches that are paused"
        yield warning("followers", f"{words}: {_few(paused)}")


def _few(items: Sequence[str], total: int | None = None) -> str:
    more = (total or len(items)) - MOST_NAMED
    told = "; ".join(items[:MOST_NAMED])
    return f"{told} and {more} more" if more > 0 else told
