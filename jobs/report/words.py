"""How a report words things for a person: amounts, times, steps, links, model names."""

import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Final

from jobs.text import visible_block

_COMMAND: Final = re.compile(r"\breelmill [a-z].*\Z", re.DOTALL)


def all_visible(value: Any) -> Any:
    """The value with every text in it made visible, names included."""
    match value:
        case str():
            return visible_block(value)
        case dict():
            return {visible_block(str(k)): all_visible(v) for k, v in value.items()}
        case list() | tuple():
            return [all_visible(each) for each in value]
    return value


def dollars(amount: str | None) -> str:
    """A decimal amount as a person reads it.

    >>> dollars("12600.50"), dollars("-0.252"), dollars(None)
    ('$12,600.50', '\u2212$0.252', 'unknown')
    """
    if amount is None:
        return "unknown"
    sign = "\u2212" if amount.startswith("-") else ""
    whole, _, part = amount.removeprefix("-").partition(".")
    return f"{sign}${int(whole or 0):,}.{part or '00'}"


def lasting(seconds: float) -> str:
    """Seconds as a person says them.

    >>> lasting(7.24), lasting(95), lasting(7384)
    ('7.2 s', '1 min 35 s', '2 h 3 min')
    """
    if seconds < 10:  # noqa: PLR2004 - a short time deserves its tenths
        return f"{seconds:.1f}".removesuffix(".0") + " s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours:,} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def moment(iso: str) -> str:
    """A time of the document, in UTC, to the minute.

    >>> moment("2026-11-21T12:28:46.958Z")
    '21 Nov 2026, 12:28 UTC'
    """
    when = datetime.fromisoformat(iso)
    return f"{when.day} {when:%b} {when.year}, {when:%H:%M} UTC"


def step(sentence: str) -> tuple[str, str]:
    """A next step as its words and the command at its end, which may be empty.

    >>> step("Settle each with: reelmill resolve spring JOB")
    ('Settle each with:', 'reelmill resolve spring JOB')
    """
    found = _COMMAND.search(sentence)
    if not found:
        return sentence, ""
    return sentence[: found.start()].rstrip(), found[0].rstrip()


def short_names(models: Iterable[str]) -> Mapping[str, str]:
    """What each model is called on the page: its own part, where that tells them apart.

    >>> short_names(["kwaivgi/kling-v2.6-std/image-to-video", "sora"])
    {'kwaivgi/kling-v2.6-std/image-to-video': 'kling-v2.6-std', 'sora': 'sora'}
    """
    several = sorted(set(models))
    own = [(model.split("/")[1:2] or [""])[0] or model for model in several]
    return {
        model: visible_block(short if own.count(short) == 1 else model)
        for model, short in zip(several, own, strict=True)
    }
