"""How amounts and moments are written in a report.

Nothing is rounded and nothing added up here. Amounts come as decimal strings, because
a program that reads them as binary fractions would soon sum up other totals.
"""

from datetime import UTC, datetime
from functools import lru_cache

from jobs import money

#: A batch has few different amounts: each is made, and kept, once for all its rows.
usd = lru_cache(maxsize=4096)(money.usd)


def usd_or_none(micros: int | None) -> str | None:
    """Micro-dollars as decimal dollars; None where the amount is not known."""
    return None if micros is None else usd(micros)


def iso(at_s: float) -> str:
    """Unix seconds as a moment in UTC.

    >>> iso(1_780_000_000.0)
    '2026-05-28T20:26:40.000Z'
    """
    when = datetime.fromtimestamp(at_s, UTC).isoformat(timespec="milliseconds")
    return when.replace("+00:00", "Z")


def iso_or_none(at_s: float | None) -> str | None:
    """The same; None where nobody knows when."""
    return None if at_s is None else iso(at_s)
