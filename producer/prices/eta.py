"""When it will be done: under the account's limits, and at each higher level.

It turns the makespan into moments and sentences for a person; how the makespan comes
about stands in `jobs.pace.eta`. A budget of a day holds the end off as well.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import tzinfo

from jobs.pace.eta import Makespan, Work, makespan
from jobs.pace.limits import Limits, tiers
from jobs.settings import Settings
from jobs.text import by, duration, iso
from producer.prices.quote import Bill

DAY_S = 86_400

#: A higher level is worth a word if it takes at most this share of the time.
WORTH_A_WORD = 0.9

NEVER = (
    "it will never be done: a video costs more than the daily budget; "
    "raise REELMILL_DAILY_BUDGET"
)

#: Generation times by model id and seconds of video.
Learnt = Mapping[tuple[str, int], Sequence[float]]


@dataclass(frozen=True, slots=True)
class Level:
    """How long it takes under some limits."""

    #: Name of the provider's tier; empty where the limits are the person's own.
    tier: str
    limits: Limits
    takes: Makespan

    def document(self, now_s: float) -> dict[str, object]:
        """It for a program; moments in UTC."""
        return {
            "tier": self.tier or None,
            "videos_per_minute": self.limits.videos_per_minute,
            "concurrent_videos": self.limits.concurrent_videos,
            "likely_s": round(self.takes.likely_s),
            "late_s": round(self.takes.late_s),
            "likely_by": iso(now_s + self.takes.likely_s),
            "late_by": iso(now_s + self.takes.late_s),
        }


@dataclass(frozen=True, slots=True)
class Finish:
    """When it will be done."""

    now_s: float
    #: The account's own, then every higher one.
    levels: tuple[Level, ...]
    #: Whether every generation time comes from finished ones.
    learnt: bool
    #: UTC days that the budget of a day spreads it over; 1 is no delay, and None that
    #: it is less than one of the videos costs.
    days: int | None = 1

    def lines(self, zone: tzinfo | None = None) -> list[str]:
        """What a person wants to know; `zone` is the machine's own unless given."""
        own, *higher = self.levels
        if not own.takes.likely_s:
            return ["nothing is left to be made"]
        if self.days is None:
            return [NEVER]
        done = f"done by {by(self.now_s, own.takes.likely_s, zone)}"
        done += f" ({duration(own.takes.likely_s)})"
        least_s = own.takes.likely_s
        for level in higher:
            if level.takes.likely_s <= WORTH_A_WORD * least_s:
                least_s = level.takes.likely_s
                moment = f"{by(self.now_s, least_s, zone)} ({duration(least_s)})"
                done += f", or at {level.tier.title()} by {moment}"
        late = f"nine times in ten by {by(self.now_s, own.takes.late_s, zone)}"
        place = f"at {own.tier.title()}: " if own.tier else ""
        starts = f"{own.limits.videos_per_minute} starts a minute"
        at_once = f"{own.limits.concurrent_videos} at once"
        return [done, f"{late}; {place}{starts}, {at_once}, {self._source}"]

    @property
    def _source(self) -> str:
        if self.learnt:
            return "generation times as this account's were"
        return "generation times as planned, for too few were seen yet"


def finish(
    bill: Bill,
    settings: Settings,
    *,
    now_s: float,
    learnt: Learnt,
    slots_in_use: int = 0,
    today_usd_micros: int = 0,
) -> Finish:
    """When what is on a bill will be done, if nothing fails.

    Args:
        bill: what is to be made.
        settings: the account's limits, its budget of a day, how looks are spaced.
        now_s: unix seconds.
        learnt: generation times by model id and seconds of video.
        slots_in_use: videos that the account is generating already.
        today_usd_micros: what this UTC day has cost already.
    """
    works = _works(bill, learnt)
    busy = [Work(slots_in_use, works[0].typical_s)] if works and slots_in_use else []
    days, left = _days(bill, settings, today_usd_micros)
    held_s = (now_s // DAY_S + days - 1) * DAY_S - now_s if days else 0.0
    last_works = [replace(work, jobs=math.ceil(work.jobs * left)) for work in works]

    def level(tier: str, limits: Limits) -> Level:
        takes = makespan(works, limits, busy)
        if held_s > 0:
            last = makespan(last_works, limits)
            takes = Makespan(
                likely_s=max(takes.likely_s, held_s + last.likely_s),
                late_s=max(takes.late_s, held_s + last.late_s),
            )
        return Level(tier, limits, takes)

    own = level("" if settings.own_limits else settings.tier, settings.limits)
    higher = [level(name, limits) for name, limits in _higher(settings.limits)]
    is_learnt = bool(works) and all(work.is_learnt for work in works)
    return Finish(now_s, (own, *higher), is_learnt, days)


def _works(bill: Bill, learnt: Learnt) -> list[Work]:
    works = []
    for lines in bill.by_kind.values():
        one = lines[0]
        works.append(
            Work(
                jobs=sum(line.jobs for line in lines),
                typical_s=one.model.typical_s(one.example.inputs),
                learnt_s=learnt.get((one.model.id, one.duration_s), ()),
            )
        )
    return works


def _higher(own: Limits) -> list[tuple[str, Limits]]:
    """The tiers that are above these limits in one way and below in none."""
    return [
        (name, limits)
        for name, limits in tiers().items()
        if limits != own
        and limits.videos_per_minute >= own.videos_per_minute
        and limits.concurrent_videos >= own.concurrent_videos
    ]


def _days(
    bill: Bill, settings: Settings, today_usd_micros: int
) -> tuple[int | None, float]:
    """UTC days that it is spread over, and the share of it that is left to the last.

    None if it is never done. The ledger counts whole videos.
    """
    daily, count = settings.daily_budget_usd_micros, bill.priced
    if daily is None:
        return 1, 1.0
    if bill.dearest_usd_micros > daily:
        return None, 1.0
    each_day = bill.covered(daily)
    later = count - bill.covered(daily - today_usd_micros)
    if later <= 0:
        return 1, 1.0
    days = math.ceil(later / each_day)
    return 1 + days, (later - (days - 1) * each_day) / count
