"""`cancel`: take back what was not sent, and with `--abandon` also what is paid.

A cancelled batch stays so: what comes back to be sent again is cancelled by the ledger,
until `retry` takes it up.
"""

import time
from collections.abc import Callable, Iterable
from itertools import islice
from typing import Any

from jobs import transitions
from jobs.ledger import Ledger
from jobs.ledger.batches import BLOCK
from jobs.ledger.transitions import Applied
from jobs.records import BatchRecord, JobRecord
from jobs.states import TRANSITIONS, Event, State
from jobs.text import counted, iso, local
from jobs.transitions import Ref, Transition
from producer import console
from producer.console import consent, cost_of, print_json
from producer.exits import CommandError, Exit
from producer.local_server import ledger_of
from producer.lookup import find_batch, find_job
from producer.options import Batch, Flag, Json, chosen_settings
from producer.report import keep_report

#: States that can be taken back, and those of what is paid and can be given up.
#: A lost answer is in neither: whose it is must be known first, or another row's
#: settling could take its video for its own.
CANCELLABLE = tuple(at for at, event in TRANSITIONS if event is Event.CANCEL)
ABANDONABLE = tuple(at for at, event in TRANSITIONS if event is Event.ABANDON)

#: States of requests that were sent and whose end is not known yet.
UNSETTLED = (State.SUBMITTING, State.UNKNOWN, State.UNRESOLVED)


def cancel(
    batch: Batch,
    job: str | None = None,
    *,
    abandon: Flag = False,
    yes: Flag = False,
    json: Json = False,
) -> int:
    """Take back what was not sent; what is paid is collected all the same.

    For example:

        reelmill cancel products-1f0c33ab
        reelmill cancel products-1f0c33ab mug-orbit --abandon --yes

    Args:
        batch: Id of the batch.
        job: Id of a job in it; the whole batch if none is named.
        abandon: Give up what is paid, too: it is not collected.
        yes: Do not ask before giving up what is paid.
        json: Print what was done as JSON.
    """
    chosen = chosen_settings()
    with ledger_of(chosen, alone=False) as ledger:
        found = find_batch(ledger, batch)
        record = find_job(ledger, found, job) if job else None
        if why := _why_not(found, record, abandon=abandon):
            if json:
                print_json(_document(ledger, found, job))
            raise CommandError(why)
        if abandon:
            paid = _to_abandon(ledger, found, job)
            _ask_before_abandoning(ledger, paid, yes=yes)
        if record is None:
            ledger.batches.cancel(found.id)
        cancelled = _cancel(ledger, found, job)
        # Anew: more may be paid by now, and another batch may wait for some of it.
        paid = _to_abandon(ledger, found, job) if abandon else []
        abandoned, until_s = _abandon(ledger, found, paid)
        done = _document(ledger, found, job, cancelled, abandoned, until_s)
        if json:
            print_json(done)
        else:
            _say_done(ledger, done, until_s, abandon=abandon)
        # A fleet's workers report what is over; here nobody may be at work.
        now = ledger.snapshots.one(found.id)
        if not chosen.redis_url and now.over == now.batch.total:
            _, place = keep_report(ledger, found.id, time.time())
            console.say(f"its report is {place}")
    return Exit.STORED


def move_all(
    ledger: Ledger,
    refs: Iterable[Ref],
    to_move: Callable[[JobRecord], Transition | None],
) -> int:
    """Make a transition with each of these jobs, block by block; how many were made.

    A job that has changed meanwhile is left where it is.
    """
    made, rest = 0, iter(refs)
    while block := list(islice(rest, BLOCK)):
        records = ledger.batches.load(block)
        wanted = [move for record in records if record and (move := to_move(record))]
        made += ledger.transitions.apply(wanted).count(Applied.YES)
    return made


def _why_not(batch: BatchRecord, record: JobRecord | None, *, abandon: bool) -> str:
    """Why nothing of this can be taken back; empty if something can."""
    if record is None:
        left = (*CANCELLABLE, *ABANDONABLE, *UNSETTLED)
        over = batch.complete and not batch.count(*left)
        return f"all of {batch.id} is over; there is nothing to cancel" if over else ""
    if record.state in CANCELLABLE or (abandon and record.state in ABANDONABLE):
        return ""
    which = f"{batch.id} {record.job.id}"
    why = "there is nothing to cancel"
    if record.state in ABANDONABLE:
        why = "it is paid and is collected; --abandon gives it up all the same"
    elif record.state is State.UNRESOLVED:
        why = f"resolve it first, reelmill show {which} shows how"
    elif record.state in UNSETTLED:
        why = (
            "what became of its request must be known first; "
            "run the same command again in a few minutes"
        )
    return f"{which} is {record.state}; {why}"


