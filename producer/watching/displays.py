"""Displays: what shows progress where standard error goes, and the live panel itself.

A panel is drawn where a terminal shows colours and more than ASCII; everywhere else
there are plain lines. The panel draws only what differs from what is there, and leaves
the terminal as it found it, however it ends.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Protocol

from rich.console import Console, RenderableType
from rich.control import Control
from rich.live import Live
from rich.segment import ControlType

from producer import console
from producer.watching import overview, panel
from producer.watching.estimate import Pace
from producer.watching.facts import KEYS, View
from producer.watching.lines import Lines
from producer.watching.panel import Away
from producer.watching.snapshot import Snapshot

#: Seconds between two looks at the size of the terminal.
TICK_S = 0.25


class Display(Protocol):
    """Shows progress while something runs."""

    def show(self, nows: Sequence[Snapshot], paces: Mapping[str, Pace]) -> None:
        """Show how batches stand, and what was seen of each before, by its id."""

    def away(self, why: str, since_s: float) -> None:
        """The ledger does not answer, since that unix second."""

    def back(self) -> None:
        """The ledger answers again."""

    def tick(self) -> None:
        """Draw anew, if the terminal has another size."""

    def close(self) -> None:
        """Leave the terminal as it was."""


class Panel:
    """The live panel, at a terminal."""

    def __init__(self, console: Console, keys: str, *, whole: bool) -> None:
        """Draw on a terminal.

        Args:
            console: what is drawn on.
            keys: what a person may press, and what for.
            whole: take its whole screen, and give it back at the end.
        """
        self._console = console
        self._whole = whole
        self._view = View(keys=keys)
        self._nows: Sequence[Snapshot] = ()
        self._paces: Mapping[str, Pace] = {}
        self._away: Away | None = None
        self._drawn: tuple[object, ...] = ()
        self._size = console.size
        self._widths: list[int] = []
        self._live = Live(
            console=console, auto_refresh=False, transient=True, screen=whole
        )
        self._live.start()

    def show(self, nows: Sequence[Snapshot], paces: Mapping[str, Pace]) -> None:
        """Draw how they stand."""
        self._nows, self._paces = nows, dict(paces)
        self._draw()

    def away(self, _why: str, since_s: float) -> None:
        """Draw that the ledger does not answer."""
        self._away = Away(since_s)
        self._draw()

    def back(self) -> None:
        """What is drawn next is fresh."""
        self._away = None

    def tick(self) -> None:
        """Draw for the size that the terminal has now."""
        if self._console.size != self._size:
            self._draw()

    def close(self) -> None:
        """Take the panel away; what had the whole screen is left as it last stood."""
        was_there = self._live.is_started
        self._live.stop()
        if was_there and self._whole and self._nows:
            self._view = replace(self._view, keys="")
            width, height = self._console.size
            self._console.print(self._rendered(width, height))

    def _draw(self) -> None:
        if not self._nows:
            return
        if (size := self._console.size) != self._size:
            self._broken_lines_away(size.width)
            self._size = size
        # Below an inline panel the cursor needs a line.
        made = self._rendered(size.width, size.height - (not self._whole))
        lines = self._console.render_lines(made, pad=False)
        if (drawn := (size, *map(tuple, lines))) == self._drawn:
            return
        self._drawn = drawn
        self._widths = [sum(segment.cell_length for segment in line) for line in lines]
        self._live.update(made, refresh=True)

    def _rendered(self, width: int, height: int) -> RenderableType:
        names, view, away = self._paces, self._view, self._away
        if len(self._nows) > 1:
            return overview.render(
                self._nows, names, width, height, view=view, away=away
            )
        (now,) = self._nows
        pace = names[now.batch.id]
        return panel.render(now, pace, width, height, view=view, away=away)

    def _broken_lines_away(self, width: int) -> None:
        """A terminal that got narrower has broken lines; take away what is too many."""
        extra = sum(max(0, -(-cells // max(1, width)) - 1) for cells in self._widths)
        if self._whole or not extra:
            return
        up = (ControlType.CURSOR_UP, 1), (ControlType.ERASE_IN_LINE, 2)
        begin = ControlType.CARRIAGE_RETURN, (ControlType.ERASE_IN_LINE, 2)
        self._console.control(Control(*begin, *(up * extra)))


def display(keys: str = KEYS, *, several: bool = False, whole: bool = False) -> Display:
    """The display that fits where standard error goes.

    Args:
        keys: what a person may press, and what for.
        several: whether more than one batch is shown.
        whole: take the whole screen of a terminal.
    """
    err = console.err
    draws = err.is_interactive and not err.is_dumb_terminal
    if draws and err.color_system and not err.no_color and not err.options.ascii_only:
        return Panel(err, keys, whole=whole)
    return Lines(time.monotonic, named=several)
