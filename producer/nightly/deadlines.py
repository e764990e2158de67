"""Whether a batch will be there by a certain time, with all that is queued before it.

It turns the queues of an account into the work that comes before the batch is done: of
the others no more than their fair share. How long that work takes is played through in
`jobs.pace.eta`; whose time it is stands in `scheduler`.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from jobs import catalogue
from jobs.catalogue import Catalogue, UnknownModelError
from jobs.ledger import Ledger
from jobs.ledger.marks import older_words
from jobs.ledger.permits import AccountRecord
from jobs.ledger.snapshots import Queue
from jobs.money import usd
from jobs.pace.eta import Makespan, Work, makespan
from jobs.pace.limits import Limits
from jobs.records import BatchRecord
from jobs.settings import Settings
from jobs.states import State

DAY_S = 86_400

#: What a model is taken to need that this catalogue does not have.
UNKNOWN_TYPICAL_S = 120.0

#: States in which a job waits for a permit, its own or another's.
AHEAD = (State.WAITING, State.FOLLOWING)


@dataclass(frozen=True, slots=True)
class Deadline:
    """By when something must be there."""

    #: Unix seconds, now and then.
    now_s: float
    at_s: float
    #: A moment as a person says it.
    say: Callable[[float], str]


def warnings(
    ledger: Ledger, settings: Settings, batch_ids: Sequence[str], deadline: Deadline
) -> list[str]:
    """Why batches will not be there by a deadline, a sentence each; none if they will.

    Args:
        ledger: where they wait.
        settings: how the account is looked at, and its limits where none are known.
        batch_ids: the batches, of one account.
        deadline: by when.
    """
    batches = [b for b in map(ledger.batches.read, batch_ids) if b]
    if not any(_ahead(batch) for batch in batches):
        return []
    account = ledger.permits.read(settings.account_id)
    by = deadline.say(deadline.at_s)
    return [
        f"it will not be there by {by}: {words}"
        for words in _holding(account, batches, deadline)
    ] or _too_long(ledger, settings, account, batches, deadline)


def estimate(
    ledger: Ledger,
    settings: Settings,
    account: AccountRecord,
    batches: Sequence[BatchRecord],
) -> Makespan:
    """How long it takes until batches are there, beside all that waits with them."""
    queues = ledger.queues.of(settings.account_id)
    works = _works(ledger, settings, _shares(queues, batches))
    limits = account.limits or settings.limits
    if account.adaptive_concurrency is not None:
        at_once = max(1, min(account.adaptive_concurrency, limits.concurrent_videos))
        limits = Limits(limits.videos_per_minute, at_once)
    typical_s = works[0].typical_s if works else 0.0
    busy = [Work(account.slots_in_use, typical_s)] if account.slots_in_use else []
    return makespan(works, limits, busy if works else [])


def _too_long(
    ledger: Ledger,
    settings: Settings,
    account: AccountRecord,
    batches: Sequence[BatchRecord],
    deadline: Deadline,
) -> list[str]:
    takes = estimate(ledger, settings, account, batches)
    by = deadline.say(deadline.at_s)
    likely_s, late_s = deadline.now_s + takes.likely_s, deadline.now_s + takes.late_s
    if likely_s > deadline.at_s:
        return [
            f"it will not be there by {by}, more likely by {deadline.say(likely_s)}"
        ]
    if late_s > deadline.at_s:
        nine = f"nine times in ten it is by {deadline.say(late_s)}"
        return [f"it may not be there by {by}: {nine}"]
    return []


def _holding(
    account: AccountRecord, batches: Sequence[BatchRecord], deadline: Deadline
) -> list[str]:
    """What keeps them from being made at all, or for so long."""
    said = []
    if account.older:
        said.append(older_words(account.older))
    elif account.paused:
        said.append("the account is paused; reelmill resume lets it go on")
    if account.trouble:
        said.append(f"the account is in trouble ({account.reason})")
    said += [
        f"the budget of {b.id} is ${usd(b.budget_usd_micros)}, and it needs "
        f"${usd(b.estimated_usd_micros)}"
        for b in batches
        if b.budget_usd_micros is not None
        and b.estimated_usd_micros > b.budget_usd_micros
    ]
    daily = account.daily_budget_usd_micros
    if daily is not None:
        cost = sum(map(_outstanding_usd_micros, batches))
        short = cost - max(0, daily - account.today_usd_micros)
        days = math.ceil(short / daily) if daily and short > 0 else 0
        on_s = (deadline.now_s // DAY_S + days) * DAY_S
        if short > 0 and (not daily or on_s > deadline.at_s):
            said.append(f"the daily budget is ${usd(daily)}, and it needs ${usd(cost)}")
    return said


def _outstanding_usd_micros(batch: BatchRecord) -> int:
    """What is still to be spent on it."""
    spent = batch.charged_usd_micros - batch.refunded_usd_micros
    return max(0, batch.estimated_usd_micros - spent - batch.reserved_usd_micros)


def _shares(
    queues: Sequence[Queue], batches: Sequence[BatchRecord]
) -> list[tuple[Queue, int]]:
    """The queues, and how much of each is started before the batches are done."""
    own = {batch.id for batch in batches}
    # Turns until the last of them is through: each gives a batch its weight in starts.
    turns = max(_ahead(batch) / batch.priority for batch in batches)
    return [
        (queue, queue.waiting)
        if queue.batch in own
        else (queue, min(queue.waiting, math.ceil(turns * queue.priority)))
        for queue in queues
        if not queue.held or queue.batch in own
    ]


def _works(
    ledger: Ledger, settings: Settings, shares: Sequence[tuple[Queue, int]]
) -> list[Work]:
    known = catalogue.builtin()
    jobs: dict[tuple[str, int], float] = {}
    for queue, count in shares:
        looked_at = sum(queue.kinds.values())
        for kind, some in queue.kinds.items():
            jobs[kind] = jobs.get(kind, 0.0) + count * some / looked_at
    return [
        Work(
            jobs=math.ceil(count),
            typical_s=_typical_s(known, *kind),
            learnt_s=ledger.times.learnt(settings.account_id, *kind),
        )
        for kind, count in sorted(jobs.items())
    ]


def _typical_s(known: Catalogue, model_id: str, duration_s: int) -> float:
    try:
        return known.find(model_id).typical_s({"duration": duration_s})
    except UnknownModelError:  # queued by a newer version
        return UNKNOWN_TYPICAL_S


def _ahead(batch: BatchRecord) -> int:
    return sum(batch.counts.get(state, 0) for state in AHEAD)
