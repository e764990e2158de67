"""Schedules: manifests that are handed over by the clock, and when they are due.

It decides when a schedule fires, which firings came too late, and by when videos must
be there; it reads no clock and hands nothing over. What is kept of schedules stands in
`ledger.schedules`, who fires them in `producer.nightly.scheduler`.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from itertools import takewhile
from typing import Any
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError
from pydantic import TypeAdapter

#: A firing that could not be done in time is still done within so many seconds.
LATE_S = 6 * 3600.0

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_SPAN = re.compile(r"(\d{1,6})\s*([smhd])")
_UNITS_S = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_TIME_OF_DAY = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)")
_FIELDS = 5


class ScheduleError(Exception):
    """A schedule that cannot be; says what and how to write it."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """Manifests, and when they are to be handed over."""

    name: str
    #: Five fields, as cron has them.
    cron: str
    #: Place whose clocks count, by its name in the time zone database.
    zone: str
    #: Files, folders, patterns such as `in/*.csv`, or prefixes of a bucket.
    manifests: tuple[str, ...]
    #: Whose money it spends: a scheduler fires those of its own account.
    account: str
    #: Time of day by which the videos must be there; empty if it does not matter.
    by: str = ""
    late_s: float = LATE_S
    #: Its folders stand for the pictures in them, else for the manifests.
    pictures: bool = False
    #: Options of reading and spending that were given, by name.
    reading: Mapping[str, Any] = field(default_factory=dict)
    spending: Mapping[str, Any] = field(default_factory=dict)

    def check(self, now_s: float) -> None:
        """Refuse what can never fire.

        Raises:
            ScheduleError: a part of it is not written as it should be.
        """
        if not _NAME.fullmatch(self.name):
            raise ScheduleError(
                f"{self.name!r} is no name of a schedule: letters, digits, dots, "
                "hyphens and underscores, 64 at most"
            )
        if not self.manifests:
            raise ScheduleError("name at least one manifest")
        next(times(self.cron, self.zone, now_s))
        self.deadline_s(now_s)

    def next_s(self, after_s: float) -> float:
        """Unix seconds of the first firing after a moment."""
        return next(times(self.cron, self.zone, after_s))

    def deadline_s(self, at_s: float) -> float | None:
        """Unix seconds by which the videos of a firing must be there; None if never.

        Raises:
            ScheduleError: the time of day is none.
        """
        if not self.by:
            return None
        found = _TIME_OF_DAY.fullmatch(self.by)
        if not found:
            raise ScheduleError(f"--by {self.by}: write a time of day, such as 06:00")
        return next(times(f"{int(found[2])} {int(found[1])} * * *", self.zone, at_s))

    def say(self, at_s: float) -> str:
        """A moment by the clocks of its zone."""
        return f"{datetime.fromtimestamp(at_s, zone_of(self.zone)):%Y-%m-%d %H:%M %Z}"

    def to_json(self) -> str:
        """It as one line, for the ledger."""
        return _SCHEDULES.dump_json(self).decode()

    @classmethod
    def from_json(cls, text: str) -> "Schedule":
        """The schedule that `to_json` wrote."""
        return _SCHEDULES.validate_json(text)


@dataclass(frozen=True, slots=True)
class Due:
    """A firing that is due, or came too late."""

    #: Unix seconds: the newest time, which stands for all that were missed before.
    at_s: float
    #: The first of the times that nothing came of yet.
    first_s: float
    #: False if even the newest is too old.
    fires: bool = True


@dataclass(frozen=True, slots=True)
class Handed:
    """What came of one manifest in a firing."""

    manifest: str
    #: The batch it became; empty if it was refused.
    batch: str = ""
    #: Why it was refused, a line for each problem.
    problems: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Firing:
    """What came of a schedule at one time."""

    #: Unix seconds when it was due, and when it was done or given up.
    at_s: float
    ended_s: float
    handed: tuple[Handed, ...] = ()
    warnings: tuple[str, ...] = ()
    #: Why it is tried again; empty once it is done.
    again: str = ""

    def to_json(self) -> str:
        """It as one line, for the ledger."""
        return _FIRINGS.dump_json(self).decode()

    @classmethod
    def from_json(cls, text: str) -> "Firing":
        """The firing that `to_json` wrote."""
        return _FIRINGS.validate_json(text)


def due(schedule: Schedule, done_until_s: float, now_s: float) -> Due | None:
    """The firing that is due now, if there is one.

    Times that were missed are made up for by one firing: it hands over the same
    manifests as each of them would have.

    Args:
        schedule: of what.
        done_until_s: unix seconds; earlier times are dealt with.
        now_s: unix seconds.
    """
    first_s = schedule.next_s(done_until_s)
    if first_s > now_s:
        return None
    after_s = max(done_until_s, now_s - schedule.late_s)
    in_time = times(schedule.cron, schedule.zone, after_s)
    newest_s = max(takewhile(lambda at_s: at_s <= now_s, in_time), default=None)
    return Due(newest_s or now_s, first_s, fires=newest_s is not None)


def times(cron: str, zone: str, after_s: float) -> Iterator[float]:
    """All times of a cron expression after a moment, in unix seconds.

    As cron has it: a time of day that the clocks leave out comes when they go on, and
    one that they show twice comes once; what comes every few minutes or hours follows
    the time as it passes.

    Raises:
        ScheduleError: expression or zone are wrong, or no such time ever comes.
    """
    place = zone_of(zone)
    fields = cron.split()
    if len(fields) != _FIELDS:
        raise ScheduleError(
            f'--cron "{cron}": write minute, hour, day of the month, month and day of '
            'the week, such as "0 22 * * *"'
        )
    try:
        moments = CronSim(cron, datetime.fromtimestamp(after_s, place))
    except CronSimError as error:
        words = str(error).removeprefix("Bad ")
        raise ScheduleError(f'--cron "{cron}": its {words} cannot be') from None
    for moment in moments:
        yield moment.timestamp()
    raise ScheduleError(f'--cron "{cron}": such a time never comes')


def zone_of(name: str) -> ZoneInfo:
    """The zone of that name.

    Raises:
        ScheduleError: there is none.
    """
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise ScheduleError(
            f"--zone {name}: there is no such time zone here; write one such as "
            "Europe/Berlin or UTC"
        ) from None


def span_s(text: str) -> float:
    """Seconds of a span as a person writes it.

    >>> span_s("6h"), span_s("30s")
    (21600.0, 30.0)

    Raises:
        ScheduleError: it is none.
    """
    found = _SPAN.fullmatch(text.strip())
    if not found:
        raise ScheduleError(f"{text}: write a span such as 30s, 90m, 6h or 2d")
    return float(int(found[1]) * _UNITS_S[found[2]])


_SCHEDULES = TypeAdapter(Schedule)
_FIRINGS = TypeAdapter(Firing)
