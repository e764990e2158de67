"""The lines of a panel: when it ends, what it costs, how fast it goes, what failed.

Each is a text of its own, made from a snapshot and an estimate, that reads well however
much of its end is cut off. Which of them are shown, and where, stands in `panel`.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from jobs.ledger.looks import Failed
from jobs.money import MICROS_PER_USD, usd
from jobs.report.steps import next_step
from jobs.states import State
from jobs.text import duration, one_line
from producer.prices.finishing import Moments
from producer.watching.bars import BETWEEN, gauge
from producer.watching.estimate import Estimate, Pace, ends_first, is_short, left
from producer.watching.snapshot import Snapshot
from producer.watching.standing import (
    account_step,
    spent_usd_micros,
    why_held_up,
)

#: Cells of the word that a line begins with.
LABEL = 8

#: Cells of a gauge, from so many cells of a panel on.
GAUGES = ((98, 24), (88, 12), (0, 0))

#: A panel that is narrower tells the words of a failure below its name.
BESIDE = 60

#: The last failures that are told, and lines that words or steps of one may take.
MOST_FAILURES, MOST_LINES = 6, 2

#: Lines that explain what holds a batch up.
MOST_REASON_LINES = 3

#: An end that is nearer than this may be there any moment.
SOON_S = 5.0

#: What a person may press, and what for, where others work.
KEYS = "Ctrl-C leaves the batch alone"


@dataclass(frozen=True, slots=True)
class View:
    """How a panel is looked at."""

    #: Cells.
    width: int = 80
    #: What a person may press, and what for; empty once nobody looks any more.
    keys: str = KEYS
    #: The machine's own unless given.
    zone: tzinfo | None = None

    def clock(self, at_s: float) -> str:
        """A moment, to the second."""
        return f"{datetime.fromtimestamp(at_s, UTC).astimezone(self.zone):%H:%M:%S}"


def fact(
    label: str, told: Sequence[Text | str], view: View, bar: Text | None = None
) -> Text:
    """A line: what it is about, a gauge if there is room, and what there is to tell.

    The first of `told` always stands there, those behind it as far as they fit.
    """
    line = Text(label.ljust(LABEL), "dim")
    if bar:
        line = Text.assemble(line, bar, "  ")
    return Text.assemble(line, as_fits(told, view.width - line.cell_len))


def as_fits(told: Sequence[Text | str], width: int) -> Text:
    """The first of these, and those behind it as far as they fit."""
    line = Text()
    for number, words in enumerate(told):
        longer = Text.assemble(line, BETWEEN if number else "", words)
        if number and longer.cell_len > width:
            break
        line = longer
    return line


def gauge_of(
    parts: Sequence[tuple[float, str]], full: float, view: View
) -> Text | None:
    """A gauge as wide as there is room for; see `bars.gauge`."""
    cells = next(cells for least, cells in GAUGES if view.width >= least)
    return gauge(parts, full, cells) if cells else None


def dollars(usd_micros: int) -> str:
    """An amount as it is read at a glance: to the cent, unless it is less than one.

    >>> dollars(2_077_933_549), dollars(4_900)
    ('$2,077.93', '$0.0049')
    """
    cents = round(usd_micros / MICROS_PER_USD, 2)
    return f"${cents:,.2f}" if cents else f"${usd(usd_micros)}"


def ending(now: Snapshot, expected: Estimate, view: View) -> Text | None:
    """When it will be over; nothing where that cannot be told."""
    words = end(now, expected, view)
    if words is None:
        return None
    words.stylize("bold")
    return fact("done", [words], view)


def end(now: Snapshot, expected: Estimate, view: View) -> Text | None:
    """When it will be over, or what money prevents that, as a person says it."""
    if not left(now):
        return None
    if expected.left_s is not None:
        return Text(_by(now.now_s, expected.left_s, view))
    first = ends_first(now)
    return Text(f"{first} ends first", "yellow") if first else None


def _by(now_s: float, left_s: float, view: View) -> str:
    if left_s < SOON_S:
        return "any moment now"
    moment = Moments(now_s, view.zone).by(left_s)
    return f"by {moment}, in {duration(left_s)}"


def cost(now: Snapshot, expected: Estimate) -> list[Text | str]:
    """What is spent, what it will come to, and what it may cost.

    Beside a budget stands what counts against it: charges, and what came back apart.
    """
    batch = now.batch
    spent, projected = _spent_and_projected(now, expected)
    word = "spent" if batch.budget_usd_micros is None else "charged"
    told: list[Text | str] = [
        f"{dollars(spent)} {word}",
        f"{dollars(projected)} projected",
    ]
    if batch.budget_usd_micros is not None:
        short = is_short(now)
        words = f"{dollars(batch.budget_usd_micros)} budget"
        told.append(Text(f"{words}, too little", "yellow") if short else words)
        if batch.refunded_usd_micros:
            told.append(f"{dollars(batch.refunded_usd_micros)} refunded")
    if batch.unpriced:
        told.append(f"{batch.unpriced:,} without a price")
    return told


def _spent_and_projected(now: Snapshot, expected: Estimate) -> tuple[int, int]:
    """In micro-dollars, counted as the budget is if there is one."""
    batch = now.batch
    if batch.budget_usd_micros is None:
        return spent_usd_micros(batch), expected.projected_net_usd_micros
    return batch.charged_usd_micros, expected.projected_usd_micros


def money(now: Snapshot, expected: Estimate, view: View) -> Text:
    """What it costs, with a gauge of what it may cost."""
    spent, projected = _spent_and_projected(now, expected)
    parts = [
        (float(spent), "green"),
        (float(projected - spent), "blue"),
    ]
    full = max(projected, now.batch.budget_usd_micros or 0)
    return fact("money", cost(now, expected), view, gauge_of(parts, full, view))


def starts(now: Snapshot, pace: Pace, view: View) -> Text | None:
    """Starts of the last minute against the account's limit."""
    limits = now.account.limits
    if limits is None:
        return None
    most = limits.videos_per_minute
    told = [f"{now.starts:,} of {most:,} in the last minute"]
    if pace.per_minute:
        told.append(f"{_rate(pace.per_minute)} videos a minute come")
    parts = [(float(now.starts), "blue")]
    return fact("starts", told, view, gauge_of(parts, most, view))


