"""The scheduler: the process that fires schedules until it is told to stop.

It only keeps time, signals and signs of life; what is due and what comes of it is
decided in `rounds`. Any number of these processes may run on one ledger.
"""

import logging
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from jobs.ledger import Ledger, LedgerError
from jobs.settings import Settings, worker_name
from producer import console
from producer.exits import CommandError, Exit
from producer.local_server import ledger_of, make_home
from producer.nightly.rounds import BEAT_S, STALE_S, Means, Scheduler, log
from producer.options import chosen_settings

#: Seconds between two looks at the schedules.
TICK_S = 1.0


def scheduler(*, check: bool) -> int:
    """Fire schedules until a signal says to stop; then end what was begun.

    With `check` only say whether one on this machine does.
    """
    chosen = chosen_settings()
    with fleet_ledger(chosen) as ledger:
        if check:
            return _check(ledger, chosen)
        make_home(chosen.home)
        _log_to_stderr()
        _serve(Scheduler(Means.of(ledger, chosen)))
    return Exit.STORED


@contextmanager
def fleet_ledger(chosen: Settings) -> Iterator[Ledger]:
    """The ledger that schedules are kept in, which must outlive this command.

    Raises:
        CommandError: it is out of reach, or there is only a private one.
    """
    if not chosen.redis_url:
        raise CommandError(
            "schedules are kept in a shared ledger; set REELMILL_REDIS_URL, or on a "
            "single machine let cron start reelmill run (docs/nightly.md)"
        )
    with ledger_of(chosen, alone=False) as ledger:
        yield ledger


def _check(ledger: Ledger, chosen: Settings) -> int:
    host = worker_name().partition("@")[2]
    beat_s = ledger.schedules.beat_s(chosen.account_id, host)
    silent_s = ledger.now_s() - beat_s
    if silent_s > STALE_S:
        raise CommandError(
            "no scheduler lives on this machine; start one: reelmill scheduler",
            Exit.UNREACHABLE,
        )
    console.say(f"the scheduler of this machine beat {silent_s:.0f} s ago")
    return Exit.STORED


def _serve(scheduler: Scheduler) -> None:
    stop, over = threading.Event(), threading.Event()

    def end(number: int, _frame: FrameType | None) -> None:
        stop.set()
        # Who asks twice does not want to wait; the claim runs out by itself.
        signal.signal(number, signal.SIG_DFL)

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, end)
    beating = threading.Thread(target=_beat, args=(scheduler, over), daemon=True)
    beating.start()
    log.info("firing what is due")
    while not stop.is_set():
        _survive(lambda: scheduler.tick(stop.is_set))
        stop.wait(TICK_S)
    over.set()
    beating.join()
    log.info("stopped")


def _beat(scheduler: Scheduler, over: threading.Event) -> None:
    while not over.is_set():
        _survive(scheduler.beat)
        over.wait(BEAT_S)


def _survive(step: Callable[[], object]) -> None:
    """Take a step; neither a ledger that is away nor a mistake of ours ends more."""
    try:
        step()
    except LedgerError as error:
        log.warning("the ledger is out of reach (%s); it is tried again", error)
    except Exception:  # noqa: BLE001 - logged whole; the schedules are not to wait for it
        log.exception("a mistake in reelmill; the next look follows")


def _log_to_stderr() -> None:
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    log.addHandler(handler)
    log.setLevel(logging.INFO)
