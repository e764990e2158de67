"""A panel leaves its terminal in order; plain lines come seldom and whole."""

from io import BytesIO, StringIO, TextIOWrapper

import pytest
from hypothesis import given

from jobs.ledger.snapshots import BatchSnapshot
from jobs.states import State
from producer import console
from producer.console import Screen
from producer.watching.display import PLAIN_EVERY_S, Lines, Panel, display, plain_line
from producer.watching.eta import Pace
from tests.producer.watching.snapshots import (
    NOW_S,
    account,
    counts,
    failed,
    mix,
    snapshot,
)
from tests.producer.watching.terminal import Terminal

ONE = snapshot(
    {State.STORED: 1, State.WAITING: 9},
    seen={"mix": mix(90.0), "failures": (failed("mug", words="a policy"),)},
)


@pytest.fixture(autouse=True)
def at_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Consoles that are made in a test take what they write to for a terminal."""
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("FORCE_COLOR", "1")
    for name in ("NO_COLOR", "COLUMNS", "LINES"):
        monkeypatch.delenv(name, raising=False)


class Desk:
    """A terminal with a panel on it."""

    def __init__(self, *, whole: bool, height: int = 30) -> None:
        self.terminal = Terminal(100)
        self.terminal.feed("$ reelmill\r\n")
        self.written = StringIO()
        self.console = Screen()
        self.console.file = self.written
        self.console.is_interactive = True
        self.console.size = (100, height)
        self.panel = Panel(self.console, "Ctrl-C ends it", whole=whole)

    def show(self, *nows: BatchSnapshot) -> list[str]:
        self.panel.show(nows, {now.batch.id: Pace().after(now) for now in nows})
        return self.seen()

    def seen(self) -> list[str]:
        self.terminal.feed(self.written.getvalue())
        self.written.seek(0)
        self.written.truncate()
        return self.terminal.seen


@pytest.mark.parametrize("whole", [False, True])
def test_a_panel_takes_the_place_of_the_last_and_leaves_the_terminal_as_it_was(
    whole: bool,
) -> None:
    desk = Desk(whole=whole)
    desk.show(ONE)
    words = "\n".join(desk.show(snapshot({State.STORED: 2, State.WAITING: 8})))
    assert "● 2 stored" in words
    assert "● 1 stored" not in words
    assert not desk.terminal.cursor
    assert bool(desk.terminal.behind) is whole
    desk.panel.close()
    first, *rest = desk.seen()
    assert first == "$ reelmill"
    # What had the whole screen leaves its last picture; a smaller one goes.
    assert ("● 2 stored" in "\n".join(rest)) is whole
    assert "Ctrl-C" not in "\n".join(rest)
    assert desk.terminal.cursor
    assert desk.terminal.behind is None
    assert desk.terminal.strange == []


def test_a_low_terminal_has_the_most_important_alone() -> None:
    desk = Desk(whole=False, height=4)
    told = desk.show(ONE)
    assert len(told) <= 1 + 4
    assert "products-1" in told[1]
    desk.panel.close()


def test_talk_stands_above_an_inline_panel() -> None:
    desk = Desk(whole=False)
    desk.show(ONE)
    desk.console.print("stopping")
    said = desk.seen()
    assert said[1] == "stopping"
    assert "products-1" in said[2]
    desk.panel.close()


def test_a_ledger_that_is_away_is_shown_until_it_is_back() -> None:
    desk = Desk(whole=True)
    desk.show(ONE)
    desk.panel.away("no route", NOW_S)
    assert any("the ledger is away since" in line for line in desk.seen())
    assert not any("is away" in line for line in desk.show(ONE))
    desk.panel.close()


@pytest.mark.parametrize(
    ("odd", "encoding", "kind"),
    [
        ({}, "utf-8", Panel),
        ({"NO_COLOR": "1"}, "utf-8", Lines),
        ({"TERM": "dumb"}, "utf-8", Lines),
        ({}, "ascii", Lines),
    ],
)
def test_a_terminal_without_colours_or_with_ascii_alone_gets_lines(
    monkeypatch: pytest.MonkeyPatch, odd: dict[str, str], encoding: str, kind: type
) -> None:
    for name, value in odd.items():
        monkeypatch.setenv(name, value)
    screen = Screen()
    screen.file = TextIOWrapper(BytesIO(), encoding)
    screen.is_interactive = True
    monkeypatch.setattr(console, "err", screen)
    shown = display()
    assert isinstance(shown, kind)
    shown.close()


# -- plain lines ---------------------------------------------------------------------


@given(counts)
def test_a_line_tells_every_job_once(counts: dict[State, int]) -> None:
    now = snapshot(counts, seen={"workers": 0})
    words = plain_line(now, Pace().after(now)).split(" · ")
    told = [int(word.split()[0]) for word in words if not word.startswith("$")]
    assert sum(told) == sum(counts.values())


def test_a_line_tells_counts_money_pace_and_time_left() -> None:
    before = snapshot({State.STORED: 1, State.WAITING: 9}, now_s=NOW_S - 60)
    now = snapshot({State.STORED: 4, State.GENERATING: 2, State.WAITING: 4})
    assert plain_line(now, Pace().after(before).after(now)) == (
        "4 of 10 stored · 2 generating · 4 waiting · $0.84 of $2.10 estimated"
        " · 3 a minute · 2 min left"
    )


@pytest.mark.parametrize(
    ("now", "end"),
    [
        (snapshot({State.FAILED: 1}, budget_usd_micros=1_000_000), "of $1.00 budget"),
        (
            snapshot({State.FAILED: 1}, refunded_usd_micros=210_000),
            "$0.63 of $2.10 estimated, $0.21 refunded",
        ),
        (
            snapshot({State.WAITING: 9}, budget_usd_micros=1_000_000),
            "the budget ends first",
        ),
        (
            snapshot({State.WAITING: 1}, note="full:\x1b[2J\nof \u202e"),
            "\nfull:\\x1b[2J of \\u202e",
        ),
        (
            snapshot({State.WAITING: 1}, of=account(trouble="balance")),
            "top the account up; a worker that is at work tries again every minute",
        ),
    ],
)
def test_a_line_ends_with_money_and_what_holds_it_up(
    now: BatchSnapshot, end: str
) -> None:
    assert plain_line(now, Pace()).endswith(end)


def test_plain_lines_come_when_there_is_news_and_not_too_often(
    capsys: pytest.CaptureFixture[str],
) -> None:
    at_s = [0.0]
    lines = Lines(lambda: at_s[0], named=True)
    for at_s[0], are in (
        (0.0, {State.WAITING: 2}),
        (1.0, {State.STORED: 1, State.WAITING: 1}),
        (PLAIN_EVERY_S, {State.WAITING: 2}),
        (PLAIN_EVERY_S + 1, {State.STORED: 1, State.WAITING: 1}),
        (PLAIN_EVERY_S + 2, {State.STORED: 2}),
    ):
        now = snapshot(are, now_s=NOW_S + at_s[0])
        lines.show([now], {now.batch.id: Pace()})
    lines.away("no route", NOW_S)
    at_s[0] += PLAIN_EVERY_S
    lines.show([now], {now.batch.id: Pace()})
    said = capsys.readouterr().err.splitlines()
    assert [line.split(" · ")[0] for line in said] == [
        "products-1: 0 of 2 stored",
        "products-1: 1 of 2 stored",
        "the ledger is away (no route); asking again",
        "the ledger answers again",
        "products-1: 2 of 2 stored",
    ]
