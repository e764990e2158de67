"""Reading what is measured of all accounts, in one step that looks at no job.

What the values mean stands in `jobs.fleet.figures`.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import Any

from jobs.fleet.figures import LAG_S, POLLS, AccountFigures, Figures
from jobs.ledger.batches import batch_record
from jobs.ledger.charges import charges
from jobs.ledger.permits import DAY_S
from jobs.ledger.rights import info
from jobs.ledger.scripts import Scripts
from jobs.ledger.server import Server
from jobs.pace.limits import Limits

#: Batches of one account that are shown one by one; a series each costs its reader.
MOST_BATCHES = 100


class FiguresReader:
    """Reads figures from the ledger."""

    def __init__(
        self, server: Server, scripts: Scripts, now: Callable[[], str]
    ) -> None:
        self._server = server
        self._scripts = scripts
        self._now = now

    def read(self) -> Figures:
        """All that the ledger itself can tell; the rest is at its default."""
        raw = json.loads(self._scripts.run("figures", self._now(), MOST_BATCHES))
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
    said = _hash(raw["hash"])
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
        charges=charges(_hash(raw["charges"])),
        lag=_counts(said, "lag", LAG_S),
        polls=_counts(said, "polls", POLLS),
        tellings=raw["untold"],
        late=raw["late"],
        open_batches=raw["live"],
        today_usd_micros=int(said.get(f"day:{int(now_s // DAY_S)}", "0")),
        daily_budget_usd_micros=int(budget) if budget else None,
        batches=[batch_record(b["id"], _hash(b["hash"])) for b in raw["batches"]],
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


def _hash(flat: Sequence[str]) -> dict[str, str]:
    """Fields and values in turn, as a mapping."""
    return dict(list(pairwise(flat))[::2])
