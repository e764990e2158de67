"""What a manifest will cost and when it will be done, for a person or a program.

It only words what `bill` and `finishing` know; nothing here asks the provider, so a
price is shown with or without a key, and while the provider is away.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, tzinfo
from typing import Any

from rich.console import Console

from jobs.money import dollars, usd
from jobs.settings import Settings
from producer.account import Balance
from producer.console import Table
from producer.prices import lines as price_lines
from producer.prices.bill import Bill, Found, Line, balance_usd_micros, by_kind
from producer.prices.finishing import Finish, Learnt, finish
from producer.prices.lines import age_days, percent

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
            "budget_usd": _amount(self.budget_usd_micros),
            "daily_budget_usd": _amount(self.daily_budget_usd_micros),
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
            said += price_lines.list_lines(bill, self._today)
            said += price_lines.provider_lines(self.balance)
        if self.asked and self.balance and not self.balance.trouble:
            said += price_lines.quote_lines(bill)
        said += price_lines.balance_lines(bill, self.balance)
        said += price_lines.budget_lines(
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
            one = line.combination
            each, cost = line.each_usd_micros, line.cost_usd_micros
            row = [one.model.name, one.option, str(line.jobs), dollars(each)]
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
            row.append("" if tenths is None else percent(tenths))
        made.add(*row, style="bold")
        return made

    @property
    def _quoted(self) -> bool:
        return not all(line.is_unquoted for line in self.bill.lines)

    def _by_model(self) -> list[dict[str, Any]]:
        kinds = by_kind(self.bill)
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
    def _today(self) -> date:
        return datetime.fromtimestamp(self.finish.now_s, UTC).date()

    def _price_list(self) -> dict[str, Any]:
        oldest = self.bill.oldest
        return {
            "read_on": oldest.isoformat() if oldest else None,
            "age_days": age_days(oldest, self._today) if oldest else None,
        }

    def _quotes(self) -> dict[str, Any] | None:
        if not self.asked:
            return None
        quoted, listed = self.bill.compared or (None, None)
        difference = None if quoted is None or listed is None else quoted - listed
        return {
            "quoted_usd": _amount(quoted),
            "listed_usd": _amount(listed),
            "difference_usd": _amount(difference),
            "missing": [line.combination.key for line in self.bill.unquoted],
        }

    def _balance(self) -> dict[str, Any] | None:
        if self.balance is None:
            return None
        held, need = balance_usd_micros(self.balance), self.bill.cost_usd_micros
        return {
            "balance_usd": _amount(held),
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
        "options": dict(line.combination.options),
        "videos": line.jobs,
        "each_usd": _amount(line.each_usd_micros),
        "cost_usd": _amount(line.cost_usd_micros),
        "list_each_usd": _amount(line.list_usd_micros),
        "quote_each_usd": _amount(line.quote_usd_micros),
    }


def _beside(line: Line) -> str:
    """What the provider says to a price of the list."""
    if line.is_unquoted:
        return "none"
    return "not listed" if line.tenths is None else percent(line.tenths)


def _amount(micros: int | None) -> str | None:
    return None if micros is None else usd(micros)
