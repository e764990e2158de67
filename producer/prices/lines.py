"""The sentences below a table of prices: its age, quotes, and whether there is enough.

They are said to a person; a program finds the same facts in the document of
`view`. Moments and times are worded in `finishing`.
"""

from datetime import date

from jobs.money import dollars
from jobs.text import counted
from producer.account import CURES, Balance
from producer.prices.bill import Bill, Line, balance_usd_micros

#: Prices of that age are worth a second look.
OLD_DAYS = 60

NO_KEY = (
    "without WAVESPEED_API_KEY there are neither the provider's quotes nor the "
    "balance to compare with"
)


def list_lines(bill: Bill, today: date) -> list[str]:
    """How old the prices of our list are that count, and what has no price."""
    lines = []
    if bill.oldest:
        days = age_days(bill.oldest, today)
        old = ", so look whether they still hold" if days > OLD_DAYS else ""
        lines.append(f"the list's prices were read {_ago(days)}, on {bill.oldest}{old}")
    if bill.unpriced:
        count = counted(bill.unpriced, "video")
        lines.append(f"there is no price for {count}: not counted in the cost")
    return lines


def age_days(read_on: date, today: date) -> int:
    """Days since a price was read."""
    return max(0, (today - read_on).days)


def provider_lines(balance: Balance | None) -> list[str]:
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


def quote_lines(bill: Bill) -> list[str]:
    """What the provider quotes otherwise than the list, and what it does not quote."""
    lines = [_difference(line) for line in bill.lines if line.tenths]
    if lines:
        lines.append("what is quoted counts: in the cost, in budgets and in the report")
    missing: dict[str, list[str]] = {}
    for line in bill.unquoted:
        missing.setdefault(str(line.quote), []).append(line.combination.key)
    lines += [
        f"no quote could be read for {'; '.join(keys)} ({reason}): the list's price "
        "counts, or an earlier quote of the batch, and the bill may differ"
        for reason, keys in missing.items()
    ]
    return lines


def balance_lines(bill: Bill, balance: Balance | None) -> list[str]:
    """Whether the account holds enough."""
    held = balance_usd_micros(balance) if balance else None
    need = bill.cost_usd_micros
    if held is None or not need:
        return []
    if held >= need:
        return [f"the balance of {dollars(held)} covers it"]
    count = f"{_about(bill)}{bill.covered(held)} of {counted(bill.priced, 'video')}"
    return [
        f"the balance of {dollars(held)} covers {count}: top up {dollars(need - held)}"
    ]


def budget_lines(
    bill: Bill,
    budget_usd_micros: int | None,
    daily_usd_micros: int | None,
    days: int | None,
) -> list[str]:
    """Where budgets stop it."""
    lines, cost = [], bill.cost_usd_micros
    if budget_usd_micros is not None and budget_usd_micros < cost:
        covered = bill.covered(budget_usd_micros)
        count = f"{_about(bill)}{covered} of {counted(bill.priced, 'video')}"
        lines.append(
            f"the budget of {dollars(budget_usd_micros)} covers {count}: "
            f"{dollars(cost - budget_usd_micros)} more are needed"
        )
    if daily_usd_micros is not None and days and days > 1:
        lines.append(
            f"the daily budget of {dollars(daily_usd_micros)} spreads it over {days} "
            "days (UTC)"
        )
    return lines


def percent(tenths: int) -> str:
    """Tenths of a percent with their sign.

    >>> percent(95), percent(-100), percent(0)
    ('+9.5 %', '-10.0 %', 'the same')
    """
    whole, part = divmod(abs(tenths), 10)
    return f"{'-' if tenths < 0 else '+'}{whole}.{part} %" if tenths else "the same"


def _difference(line: Line) -> str:
    one, tenths = line.combination, line.tenths or 0
    quoted = dollars(line.quote_usd_micros)
    way = "above" if tenths > 0 else "below"
    return (
        f"the provider quotes {quoted} for {one.key}, {percent(abs(tenths))[1:]} "
        f"{way} the list's {dollars(line.list_usd_micros)}"
    )


def _about(bill: Bill) -> str:
    return "" if bill.even else "about "


def _ago(days: int) -> str:
    return ("today", "yesterday")[days] if days in (0, 1) else f"{days} days ago"