def slots(now: Snapshot, view: View) -> Text | None:
    """Slots in use against the account's limit."""
    account = now.account
    if account.limits is None:
        return None
    most = account.limits.concurrent_videos
    told = [f"{account.slots_in_use:,} of {most:,} in use"]
    adaptive = account.adaptive_concurrency
    if adaptive is not None and adaptive < most:
        told.append(f"after a 429 {adaptive:,} at once")
    parts = [(float(account.slots_in_use), "blue")]
    return fact("slots", told, view, gauge_of(parts, most, view))


def holding(now: Snapshot, view: View) -> list[Text]:
    """What a person should know first: why it stands still, and what helps."""
    why = why_held_up(now)
    if not why and not now.workers and now.batch.total > now.over:
        why = "no worker of its account is at work: nothing happens until one is"
    lines = list(folded(Text(one_line(why), "yellow"), view.width)) if why else []
    step = account_step(now)
    help_ = list(folded(Text(f"→ {step}", "yellow"), view.width)) if step else []
    return lines[:MOST_REASON_LINES] + help_[:MOST_LINES]


def failures(now: Snapshot, view: View) -> Iterator[list[Text]]:
    """The last failures, newest first: which, why, and what to do.

    What is to be done about several in a row alike is told once, below the last.
    """
    told = now.failures[:MOST_FAILURES]
    steps = [_step(now.batch.id, failed) for failed in told]
    for number, (failed, step, later) in enumerate(
        zip(told, steps, (*steps, "")[1:], strict=True)
    ):
        label = "" if number else "failed"
        style = "red" if failed.state is State.FAILED else "magenta"
        name, why = Text(one_line(failed.id), style), one_line(_why(failed))
        if view.width >= BESIDE:
            lines = [fact(label, [Text.assemble(name, "  ", why)], view)]
        else:
            lines = [fact(label, [name], view), *_below(Text(why), view)]
        yield lines + ([] if step == later else _below(Text(f"→ {step}", "dim"), view))


def _below(words: Text, view: View) -> list[Text]:
    """Words on lines of their own, not more than some."""
    lines = list(folded(words, max(1, view.width - LABEL)))[:MOST_LINES]
    return [Text.assemble(" " * LABEL, line) for line in lines]


def _why(failed: Failed) -> str:
    if failed.failure is None:
        return f"{failed.state}: no reason was written down"
    return f"{failed.failure.code}: {failed.failure.message}"


def _step(batch_id: str, failed: Failed) -> str:
    code = failed.failure.code if failed.failure else ""
    return one_line(next_step(batch_id, failed.id, failed.state, code))


def _rate(per_minute: float) -> str:
    """A rate, with a digit behind the point where it says something."""
    return f"{per_minute:,.0f}" if per_minute >= 10 else f"{per_minute:.1f}"  # noqa: PLR2004 - two digits are enough


def folded(text: Text, width: int) -> Iterable[Text]:
    """The lines of a text, broken between words."""
    return text.wrap(Console(), width, overflow="fold")


def cut(line: Text, width: int) -> Text:
    """The line, no wider than `width` cells."""
    if cell_len(line.plain) <= width:
        return line
    cut_line = line.copy()
    cut_line.truncate(width, overflow="ellipsis")
    return cut_line