def _refs(
    ledger: Ledger, batch: BatchRecord, job: str | None, states: tuple[State, ...]
) -> Iterable[Ref]:
    """The job, or all of the batch, where they are in these states."""
    if job is None:
        return ledger.batches.refs_in(batch.id, states)
    ref = Ref(batch.id, job)
    (now,) = ledger.batches.load([ref])
    return [ref] if now and now.state in states else []


def _to_abandon(ledger: Ledger, batch: BatchRecord, job: str | None) -> list[Ref]:
    """What is paid and given up.

    Not that whose video another batch waits for, unless it is named: that batch would
    have to pay for it again.
    """
    refs = list(_refs(ledger, batch, job, ABANDONABLE))
    kept = set() if job else ledger.dedup.followed(refs)
    return [ref for ref in refs if ref not in kept]


def _ask_before_abandoning(ledger: Ledger, refs: list[Ref], *, yes: bool) -> None:
    prices = [r.job.price_usd_micros for r in ledger.batches.load(refs) if r]
    if not prices:
        return
    console.say(
        f"to be given up for good: {counted(len(prices), 'video')} that cost "
        f"{cost_of(prices)}; what was charged stays charged, and nothing is collected"
    )
    consent("Give it up?", yes=yes)


def _cancel(ledger: Ledger, batch: BatchRecord, job: str | None) -> int:
    def back(record: JobRecord) -> Transition | None:
        is_open = record.state in CANCELLABLE
        return transitions.cancel(batch.id, record) if is_open else None

    made = 0
    # One that was between two of these states may have been passed over.
    while more := move_all(ledger, _refs(ledger, batch, job, CANCELLABLE), back):
        made += more
    return made


def _abandon(ledger: Ledger, batch: BatchRecord, refs: list[Ref]) -> tuple[int, float]:
    """Give these up; how many, and until when (unix seconds, or 0) they hold slots."""
    now_s = ledger.now_s()
    until_s = 0.0

    def given_up(record: JobRecord) -> Transition | None:
        nonlocal until_s
        if record.state not in ABANDONABLE:
            return None
        move = transitions.abandon(batch.id, record, now_s)
        if record.state is State.GENERATING and move.held_s:
            until_s = max(until_s, now_s + move.held_s)
        return move

    return move_all(ledger, refs, given_up), until_s


def _document(
    ledger: Ledger,
    batch: BatchRecord,
    job: str | None,
    cancelled: int = 0,
    abandoned: int = 0,
    until_s: float = 0.0,
) -> dict[str, Any]:
    """What was done, for a program."""
    now = ledger.batches.read(batch.id) or batch
    return {
        "batch": batch.id,
        "job": job,
        "cancelled": cancelled,
        "abandoned": abandoned,
        "slots_held_until": iso(until_s) if until_s else None,
        "collected": now.count(*ABANDONABLE, *UNSETTLED),
    }


def _say_done(
    ledger: Ledger, done: dict[str, Any], until_s: float, *, abandon: bool
) -> None:
    parts = [f"{counted(done['cancelled'], 'job')} cancelled"]
    if abandon:
        parts.append(f"{done['abandoned']} abandoned")
    if done["job"] is None and done["collected"]:
        parts.append(f"{done['collected']} already sent and still collected")
    console.say(f"{done['batch']}: {', '.join(parts)}")
    if not abandon:
        return
    if until_s:
        console.say(
            "the provider may still be rendering what was given up: it holds its slot "
            f"until {local(until_s)}"
        )
    now = ledger.batches.read(done["batch"])
    unsettled = now.count(*UNSETTLED) if now else 0
    if done["job"] is None and done["collected"] > unsettled:
        console.say("collected all the same is what other batches wait for")
    if unsettled:
        console.say(
            "sent, and not yet known what became of it: "
            f"{counted(unsettled, 'job')}; the same command gives it up "
            "once that is known"
        )
