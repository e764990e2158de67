"""`scheduler`: fires schedules that are due, as one of any number on one ledger.

A firing is claimed before anything is done and the claim is kept alive; what was
claimed and not finished is another scheduler's a minute later. Each manifest takes the
same road as `submit --yes`, and one that is refused keeps no other back.
"""

import logging
import re
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from types import FrameType
from typing import Any, TypeVar

from jobs.ledger import JobsDeletedError, Ledger, LedgerError
from jobs.ledger.schedules import Standing
from jobs.ledger.snapshots import BatchSnapshot
from jobs.notification import Kind, Notification
from jobs.records import BatchRecord
from jobs.schedule import Due, Firing, Handed, Schedule, ScheduleError, due
from jobs.settings import Settings, worker_name
from jobs.text import counted
from producer import console, problems
from producer.enqueue import hand_over
from producer.exits import CommandError, Exit
from producer.load import load, settings_of, skipped_words
from producer.local_server import ledger_of, make_home
from producer.manifests.source import ENDINGS, is_bucket
from producer.options import Flag, Reading, Spending, chosen_settings
from producer.quote import encodable
from producer.skipped_rows import keep_skipped
from producer.watching.eta import Poller, is_short, left, to_come
from producer.watching.status import held_up

#: Files that are written beside manifests: rows that failed, and skipped ones.
_WRITTEN = re.compile(r"failed\.csv|.+\.skipped(?:-\d+)?\.csv", re.IGNORECASE)

#: Seconds between two looks at the schedules.
TICK_S = 1.0

#: Seconds between two heartbeats; without one for so long there is no scheduler.
BEAT_S = 15.0
STALE_S = 120.0

#: A claim is another's after so long without a heartbeat.
LEASE_S = 60.0

#: What must be tried again is tried so much later.
AGAIN_S = 60.0

#: Lines of a manifest's problems that are kept in the record of a firing.
MAX_LINES = 20

DAY_S = 86_400

#: Folder of the home for rows that are skipped for their problems.
SKIPPED = "skipped"

log = logging.getLogger("reelmill.scheduler")

#: Makes a batch of a manifest, and says what people should know of it; raises
#: `CommandError`.
Submit = Callable[[str, Reading, Spending], tuple[BatchRecord, list[str]]]

_Options = TypeVar("_Options", Reading, Spending)


def scheduler(*, check: Flag = False) -> int:
    """Fire what is due, until it is told to stop; any number of these may run.

    For example:

        reelmill scheduler
        reelmill scheduler --check

    Args:
        check: Only tell whether one is alive, for the health check of a container.
    """
    chosen = chosen_settings()
    with fleet_ledger(chosen) as ledger:
        if check:
            return _check(ledger, chosen)
        make_home(chosen.home)
        handler = logging.StreamHandler(sys.stderr)
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
        log.addHandler(handler)
        log.setLevel(logging.INFO)
        _serve(Scheduler.of(ledger, chosen))
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
    silent_s = ledger.now_s() - ledger.schedules.heartbeat_s(chosen.account_id, host)
    if silent_s > STALE_S:
        raise CommandError(
            "no scheduler is running on this machine; start one: reelmill scheduler",
            Exit.INCOMPLETE,
        )
    console.say(
        f"the scheduler of this machine is alive, last heartbeat {silent_s:.0f} s ago"
    )
    return Exit.STORED


def _serve(scheduler: "Scheduler") -> None:
    stop, over = threading.Event(), threading.Event()

    def end(number: int, _frame: FrameType | None) -> None:
        stop.set()
        # Who asks twice does not want to wait; the claim runs out by itself.
        signal.signal(number, signal.SIG_DFL)

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, end)
    beating = threading.Thread(
        target=_repeat, args=(BEAT_S, scheduler.beat, over), daemon=True
    )
    beating.start()
    log.info("firing what is due")
    _repeat(TICK_S, lambda: scheduler.tick(stop.is_set), stop)
    over.set()
    beating.join()
    log.info("stopped")


def _repeat(pause_s: float, step: Callable[[], object], until: threading.Event) -> None:
    """Neither a ledger that is away nor a mistake of ours ends more than a step."""
    while not until.is_set():
        try:
            step()
        except LedgerError as error:
            log.warning(
                "the ledger is out of reach (%s); it will be tried again", error
            )
        except Exception:
            # Schedules go on firing at night, whatever went wrong with one of them.
            log.exception("a mistake in reelmill; the next look follows")
        until.wait(pause_s)


