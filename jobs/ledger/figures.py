"""What is measured of all accounts at one moment, in one step that looks at no job."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from jobs.ledger.batches import batch_record
from jobs.ledger.charges import Charges, charges
from jobs.ledger.errors import info
from jobs.ledger.permits import DAY_S
from jobs.ledger.server import Part, pairs
from jobs.pace.limits import Limits
from jobs.records import BatchRecord

#: Upper bounds of counted values, the same as the ledger's scripts have.
LAG_S = (1, 2, 5, 10, 30, 60, 300, 1800, 7200, 86400)
POLLS = (1, 2, 3, 4, 6, 8, 12, 20, 50)

#: What may be wrong with an account; each is a series of its own, 0 or 1.
TROUBLES = ("key", "permission", "balance", "cooling", "paused", "older")


@dataclass(frozen=True, slots=True)
class AccountFigures:
    """How an account stands, its batches included."""

    id: str
    limits: Limits
    slots_in_use: int = 0
    starts_in_window: int = 0
    refusals: int = 0
    throttled: int = 0
    #: One of `TROUBLES`, or empty.
    troubles: frozenset[str] = frozenset()
    #: Unix seconds of the first that is due; None if nothing is.
    due_at_s: float | None = None
    #: Unix seconds when the oldest that is paid and not stored was sent.
    uncollected_at_s: float | None = None
    #: Predictions that go on far beyond the times of their kind.
    late: int = 0
    #: Charges in the provider's billing that no row explains.
    charges: Charges = field(default_factory=Charges)
    #: Values counted by upper bound; the last is what exceeds all of them.
    lag: Sequence[int] = (0,) * (len(LAG_S) + 1)
    polls: Sequence[int] = (0,) * (len(POLLS) + 1)
    tellings: int = 0
    open_batches: int = 0
    today_usd_micros: int = 0
    daily_budget_usd_micros: int | None = None
    #: The newest that are open, and those that were over in the last day.
    batches: Sequence[BatchRecord] = ()


@dataclass(frozen=True, slots=True)
class Figures:
    """All that is measured at one moment."""

    now_s: float
    accounts: Sequence[AccountFigures] = ()
    #: Whether the server keeps an append-only file and could write it; None, like the
    #: next two, where our user may not ask.
    durable: bool | None = None
    #: Whether a full server forgets instead of refusing.
    evicts: bool | None = None
    used_bytes: int | None = None
    #: Workers that lately said that they live.
    workers: int = 0
    #: Messages that no worker has taken; None where the broker cannot be asked.
    backlog: int | None = None
    #: Manifests that are handed over by the clock.
    schedules: int = 0
    #: Unix seconds of the last that was; None if there never was one.
    schedule_fired_at_s: float | None = None
    #: Unix seconds of the last word of a scheduler; None if there never was one.
    scheduler_seen_at_s: float | None = None


#: Batches of one account that are shown one by one; a series each costs its reader.
MAX_BATCHES = 100


class FiguresReader(Part):
    """Reads figures from the ledger."""

    def read(self) -> Figures:
        """All that the ledger itself can tell; the rest is at its default."""
        raw = json.loads(self._run("figures", MAX_BATCHES))
        now_s = float(raw["now"])
        disk = info(self._server, "persistence")
        memory = info(self._server, "memory")
        return Figures(
            now_s=now_s,
            accounts=[_account(each, now_s) for each in raw["accounts"]],
            durable=None if disk is None else _is_durable(disk),
            evicts=None if memory is None else _evicts(memory),
            used_bytes=None if memory is None else int(memory.get("used_memory", 0)),
        )


def _is_durable(disk: Mapping[str, Any]) -> bool:
    return (disk.get("aof_enabled"), disk.get("aof_last_write_status")) == (1, "ok")


def _evicts(memory: Mapping[str, Any]) -> bool:
    return bool(memory.get("maxmemory_policy", "noeviction") != "noeviction")


def _account(raw: Mapping[str, Any], now_s: float) -> AccountFigures:
    said = pairs(raw["hash"])
    budget = said.get("daily_budget")
    return AccountFigures(
        id=raw["id"],
        limits=Limits(int(said["videos_per_minute"]), int(said["concurrent_videos"])),
        slots_in_use=raw["slots"],
        starts_in_window=raw["starts"],
        refusals=int(said.get("refusals", "0")),
        throttled=int(said.get("throttled", "0")),
        troubles=_troubles(said, now_s),
        due_at_s=raw.get("due_at"),
        uncollected_at_s=raw.get("uncollected_at"),
        charges=charges(pairs(raw["charges"])),
        lag=_counts(said, "lag", LAG_S),
        polls=_counts(said, "polls", POLLS),
        tellings=raw["untold"],
        late=raw["late"],
        open_batches=raw["live"],
        today_usd_micros=int(said.get(f"day:{int(now_s // DAY_S)}", "0")),
        daily_budget_usd_micros=int(budget) if budget else None,
        batches=[batch_record(b["id"], pairs(b["hash"])) for b in raw["batches"]],
    )


def _troubles(said: Mapping[str, str], now_s: float) -> frozenset[str]:
    found = {said.get("trouble", "")} - {""}
    if float(said.get("cooling_until", "0")) > now_s:
        found.add("cooling")
    if said.get("paused") == "1":
        found.add("paused")
    if "older" in said:
        found.add("older")
    return frozenset(found)


def _counts(said: Mapping[str, str], what: str, bounds: Sequence[int]) -> list[int]:
    return [int(said.get(f"{what}:{bound}", "0")) for bound in (*bounds, "inf")]
