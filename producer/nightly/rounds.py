"""The rounds of a scheduler: it fires what is due, as one of any number on one ledger.

A firing is claimed before anything is done and the claim is kept alive; what was
claimed and not finished is another scheduler's a minute later. What a firing does
stands in `firing`, the process that makes the rounds in `scheduler`.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import count

from jobs.ledger import Ledger, LedgerError
from jobs.ledger.batches import JobsDeletedError
from jobs.ledger.schedules import Standing
from jobs.notification import Kind, Notification
from jobs.schedule import Due, Firing, Schedule, ScheduleError, due
from jobs.settings import Settings, worker_name
from producer.exits import CommandError
from producer.nightly.firing import (
    Course,
    Submit,
    fire,
    submit_to,
    warn_of_deadline,
)

#: Seconds between two signs of life; without one for so long there is no scheduler.
BEAT_S = 15.0
STALE_S = 120.0

#: A claim is another's after so long without a sign of life.
LEASE_S = 60.0

#: What must be tried again is tried so much later.
AGAIN_S = 60.0

log = logging.getLogger("reelmill.scheduler")

#: Has people told; the same words are told once.
Tell = Callable[[Notification], object]


@dataclass(frozen=True, slots=True)
class Means:
    """What a scheduler works with."""

    ledger: Ledger
    account_id: str
    submit: Submit
    tell: Tell
    #: Unix seconds.
    clock: Callable[[], float]
    #: A name that no other process has.
    name: str

    @classmethod
    def of(cls, ledger: Ledger, chosen: Settings) -> "Means":
        """Those of a ledger and of the settings of this process."""
        return cls(
            ledger=ledger,
            account_id=chosen.account_id,
            submit=submit_to(ledger),
            tell=ledger.outbox.add,
            # The server's clock, lest machines disagree on what is due.
            clock=ledger.now_s,
            name=worker_name(),
        )


def left_to_others(schedule: Schedule, firing: Firing) -> Firing:
    """A firing whose scheduler does not try it again, with words that say so."""
    if not firing.again:
        return firing
    words = (
        f"{firing.again}; it is not tried again before the next firing by the clock, "
        f"or reelmill schedule run-now {schedule.name}"
    )
    return replace(firing, warnings=(*firing.warnings, words), again="")


class Scheduler:
    """One of those that fire schedules."""

    def __init__(self, means: Means) -> None:
        self._means = means
        self._numbers = count(1)
        #: The schedule that is being fired, and the claim on it.
        self._held: tuple[str, str] | None = None

    def beat(self) -> None:
        """Say that it lives, and keep the claim that it works under."""
        schedules = self._means.ledger.schedules
        schedules.beat(self._means.account_id, self._means.name)
        if held := self._held:
            schedules.hold(*held, LEASE_S)

    def tick(self, stopping: Callable[[], bool] = lambda: False) -> int:
        """Fire all that is due now; how many."""
        fired = 0
        for standing in self._means.ledger.schedules.all():
            if stopping():
                break
            if standing.schedule.account == self._means.account_id:
                fired += self._fire_if_due(standing)
        return fired

    def fire_now(self, standing: Standing) -> Firing:
        """Fire a schedule whether it is due or not.

        What came of it is recorded and nobody is kept from firing it next, even where
        it must be tried again: that is left to the person and the clock.

        Raises:
            CommandError: somebody is firing it.
        """
        now_s = self._means.clock()
        claim = self._claim(standing.schedule.name, now_s)
        if claim is None:
            holder = standing.holder.partition("#")[0] or "another scheduler"
            raise CommandError(
                f"{standing.schedule.name} is in the hands of {holder}; "
                "reelmill schedule list shows what comes of it"
            )
        firing = self._course(standing, Due(now_s, now_s), claim)
        record = left_to_others(standing.schedule, firing)
        self._tell(standing.schedule, record)
        # Of a try that failed no time is dealt with.
        until_s = 0.0 if firing.again else now_s
        self._done(standing, claim, until_s, record)
        return firing

    def _fire_if_due(self, standing: Standing) -> bool:
        schedule, now_s = standing.schedule, self._means.clock()
        if standing.held_until_s > now_s:
            return False
        try:
            found = due(schedule, standing.done_until_s, now_s)
        except ScheduleError as bad:
            # It was checked when it was added, by a machine that knows the zone.
            log.error("%s cannot be fired: %s", schedule.name, bad)  # noqa: TRY400 - a finding
            return False
        if found is None or not (claim := self._claim(schedule.name, found.at_s)):
            return False
        if found.fires:
            self._fire(standing, found, claim)
        else:
            self._miss(standing, found, claim)
        return found.fires

    def _claim(self, name: str, at_s: float) -> str | None:
        claim = f"{self._means.name}#{next(self._numbers)}@{at_s:.6f}"
        got = self._means.ledger.schedules.claim(name, at_s, claim, LEASE_S)
        return claim if got else None

    def _fire(self, standing: Standing, found: Due, claim: str) -> None:
        schedule, schedules = standing.schedule, self._means.ledger.schedules
        firing = self._course(standing, found, claim)
        self._tell(schedule, firing)
        if firing.again:
            schedules.hold(schedule.name, claim, AGAIN_S, firing)
            return
        self._done(standing, claim, found.at_s, firing)

    def _course(self, standing: Standing, found: Due, claim: str) -> Firing:
        """Do it under a claim, and say what came of it."""
        schedule, clock = standing.schedule, self._means.clock
        log.info("%s: fired for %s", schedule.name, schedule.say(found.at_s))
        course = Course()
        if clock() - found.at_s > STALE_S:
            due_at = schedule.say(found.at_s)
            course.warnings.append(f"was due at {due_at} and comes late")
        self._held = (schedule.name, claim)
        try:
            self._hand_over(course, standing, found)
        finally:
            self._held = None
        return course.firing(found.at_s, clock())

    def _done(
        self, standing: Standing, claim: str, until_s: float, record: Firing
    ) -> None:
        """Let go of a claim, with a record of what came of it."""
        name, schedules = standing.schedule.name, self._means.ledger.schedules
        if not schedules.done(name, claim, until_s, record):
            log.warning("%s: somebody else fires it as well", name)

    def _hand_over(self, course: Course, standing: Standing, found: Due) -> None:
        schedule, means = standing.schedule, self._means
        try:
            fire(schedule, means.submit, course)
            warn_of_deadline(course, schedule, found.at_s, means.ledger, means.clock())
        except LedgerError:
            raise
        except JobsDeletedError as error:
            course.again.append(str(error))
        except Exception as error:
            log.exception("%s: a mistake in reelmill", schedule.name)
            course.again.append(f"a mistake in reelmill: {error!r}")

    def _miss(self, standing: Standing, found: Due, claim: str) -> None:
        """Say that a firing came too late, and let it go."""
        schedule = standing.schedule
        words = (
            f"was due at {schedule.say(found.first_s)} and is too late now, by more "
            f"than {schedule.late_s / 3600:g} h; reelmill schedule run-now "
            f"{schedule.name} does it all the same"
        )
        trying = standing.trying
        if trying:
            words += f"; it was held up: {trying.again}"
        handed = trying.handed if trying else ()
        firing = Firing(found.first_s, self._means.clock(), handed, (words,))
        self._tell(schedule, firing)
        self._means.ledger.schedules.done(schedule.name, claim, found.at_s, firing)

    def _tell(self, schedule: Schedule, firing: Firing) -> None:
        """Write into the log what came of it, and have people told of trouble."""
        day = f"{datetime.fromtimestamp(firing.ended_s, UTC):%Y-%m-%d}"
        about = {"schedule": schedule.name, "day": day}
        for handed in firing.handed:
            if handed.batch:
                log.info("%s: %s is %s", schedule.name, handed.manifest, handed.batch)
                continue
            words = f"{schedule.name}: nothing of {handed.manifest} was handed over"
            log.warning("%s: %s", words, handed.problems[0])
            details = "\n".join(handed.problems)
            self._say(words, details, about | {"manifest": handed.manifest})
        again = [f"{firing.again}; it is tried again"] if firing.again else []
        for warning in (*firing.warnings, *again):
            log.warning("%s: %s", schedule.name, warning)
            self._say(f"{schedule.name}: {warning}", "", about)

    def _say(self, subject: str, details: str, about: dict[str, str]) -> None:
        account_id = self._means.account_id
        self._means.tell(
            Notification.of(account_id, Kind.SCHEDULE, subject, details, about)
        )
