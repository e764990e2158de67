"""The command `watch`: shows how batches go that others work on, until they are over.

No batch needs it: it may end at any time, and waits for a ledger that is away.
"""

import signal
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress

from jobs.ledger import Ledger, LedgerError
from jobs.ledger.snapshots import BatchSnapshot
from jobs.settings import Settings
from jobs.states import State
from jobs.text import one_line
from producer import console, streams
from producer.exits import CommandError, Exit
from producer.local_run import outcome
from producer.local_server import answers, connected, ledger_of
from producer.lookup import find_batch
from producer.options import Batch, Json, chosen_settings
from producer.summary import print_ending
from producer.watching.display import Display, Events, display
from producer.watching.eta import Poller

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
    console.err.folds_talk = True
    chosen = chosen_settings()
    with connected(_address(chosen)) as ledger:
        names: Sequence[str | None] = batches or _open(ledger) or [None]
        found = [find_batch(ledger, name, whole=False).id for name in names]
        private = None if chosen.redis_url else chosen
        ids = list(dict.fromkeys(found))
        return await_ends(ledger, ids, json=json, private=private, whole=True)


def _address(chosen: Settings) -> str:
    """Where the fleet's ledger is, or the private one that a run here has open.

    A private ledger is never started only to be watched: nothing would happen in it,
    and nobody could run anything meanwhile.
    """
    if not chosen.redis_url and not answers(chosen.ledger_url):
        raise CommandError(
            f"nothing is being rendered in {chosen.home.absolute()}; reelmill show "
            "shows the newest batch, reelmill run MANIFEST continues it; set "
            "REELMILL_REDIS_URL to watch a fleet's batch"
        )
    return chosen.ledger_url


def _open(ledger: Ledger) -> list[str]:
    """The newest batches that are not over; the rest is named aloud."""
    found, total = ledger.batches.page(0, MAX_WATCHED, unfinished=True)
    if total > len(found):
        console.say(
            f"{total} batches are open; these are the newest {len(found)}, and "
            "reelmill list --open has all"
        )
    return [batch.id for batch in found]


def await_ends(
    ledger: Ledger,
    batch_ids: Sequence[str],
    *,
    json: bool,
    private: Settings | None = None,
    whole: bool = False,
) -> int:
    """Show how batches go until all are over; the exit code that says how they stand.

    Args:
        ledger: where they are.
        batch_ids: which, each once.
        json: a line of JSON for each event, instead of a panel or plain lines.
        private: settings of a ledger that goes with its run; any other is waited for
            while it is away.
        whole: a panel may take the whole screen.

    Raises:
        CommandError: the ledger has lost a batch.
    """
    poller = Poller(ledger, batch_ids)
    nows = _poll(poller)
    several = "es" if len(nows) > 1 else ""
    keys = f"Ctrl-C leaves the batch{several} alone"
    events = Events(_print, time.time) if json else None
    shown = events or display(keys, several=bool(several), whole=whole)
    try:
        with _ended_by_sigterm(), closing(shown):
            nows = _show_to_the_end(poller, nows, shown, private)
    except KeyboardInterrupt:
        names = ", ".join(map(one_line, batch_ids))
        console.say(f"{names} {'go' if several else 'goes'} on without being watched")
        return Exit.INCOMPLETE
    if private and not all(map(is_at_rest, nows)):
        console.say("the run that rendered it has ended")
    return _end(nows, poller, events)


def _show_to_the_end(
    poller: Poller, nows: list[BatchSnapshot], shown: Display, private: Settings | None
) -> list[BatchSnapshot]:
    """How the batches stand once all are at rest, or nobody looks any more."""
    is_away = False
    while True:
        if not is_away:
            shown.show(nows, poller.paces)
        if all(map(is_at_rest, nows)) or streams.are_deserted():
            return nows
        time.sleep(poller.rest_s)
        try:
            nows, is_away = _poll(poller), False
        except LedgerError as error:
            if private:
                nows = _last_poll(private, poller.paces) or nows
                shown.show(nows, poller.paces)
                return nows
            if not is_away:
                shown.away(str(error), time.time())
            is_away = True


def _poll(poller: Poller) -> list[BatchSnapshot]:
    try:
        return poller.poll()
    except LookupError as lost:
        raise CommandError(
            f"the ledger no longer has {lost}; if its server lost its data, stop "
            "the workers and see in docs/operations.md how to go on",
            Exit.UNREACHABLE,
        ) from None


def _last_poll(chosen: Settings, ids: Iterable[str]) -> list[BatchSnapshot] | None:
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
            return ledger.snapshots.take(list(ids))
        time.sleep(RETRY_S)
    return None


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


def _end(nows: Sequence[BatchSnapshot], poller: Poller, events: Events | None) -> Exit:
    """Say how each ended; the worst exit code."""
    codes = [outcome(now) for now in nows]
    for now, code in zip(nows, codes, strict=True):
        if events:
            events.over(now, poller.paces[now.batch.id], code)
            continue
        name = f"{one_line(now.batch.id)}: " if len(nows) > 1 else ""
        done = now.count(State.STORED, State.REUSED)
        console.say(f"{name}{done} of {now.batch.total} stored")
        print_ending(now, None)
    return next((e for e in (Exit.INCOMPLETE, Exit.FAILED) if e in codes), Exit.STORED)


@contextmanager
def _ended_by_sigterm() -> Iterator[None]:
    """SIGTERM leaves the terminal in order, as Ctrl-C does."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _print(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()
