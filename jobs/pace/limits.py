"""An account's two limits: how many starts a minute, how many at once.

It knows what the provider promises each tier. Keeping to it is the ledger's work
(`ledger.permits`), because only there can all processes be counted together.
"""

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib import resources

#: The provider counts starts over this window.
WINDOW_S = 60.0


@dataclass(frozen=True, slots=True)
class Limits:
    """What one account may do at the same time and in any minute."""

    videos_per_minute: int
    concurrent_videos: int


@cache
def tiers() -> dict[str, Limits]:
    """The limits of every tier by its name, smallest first."""
    text = (
        resources.files("jobs.pace").joinpath("tiers.toml").read_text(encoding="utf-8")
    )
    return {
        name: Limits(**table)
        for name, table in tomllib.loads(text).items()
        if isinstance(table, dict)
    }
