"""The command `watch`: shows how batches go that others work on, until they are over.

No batch needs it: it may end at any time, and waits for a ledger that is away.
"""

import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from types import FrameType

from jobs.ledger import Ledger, LedgerError, connect
from jobs.ledger.snapshots import BatchSnapshot
from jobs.settings import Settings
from jobs.states import State
from jobs.text import one_line
from producer import console, streams
from producer.exits import CommandError, Exit
from producer.local_run import outcome
from producer.local_server import connected, ledger_of
from producer.lookup import find_batch
from producer.options import Batch, Json, chosen_settings
from producer.summary import print_ending
from producer.watching.display import Display, display
from producer.watching.eta import Poller
from producer.watching.events import Events

#: How the batches stand, once more, where it can be told.
LastPoll = Callable[[], list[BatchSnapshot] | None]

#: How long a run that has ended may take to let go of its home.
LAST_POLL_S = 15.0

#: Seconds between two tries to read it then.
RETRY_S = 0.25

#: Open batches that are watched side by side if none is named.
MAX_WATCHED = 20


def watch(*batches: Batch, json: Json = False) -> int:
    """Watch batches until they are over, or only a person can go on.

    Ctrl-C ends the watching and leaves the batches alone.

        reelmill watch
        reelmill watch products-1f0c33ab
        reelmill watch products-1f0c33ab --json

    Args:
        batches: Ids of the batches; all that are open if none is named, and the newest
            if none is open.
        json: Print a line of JSON for every event.
    """
    chosen = chosen_settings()
    with _ledger(chosen) as ledger:
        names: Sequence[str | None] = batches or _open(ledger) or [None]
        found = [find_batch(ledger, name, whole=False).id for name in names]
        ids = list(dict.fromkeys(found))
        last = None if chosen.redis_url else partial(_last_poll, chosen, ids)
        return await_ends(ledger, ids, last=last, json=json, whole=True)


def _open(ledger: Ledger) -> list[str]:
    """The newest batches that are not over; the rest is named aloud."""
    found, total = ledger.batches.page(0, MAX_WATCHED, unfinished=True)
    if total > len(found):
        console.say(
            f"{total} batches are open; these are the newest {len(found)}, and "
            "reelmill list --open has all"
        )
    return [batch.id for batch in found]


def _last_poll(chosen: Settings, ids: Sequence[str]) -> list[BatchSnapshot] | None:
    """How batches stand whose run took its ledger with it; None if it is not told.

    What a run did last was seen by nobody who looked on, and its server may still be
    about to end.
    """
    until = time.monotonic() + LAST_POLL_S
    while time.monotonic() < until:
        with (
            suppress(CommandError, LedgerError, LookupError),
            # Its server is started for a moment, as for `show`.
            ledger_of(chosen, alone=False) as ledger,
        ):
            return Poller(ledger, ids).poll()
        time.sleep(RETRY_S)
    return None


def await_ends(
    ledger: Ledger,
    batch_ids: Sequence[str],
    *,
    json: bool,
    last: LastPoll | None = None,
    whole: bool = False,
) -> int:
    """Show how batches go until all are over; the exit code that says how they stand.

    Args:
        ledger: where they are.
        batch_ids: which, each once.
        last: looks once more where the ledger has gone for good; without it, one that
            is away is waited for.
        json: a line of JSON for each event, instead of a panel or plain lines.
        whole: a panel may take the whole screen.

    Raises:
        CommandError: the ledger has lost a batch.
    """
    poller = Poller(ledger, batch_ids)
    first = nows = _poll(poller)
    events = Events(_print, time.time) if json else None
    several = len(nows) > 1
    keys = f"Ctrl-C leaves the batch{'es' if several else ''} alone"
    shown = events or display(keys, several=several, whole=whole)
    try:
        with _ended_in_order():
            for nows in _polls(poller, first, shown, last):
                shown.show(nows, poller.paces)
                if streams.are_deserted():
                    break
    except KeyboardInterrupt:
        shown.close()
        names = ", ".join(one_line(now.batch.id) for now in nows)
        goes = "go" if several else "goes"
        console.say(f"{names} {goes} on without being watched")
        return Exit.INCOMPLETE
    finally:
        shown.close()
    if last and not all(map(is_at_rest, nows)):
        console.say("whoever rendered it has ended")
    codes = [outcome(now) for now in nows]
    for now, code in zip(nows, codes, strict=True):
        if events:
            events.over(now, poller.paces[now.batch.id], code)
        else:
            _print_end(now, f"{one_line(now.batch.id)}: " if several else "")
    return next((e for e in (Exit.INCOMPLETE, Exit.FAILED) if e in codes), Exit.STORED)


def _print_end(now: BatchSnapshot, name: str) -> None:
    done = now.count(State.STORED, State.REUSED)
    console.say(f"{name}{done} of {now.batch.total} stored")
    print_ending(now, None)


def is_at_rest(now: BatchSnapshot) -> bool:
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


def _polls(
    poller: Poller, nows: list[BatchSnapshot], shown: Display, last: LastPoll | None
) -> Iterator[list[BatchSnapshot]]:
    """How they stand, again and again, until all are at rest."""
    away_since_s: float | None = None
    while True:
        yield nows
        if all(map(is_at_rest, nows)):
            return
        time.sleep(poller.rest_s)
        try:
            nows = _poll(poller)
        except LedgerError as error:
            if last:
                yield last() or nows
                return
            if away_since_s is None:
                away_since_s = time.time()
                shown.away(str(error), away_since_s)
        else:
            away_since_s = None


def _poll(poller: Poller) -> list[BatchSnapshot]:
    try:
        return poller.poll()
    except LookupError as lost:
        raise CommandError(
            f"the ledger no longer has {lost}; if its server lost its data, stop "
            "the workers and see in docs/operations.md how to go on",
            Exit.UNREACHABLE,
        ) from None


@contextmanager
def _ended_in_order() -> Iterator[None]:
    """Who is asked to end by a signal leaves the terminal as Ctrl-C does."""

    def interrupted(_signal: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupted)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _print(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


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
    except LedgerError:
        raise CommandError(
            f"nothing is being rendered in {chosen.home.absolute()}; reelmill show "
            "tells how a batch stands, reelmill run MANIFEST goes on with it, and for "
            "a fleet's batch REELMILL_REDIS_URL must be set"
        ) from None
    finally:
        ledger.close()
    with connected(chosen.ledger_url) as ledger:
        yield ledger
