"""What is said of a batch while it is watched."""

from io import StringIO

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from jobs.ledger import Ledger
from jobs.ledger.permits import AccountRecord
from jobs.records import BatchRecord
from jobs.states import FINAL, State
from producer.watching import (
    PLAIN_EVERY_S,
    Lines,
    Pace,
    Panel,
    Snapshot,
    duration,
    held_up,
    status,
    take,
)

counts = st.dictionaries(st.sampled_from(State), st.integers(0, 10_000), min_size=1)


def account(
    *, cooling_until_s: float = 0.0, strikes: int = 0, trouble: str = ""
) -> AccountRecord:
    return AccountRecord(
        id="shop",
        limits=None,
        slots_in_use=0,
        cooling_until_s=cooling_until_s,
        strikes=strikes,
        trouble=trouble,
        reason="the provider's words",
        paused=False,
        refusals=strikes,
        learnt_concurrent=None,
        daily_budget_usd_micros=None,
        today_usd_micros=0,
    )


def snapshot(
    counts: dict[State, int],
    *,
    now_s: float = 100.0,
    stopped_by: str = "",
    note: str = "",
    budget_usd_micros: int | None = None,
    of: AccountRecord | None = None,
) -> Snapshot:
    batch = BatchRecord(
        id="[bold]products-1",
        manifest="products.csv",
        account="shop",
        store="videos",
        priority=1,
        attempts=3,
        budget_usd_micros=budget_usd_micros,
        created_at_s=0.0,
        complete=True,
        stopped_by=stopped_by,
        note=note,
        counts=counts,
        estimated_usd_micros=2_100_000,
        charged_usd_micros=840_000,
    )
    return Snapshot(batch, of or account(), now_s)


@given(counts)
def test_every_job_is_over_under_way_waiting_or_a_persons(
    counts: dict[State, int],
) -> None:
    now = snapshot(counts)
    rest = now.count(State.WAITING, State.UNRESOLVED)
    assert now.over + now.under_way + rest == now.batch.total
    assert now.over == now.count(*FINAL)


@given(counts)
def test_a_status_tells_every_job_once(counts: dict[State, int]) -> None:
    words = status(snapshot(counts), Pace(100.0, 0)).split(" · ")
    told = [int(word.split()[0]) for word in words if not word.startswith("$")]
    assert sum(told) == sum(counts.values())


def test_a_status_tells_counts_money_pace_and_time_left() -> None:
    now = snapshot({State.STORED: 4, State.GENERATING: 2, State.WAITING: 4})
    assert status(now, Pace(40.0, 1)) == (
        "4 of 10 stored · 2 generating · 4 waiting · $0.84 of $2.10 estimated"
        " · 3 a minute, 2 min left"
    )
    capped = snapshot({State.FAILED: 1}, budget_usd_micros=1_000_000)
    assert status(capped, Pace(100.0, 1)) == (
        "0 of 1 stored · 1 failed · $0.84 of $1.00 budget"
    )


@given(counts, st.integers(0, 10_000), st.floats(0, 1e6))
def test_a_pace_is_only_told_from_what_has_ended(
    counts: dict[State, int], then: int, began_s: float
) -> None:
    now, pace = snapshot(counts), Pace(began_s, then)
    rate, left_s = pace.per_minute(now), pace.left_s(now)
    if now.over <= then or began_s >= now.now_s:
        assert rate is left_s is None
    else:
        assert rate is not None
        assert left_s is not None
        assert rate > 0 <= left_s


@pytest.mark.parametrize(
    ("now", "words"),
    [
        (snapshot({State.WAITING: 1}, stopped_by="budget"), "stopped by the budget"),
        (snapshot({State.GENERATING: 1}, stopped_by="budget"), ""),
        (
            snapshot({State.WAITING: 1}, of=account(trouble="balance")),
            "the account is in trouble (balance): the provider's words",
        ),
        (
            snapshot({}, of=account(cooling_until_s=142.0, strikes=1)),
            "the account rests for 42 s: the provider's words",
        ),
        (snapshot({}, of=account(cooling_until_s=99.0, strikes=1)), ""),
        (snapshot({}, note="the store is full"), "the store is full"),
        (snapshot({State.WAITING: 1}), ""),
    ],
)
def test_what_holds_a_batch_up_is_told(now: Snapshot, words: str) -> None:
    assert held_up(now).strip() == words


@given(st.floats(0, 1e7))
def test_a_duration_is_short_and_near(seconds: float) -> None:
    units = {"s": 1, "min": 60, "h": 3_600}
    words = duration(seconds).split()
    told = sum(int(n) * units[u] for n, u in zip(words[::2], words[1::2], strict=True))
    assert abs(told - seconds) <= (0.5 if seconds < 60 else 30)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "0 s"), (59.4, "59 s"), (59.6, "1 min"), (3_599, "1 h 0 min")],
)
def test_a_duration_never_reads_sixty(seconds: float, words: str) -> None:
    assert duration(seconds) == words


def test_plain_lines_come_when_there_is_news_and_not_too_often(
    capsys: pytest.CaptureFixture[str],
) -> None:
    at_s = [0.0]
    lines = Lines(snapshot({State.WAITING: 2}), lambda: at_s[0])
    for at_s[0], counts in (
        (0.0, {State.WAITING: 2}),
        (1.0, {State.STORED: 1, State.WAITING: 1}),
        (PLAIN_EVERY_S, {State.WAITING: 2}),
        (PLAIN_EVERY_S + 1, {State.STORED: 1, State.WAITING: 1}),
        (PLAIN_EVERY_S + 2, {State.STORED: 2}),
    ):
        lines.show(snapshot(counts, now_s=100.0 + at_s[0]))
    lines.close()
    said = capsys.readouterr().err.splitlines()
    assert [line.split(" · ")[0] for line in said] == [
        "0 of 2 stored",
        "1 of 2 stored",
    ]


def test_a_panel_shows_names_as_they_are() -> None:
    screen = StringIO()
    console = Console(file=screen, force_terminal=True, color_system=None, width=80)
    panel = Panel(snapshot({State.WAITING: 2}), console)
    panel.show(snapshot({State.STORED: 1, State.WAITING: 1}))
    panel.close()
    said = screen.getvalue()
    assert "[bold]products-1" in said
    assert "1 of 2 stored" in said


def test_a_batch_that_is_not_there_cannot_be_watched(ledger: Ledger) -> None:
    with pytest.raises(LookupError, match="products-2"):
        take(ledger, "products-2")
