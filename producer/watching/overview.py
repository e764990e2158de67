"""The panel of several batches: each with its bar and its end, and their accounts.

What does not fit is left out from the least important: first what a batch costs, then
bars, then the batches that came first. One batch alone is shown by `panel`.
"""

from collections.abc import Iterator, Mapping, Sequence

from rich.console import RenderableType
from rich.text import Text

from jobs.states import State
from jobs.text import one_line
from producer.watching import facts
from producer.watching.bars import BETWEEN
from producer.watching.estimate import Pace, estimate
from producer.watching.facts import View
from producer.watching.panel import (
    Away,
    Block,
    drawn,
    fitted,
    headline,
    hint,
    missing,
    progress,
    within,
)
from producer.watching.snapshot import Snapshot

#: Ranks of the lines of a batch (its name, what holds it up, its bar, its facts), and
#: of those of an account.
_NAME, _WHY, _ACCOUNT, _BAR, _FACTS = 100, 200, 250, 300, 400


def render(
    nows: Sequence[Snapshot],
    paces: Mapping[str, Pace],
    width: int,
    height: int,
    *,
    view: View | None = None,
    away: Away | None = None,
) -> RenderableType:
    """The panel of these batches; the arguments are those of a single one's.

    `paces` has what was seen of each batch before, by its id.
    """
    inner = within(view or View(), width)
    blocks = list(_blocks(nows, paces, inner, away))
    return drawn(fitted(blocks, height), inner)


def _blocks(
    nows: Sequence[Snapshot],
    paces: Mapping[str, Pace],
    view: View,
    away: Away | None,
) -> Iterator[Block]:
    yield Block([_total(nows)], 0)
    if away:
        yield Block([missing(away, view)], 1)
    for place, now in enumerate(nows):
        yield Block([Text()], 600 + place)
        yield from _batch(now, paces[now.batch.id], view, place)
    yield Block([Text()], 700)
    one_of_each = {now.account.id: now for now in nows}
    for place, (account_id, now) in enumerate(one_of_each.items()):
        name = facts.fact("account", [one_line(account_id)], view)
        told = (facts.starts(now, Pace(), view), facts.slots(now, view))
        lines = [line for line in told if line]
        names = [name] if lines and len(one_of_each) > 1 else []
        yield Block([*names, *lines], _ACCOUNT + place)
    if view.keys:
        yield Block([Text(), hint(max(now.now_s for now in nows), view)], 500)


def _batch(now: Snapshot, pace: Pace, view: View, place: int) -> Iterator[Block]:
    yield Block([headline(now, view)], _NAME + place)
    yield Block([progress(now, view)], _BAR + place)
    if lines := facts.holding(now, view):
        yield Block(lines, _WHY + place)
    told = facts.as_fits(_facts(now, pace, view), view.width)
    told.stylize("dim")
    yield Block([told], _FACTS + place)


def _facts(now: Snapshot, pace: Pace, view: View) -> list[Text | str]:
    """What is there, what is not to come, when it ends, what it costs."""
    done = now.count(State.STORED, State.REUSED)
    told: list[Text | str] = [f"{done:,} of {now.batch.total:,} stored"]
    rest = (State.FAILED, State.UNRESOLVED, State.OVERDUE, State.CANCELLED)
    told += [f"{now.count(state):,} {state}" for state in rest if now.count(state)]
    expected = estimate(now, pace)
    if end := facts.end(now, expected, view):
        told.append(end)
    return [*told, *facts.cost(now, expected)]


def _total(nows: Sequence[Snapshot]) -> Text:
    stored = sum(now.count(State.STORED, State.REUSED) for now in nows)
    total = sum(now.batch.total for now in nows)
    words = f"{BETWEEN}{stored:,} of {total:,} stored"
    return Text.assemble((f"{len(nows)} batches", "bold"), (words, "dim"))
