"""How a batch stands, in words for people and for programs.

It is read in one step of the ledger, whatever the size of the batch.
"""

import shlex
from dataclasses import dataclass
from typing import Any, Final

from jobs.ledger import Ledger
from jobs.ledger.marks import older_words
from jobs.ledger.snapshots import BatchSnapshot
from jobs.money import dollars, usd
from jobs.records import BatchRecord
from jobs.report.next_steps import holds
from jobs.states import WATCHED, State
from jobs.text import duration, iso
from producer.account import cure

#: Jobs that a sentence names.
MAX_NAMED = 5

#: States of which a video comes, or a failure, without a person.
MAKING = WATCHED - {State.UNRESOLVED, State.OVERDUE, State.FOLLOWING}


@dataclass(frozen=True, slots=True)
class Part:
    """Jobs that are shown as one: a word, its states, its colour."""

    word: str
    states: tuple[State, ...]
    style: str


#: From what is there to what is to come, and then what will not come.
PARTS: Final = (
    Part("stored", (State.STORED,), "green"),
    Part("reused", (State.REUSED,), "cyan"),
    Part("generating", (State.GENERATING, State.GENERATED), "blue"),
    Part("overdue", (State.OVERDUE,), "bright_yellow"),
    Part("submitting", (State.ADMITTED, State.SUBMITTING), "bright_magenta"),
    Part("unknown", (State.UNKNOWN,), "yellow"),
    Part("made by another batch", (State.FOLLOWING,), "bright_cyan"),
    Part("waiting", (State.WAITING,), "bright_black"),
    Part("unresolved", (State.UNRESOLVED,), "magenta"),
    Part("failed", (State.FAILED,), "red"),
    Part("cancelled", (State.CANCELLED,), "white"),
)


def is_followed(ledger: Ledger, now: BatchSnapshot) -> bool:
    """Whether another batch of the account makes what jobs of this one wait for."""
    if not now.count(State.FOLLOWING):
        return False
    for other in ledger.batches.unfinished():
        if other.id == now.batch.id or other.account != now.batch.account:
            continue
        if other.count(*MAKING):
            return True
        held = other.aside or other.paused or other.cancelled or other.stopped_by
        if other.count(State.WAITING) and not held:
            return True
    return False


def counts(now: BatchSnapshot) -> list[tuple[Part, int]]:
    """The jobs of a batch, in the order of `PARTS`, without what there is none of."""
    return [(part, n) for part in PARTS if (n := now.count(*part.states))]


def money(batch: BatchRecord) -> str:
    """What a batch has spent of what it may.

    A budget counts charges, whatever of them came back; an estimate knows no failures.
    """
    charged, refunded = batch.charged_usd_micros, batch.refunded_usd_micros
    if batch.budget_usd_micros is not None:
        return f"{dollars(charged)} of {dollars(batch.budget_usd_micros)} budget"
    net, estimated = dollars(charged - refunded), dollars(batch.estimated_usd_micros)
    came_back = f", {dollars(refunded)} refunded" if refunded else ""
    return f"{net} of {estimated} estimated{came_back}"


def held_up(now: BatchSnapshot) -> str:
    """What keeps the batch from going on; empty if nothing does."""
    if now.account.older and now.over < now.batch.total:
        return older_words(now.account.older)
    first = _by_itself(now) or _by_the_account(now) or now.batch.note
    return "; ".join(filter(None, (first, _by_the_provider(now))))


def _by_itself(now: BatchSnapshot) -> str:
    """What keeps the batch itself, whatever its account may do."""
    batch = now.batch
    if batch.cancelled and now.over < batch.total:
        return "cancelled; what was sent is still collected"
    if now.count(State.WAITING):
        if now.account.paused and not batch.paused:
            return "the account is paused; continue with: reelmill resume --account"
        for why, step in holds(batch, by_money=not now.under_way):
            return f"{why}; {step}"
    if not batch.complete:
        return "not all rows are enqueued yet; if no submit runs, submit it again"
    return ""


def _by_the_account(now: BatchSnapshot) -> str:
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


def _only_waits(now: BatchSnapshot) -> bool:
    return bool(now.count(State.WAITING)) and not now.under_way


def _by_the_provider(now: BatchSnapshot) -> str:
    """Which predictions go on far too long, and how to give one up."""
    if not now.late:
        return ""
    names = ", ".join(now.late[:MAX_NAMED])
    if len(now.late) > MAX_NAMED:
        names += " and more"
    overdue = now.count(State.OVERDUE)
    free = f" ({overdue} without a slot)" if overdue else ""
    which = shlex.join([now.batch.id, now.late[0]])
    return (
        f"far too long at the provider: {names}{free}; reelmill show {which} has "
        f"the details, reelmill cancel {which} --abandon gives it up"
    )


def account_step(now: BatchSnapshot) -> str:
    """What a person does about the account; empty if that is not what holds it up."""
    trouble = now.account.trouble
    if not trouble or now.is_over or _by_itself(now):
        return ""
    return f"{cure(trouble)}; a worker that is at work tries again every minute"


def state_of(now: BatchSnapshot) -> str:
    """How the batch stands, in one word."""
    batch = now.batch
    over = now.is_over
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


def document(now: BatchSnapshot) -> dict[str, Any]:
    """How the batch stands, for a program; amounts are decimal dollars."""
    batch = now.batch
    budget = batch.budget_usd_micros
    return {
        "batch": batch.id,
        "state": state_of(now),
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
        "held_up": held_up(now) or None,
        "late": list(now.late),
    }
