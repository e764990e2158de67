"""The time of a statement, as a person writes it: `30d`, or `2026-11-01`.

Days and weeks are those of UTC, as the ledger's and the provider's are; a time begins
with its first moment and ends before its last, so that months can be laid end to end.
"""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time

DAY_S = 86_400

#: No batch is older, and a provider asked for earlier times only refuses.
FIRST_YEAR = 2020

_FIRST_S = datetime(FIRST_YEAR, 1, 1, tzinfo=UTC).timestamp()
_HOUR_S = 3_600
_SPAN = re.compile(r"(\d{1,5})([hdw])")
_DAYS = {"d": 1, "w": 7}


class PeriodError(ValueError):
    """Not a time, or one that ends before it begins; says what to write."""


@dataclass(frozen=True, slots=True)
class Period:
    """A time, from its first moment to before its last, in Unix seconds."""

    since_s: float
    until_s: float

    def holds(self, at_s: float) -> bool:
        """Whether a moment belongs to it."""
        return self.since_s <= at_s < self.until_s


def period(since: str, until: str | None, now_s: float) -> Period:
    """The time between two moments as a person writes them; until now if one is left.

    A date is the first moment of that day. `12h` is so long ago to the second; `30d`
    and `4w` are the beginning of that day, so that no day is cut.

    Raises:
        PeriodError: one of them is no moment or too long ago, or nothing lies between
            them.
    """
    begin_s = _moment_s("--since", since, now_s)
    end_s = now_s if until is None else _moment_s("--until", until, now_s)
    for option, text, at_s in (("--since", since, begin_s), ("--until", until, end_s)):
        if at_s < _FIRST_S:
            raise PeriodError(
                f"{option} {text}: no batch is so old; the earliest day is "
                f"{FIRST_YEAR}-01-01"
            )
    if end_s <= begin_s:
        last = "now" if until is None else until
        raise PeriodError(f"nothing lies between --since {since} and {last}")
    return Period(begin_s, end_s)


def _moment_s(option: str, text: str, now_s: float) -> float:
    if found := _SPAN.fullmatch(text.strip()):
        number, unit = int(found[1]), found[2]
        if unit == "h":
            return now_s - number * _HOUR_S
        return (now_s // DAY_S - number * _DAYS[unit]) * DAY_S
    try:
        day = date.fromisoformat(text.strip())
    except ValueError:
        raise PeriodError(
            f"{option} {text}: write it as 12h, 30d, 4w, or a day such as 2026-11-01"
        ) from None
    return datetime.combine(day, time(), UTC).timestamp()
