"""What a manifest will cost and when it will be done, for a person or a program.

Nothing here asks the provider: a price is shown with or without a key.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time, tzinfo
from types import MappingProxyType
from typing import Any

from rich.console import Console

from jobs.money import dollars, usd, usd_or_none
from jobs.pace.eta import Makespan, Work, makespan
from jobs.pace.limits import Limits, tiers
from jobs.settings import Settings
from jobs.text import by, choice, counted, duration, iso
from producer.account import Balance, cure
from producer.bill import (
    Bill,
    Line,
    balance_usd_micros,
    cost,
    unpriced,
)
from producer.console import Table
from producer.survey import Survey

DAY_S = 86_400

#: Prices of that age are worth a second look.
OLD_DAYS = 60

#: A higher tier is worth a word if it takes at most this share of the time.
WORTH_A_WORD = 0.9

NO_KEY = "set WAVESPEED_API_KEY to compare with the provider's quotes and your balance"

NEVER = (
    "it will never be done: a video costs more than the daily budget; "
    "raise REELMILL_DAILY_BUDGET"
)

#: Settings of which any one says what the account may do.
_LIMITS = frozenset({"tier", "videos_per_minute", "concurrent_videos"})

#: Generation times by model id and seconds of video.
Learnt = Mapping[tuple[str, int], Sequence[float]]


@dataclass(frozen=True, slots=True)
class Level:
    """How long it takes under some limits."""

    #: Name of the provider's tier; empty where the limits are the user's own.
    tier: str
    limits: Limits
    takes: Makespan


@dataclass(frozen=True, slots=True)
class Finish:
    """When it will be done."""

    now_s: float
    #: The account's own, then every higher one.
    levels: tuple[Level, ...]
    #: Whether every generation time comes from finished ones.
    learnt: bool
    #: UTC days that the daily budget spreads it over; 1 is no delay, and None that it
    #: is less than one of the videos costs.
    days: int | None = 1
    #: Models of which nobody knows yet how long they take.
    unknown: tuple[str, ...] = ()

    def lines(self, zone: tzinfo | None = None) -> list[str]:
        """What a user wants to know; `zone` is the machine's own unless given."""
        if not self.levels[0].takes.likely_s:
            return ["nothing is left to render"]
        if self.days is None:
            return [NEVER]
        if self.unknown:
            models = choice(self.unknown, word="and")
            return [f"done by: unknown until a few videos of {models} are done"]
        return [self._done_by(zone), self._late_by(zone)]

    def _done_by(self, zone: tzinfo | None) -> str:
        """The likely end, and that of each tier which is clearly quicker."""
        said: list[str] = []
        best_s = math.inf
        for level in self.levels:
            likely_s = level.takes.likely_s
            if likely_s <= WORTH_A_WORD * best_s:
                best_s = likely_s
                at = f"at {level.tier.title()} " if said else "done "
                moment = by(self.now_s, likely_s, zone)
                said.append(f"{at}by {moment} ({duration(likely_s)})")
        return ", or ".join(said)

    def _late_by(self, zone: tzinfo | None) -> str:
        """The end in nine cases of ten, and what it is reckoned from."""
        own = self.levels[0]
        times = "from the catalogue, because too few were measured yet"
        if self.learnt:
            times = "as measured for this account"
        return (
            f"90 % by {by(self.now_s, own.takes.late_s, zone)}; "
            f"{f'at {own.tier.title()}: ' if own.tier else ''}"
            f"{own.limits.videos_per_minute} starts a minute, "
            f"{own.limits.concurrent_videos} at once, generation times {times}"
        )

    def times(self) -> list[dict[str, object]]:
        """Each level for a program; moments in UTC."""
        return [
            {
                "tier": level.tier or None,
                "videos_per_minute": level.limits.videos_per_minute,
                "concurrent_videos": level.limits.concurrent_videos,
                "likely_s": round(level.takes.likely_s),
                "late_s": round(level.takes.late_s),
                "likely_by": iso(self.now_s + level.takes.likely_s),
                "late_by": iso(self.now_s + level.takes.late_s),
            }
            for level in self.levels
        ]


