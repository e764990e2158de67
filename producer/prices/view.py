"""What a manifest will cost and when it will be done, for a person or a program.

It only words what `quote` and `eta` know; nothing here asks the provider, so a price is
shown with or without a key, and while the provider is away.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, tzinfo
from typing import Any

from rich.console import Console

from jobs.money import dollars, usd, usd_or_none
from jobs.settings import Settings
from jobs.text import counted
from producer.account import CURES, Balance
from producer.console import Table
from producer.prices.eta import Finish, Learnt, finish
from producer.prices.quote import Bill, Found, Line, balance_usd_micros

#: Prices of that age are worth a second look.
OLD_DAYS = 60

NO_KEY = (
    "without WAVESPEED_API_KEY there are neither the provider's quotes nor the "
    "balance to compare with"
)

#: Settings of which any one says what the account may do.
_LIMITS = frozenset({"tier", "videos_per_minute", "concurrent_videos"})


@dataclass(frozen=True, slots=True)
class PriceView:
    """Cost and time of a manifest."""

    found: Found
    bill: Bill
    finish: Finish
    #: None where the provider was not asked, for want of a key.
    balance: Balance | None
    #: Whether the provider was asked for quotes.
    asked: bool
    budget_usd_micros: int | None
    daily_budget_usd_micros: int | None
    #: Whether the limits are set, by level or by number, and not assumed.
    limited: bool = True

    def document(self) -> dict[str, Any]:
        """All of it for a program; amounts are decimal strings, moments in UTC."""
        own = self.finish.levels[0]
        return {
            "videos": self.found.jobs,
            "cost_usd": usd(self.bill.cost_usd_micros),
            "unpriced": self.bill.unpriced,
            "reused": self._count("reused"),
            "following": self._count("following"),
            "by_model": self._by_model(),
            "price_list": self._price_list(),
            "quotes": self._quotes(),
            "balance": self._balance(),
            "budget_usd": usd_or_none(self.budget_usd_micros),
            "daily_budget_usd": usd_or_none(self.daily_budget_usd_micros),
            "days": self.finish.days,
            "duration_s": round(own.takes.likely_s),
            "learnt": self.finish.learnt,
            "times": [
                level.document(self.finish.now_s) for level in self.finish.levels
            ],
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
        bill, said = self.bill, []
        if not short:
            said += self._list_lines()
            said += _provider_lines(self.balance)
        if self.asked and self.balance and not self.balance.trouble:
            said += _quote_lines(bill)
        said += _balance_lines(bill, self.balance)
        said += _budget_lines(
            bill,
            self.budget_usd_micros,
            self.daily_budget_usd_micros,
            self.finish.days,
        )
        said += self.finish.lines(zone)
        if self.bill.lines and not self.limited:
            said.append(
                f"REELMILL_TIER is not set, so the limits of {self._tier} are kept; "
                "set it to the level of your account"
            )
        return said

    @property
    def _tier(self) -> str:
        return self.finish.levels[0].tier.title()

    def _count(self, name: str) -> int:
        return sum(getattr(share, name) for share in self.found.shares.values())

    def _table(self) -> Table:
        numbers = ("videos", "each", "cost", *(("quoted",) if self._quoted else ()))
        columns = ("model", "video", *numbers)
        made = Table(*columns, numbers=numbers, sentences=("video",))
        for line in self.bill.lines:
            each, cost = line.each_usd_micros, line.cost_usd_micros
            row = [line.model.name, line.option, str(line.jobs), dollars(each)]
            row.append("unknown" if cost is None else dollars(cost))
            made.add(*row, *([_beside(line)] if self._quoted else []))
        made.add_section()
        for words, name in (
            ("stored before", "reused"),
            ("being made", "following"),
        ):
            if self._count(name):
                row = [words, "", str(self._count(name)), "", "$0.00"]
                made.add(*row, *([""] if self._quoted else []))
        total = dollars(self.bill.cost_usd_micros)
        row = ["total", "", str(self.found.jobs), "", total]
        if self._quoted:
            tenths = self.bill.tenths
            row.append("" if tenths is None else _percent(tenths))
        made.add(*row, style="bold")
        return made

    @property
    def _quoted(self) -> bool:
        return not all((line.quote_usd_micros is None) for line in self.bill.lines)

    def _by_model(self) -> list[dict[str, Any]]:
        kinds = self.bill.by_kind
        return [
            {
                "model": model,
                "duration_s": duration_s,
                "videos": share.jobs,
                "unpriced": bill.unpriced,
                "cost_usd": usd(bill.cost_usd_micros),
                "reused": share.reused,
                "following": share.following,
                "options": [_option(line) for line in bill.lines],
            }
            for (model, duration_s), share in sorted(self.found.shares.items())
            for bill in [Bill(tuple(kinds.get((model, duration_s), ())))]
        ]

    @property
    def _read_on(self) -> date | None:
        """When the oldest price of our list that counts was read."""
        prices = (line.model.price for line in self.bill.unquoted)
        return min((price.read_on for price in prices if price), default=None)

    def _age_days(self, read_on: date) -> int:
        today = datetime.fromtimestamp(self.finish.now_s, UTC).date()
        return max(0, (today - read_on).days)

    def _list_lines(self) -> list[str]:
        """How old the prices of our list are that count, and what has no price."""
        lines, read_on = [], self._read_on
        if read_on:
            days = self._age_days(read_on)
            old = ", so look whether they still hold" if days > OLD_DAYS else ""
            lines.append(f"the list's prices were read {_ago(days)}, on {read_on}{old}")
        if self.bill.unpriced:
            count = counted(self.bill.unpriced, "video")
            lines.append(f"there is no price for {count}: not counted in the cost")
        return lines

    def _price_list(self) -> dict[str, Any]:
        read_on = self._read_on
        return {
            "read_on": read_on.isoformat() if read_on else None,
            "age_days": self._age_days(read_on) if read_on else None,
        }

    def _quotes(self) -> dict[str, Any] | None:
        if not self.asked:
            return None
        quoted, listed = self.bill.compared or (None, None)
        difference = None if quoted is None or listed is None else quoted - listed
        return {
            "quoted_usd": usd_or_none(quoted),
            "listed_usd": usd_or_none(listed),
            "difference_usd": usd_or_none(difference),
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


def view(  # noqa: PLR0913 - what is known of manifest and account, each by its name
    found: Found,
    *,
    settings: Settings,
    now_s: float,
    learnt: Learnt | None = None,
    balance: Balance | None = None,
    asked: bool = False,
    budget_usd_micros: int | None = None,
    slots_in_use: int = 0,
    today_usd_micros: int = 0,
) -> PriceView:
    """What a manifest will cost and when it will be done.

    Args:
        found: what it asks for, with the quotes that are known.
        settings: whose limits and daily budget count.
        now_s: unix seconds.
        learnt: generation times by model id and seconds of video.
        balance: None where the provider was not asked.
        asked: whether the provider was asked for quotes.
        budget_usd_micros: cap over the batch; None is no cap.
        slots_in_use: videos that the account is generating already.
        today_usd_micros: what this UTC day has cost already.
    """
    bill = Bill.of(found)
    return PriceView(
        found=found,
        bill=bill,
        finish=finish(
            bill,
            settings,
            now_s=now_s,
            learnt=learnt or {},
            slots_in_use=slots_in_use,
            today_usd_micros=today_usd_micros,
        ),
        balance=balance,
        asked=asked,
        budget_usd_micros=budget_usd_micros,
        daily_budget_usd_micros=settings.daily_budget_usd_micros,
        limited=bool(_LIMITS & settings.model_fields_set),
    )


def _option(line: Line) -> dict[str, Any]:
    return {
        "options": dict(line.options),
        "videos": line.jobs,
        "each_usd": usd_or_none(line.each_usd_micros),
        "cost_usd": usd_or_none(line.cost_usd_micros),
        "list_each_usd": usd_or_none(line.list_usd_micros),
        "quote_each_usd": usd_or_none(line.quote_usd_micros),
    }


def _beside(line: Line) -> str:
    """What the provider says to a price of the list."""
    if line.quote_usd_micros is None:
        return "none"
    return "not listed" if line.tenths is None else _percent(line.tenths)


def _provider_lines(balance: Balance | None) -> list[str]:
    """Why the provider was not asked, or does not answer."""
    if balance is None:
        return [NO_KEY]
    if balance.trouble == "unreachable":
        reason = f"the provider is out of reach ({balance.reason})"
        return [f"{reason}: no quotes, no balance; the cost is that of the list"]
    if balance.trouble:
        cure = CURES.get(balance.trouble, "look at the account")
        return [f"the provider says: {balance.reason}; {cure}"]
    return []


def _quote_lines(bill: Bill) -> list[str]:
    """What the provider quotes otherwise than the list, and what it does not quote."""
    lines = [_difference(line) for line in bill.lines if line.tenths]
    if lines:
        lines.append("what is quoted counts: in the cost, in budgets and in the report")
    missing: dict[str, list[str]] = {}
    for line in bill.unquoted:
        missing.setdefault(str(line.quote), []).append(line.key)
    lines += [
        f"no quote could be read for {'; '.join(keys)} ({reason}): the list's price "
        "counts, or an earlier quote of the batch, and the bill may differ"
        for reason, keys in missing.items()
    ]
    return lines


def _balance_lines(bill: Bill, balance: Balance | None) -> list[str]:
    """Whether the account holds enough."""
    held = balance_usd_micros(balance) if balance else None
    need = bill.cost_usd_micros
    if held is None or not need:
        return []
    if held >= need:
        return [f"the balance of {dollars(held)} covers it"]
    reach = _reach(bill, held)
    return [
        f"the balance of {dollars(held)} covers {reach}: top up {dollars(need - held)}"
    ]


def _budget_lines(
    bill: Bill,
    budget_usd_micros: int | None,
    daily_usd_micros: int | None,
    days: int | None,
) -> list[str]:
    """Where budgets stop it."""
    lines, cost = [], bill.cost_usd_micros
    if budget_usd_micros is not None and budget_usd_micros < cost:
        reach = _reach(bill, budget_usd_micros)
        lines.append(
            f"the budget of {dollars(budget_usd_micros)} covers {reach}: "
            f"{dollars(cost - budget_usd_micros)} more are needed"
        )
    if daily_usd_micros is not None and days and days > 1:
        lines.append(
            f"the daily budget of {dollars(daily_usd_micros)} spreads it over {days} "
            "days (UTC)"
        )
    return lines


def _percent(tenths: int) -> str:
    """Tenths of a percent with their sign.

    >>> _percent(95), _percent(-100), _percent(0)
    ('+9.5 %', '-10.0 %', 'the same')
    """
    whole, part = divmod(abs(tenths), 10)
    return f"{'-' if tenths < 0 else '+'}{whole}.{part} %" if tenths else "the same"


def _difference(line: Line) -> str:
    tenths = line.tenths or 0
    quoted = dollars(line.quote_usd_micros)
    way = "above" if tenths > 0 else "below"
    return (
        f"the provider quotes {quoted} for {line.key}, {_percent(abs(tenths))[1:]} "
        f"{way} the list's {dollars(line.list_usd_micros)}"
    )


def _reach(bill: Bill, usd_micros: int) -> str:
    """How many of the videos an amount pays for; with mixed prices about."""
    prices = {line.each_usd_micros or 0 for line in bill.lines}
    about = "about " if len(prices) > 1 else ""
    return f"{about}{bill.covered(usd_micros)} of {counted(bill.priced, 'video')}"


def _ago(days: int) -> str:
    return ("today", "yesterday")[days] if days in (0, 1) else f"{days} days ago"
