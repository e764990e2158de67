"""What the doctor says of one thing that was looked at.

How the things are looked at stands in `setup`, `server`, `fleet` and `standstill`.
"""

from dataclasses import dataclass
from enum import StrEnum


class Health(StrEnum):
    """How something is."""

    GOOD = "good"
    WARNING = "warning"
    WRONG = "wrong"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at."""

    what: str
    health: Health
    #: What was found, and what to do where it is not good.
    words: str


def good(what: str, words: str) -> Finding:
    """Something is as it should be."""
    return Finding(what, Health.GOOD, words)


def warning(what: str, words: str) -> Finding:
    """Something works and should be mended all the same."""
    return Finding(what, Health.WARNING, words)


def wrong(what: str, words: str) -> Finding:
    """Something does not work."""
    return Finding(what, Health.WRONG, words)
