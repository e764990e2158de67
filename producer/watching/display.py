"""Displays: what shows progress where standard error goes, and the live panel itself.

A panel is drawn where a terminal shows colours and more than ASCII; everywhere else
there are plain lines. The terminal is left as it was found, however it ends.
"""

import time
from collections.abc import Mapping, Sequence
from typing import Protocol

from rich.console import Console, Group
from rich.live import Live

from producer import console
from producer.watching.eta import Pace
from producer.watching.plain import Lines
from producer.watching.render import render
from producer.watching.status import Snapshot

#: Seconds between two looks at the size of the terminal.
TICK_S = 0.25

#: What a person may press, and what for, where others work.
KEYS = "Ctrl-C leaves the batch alone"


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

    def __init__(self, on: Console, keys: str, *, whole: bool) -> None:
        """Draw on a terminal.

        Args:
            on: what is drawn on.
            keys: what a person may press, and what for.
            whole: take its whole screen, and give it back at the end.
        """
        self._console, self._keys, self._whole = on, keys, whole
        self._nows: Sequence[Snapshot] = ()
        self._paces: Mapping[str, Pace] = {}
        self._away_since_s: float | None = None
        self._size = on.size
        self._live = Live(console=on, auto_refresh=False, transient=True, screen=whole)
        self._live.start()

    def show(self, nows: Sequence[Snapshot], paces: Mapping[str, Pace]) -> None:
        """Draw how they stand."""
        self._nows, self._paces = nows, dict(paces)
        self._draw()

    def away(self, _why: str, since_s: float) -> None:
        """Draw that the ledger does not answer."""
        self._away_since_s = since_s
        self._draw()

    def back(self) -> None:
        """What is drawn next is fresh."""
        self._away_since_s = None

    def tick(self) -> None:
        """Draw for the size that the terminal has now."""
        if self._console.size != self._size:
            self._draw()

    def close(self) -> None:
        """Take the panel away; what had the whole screen is left as it last stood."""
        was_there = self._live.is_started
        self._live.stop()
        if was_there and self._whole and self._nows:
            self._console.print(self._rendered(""))

    def _draw(self) -> None:
        self._size = self._console.size
        if self._nows:
            self._live.update(self._rendered(self._keys), refresh=True)

    def _rendered(self, keys: str) -> Group:
        return render(
            self._nows, self._paces, keys=keys, away_since_s=self._away_since_s
        )


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
