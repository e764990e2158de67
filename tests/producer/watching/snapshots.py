"""Snapshots of a batch as a test wants them, and what a panel of one looks like."""

from dataclasses import replace
from io import StringIO
from typing import Any

from hypothesis import strategies as st
from rich.console import Console, RenderableType

from jobs.ledger.permits import AccountRecord
from jobs.ledger.snapshots import BatchSnapshot, Failed, Kind, Mix
from jobs.pace.limits import Limits
from jobs.records import BatchRecord, Failure
from jobs.states import State

NOW_S = 1_800_000_000.0
LIMITS = Limits(videos_per_minute=40, concurrent_videos=100)
STD = "kwaivgi/kling-v2.6-std/image-to-video"

counts = st.dictionaries(st.sampled_from(State), st.integers(0, 10_000), min_size=1)


def account(**changes: Any) -> AccountRecord:
    made = AccountRecord(
        id="shop",
        limits=LIMITS,
        slots_in_use=0,
        cooling_until_s=0.0,
        consecutive_rejections=0,
        trouble="",
        reason="the provider's words",
        paused=False,
        refusals=0,
        adaptive_concurrency=None,
        daily_budget_usd_micros=None,
        today_usd_micros=0,
    )
    return replace(made, **changes)


def snapshot(
    counts: dict[State, int],
    *,
    now_s: float = NOW_S,
    of: AccountRecord | None = None,
    seen: dict[str, Any] | None = None,
    **changes: Any,
) -> BatchSnapshot:
    """A snapshot with one worker; `seen` changes it, other words change its batch."""
    batch = BatchRecord(
        id="products-1",
        manifest="products.csv",
        account="shop",
        store="videos",
        priority=1,
        attempts=3,
        budget_usd_micros=None,
        created_at_s=0.0,
        complete=True,
        counts=counts,
        estimated_usd_micros=2_100_000,
        charged_usd_micros=840_000,
    )
    made = BatchSnapshot(now_s, replace(batch, **changes), of or account(), workers=1)
    return replace(made, **(seen or {}))


def mix(*learnt_s: float, jobs: int = 20, beside: int = 0) -> Mix:
    """Videos of one kind that wait."""
    return Mix((Kind(STD, 5, jobs, learnt_s),), beside)


def failed(job_id: str, code: str = "moderation", words: str = "not shown") -> Failed:
    return Failed(job_id, State.FAILED, Failure(code, words))


def drawn(made: RenderableType, width: int, **options: Any) -> list[str]:
    """The lines that a terminal of this width gets."""
    screen = StringIO()
    console = Console(file=screen, width=width, color_system=None, **options)
    console.print(made)
    return screen.getvalue().splitlines()