def finish(
    bill: Bill,
    settings: Settings,
    *,
    now_s: float,
    learnt: Learnt = MappingProxyType({}),
    slots_in_use: int = 0,
    today_usd_micros: int = 0,
) -> Finish:
    """When what is on a bill will be done, if nothing fails.

    Args:
        bill: what is to be made.
        settings: the account's limits, and its daily budget.
        now_s: unix seconds.
        learnt: generation times by model id and seconds of video.
        slots_in_use: videos that the account is generating already.
        today_usd_micros: what this UTC day has cost already.
    """
    kinds = list(bill.by_kind.values())
    works = [_work(lines, learnt) for lines in kinds]
    busy = [Work(slots_in_use, works[0].typical_s)] if works and slots_in_use else []
    days, left = _days(bill, settings.daily_budget_usd_micros, today_usd_micros)
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
    guessed = [
        lines[0].model
        for work, lines in zip(works, kinds, strict=True)
        if not work.is_learnt
    ]
    unknown = dict.fromkeys(m.name for m in guessed if m.typical is None)
    is_learnt = bool(works) and not guessed
    return Finish(now_s, (own, *higher), is_learnt, days, tuple(unknown))


def _work(lines: Sequence[Line], learnt: Learnt) -> Work:
    """The jobs of one model and duration, and how long each takes."""
    first = lines[0]
    return Work(
        jobs=sum(line.jobs for line in lines),
        typical_s=first.model.typical_s(first.example.inputs),
        learnt_s=learnt.get((first.model.id, first.duration_s), ()),
    )


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
    bill: Bill, daily_usd_micros: int | None, today_usd_micros: int
) -> tuple[int | None, float]:
    """UTC days that it is spread over, and the share of it that is left to the last.

    None if it is never done. The ledger counts whole videos.
    """
    if daily_usd_micros is None:
        return 1, 1.0
    dearest = max((line.each_usd_micros or 0 for line in bill.lines), default=0)
    if dearest > daily_usd_micros:
        return None, 1.0
    each_day, count = bill.covered(daily_usd_micros), bill.priced_jobs
    later = count - bill.covered(daily_usd_micros - today_usd_micros)
    if later <= 0:
        return 1, 1.0
    days = math.ceil(later / each_day)
    return 1 + days, (later - (days - 1) * each_day) / count


