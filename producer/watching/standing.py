"""How a batch stands, in words: one word, what holds it up, the whole as a document.

Pure, and for one moment; nothing here looks at what was before. Words of others, such
as ids and a provider's reasons, are made harmless where they are shown.
"""

import shlex
from typing import Any

from jobs.ledger.marks import older_words
from jobs.money import usd
from jobs.records import BatchRecord
from jobs.states import State
from jobs.text import duration, iso
from producer.watching.snapshot import Snapshot

#: Jobs that a sentence names.
MOST_NAMED = 5

#: What a person does about each trouble of the account. Whoever works for it tries
#: again by itself; see `jobs.pace.waits.TROUBLE_PROBE_S`.
_ACCOUNT_STEPS = {
    "key": "check the WAVESPEED_API_KEY of its workers; one works after a first top-up",
    "permission": "ask the account's owner to allow its key to generate",
    "balance": "top the account up",
}


def held_up(now: Snapshot) -> str:
    """What keeps the batch from going on, on a line of its own, if something does."""
    words = why_held_up(now)
    return f"\n{words}" if words else ""


def why_held_up(now: Snapshot) -> str:
    """What keeps the batch from going on; empty if nothing does."""
    if now.account.older and now.over < now.batch.total:
        return older_words(now.account.older)
    first = _by_a_person(now) or _by_money(now) or _by_the_account(now)
    return "; ".join(filter(None, (first or now.batch.note, _by_the_provider(now))))


def _by_a_person(now: Snapshot) -> str:
    batch = now.batch
    if batch.cancelled and now.over < batch.total:
        return "cancelled; what was sent is still collected"
    if batch.paused and now.count(State.WAITING):
        return f"paused by a person; reelmill resume {batch.id} goes on"
    if now.account.paused and now.count(State.WAITING):
        return "the account is paused by a person; reelmill resume --account goes on"
    if batch.aside and now.count(State.WAITING):
        return "set aside while another batch is rendered here"
    if not batch.complete:
        return "not all rows are in yet; if nobody is at it, submit the manifest again"
    return ""


def _by_money(now: Snapshot) -> str:
    if now.batch.stopped_by and not now.under_way:
        return f"stopped by the {now.batch.stopped_by.replace('-', ' ')}"
    return ""


def _by_the_account(now: Snapshot) -> str:
    account = now.account
    if account.trouble:
        return f"the account is in trouble ({account.trouble}): {account.reason}"
    if account.cooling_until_s > now.now_s:
        left_s = account.cooling_until_s - now.now_s
        return f"the account cools down for {duration(left_s)}: {account.reason}"
    most = account.limits and account.limits.concurrent_videos
    if most and account.slots_in_use >= most and _only_waits(now):
        return f"all {most} slots are in use, by other batches or what was given up"
    return ""


def _only_waits(now: Snapshot) -> bool:
    return bool(now.count(State.WAITING)) and not now.under_way


def _by_the_provider(now: Snapshot) -> str:
    """Which predictions go on far too long, and how to give one up."""
    if not now.late:
        return ""
    names = ", ".join(now.late[:MOST_NAMED])
    if len(now.late) > MOST_NAMED:
        names += " and more"
    overdue = now.count(State.OVERDUE)
    free = f" ({overdue} without a slot)" if overdue else ""
    which = shlex.join([now.batch.id, now.late[0]])
    return (
        f"far too long at the provider: {names}{free}; reelmill show {which} tells "
        f"more, reelmill cancel {which} --abandon gives it up"
    )


def account_step(now: Snapshot) -> str:
    """What a person does about the account; empty if that is not what holds it up."""
    trouble = now.account.trouble
    is_over = now.batch.complete and now.over == now.batch.total
    if not trouble or is_over or _by_a_person(now) or _by_money(now):
        return ""
    step = _ACCOUNT_STEPS.get(trouble, "look at the account")
    return f"{step}; a worker that is at work tries again every minute"


def standing(now: Snapshot) -> str:
    """How the batch stands, in one word."""
    batch = now.batch
    over = batch.complete and now.over == batch.total
    words = {
        "cancelled": batch.cancelled and over,
        "cancelling": batch.cancelled,
        "finished": over,
        "running": now.under_way > 0,
        "incoming": not batch.complete,
        "unresolved": now.count(State.UNRESOLVED) and not now.count(State.WAITING),
        "overdue": not now.count(State.WAITING),
        "paused": batch.paused or now.account.paused,
        "aside": batch.aside,
        "stopped": bool(batch.stopped_by),
    }
    return next((word for word, fits in words.items() if fits), "waiting")


def document(now: Snapshot) -> dict[str, Any]:
    """How the batch stands, for a program; amounts are decimal dollars."""
    batch = now.batch
    budget = batch.budget_usd_micros
    return {
        "batch": batch.id,
        "state": standing(now),
        "total": batch.total,
        "jobs": {str(state): n for state, n in batch.counts.items()},
        "charged_usd": usd(batch.charged_usd_micros),
        "refunded_usd": usd(batch.refunded_usd_micros),
        "reserved_usd": usd(batch.reserved_usd_micros),
        "estimated_usd": usd(batch.estimated_usd_micros),
        "budget_usd": None if budget is None else usd(budget),
        "priority": batch.priority,
        "account": batch.account,
        "manifest": batch.manifest,
        "created_at": iso(batch.created_at_s),
        "jobs_deleted": bool(batch.deleted_at_s),
        "held_up": why_held_up(now) or None,
        "late": list(now.late),
    }


def spent_usd_micros(batch: BatchRecord) -> int:
    """What a batch has cost: what was charged, less what came back."""
    return batch.charged_usd_micros - batch.refunded_usd_micros