@dataclass(slots=True)
class Scheduler:
    """One of those that fire the schedules of an account."""

    ledger: Ledger
    account_id: str
    submit: Submit
    #: Informs people; the same words are sent once.
    notify: Callable[[Notification], object]
    #: Unix seconds.
    clock: Callable[[], float]
    #: That no other process has.
    name: str
    _numbers: Iterator[int] = field(default_factory=lambda: count(1))
    #: The schedule that is being fired, and the claim on it.
    _held: tuple[str, str] | None = None

    @classmethod
    def of(cls, ledger: Ledger, chosen: Settings) -> "Scheduler":
        """One with the settings of this process."""
        return cls(
            ledger,
            account_id=chosen.account_id,
            submit=submit_to(ledger),
            notify=ledger.outbox.add,
            # The server's clock, lest machines disagree on what is due.
            clock=ledger.now_s,
            name=worker_name(),
        )

    def beat(self) -> None:
        """Say that it lives, and keep the claim that it works under."""
        self.ledger.schedules.heartbeat(self.account_id, self.name)
        if held := self._held:
            self.ledger.schedules.hold(*held, LEASE_S)

    def tick(self, stopping: Callable[[], bool] = lambda: False) -> int:
        """Fire all that is due now; how many."""
        fired = 0
        for standing in self.ledger.schedules.all():
            if stopping():
                break
            if standing.schedule.account == self.account_id:
                fired += self._fire_if_due(standing)
        return fired

    def fire_now(self, standing: Standing) -> Firing:
        """Fire a schedule whether it is due or not, and record what came of it.

        It is not tried again by itself: that is left to the user and the clock.

        Raises:
            CommandError: somebody is firing it.
        """
        name, now_s = standing.schedule.name, self.clock()
        claim = self._claim(name, now_s)
        if claim is None:
            holder = standing.holder.partition("#")[0] or "another scheduler"
            raise CommandError(
                f"{name} is being fired by {holder}; "
                "reelmill schedule list shows the outcome"
            )
        firing = self._fire(standing.schedule, now_s, claim)
        # Of a try that failed no time is dealt with.
        until_s = 0.0 if firing.again else now_s
        self._done(standing.schedule, claim, until_s, left_to_others(name, firing))
        return firing

    def _fire_if_due(self, standing: Standing) -> bool:
        schedule, now_s = standing.schedule, self.clock()
        if standing.held_until_s > now_s:
            return False
        try:
            found = due(schedule, standing.done_until_s, now_s)
        except ScheduleError as bad:
            # It was checked when it was added, by a machine that knows the zone.
            log.warning("%s cannot be fired: %s", schedule.name, bad)
            return False
        if found is None or not (claim := self._claim(schedule.name, found.at_s)):
            return False
        if not found.fires:
            missed = self._missed(standing, found)
            self._done(schedule, claim, found.at_s, missed)
            return False
        firing = self._fire(schedule, found.at_s, claim)
        if firing.again:
            self._report(schedule, firing)
            self.ledger.schedules.hold(schedule.name, claim, AGAIN_S, firing)
        else:
            self._done(schedule, claim, found.at_s, firing)
        return True

    def _claim(self, name: str, at_s: float) -> str | None:
        claim = f"{self.name}#{next(self._numbers)}@{at_s:.6f}"
        got = self.ledger.schedules.claim(name, at_s, claim, LEASE_S)
        return claim if got else None

    def _fire(self, schedule: Schedule, at_s: float, claim: str) -> Firing:
        """Hand over what a schedule names, under a claim; what came of it."""
        log.info("%s: fired for %s", schedule.name, schedule.say(at_s))
        result = FiringResult()
        if self.clock() - at_s > STALE_S:
            result.warnings.append(
                f"was due at {schedule.say(at_s)} and was fired late"
            )
        self._held = (schedule.name, claim)
        try:
            with result.noting(schedule.name):
                fire(schedule, self.submit, result)
                result.warnings += self._late_warnings(schedule, at_s, result)
        finally:
            self._held = None
        return result.firing(at_s, self.clock())

    def _late_warnings(
        self, schedule: Schedule, at_s: float, result: "FiringResult"
    ) -> list[str]:
        deadline_s = schedule.deadline_s(at_s)
        batches = [handed.batch for handed in result.handed if handed.batch]
        if deadline_s is None or not batches:
            return []
        return late_warnings(self.ledger, batches, deadline_s, schedule.say)

    def _done(
        self, schedule: Schedule, claim: str, until_s: float, firing: Firing
    ) -> None:
        """Let go of a claim, with a record of what came of it."""
        self._report(schedule, firing)
        if not self.ledger.schedules.done(schedule.name, claim, until_s, firing):
            log.warning("%s: somebody else fires it as well", schedule.name)

    def _missed(self, standing: Standing, found: Due) -> Firing:
        """The record of a firing that came too late."""
        schedule, trying = standing.schedule, standing.trying
        words = (
            f"was due at {schedule.say(found.first_s)} and is too late now, by more "
            f"than {schedule.late_s / 3600:g} h; reelmill schedule run-now "
            f"{schedule.name} does it all the same"
        )
        if trying:
            words += f"; it was held up: {trying.again}"
        handed = trying.handed if trying else ()
        return Firing(found.first_s, self.clock(), handed, (words,))

    def _report(self, schedule: Schedule, firing: Firing) -> None:
        """Write into the log what came of it, and have people informed of trouble."""
        day = f"{datetime.fromtimestamp(firing.ended_s, UTC):%Y-%m-%d}"
        about = {"schedule": schedule.name, "day": day}

        def warn(words: str, lines: tuple[str, ...] = (), **more: str) -> None:
            subject = f"{schedule.name}: {words}"
            log.warning("%s", ": ".join((subject, *lines[:1])))
            details = (Kind.SCHEDULE, subject, "\n".join(lines), about | more)
            self.notify(Notification.of(self.account_id, *details))

        for handed in firing.handed:
            name = handed.manifest
            if handed.batch:
                log.info("%s: %s is %s", schedule.name, name, handed.batch)
            else:
                warn(f"{name} was refused", handed.problems, manifest=name)
        for words in firing.warnings:
            warn(words)
        if firing.again:
            warn(f"{firing.again}; it will be tried again")


