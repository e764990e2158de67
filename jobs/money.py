"""Money: whole micro-dollars inside, decimal dollars only where a person reads."""

from decimal import Decimal, InvalidOperation

MICROS_PER_USD = 1_000_000

#: More than anybody will spend; keeps sums exact in the ledger.
MOST_USD = 1_000_000_000


def usd(micros: int) -> str:
    """Micro-dollars as decimal dollars: two decimals, more where they matter.

    >>> usd(12_600_000), usd(252_000), usd(-1)
    ('12.60', '0.252', '-0.000001')
    """
    sign = "-" if micros < 0 else ""
    whole, part = divmod(abs(micros), MICROS_PER_USD)
    decimals = f"{part:06d}".rstrip("0").ljust(2, "0")
    return f"{sign}{whole}.{decimals}"


def usd_or_none(micros: int | None) -> str | None:
    """Micro-dollars as decimal dollars; None where the amount is not known."""
    return None if micros is None else usd(micros)


def dollars(micros: int | None) -> str:
    """An amount for a person; empty where there is none.

    >>> dollars(252_000), dollars(None)
    ('$0.252', '')
    """
    return "" if micros is None else f"${usd(micros)}"


def usd_micros(text: str) -> int:
    """Dollars as a person writes them, in micro-dollars.

    >>> usd_micros("3"), usd_micros("$0.252")
    (3000000, 252000)

    Raises:
        ValueError: not an amount, or finer than a millionth of a dollar.
    """
    try:
        dollars = Decimal(text.strip().removeprefix("$"))
    except InvalidOperation:
        raise ValueError(f"{text!r} is no amount of dollars, such as 12.50") from None
    if not dollars.is_finite() or dollars.copy_abs() > MOST_USD:
        raise ValueError(f"{text!r} is no amount of dollars, such as 12.50")
    amount = dollars * MICROS_PER_USD
    if amount != amount.to_integral_value():
        raise ValueError(f"{text!r} is finer than a millionth of a dollar")
    return int(amount)
