"""Awaiting the end of a batch that others work on, and showing how it goes.

Nothing here is needed by the batch: whoever looks may stop looking, and a ledger that
is away for a while is waited for. How a batch stands is worded in `watching`.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from jobs.ledger import Ledger, LedgerUnreachable, connect
from jobs.settings import Settings
from jobs.states import State
from producer import tables
from producer.choosing import chosen_settings
from producer.exits import Exit, Stop
from producer.finding import find_batch
from producer.printing import print_ending
from producer.private import ledger_of
from producer.rendering import outcome
from producer.watching import Display, JsonLines, Snapshot, display, take

#: Seconds between two looks.
LOOK_S = 0.5


def watch(batch: str | None, *, json: bool) -> int:
    """Show how a batch goes until it is over, or nothing more comes by itself."""
    chosen = chosen_settings()
    with _ledger(chosen) as ledger:
        found = find_batch(ledger, batch, whole=False)
        fleet = bool(chosen.redis_url)
        return await_end(ledger, found.id, patient=fleet, json=json)


def await_end(ledger: Ledger, batch_id: str, *, patient: bool, json: bool) -> int:
    """Show how a batch goes until it is over; the exit code that says how it stands.

    Args:
        ledger: where it is.
        batch_id: which batch.
        patient: wait for a ledger that is away; otherwise its end is the end.
        json: a line of JSON for each change, instead of a panel or plain lines.

    Raises:
        Stop: the ledger has lost the batch.
    """
    now = first = _take(ledger, batch_id)
    shown: Display = JsonLines() if json else display(first)
    try:
        for now in _looks(ledger, first, patient=patient):
            shown.show(now)
    except KeyboardInterrupt:
        tables.say(f"{batch_id} goes on without being watched")
        return Exit.INCOMPLETE
    finally:
        shown.close()
    if not json:
        tables.say(
            f"{now.count(State.STORED, State.REUSED)} of {now.batch.total} stored"
        )
        print_ending(now, None)
    return outcome(now)


def is_at_rest(now: Snapshot) -> bool:
    """Whether nothing more comes of a fleet's batch without a person."""
    if not now.batch.complete or now.under_way:
        return False
    if not now.count(State.WAITING):
        return True
    return (
        now.batch.paused
        or now.batch.cancelled
        or now.account.paused
        or now.batch.stopped_by == "budget"
    )


def _looks(ledger: Ledger, now: Snapshot, *, patient: bool) -> Iterator[Snapshot]:
    """How it stands, again and again, until it is at rest."""
    away = False
    while True:
        yield now
        if is_at_rest(now):
            return
        time.sleep(LOOK_S)
        try:
            now = _take(ledger, now.batch.id)
        except LedgerUnreachable as error:
            if not patient:
                tables.say("whoever rendered it has ended")
                return
            if not away:
                tables.say(f"the ledger is out of reach ({error}); waiting for it")
            away = True
        else:
            if away:
                tables.say("the ledger answers again")
            away = False


def _take(ledger: Ledger, batch_id: str) -> Snapshot:
    try:
        return take(ledger, batch_id)
    except LookupError:
        raise Stop(
            f"the ledger no longer has {batch_id}; if its server lost its data, stop "
            "the workers and see in docs/operations.md how to go on",
            Exit.UNREACHABLE,
        ) from None


@contextmanager
def _ledger(chosen: Settings) -> Iterator[Ledger]:
    """The fleet's ledger, or the private one that a run in this home has open.

    A private ledger is never started only to be watched: nothing would happen in it,
    and nobody could run anything meanwhile.
    """
    if chosen.redis_url:
        with ledger_of(chosen, alone=False) as ledger:
            yield ledger
        return
    ledger = connect(chosen.ledger_url)
    try:
        ledger.ping()
    except LedgerUnreachable:
        raise Stop(
            f"nothing is being rendered in {chosen.home.absolute()}; reelmill show "
            "tells how a batch stands, reelmill run MANIFEST goes on with it, and for "
            "a fleet's batch REELMILL_REDIS_URL must be set"
        ) from None
    else:
        yield ledger
    finally:
        ledger.close()