def left_to_others(name: str, firing: Firing) -> Firing:
    """A firing whose scheduler does not try it again, with words that say so."""
    if not firing.again:
        return firing
    words = (
        f"{firing.again}; it is not tried again before the next firing by the clock, "
        f"or reelmill schedule run-now {name}"
    )
    return replace(firing, warnings=(*firing.warnings, words), again="")


@dataclass(slots=True)
class FiringResult:
    """What a firing has come to so far; all of it can be printed and stored."""

    handed: list[Handed] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    #: Why it must be tried again.
    again: list[str] = field(default_factory=list)

    @contextmanager
    def noting(self, what: str) -> Iterator[None]:
        """Record why something could not be handed over, so that the rest goes on.

        Raises:
            LedgerError: the ledger is out of reach, so nothing else can go on either.
        """
        try:
            yield
        except LedgerError:
            raise
        except CommandError as stop:
            if stop.code is Exit.UNREACHABLE:
                self.retry(what, str(stop))
            else:
                self.refuse(what, str(stop))
        except JobsDeletedError as error:
            self.retry(what, str(error))
        except OSError as error:
            why = (error.strerror or str(error)).lower()
            self.retry(what, f"it cannot be read ({why})")
        except Exception as error:
            log.exception("%s: a mistake in reelmill", what)
            self.retry(what, f"a mistake in reelmill: {error!r}")

    def hand(self, manifest: str, batch: BatchRecord, said: Sequence[str]) -> None:
        """Record that a manifest became a batch, and what its user should know."""
        self.handed.append(Handed(encodable(manifest), batch.id))
        self.warnings += said
        if batch.cancelled:
            words = f"{batch.id} was cancelled before, and nothing more of it is sent"
            self.warnings.append(words)

    def refuse(self, manifest: str, text: str) -> None:
        """Record why nothing of a manifest was handed over, a line for each problem."""
        lines = encodable(text).splitlines()
        if (more := len(lines) - MAX_LINES) > 0:
            lines[MAX_LINES:] = [f"and {counted(more, 'more line')}"]
        self.handed.append(Handed(encodable(manifest), "", tuple(lines)))

    def retry(self, what: str, why: str) -> None:
        """Record why something is tried again."""
        self.again.append(encodable(f"{what}: {why}"))

    def firing(self, at_s: float, ended_s: float) -> Firing:
        """It as a record."""
        again = "; ".join(dict.fromkeys(self.again))
        return Firing(at_s, ended_s, tuple(self.handed), tuple(self.warnings), again)


