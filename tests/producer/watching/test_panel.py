"""A panel fits into its terminal and tells what matters."""

from dataclasses import replace
from datetime import UTC
from typing import Any
from unicodedata import bidirectional

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len

from jobs.ledger.snapshots import BatchSnapshot
from jobs.states import State
from producer.watching.display import render
from producer.watching.eta import Pace
from tests.producer.watching.snapshots import (
    account,
    counts,
    drawn,
    failed,
    mix,
    snapshot,
)

HOSTILE = "[bold]mug[/]\x1b[2J\x9b31m\r\n\u202egpj\u2066\u200b:smile:" + "x" * 90
TURNS = {"RLO", "LRO", "RLE", "LRE", "RLI", "LRI", "FSI"}

FULL = snapshot(
    {State.STORED: 40, State.GENERATING: 12, State.WAITING: 46, State.FAILED: 2},
    of=account(slots_in_use=12, adaptive_concurrency=60),
    seen={
        "starts": 12,
        "workers": 3,
        "mix": mix(*[90.0] * 20),
        "failures": (failed("mug", words="a policy"), failed("bag", "refused", "no")),
    },
    budget_usd_micros=5_000_000,
    estimated_usd_micros=2_100_000,
)


def lines_of(*nows: BatchSnapshot, width: int = 100, **options: Any) -> list[str]:
    paces = {now.batch.id: Pace().after(now) for now in nows}
    options = {"keys": "Ctrl-C leaves the batch alone", "zone": UTC, **options}
    return drawn(render(nows, paces, **options), width)


def shown(*nows: BatchSnapshot, **options: Any) -> str:
    return "\n".join(line.rstrip() for line in lines_of(*(nows or (FULL,)), **options))


def test_a_panel_tells_counts_end_money_rate_limits_and_failures() -> None:
    words = shown()
    for part in (
        "products-1",
        "running · 3 workers",
        "products.csv → videos",
        "42 %",
        "● 40 stored",
        "● 46 waiting",
        "by 08:0",
        "$0.84 charged · $1.81 projected · $5.00 budget",
        "12 of 40 in the last minute",
        "12 of 100 in use · after a 429 60 at once",
        "mug  moderation: a policy",
        "→ Change its prompt",
        "bag  refused: no",
        "seen at 08:00:00 · Ctrl-C leaves the batch alone",
    ):
        assert part in words


@pytest.mark.parametrize(
    ("money", "told", "end"),
    [
        ({}, "$0.74 spent · $1.16 projected", "by 08:0"),
        (
            {"budget_usd_micros": 1_200_000},
            "$1.26 projected · $1.20 budget, too little · $0.10 refunded",
            "the budget ends first",
        ),
        (
            {"of": account(daily_budget_usd_micros=400_000)},
            "$0.74 spent · $1.16 projected",
            "today's budget ends first",
        ),
    ],
)
def test_what_counts_against_a_budget_stands_beside_it_and_no_end_it_prevents(
    money: dict[str, Any], told: str, end: str
) -> None:
    now = snapshot(
        {State.STORED: 8, State.WAITING: 2},
        seen={"mix": mix(90.0)},
        refunded_usd_micros=100_000,
        **money,
    )
    words = shown(now, width=130)
    assert f"{told}\n" in words
    assert end in words
    assert words.count("by 08:0") == (end == "by 08:0")


def test_what_a_person_does_about_the_account_is_told_however_long_its_words() -> None:
    of = account(trouble="balance", reason="no credits; " * 30)
    words = " ".join(shown(snapshot({State.WAITING: 2}, of=of), width=40).split())
    assert "(balance): no credits" in words
    assert "→ top the account up" in words


@given(counts, st.integers(40, 200), st.text(max_size=30))
@settings(max_examples=80, deadline=None)
def test_a_panel_is_no_wider_than_the_terminal_whatever_is_in_it(
    counts: dict[State, int], width: int, text: str
) -> None:
    now = snapshot(
        counts,
        id=text + HOSTILE,
        manifest=text,
        note=HOSTILE,
        seen={"failures": (failed(text, text, HOSTILE),) * 3},
    )
    for nows in ((now,), (now, now)):
        lines = lines_of(*nows, width=width)
        assert all(cell_len(line) <= width for line in lines)
        told = "".join(lines)
        assert not any(ord(c) < 32 or 0x7F <= ord(c) < 0xA0 for c in told)
        assert not any(bidirectional(c) in TURNS for c in told)


@pytest.mark.parametrize("workers", [0, 1])
def test_that_nobody_works_is_told(workers: int) -> None:
    now = snapshot({State.WAITING: 2}, seen={"workers": workers})
    assert ("no worker of its account" in shown(now)) is (workers == 0)


def test_what_is_to_be_done_about_failures_alike_is_told_once_below_the_last() -> None:
    alike = tuple(map(failed, ("a", "b", "c")))
    words = shown(snapshot({State.FAILED: 3}, seen={"failures": alike}))
    assert words.count("→ Change its prompt") == 1
    assert words.index(" c  ") < words.index("→ Change its prompt")


def test_several_batches_stand_one_below_the_other() -> None:
    other = replace(FULL, batch=replace(FULL.batch, id="autumn-2", paused=True))
    words = shown(FULL, other)
    assert "2 batches · 80 of 200 stored" in words
    assert words.index("products-1") < words.index("autumn-2")
    assert "continue with: reelmill resume autumn-2" in words
    assert words.count("12 of 40 in the last minute") == 1
    assert "a policy" not in words
