"""`cancel`: take back what was not sent, and with `--abandon` also what is paid.

A cancelled batch stays so: what comes back to be sent again is cancelled by the ledger,
until `retry` takes it up.
"""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import islice

from jobs import transitions
from jobs.ledger import Ledger
from jobs.ledger.batches import BLOCK
from jobs.ledger.transitions import Applied
from jobs.records import BatchRecord, JobRecord
from jobs.settings import Settings
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
from producer.watching.status import take

#: States that can be taken back, and those of what is paid and can be given up.
#: A lost answer is in neither: whose it is must be known first, or another row's
#: settling could take its video for its own.
CANCELLABLE = tuple(at for at, event in TRANSITIONS if event is Event.CANCEL)
ABANDONABLE = tuple(at for at, event in TRANSITIONS if event is Event.ABANDON)

#: States of requests that were sent and whose end is not known yet.
UNSETTLED = (State.SUBMITTING, State.UNKNOWN, State.UNRESOLVED)


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be taken back."""

    batch: BatchRecord
    #: The only job that is meant; None means all of the batch.
    job: JobRecord | None
    abandon: bool

    def refs(self, ledger: Ledger, states: tuple[State, ...]) -> Iterable[Ref]:
        """Those of the jobs that are in these states."""
        if self.job is None:
            return ledger.batches.refs_in(self.batch.id, states)
        ref = Ref(self.batch.id, self.job.job.id)
        (now,) = ledger.batches.load([ref])
        return [ref] if now and now.state in states else []

    def abandoned(self, ledger: Ledger) -> list[Ref]:
        """Those that are paid and given up.

        Not those whose video another batch waits for, unless one is named: it would
        have to pay for it again.
        """
        refs = list(self.refs(ledger, ABANDONABLE))
        kept = set() if self.job else ledger.dedup.followed(refs)
        return [ref for ref in refs if ref not in kept]


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


def _finish_here(ledger: Ledger, chosen: Settings, batch: BatchRecord) -> None:
    """See to the report of a batch that has come to its end without a worker.

    Raises:
        CommandError: the store does not take it.
    """
    # A fleet's workers find that it is due; in a private ledger nobody may be at work.
    now = take(ledger, batch.id)
    if not chosen.redis_url and now.over == now.batch.total:
        _, place = keep_report(ledger, batch.id, time.time())
        console.say(f"its report is {place}")


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
        order = Order(found, record, abandon)
        _refuse_what_is_over(order)
        if abandon:
            _ask_before_abandoning(ledger, order, yes=yes)
        if record is None:
            ledger.batches.cancel(found.id)
        cancelled = _cancel(ledger, order)
        abandoned = _abandon(ledger, order) if abandon else (0, 0.0)
        _tell(ledger, order, cancelled, abandoned, json=json)
        _finish_here(ledger, chosen, found)
    return Exit.STORED


def _refuse_what_is_over(order: Order) -> None:
    batch, record = order.batch, order.job
    if record is None:
        left = (*CANCELLABLE, *ABANDONABLE, *UNSETTLED)
        if batch.complete and not any(batch.counts.get(state) for state in left):
            raise CommandError(f"all of {batch.id} is over; there is nothing to cancel")
        return
    which = f"{batch.id} {record.job.id}"
    possible = CANCELLABLE + (ABANDONABLE if order.abandon else ())
    if record.state in possible:
        return
    if record.state in ABANDONABLE:
        raise CommandError(
            f"{which} is {record.state}: it is paid and is collected; "
            "--abandon gives it up all the same"
        )
    if record.state is State.UNRESOLVED:
        raise CommandError(
            f"{which} is unresolved; settle it first, reelmill show {which} tells how"
        )
    if record.state in UNSETTLED:
        raise CommandError(
            f"{which} is {record.state}: what became of its request must be known "
            "first; look again in a few minutes"
        )
    raise CommandError(f"{which} is {record.state}; there is nothing to cancel")


def _ask_before_abandoning(ledger: Ledger, order: Order, *, yes: bool) -> None:
    refs = order.abandoned(ledger)
    records = [record for record in ledger.batches.load(refs) if record]
    if not records:
        return
    prices = [record.job.price_usd_micros for record in records]
    console.say(
        f"{order.batch.id}: to be given up for good: "
        f"{counted(len(records), 'video')} that cost {cost_of(prices)}; nothing of it "
        "is collected, and what was charged stays charged"
    )
    consent("Give it up?", yes=yes)


def _cancel(ledger: Ledger, order: Order) -> int:
    """Take back what has not been sent; how many jobs."""
    batch_id, made = order.batch.id, 0

    def back(record: JobRecord) -> Transition | None:
        is_open = record.state in CANCELLABLE
        return transitions.cancel(batch_id, record) if is_open else None

    # One that was between two of these states may have been passed over.
    while more := move_all(ledger, order.refs(ledger, CANCELLABLE), back):
        made += more
    return made


def _abandon(ledger: Ledger, order: Order) -> tuple[int, float]:
    """Give up what was sent; how many jobs, and until when they hold a slot, at most.

    In unix seconds; 0 where they hold none.
    """
    batch_id, now_s = order.batch.id, ledger.now_s()
    until_s = 0.0

    def given_up(record: JobRecord) -> Transition | None:
        nonlocal until_s
        if record.state not in ABANDONABLE:
            return None
        move = transitions.abandon(batch_id, record, now_s)
        if record.state is State.GENERATING and move.held_s:
            until_s = max(until_s, now_s + move.held_s)
        return move

    return move_all(ledger, order.abandoned(ledger), given_up), until_s


def _tell(
    ledger: Ledger,
    order: Order,
    cancelled: int,
    given_up: tuple[int, float],
    *,
    json: bool,
) -> None:
    abandoned, until_s = given_up
    now = ledger.batches.read(order.batch.id) or order.batch
    sent = sum(now.counts.get(state, 0) for state in (*ABANDONABLE, *UNSETTLED))
    unsettled = sum(now.counts.get(state, 0) for state in UNSETTLED)
    if json:
        done = {
            "batch": now.id,
            "job": order.job.job.id if order.job else None,
            "cancelled": cancelled,
            "abandoned": abandoned,
            "slots_held_until": iso(until_s) if until_s else None,
            "collected": sent,
        }
        print_json(done)
        return
    parts = [f"{counted(cancelled, 'job')} cancelled"]
    if order.abandon:
        parts.append(f"{abandoned} abandoned")
    if order.job is None and sent:
        parts.append(f"{sent} already sent and still collected")
    console.say(f"{now.id}: {', '.join(parts)}")
    if until_s:
        console.say(
            "the provider may still be rendering what was given up: it holds its slot "
            f"until {local(until_s)}"
        )
    elif abandoned:
        console.say("what was given up holds no slot")
    if order.abandon and order.job is None and sent > unsettled:
        console.say("collected all the same is what other batches wait for")
    if order.abandon and unsettled:
        console.say(
            "sent, and not yet known what became of it: "
            f"{counted(unsettled, 'job')}; the same command gives it up "
            "once that is known"
        )
