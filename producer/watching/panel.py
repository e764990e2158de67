"""The panel of one batch: everything an operator wants to see, in the room there is.

A panel is lines of text, each no wider than the terminal; what does not fit below one
another is left out from the least important. It is made from plain values alone, so a
test or a picture has it without a terminal. Several batches stand in `overview`.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from rich.console import Group, RenderableType
from rich.text import Text

from jobs.states import State
from jobs.text import one_line
from producer.watching import facts
from producer.watching.bars import BETWEEN, flowed, legend, stacked
from producer.watching.estimate import Pace, estimate
from producer.watching.facts import View, as_fits, cut
from producer.watching.snapshot import Snapshot
from producer.watching.standing import standing

#: The narrowest that a panel gets, in cells.
LEAST_WIDTH = 20

#: On the left and on the right.
MARGIN = " "

#: How the word for a batch's state is coloured.
STYLES = {
    "finished": "green",
    "running": "blue",
    "paused": "yellow",
    "stopped": "yellow",
    "cancelling": "yellow",
    "aside": "yellow",
    "unresolved": "magenta",
    "overdue": "yellow",
}


@dataclass(frozen=True, slots=True)
class Away:
    """The ledger does not answer."""

    #: Unix seconds.
    since_s: float


@dataclass(frozen=True, slots=True)
class Block:
    """Lines that are shown together or not at all."""

    lines: Sequence[Text]
    #: The highest is left out first.
    rank: int


def render(
    now: Snapshot,
    pace: Pace,
    width: int,
    height: int,
    *,
    view: View | None = None,
    away: Away | None = None,
) -> RenderableType:
    """The panel of a batch.

    Args:
        now: how it stands.
        pace: what was seen before.
        width: cells of the terminal.
        height: its lines.
        view: how it is looked at; its own width does not matter.
        away: since when the ledger is away, if it is.
    """
    inner = within(view or View(), width)
    return drawn(fitted(list(_blocks(now, pace, inner, away)), height), inner)


def within(view: View, width: int) -> View:
    """The view of a terminal of this width, less its margins."""
    return replace(view, width=max(LEAST_WIDTH, width) - 2 * len(MARGIN))


def drawn(blocks: Sequence[Block], view: View) -> Group:
    """These blocks below one another, with a margin, each line cut to the width."""
    lines = [cut(line, view.width) for block in blocks for line in block.lines]
    return Group(*(Text.assemble(MARGIN, line, no_wrap=True) for line in lines))


def fitted(blocks: Sequence[Block], height: int) -> list[Block]:
    """The most important of these blocks that fit into `height` lines, in order."""
    kept = list(blocks)
    while sum(len(block.lines) for block in kept) > height and len(kept) > 1:
        ranks = [block.rank for block in kept]
        # Of equals the last: the older failure, the lower of two empty lines.
        del kept[len(ranks) - 1 - ranks[::-1].index(max(ranks))]
    return kept


def _blocks(
    now: Snapshot, pace: Pace, view: View, away: Away | None
) -> Iterator[Block]:
    expected = estimate(now, pace)
    yield Block([headline(now, view)], 0)
    yield Block([Text(_source(now), "dim")], 30)
    yield Block([Text()], 40)
    yield Block([progress(now, view)], 1)
    yield Block(flowed(legend(now.batch.counts), view.width), 4)
    if away:
        yield Block([missing(away, view)], 2)
    elif lines := facts.holding(now, view):
        yield Block(lines, 3)
    yield Block([Text()], 41)
    told = [
        (facts.ending(now, expected, view), 5),
        (facts.money(now, expected, view), 6),
        (facts.starts(now, pace, view), 7),
        (facts.slots(now, view), 8),
    ]
    yield from (Block([line], rank) for line, rank in told if line)
    for number, failed in enumerate(facts.failures(now, view)):
        if not number:
            yield Block([Text()], 42)
        yield Block(failed, 9 + number)
    if view.keys:
        yield Block([Text(), hint(now.now_s, view)], 31)


def headline(now: Snapshot, view: View) -> Text:
    """Which batch it is and how it stands."""
    word = standing(now)
    hands = f"{now.workers} worker{'' if now.workers == 1 else 's'}"
    right = Text.assemble((word, f"bold {STYLES.get(word, '')}"))
    if now.batch.total > now.over:
        right = Text.assemble(right, (f"{BETWEEN}{hands}", "dim"))
    name = Text(one_line(now.batch.id), "bold")
    room = view.width - right.cell_len - 2
    name = cut(name, max(8, room))
    gap = max(2, view.width - name.cell_len - right.cell_len)
    return Text.assemble(name, " " * gap, right)


def progress(now: Snapshot, view: View) -> Text:
    """The bar of all jobs, and how much of it is over."""
    total = now.batch.total
    share = f"{100 * now.over // total if total else 0} %".rjust(7)
    bar = stacked(now.batch.counts, view.width - len(share))
    return Text.assemble(bar, (share, "bold"))


def missing(away: Away, view: View) -> Text:
    """That the ledger does not answer."""
    since = view.clock(away.since_s)
    return Text(f"the ledger is away since {since}, asking again", "bold yellow")


def hint(now_s: float, view: View) -> Text:
    """When this was seen, and what may be pressed."""
    told = as_fits([f"seen at {view.clock(now_s)}", view.keys], view.width)
    told.stylize("dim")
    return told


def _source(now: Snapshot) -> str:
    batch = now.batch
    where = f"{batch.manifest} → {batch.store}"
    stored = now.count(State.STORED, State.REUSED)
    return f"{stored:,} of {batch.total:,} stored{BETWEEN}{one_line(where)}"
