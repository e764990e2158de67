"""Bars: the jobs of a batch by state, and how much of a limit is used.

It knows colours, and no batch: counts come in, texts of an exact width go out.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from rich.cells import cell_len
from rich.text import Text

from jobs.states import State

#: What stands between two facts on a line.
BETWEEN = " · "

_LINE, _DOT = "━", "●"


@dataclass(frozen=True, slots=True)
class Part:
    """Jobs that are shown as one: a word, its states, its colour."""

    word: str
    states: tuple[State, ...]
    style: str


#: From what is there to what is to come, and then what will not come.
PARTS: Final[Sequence[Part]] = (
    Part("stored", (State.STORED,), "green"),
    Part("reused", (State.REUSED,), "cyan"),
    Part("generated", (State.GENERATED,), "bright_blue"),
    Part("generating", (State.GENERATING,), "blue"),
    Part("overdue", (State.OVERDUE,), "bright_yellow"),
    Part("submitting", (State.ADMITTED, State.SUBMITTING), "bright_magenta"),
    Part("unknown", (State.UNKNOWN,), "yellow"),
    Part("made by another batch", (State.FOLLOWING,), "bright_cyan"),
    Part("waiting", (State.WAITING,), "bright_black"),
    Part("unresolved", (State.UNRESOLVED,), "magenta"),
    Part("failed", (State.FAILED,), "red"),
    Part("cancelled", (State.CANCELLED,), "white"),
)


def cells(counts: Sequence[int], width: int) -> list[int]:
    """How many of `width` cells each count gets; what is not nothing gets one.

    Where there are more counts than cells, the largest have them.

    >>> cells([98, 1, 1], 10), cells([1, 0, 1], 4)
    ([8, 1, 1], [2, 0, 2])
    """
    total = sum(counts)
    if not total or width <= 0:
        return [0] * len(counts)
    order = sorted(range(len(counts)), key=lambda i: -counts[i])
    given = [0] * len(counts)
    for index in order[:width]:
        given[index] = min(1, counts[index])
    rest = width - sum(given)
    # By what is still missing of each one's due; the largest is first among equals.
    dues = [
        max(0.0, width * count / total - got)
        for count, got in zip(counts, given, strict=True)
    ]
    scale = rest / sum(dues) if sum(dues) else 0.0
    whole = [int(due * scale) for due in dues]
    order.sort(key=lambda i: whole[i] - dues[i] * scale)
    for index in order[: rest - sum(whole)]:
        whole[index] += 1
    return [got + more for got, more in zip(given, whole, strict=True)]


def stacked(counts: Mapping[State, int], width: int) -> Text:
    """A bar of all jobs, by state."""
    numbers = [sum(counts.get(state, 0) for state in part.states) for part in PARTS]
    bar = Text()
    for part, length in zip(PARTS, cells(numbers, width), strict=True):
        bar.append(_LINE * length, part.style)
    if not bar:
        bar.append(_LINE * width, "bright_black")
    return bar


def legend(counts: Mapping[State, int]) -> list[Text]:
    """What the parts of a bar are, each with its count."""
    items = []
    for part in PARTS:
        count = sum(counts.get(state, 0) for state in part.states)
        if count:
            items.append(Text.assemble((_DOT, part.style), f" {count:,} {part.word}"))
    return items


def gauge(parts: Sequence[tuple[float, str]], full: float, width: int) -> Text:
    """How much of something is used.

    Args:
        parts: amounts, each with its style.
        full: what fills the whole width.
        width: cells.
    """
    bar = Text()
    total = 0.0
    for amount, style in parts:
        total += amount
        upto = round(width * min(1.0, total / full)) if full > 0 else 0
        bar.append(_LINE * max(0, upto - len(bar)), style)
    bar.append(_LINE * (width - len(bar)), "bright_black")
    return bar


def flowed(items: Sequence[Text], width: int, gap: str = "   ") -> list[Text]:
    """Items side by side on as many lines as they need."""
    lines: list[Text] = []
    for item in items:
        joined = Text.assemble(lines[-1], gap, item) if lines else item
        if lines and cell_len(joined.plain) <= width:
            lines[-1] = joined
        else:
            lines.append(item)
    return lines