def submit_to(ledger: Ledger) -> Submit:
    """Hands manifests over to this ledger."""

    def submit(
        manifest: str, reading: Reading, spending: Spending
    ) -> tuple[BatchRecord, list[str]]:
        chosen = settings_of(spending)
        unreachable = Exit.UNREACHABLE
        with closing(
            load(manifest, reading, spending, chosen, bad_store=unreachable)
        ) as found:
            if not found.is_usable:
                raise CommandError("\n".join(problems.lines(found.problems)))
            said = []
            if found.refused:
                path = keep_skipped(found, chosen.home / SKIPPED)
                words = f"{manifest}: {skipped_words(found)}: {path}"
                said = [encodable(words)]
            # It was opened by its name; from here on the name is only stored.
            found.source = encodable(found.source)
            return hand_over(ledger, found, chosen, spending), said

    return submit


def fire(schedule: Schedule, submit: Submit, result: FiringResult) -> None:
    """Hand over what a schedule names; `result` takes what comes of it."""
    for place in schedule.manifests:
        with result.noting(place):
            spending = _options(Spending, {**schedule.spending, "yes": True})
            reading = _options(Reading, schedule.reading)
            found = manifests_at(place, pictures=schedule.pictures)
            if not found:
                result.warnings.append(
                    f"{encodable(place)}: there is no such manifest now; if it is a "
                    "folder whose pictures are meant, add the schedule again with "
                    "--pictures --replace"
                )
            for manifest in found:
                with result.noting(manifest):
                    result.hand(manifest, *submit(manifest, reading, spending))


def manifests_at(place: str, *, pictures: bool = False) -> list[str]:
    """What a place of a schedule means now, in the order of the names.

    A pattern means the files that fit; a folder the manifests in it, or with `pictures`
    its pictures, whatever else lies there now; all else is a manifest itself. Rows that
    failed or were skipped are for a person: their files must be named.

    Raises:
        OSError: it cannot be looked into.
    """
    path = Path(place)
    is_pattern = any(sign in place for sign in "*?[") and not path.exists()
    if is_bucket(place) or not (is_pattern or (path.is_dir() and not pictures)):
        return [place]
    relative = str(path.relative_to(path.anchor))
    found = Path(path.anchor).glob(relative) if is_pattern else path.iterdir()
    return sorted(str(each) for each in found if _is_manifest(each))


def _is_manifest(path: Path) -> bool:
    ours = path.name.startswith(".") or _WRITTEN.fullmatch(path.name)
    return not ours and path.suffix.lower() in ENDINGS and not path.is_dir()


def _options(kind: type[_Options], given: Mapping[str, Any]) -> _Options:
    lists = {n: tuple(v) for n, v in given.items() if isinstance(v, list)}
    try:
        return kind(**{**given, **lists})
    except TypeError:
        raise CommandError(
            "the schedule was made by another version of reelmill, with options that "
            "this one does not have; add it again with --replace"
        ) from None


def late_warnings(
    ledger: Ledger,
    batch_ids: Sequence[str],
    deadline_s: float,
    say: Callable[[float], str],
) -> list[str]:
    """Why batches will not be finished by a deadline, a sentence each.

    Args:
        ledger: where they wait.
        batch_ids: the batches.
        deadline_s: unix seconds.
        say: a moment by the schedule's clocks.
    """
    poller = Poller(ledger, batch_ids)
    said = []
    for now in filter(left, poller.poll()):
        end_s = poller.paces[now.batch.id].planned_end_s
        by = f"{now.batch.id} will not be finished by {say(deadline_s)}"
        if why := _obstacle(now, deadline_s):
            said.append(f"{by}: {why}")
        elif end_s and end_s > deadline_s:
            said.append(f"{by}, more likely by {say(end_s)}")
    return said


def _obstacle(now: BatchSnapshot, deadline_s: float) -> str:
    """What keeps a batch from being made in time, whatever its pace."""
    account = now.account
    if account.older or account.paused or account.trouble:
        return held_up(now)
    daily, more = account.daily_budget_usd_micros, to_come(now)
    # The budget of a day is there again on the next.
    is_today = now.now_s // DAY_S == deadline_s // DAY_S
    if is_short(now):
        return "its budget ends before all of it has started"
    if daily is not None and is_today and account.today_usd_micros + more > daily:
        return "today's budget ends before all of it has started"
    return ""
