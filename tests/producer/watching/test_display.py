"""A live panel draws what has changed, keeps to its terminal and leaves it in order."""

from io import BytesIO, StringIO, TextIOWrapper

import pytest

from jobs.states import State
from producer import console
from producer.console import Screen
from producer.watching import Snapshot
from producer.watching.display import Panel, display
from producer.watching.eta import Pace
from producer.watching.plain import Lines
from tests.producer.watching.snapshots import NOW_S, failed, mix, snapshot
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

    def __init__(self, *, whole: bool, width: int = 100, height: int = 30) -> None:
        self.terminal = Terminal(width)
        self.terminal.feed("$ reelmill\r\n")
        self.written = StringIO()
        self.console = Screen()
        self.console.file = self.written
        self.console.is_interactive = True
        self.console.size = (width, height)
        self.panel = Panel(self.console, "Ctrl-C ends it", whole=whole)

    def show(self, *nows: Snapshot) -> list[str]:
        self.panel.show(nows, {now.batch.id: Pace().after(now) for now in nows})
        return self.seen()

    def seen(self) -> list[str]:
        self.terminal.feed(self.written.getvalue())
        self.written.seek(0)
        self.written.truncate()
        return self.terminal.seen


@pytest.mark.parametrize("whole", [False, True])
def test_what_is_drawn_takes_the_place_of_what_was(whole: bool) -> None:
    desk = Desk(whole=whole)
    assert any("● 1 stored" in line for line in desk.show(ONE))
    desk.show(snapshot({State.STORED: 2, State.WAITING: 8}))
    assert any("● 2 stored" in line for line in desk.seen())
    assert not any("● 1 stored" in line for line in desk.seen())
    desk.panel.close()


def test_another_size_is_drawn_for_at_once() -> None:
    desk, fresh = Desk(whole=True), Desk(whole=True, width=61)
    desk.show(ONE)
    desk.terminal.resize(61)
    desk.console.size = (61, 30)
    desk.panel.tick()
    assert desk.seen() == fresh.show(ONE)
    for each in (desk, fresh):
        each.panel.close()


def test_a_low_terminal_has_the_most_important_alone() -> None:
    desk = Desk(whole=False, height=4)
    told = desk.show(ONE)
    assert len(told) <= 1 + 4
    assert "products-1" in told[1]
    desk.panel.close()


@pytest.mark.parametrize("whole", [False, True])
def test_the_terminal_is_left_as_it_was(whole: bool) -> None:
    desk = Desk(whole=whole)
    desk.show(ONE)
    assert not desk.terminal.cursor
    assert bool(desk.terminal.behind) is whole
    desk.panel.close()
    desk.panel.close()
    said = desk.seen()
    assert said[0] == "$ reelmill"
    # What had the whole screen leaves its last picture; a smaller one goes.
    assert sum("● 1 stored" in line for line in said) == whole
    assert not any("Ctrl-C" in line for line in said)
    assert desk.terminal.cursor
    assert desk.terminal.behind is None
    assert desk.terminal.strange == []


def test_talk_stands_above_an_inline_panel() -> None:
    desk = Desk(whole=False)
    desk.show(ONE)
    desk.console.print("stopping: what has begun is finished first")
    said = desk.seen()
    assert said[1] == "stopping: what has begun is finished first"
    assert "products-1" in said[2]
    desk.panel.close()


def test_a_ledger_that_is_away_is_shown_until_it_is_back() -> None:
    desk = Desk(whole=True)
    desk.show(ONE)
    desk.panel.away("no route", NOW_S)
    assert any("the ledger is away since" in line for line in desk.seen())
    desk.panel.back()
    assert not any("is away" in line for line in desk.show(ONE))
    desk.panel.close()


def test_what_is_no_terminal_gets_lines() -> None:
    # Standard error of a test is a file, whatever colours are asked for.
    assert isinstance(display(), Lines)


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
