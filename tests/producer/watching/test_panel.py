"""A panel fits into its terminal, tells what matters, and nobody else draws on it."""

from dataclasses import replace
from itertools import pairwise
from typing import Any
from unicodedata import bidirectional

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len

from jobs.states import State
from producer.watching import panel
from producer.watching.bars import cells
from producer.watching.estimate import Pace
from producer.watching.overview import render as render_several
from tests.producer.watching.snapshots import (
    NOW_S,
    VIEW,
    account,
    counts,
    drawn,
    failed,
    mix,
    snapshot,
)

HOSTILE = "[bold]mug[/]\x1b[2J\x9b31m\r\n\u202egpj\u2066\u200b:smile:" + "x" * 90

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


def shown(width: int = 100, height: int = 40, **options: panel.Away) -> str:
    made = panel.render(FULL, Pace().after(FULL), width, height, view=VIEW, **options)
    return "\n".join(drawn(made, width))


def test_a_panel_tells_counts_end_money_rate_limits_and_failures() -> None:
    words = shown()
    for part in (
        "products-1",
        "running · 3 workers",
        "40 of 100 stored · products.csv → videos",
        "42 %",
        "● 40 stored",
        "● 12 generating",
        "● 46 waiting",
        "● 2 failed",
        "by 08:0",
        "$0.84 charged · $1.81 projected · $5.00 budget",
        "12 of 40 in the last minute",
        "12 of 100 in use · after a 429 60 at once",
        "mug  moderation: a policy",
        "→ Change its prompt or picture",
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
            {"budget_usd_micros": 1_260_000},
            "$0.84 charged · $1.26 projected · $1.26 budget · $0.10 refunded",
            "by 08:0",
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
    pace = Pace().after(now)
    several = {now.batch.id: pace}
    for made in (
        panel.render(now, pace, 130, 30, view=VIEW),
        render_several([now], several, 130, 30, view=VIEW),
    ):
        words = "\n".join(line.rstrip() for line in drawn(made, 130))
        assert f"{told}\n" in words
        assert end in words
        assert words.count("by 08:0") == (end == "by 08:0")
    narrow = "\n".join(drawn(panel.render(now, pace, 40, 30, view=VIEW), 40))
    assert end in narrow


@pytest.mark.parametrize("width", [40, 100])
def test_what_a_person_does_about_the_account_is_told_however_long_its_words(
    width: int,
) -> None:
    of = account(trouble="balance", reason="no credits; " * 30)
    now = snapshot({State.WAITING: 2}, of=of)
    several = render_several([now], {now.batch.id: Pace()}, width, 30, view=VIEW)
    for made in (panel.render(now, Pace(), width, 30, view=VIEW), several):
        words = " ".join("".join(drawn(made, width)).split())
        assert "the account is in trouble (balance): no credits" in words
        assert "→ top the account up; a worker that is at work tries again" in words


@given(
    counts,
    st.integers(40, 200),
    st.integers(1, 40),
    st.text(max_size=30),
)
@settings(max_examples=80, deadline=None)
def test_a_panel_fits_whatever_the_terminal_and_whatever_is_in_it(
    counts: dict[State, int], width: int, height: int, text: str
) -> None:
    now = snapshot(
        counts,
        id=text + HOSTILE,
        manifest=text,
        note=HOSTILE,
        seen={"failures": (failed(text, text, HOSTILE),) * 3},
    )
    one = panel.render(now, Pace(), width, height, view=VIEW)
    paces = {now.batch.id: Pace()}
    two = render_several([now, now], paces, width, height, view=VIEW)
    for made in (one, two):
        lines = drawn(made, width)
        assert len(lines) <= max(height, 1)
        assert all(cell_len(line) <= width for line in lines)
        told = "".join(lines)
        assert not any(ord(c) < 32 or 0x7F <= ord(c) < 0xA0 for c in told)
        assert not any(
            bidirectional(c) in {"RLO", "LRO", "RLE", "LRE", "RLI", "LRI", "FSI"}
            for c in told
        )


def test_what_does_not_fit_is_left_out_from_the_least_important() -> None:
    made = [shown(height=height) for height in range(1, 22)]
    wanted = [
        "products-1",
        "42 %",
        "● 40 stored",
        "by 08:0",
        "projected",
        "last minute",
    ]
    wanted += ["in use", "mug  ", "bag  ", "products.csv", "seen at"]
    appear = [next(i for i, m in enumerate(made) if word in m) for word in wanted]
    assert appear == sorted(appear)
    for lower, higher in pairwise(made):
        assert set(lower.splitlines()) <= set(higher.splitlines())


def test_a_ledger_that_is_away_is_told_before_all_else() -> None:
    words = shown(height=3, away=panel.Away(NOW_S - 30)).splitlines()
    assert words[2].strip() == "the ledger is away since 07:59:30, asking again"


@pytest.mark.parametrize("workers", [0, 1])
def test_that_nobody_works_is_told(workers: int) -> None:
    now = snapshot({State.WAITING: 2}, seen={"workers": workers})
    words = "\n".join(drawn(panel.render(now, Pace(), 80, 20), 80))
    assert ("no worker of its account is at work" in words) is (workers == 0)


def test_what_is_to_be_done_about_failures_alike_is_told_once() -> None:
    now = snapshot(
        {State.FAILED: 3}, seen={"failures": tuple(map(failed, ("a", "b", "c")))}
    )
    lines = drawn(panel.render(now, Pace(), 100, 40), 100)
    steps = [line for line in lines if "→ Change its prompt" in line]
    assert len(steps) == 1
    assert lines.index(steps[0]) > next(
        number for number, line in enumerate(lines) if " c  " in line
    )


@given(st.lists(st.integers(0, 10**7), max_size=12), st.integers(1, 200))
def test_a_bar_is_full_and_nothing_that_is_there_is_missing(
    counts: list[int], width: int
) -> None:
    given_cells = cells(counts, width)
    there = sum(1 for count in counts if count)
    assert sum(given_cells) == (width if there else 0)
    for count, length in zip(counts, given_cells, strict=True):
        assert length >= 0
        assert bool(count) >= bool(length)
        assert length or not count or there > width


def test_several_batches_stand_one_below_the_other() -> None:
    other = replace(FULL, batch=replace(FULL.batch, id="autumn-2", paused=True))
    paces = {each.batch.id: Pace().after(each) for each in (FULL, other)}
    made = render_several([FULL, other], paces, 100, 40, view=VIEW)
    words = "\n".join(drawn(made, 100))
    assert "2 batches · 80 of 200 stored" in words
    assert words.index("products-1") < words.index("autumn-2")
    assert "paused by a person; reelmill resume autumn-2 goes on" in words
    assert words.count("12 of 40 in the last minute") == 1
    low = drawn(render_several([FULL, other], paces, 100, 3, view=VIEW), 100)
    assert "products-1" in low[1]
    assert "autumn-2" in low[2]