@dataclass(frozen=True, slots=True)
class PriceView:
    """Cost and time of a manifest."""

    #: What the manifest asks for, with the quotes that are known.
    found: Survey
    finish: Finish
    settings: Settings
    #: None where the provider was not asked, for want of a key.
    balance: Balance | None = None
    #: Cap over the batch; None is no cap.
    budget_usd_micros: int | None = None

    @property
    def bill(self) -> Bill:
        """What is to be paid."""
        return self.found.bill

    def document(self) -> dict[str, Any]:
        """All of it for a program; amounts are decimal strings, moments in UTC."""
        bill, read_on = self.bill, self._read_on
        return {
            "videos": self.found.jobs,
            "cost_usd": usd(bill.cost_usd_micros),
            "unpriced": bill.unpriced,
            "reused": self.found.reused,
            "following": self.found.following,
            "by_model": self._by_model(),
            "price_list": {
                "read_on": read_on and read_on.date().isoformat(),
                "age_days": read_on and self._age_days(read_on),
            },
            "quotes": self._quotes(),
            "balance": self._balance(),
            "budget_usd": usd_or_none(self.budget_usd_micros),
            "daily_budget_usd": usd_or_none(self.settings.daily_budget_usd_micros),
            "days": self.finish.days,
            "duration_s": round(self.finish.levels[0].takes.likely_s),
            "learnt": self.finish.learnt,
            "times": self.finish.times(),
            "skipped": dict(self.found.skipped),
            "skipped_problems": self.found.refused,
            "warnings": self.found.notices.document(),
        }

    def print(
        self, console: Console, *, short: bool = False, zone: tzinfo | None = None
    ) -> None:
        """Show it to a person.

        Args:
            console: where.
            short: only what matters before spending.
            zone: for the times of day; None is the machine's own.
        """
        console.print(self._table())
        for line in self.lines(short=short, zone=zone):
            console.print(line, markup=False, soft_wrap=True)

    def lines(self, *, short: bool = False, zone: tzinfo | None = None) -> list[str]:
        """What is to be said below the table, a sentence each."""
        said = []
        if not short:
            said += [*self._list_lines(), *_provider_lines(self.balance)]
        if self.balance and not self.balance.trouble:
            said += _quote_lines(self.bill)
        said += [*self._balance_lines(), *self._budget_lines()]
        said += self.finish.lines(zone)
        if self.bill.lines and not _LIMITS & self.settings.model_fields_set:
            said.append(
                "REELMILL_TIER is not set, so the limits of "
                f"{self.finish.levels[0].tier.title()} are used; "
                "set it to the level of your account"
            )
        return said

    def _table(self) -> Table:
        bill, found = self.bill, self.found
        numbers = ("videos", "each", "cost")
        made = Table("model", "video", *numbers, numbers=numbers, sentences=("video",))
        for line in bill.lines:
            cost = dollars(line.cost_usd_micros) or "unknown"
            each = dollars(line.each_usd_micros)
            made.add(line.model.name, line.option, str(line.jobs), each, cost)
        made.add_section()
        for words, count in (
            ("stored before", found.reused),
            ("being made", found.following),
            ("refused or given up", found.given_up),
        ):
            if count:
                made.add(words, "", str(count), "", "$0.00")
        total = dollars(bill.cost_usd_micros)
        made.add("total", "", str(found.jobs), "", total, style="bold")
        return made

    def _by_model(self) -> list[dict[str, Any]]:
        kinds = self.bill.by_kind
        return [
            {
                "model": model,
                "duration_s": duration_s,
                "videos": share.jobs,
                "unpriced": unpriced(lines),
                "cost_usd": usd(cost(lines)),
                "reused": share.reused,
                "following": share.following,
                "options": [
                    {
                        "options": dict(line.options),
                        "videos": line.jobs,
                        "each_usd": usd_or_none(line.each_usd_micros),
                        "cost_usd": usd_or_none(line.cost_usd_micros),
                        "list_each_usd": usd_or_none(line.list_usd_micros),
                        "quote_each_usd": usd_or_none(line.quote_usd_micros),
                    }
                    for line in lines
                ],
            }
            for (model, duration_s), share in sorted(self.found.shares.items())
            for lines in [kinds.get((model, duration_s), [])]
        ]

    @property
    def _read_on(self) -> datetime | None:
        """When the oldest price of our list that counts was read."""
        prices = (line.model.price for line in self.bill.unquoted)
        oldest = min((price.read_on for price in prices if price), default=None)
        return datetime.combine(oldest, time(), UTC) if oldest else None

    def _age_days(self, read_on: datetime) -> int:
        return max(0, (datetime.fromtimestamp(self.finish.now_s, UTC) - read_on).days)

    def _list_lines(self) -> Iterator[str]:
        """How old the prices of our list are that count, and what has no price."""
        if read_on := self._read_on:
            days = self._age_days(read_on)
            ago = {0: "today", 1: "yesterday"}.get(days, f"{days} days ago")
            old = ", check that they are still valid" if days > OLD_DAYS else ""
            yield f"the list's prices were read {ago}, on {read_on:%Y-%m-%d}{old}"
        if self.bill.unpriced:
            count = counted(self.bill.unpriced, "video")
            yield f"there is no price for {count}: not counted in the cost"

    def _quotes(self) -> dict[str, Any] | None:
        if self.balance is None:
            return None
        both = [
            (line.jobs * line.quote_usd_micros, line.jobs * line.list_usd_micros)
            for line in self.bill.lines
            if line.quote_usd_micros is not None and line.list_usd_micros is not None
        ]
        quoted, listed = (sum(column) for column in zip((0, 0), *both, strict=True))
        return {
            "quoted_usd": usd(quoted) if both else None,
            "listed_usd": usd(listed) if both else None,
            "difference_usd": usd(quoted - listed) if both else None,
            "missing": [line.key for line in self.bill.unquoted],
        }

    def _balance(self) -> dict[str, Any] | None:
        if self.balance is None:
            return None
        held, need = balance_usd_micros(self.balance), self.bill.cost_usd_micros
        return {
            "balance_usd": usd_or_none(held),
            "need_usd": usd(need),
            "short_usd": None if held is None else usd(max(0, need - held)),
            "covers": None if held is None else self.bill.covered(held),
            "trouble": self.balance.trouble or None,
            "reason": self.balance.reason or None,
        }

    def _balance_lines(self) -> Iterator[str]:
        """Whether the account holds enough."""
        held = balance_usd_micros(self.balance) if self.balance else None
        need = self.bill.cost_usd_micros
        if held is None or not need:
            return
        if held >= need:
            yield f"the balance of {dollars(held)} covers it"
            return
        reach, missing = self._reach(held), dollars(need - held)
        yield f"the balance of {dollars(held)} covers {reach}: top up {missing}"

    def _budget_lines(self) -> Iterator[str]:
        """Where budgets stop it."""
        budget, need = self.budget_usd_micros, self.bill.cost_usd_micros
        if budget is not None and budget < need:
            reach, missing = self._reach(budget), dollars(need - budget)
            yield (
                f"the budget of {dollars(budget)} covers {reach}: "
                f"{missing} more are needed"
            )
        daily, days = self.settings.daily_budget_usd_micros, self.finish.days
        if daily is not None and days and days > 1:
            yield (
                f"the daily budget of {dollars(daily)} spreads it over {days} "
                "days (UTC)"
            )

    def _reach(self, usd_micros: int) -> str:
        """How many of the videos an amount pays for; with mixed prices about."""
        bill = self.bill
        prices = {line.each_usd_micros or 0 for line in bill.lines}
        about = "about " if len(prices) > 1 else ""
        count = counted(bill.priced_jobs, "video")
        return f"{about}{bill.covered(usd_micros)} of {count}"


def _provider_lines(balance: Balance | None) -> Iterator[str]:
    """Why the provider was not asked, or does not answer."""
    if balance is None:
        yield NO_KEY
    elif balance.trouble == "unreachable":
        reason = f"the provider is out of reach ({balance.reason})"
        yield f"{reason}: no quotes, no balance; the cost is that of the list"
    elif balance.trouble:
        yield f"the provider says: {balance.reason}; {cure(balance.trouble)}"


def _quote_lines(bill: Bill) -> Iterator[str]:
    """What the provider quotes otherwise than the list, and what it does not quote."""
    for line in bill.lines:
        quoted, listed = line.quote_usd_micros, line.list_usd_micros
        if quoted is not None and listed is not None and quoted != listed:
            yield (
                f"the provider quotes {dollars(quoted)} for {line.key}, the list says "
                f"{dollars(listed)}: the quote counts, in budgets and the report too"
            )
    missing: dict[str, list[str]] = {}
    for line in bill.unquoted:
        missing.setdefault(str(line.quote), []).append(line.key)
    for reason, keys in missing.items():
        yield (
            f"no quote could be read for {'; '.join(keys)} ({reason}): the list's "
            "price counts, or an earlier quote of the batch, and the bill may differ"
        )
