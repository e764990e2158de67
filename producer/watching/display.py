"""Shows how batches go: a live panel at a terminal, plain lines, or events in JSON.

In a panel the most important comes first, for what does not fit is cut off below.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from typing import Any, Protocol

from rich.console import Console, ConsoleOptions, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from jobs.ledger.snapshots import BatchSnapshot, Failed
from jobs.money import dollars, usd
from jobs.report.next_steps import next_step
from jobs.states import State
from jobs.text import by, counted, duration, iso, json_text, one_line
from producer import console
from producer.watching.eta import Estimate, Pace, ends_first, estimate, is_short, left
from producer.watching.status import (
    PARTS,
    account_step,
    counts,
    document,
    held_up,
    money,
    state_of,
)

#: The last failures that are shown of a batch that is alone.
MAX_FAILURES = 6

#: An end that is nearer than this may be there any moment.
SOON_S = 5.0

#: Seconds between two plain lines of a batch.
PLAIN_EVERY_S = 5.0

#: How the word for a batch's state is coloured.
STYLES = {"finished": "green", "running": "blue", "unresolved": "magenta"}

#: What stands between two facts on a line.
BETWEEN = " · "

#: What a person may press, and what for, where others work.
KEYS = "Ctrl-C leaves the batch alone"


class Display(Protocol):
    """Shows progress while something runs."""

    def show(self, nows: Sequence[BatchSnapshot], paces: Mapping[str, Pace]) -> None:
        """Show how batches stand, and what was seen of each before, by its id."""

    def away(self, why: str, since_s: float) -> None:
        """The ledger does not answer, since that unix second, until the next `show`."""

    def close(self) -> None:
        """Leave the terminal as it was."""


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


class Lines:
    """A plain line on standard error now and then: no more than news, nor too often."""

    def __init__(self, clock: Callable[[], float], *, named: bool = False) -> None:
        """Say it with a clock that only goes forward; `named` begins with the batch."""
        self._clock = clock
        self._named = named
        self._said: dict[str, tuple[float, str]] = {}
        self._is_away = False

    def show(self, nows: Sequence[BatchSnapshot], paces: Mapping[str, Pace]) -> None:
        """Say how they stand, where that is news and not too soon."""
        if self._is_away:
            console.say("the ledger answers again")
        self._is_away = False
        for now in nows:
            name, at_s = now.batch.id, self._clock()
            said_at_s, said = self._said.get(name, (-PLAIN_EVERY_S, ""))
            line = plain_line(now, paces[name])
            if line != said and at_s - said_at_s >= PLAIN_EVERY_S:
                console.say(f"{one_line(name)}: {line}" if self._named else line)
                self._said[name] = at_s, line

    def away(self, why: str, _since_s: float) -> None:
        """Say that the ledger does not answer."""
        self._is_away = True
        console.say(f"the ledger is away ({one_line(why)}); asking again")

    def close(self) -> None:
        """Nothing to take away."""


def plain_line(now: BatchSnapshot, pace: Pace) -> str:
    """One line: counts, money, rate, time left, and what holds it up below it."""
    batch = now.batch
    parts = [f"{now.count(State.STORED)} of {batch.total} stored"]
    parts += [f"{n} {part.word}" for part, n in counts(now) if part.word != "stored"]
    parts.append(money(batch))
    if pace.per_minute and left(now):
        parts.append(f"{pace.per_minute:.0f} a minute")
    left_s = estimate(now, pace).left_s
    if left_s:
        parts.append(f"{duration(left_s)} left")
    elif first := ends_first(now):
        parts.append(f"{first} ends first")
    why = "; ".join(filter(None, (held_up(now), account_step(now))))
    return BETWEEN.join(parts) + (f"\n{one_line(why)}" if why else "")


class Panel:
    """The live panel, at a terminal."""

    def __init__(self, on: Console, keys: str, *, whole: bool) -> None:
        """Draw on a terminal; `whole` takes its screen until the end."""
        self._console, self._keys, self._whole = on, keys, whole
        self._shown: tuple[Sequence[BatchSnapshot], Mapping[str, Pace]] = (), {}
        self._live = Live(console=on, auto_refresh=False, transient=True, screen=whole)
        self._live.start()

    def show(self, nows: Sequence[BatchSnapshot], paces: Mapping[str, Pace]) -> None:
        """Draw how they stand."""
        self._shown = nows, dict(paces)
        self._live.update(render(*self._shown, keys=self._keys), refresh=True)

    def away(self, _why: str, since_s: float) -> None:
        """Draw that the ledger does not answer."""
        made = render(*self._shown, keys=self._keys, away_since_s=since_s)
        self._live.update(made, refresh=True)

    def close(self) -> None:
        """Take the panel away; what had the whole screen is left as it last stood."""
        self._live.stop()
        if self._whole and self._shown[0]:
            self._console.print(render(*self._shown))


@dataclass(frozen=True, slots=True)
class Bar:
    """The jobs of a batch by state, in one line as wide as there is room."""

    now: BatchSnapshot

    def __rich_console__(
        self, _console: Console, options: ConsoleOptions
    ) -> Iterator[Text]:
        total, width = self.now.batch.total or 1, options.max_width - 6
        bar, so_far = Text(), 0
        for part in PARTS:
            so_far += self.now.count(*part.states)
            upto = width * so_far // total
            bar.append("━" * (upto - len(bar)), part.style)
        bar.append("━" * (width - len(bar)), "bright_black")
        yield bar.append(f"{100 * self.now.over // total:4} %", "bold")


def render(
    nows: Sequence[BatchSnapshot],
    paces: Mapping[str, Pace],
    *,
    keys: str = "",
    away_since_s: float | None = None,
    zone: tzinfo | None = None,
) -> Group:
    """One or more batches below one another, and the limits of their accounts.

    Args:
        nows: how they stand.
        paces: what was seen of each before, by its id.
        keys: what a person may press, and what for.
        away_since_s: unix second since which the ledger does not answer.
        zone: that of this machine unless given.
    """
    made: list[RenderableType] = []
    if away_since_s is not None:
        since = f"the ledger is away since {_clock(away_since_s, zone)}, asking again"
        made.append(Text(since, "bold yellow"))
    made += _sum(nows)
    for now in nows:
        made += [*_batch(now, paces[now.batch.id], zone), Text()]
    made.append(_rows(_limits(nows, paces)))
    if len(nows) == 1 and nows[0].failures:
        made += [Text(), _rows(_failures(nows[0]))]
    if keys:
        seen = _clock(max(now.now_s for now in nows), zone)
        made += [Text(), Text(f"seen at {seen}{BETWEEN}{keys}", "dim")]
    return Group(*made)


def _sum(nows: Sequence[BatchSnapshot]) -> list[Text]:
    if not nows[1:]:
        return []
    stored = sum(now.count(State.STORED, State.REUSED) for now in nows)
    total = sum(now.batch.total for now in nows)
    words = f"{len(nows)} batches{BETWEEN}{stored:,} of {total:,} stored"
    return [Text(words, "bold"), Text()]


def _batch(
    now: BatchSnapshot, pace: Pace, zone: tzinfo | None
) -> Iterator[RenderableType]:
    batch, word = now.batch, state_of(now)
    name = Text(one_line(batch.id), "bold")
    name.append("  ").append(word, STYLES.get(word, "yellow"))
    if batch.total > now.over:
        name.append(f"{BETWEEN}{counted(now.workers, 'worker')}", "dim")
    yield name
    yield Text(one_line(f"{batch.manifest} → {batch.store}"), "dim")
    yield Bar(now)
    numbers = [(("●", part.style), f" {n:,} {part.word}") for part, n in counts(now)]
    yield Text("   ").join(Text.assemble(*number) for number in numbers)
    yield from (Text(one_line(words), "yellow") for words in _worries(now))
    expected = estimate(now, pace)
    end = _end(now, expected, zone)
    yield _rows([*([("done", end)] if end else []), ("money", _money(now, expected))])


def _worries(now: BatchSnapshot) -> Iterator[str]:
    if why := held_up(now):
        yield why
    elif not now.workers and now.batch.total > now.over:
        yield "no worker of its account is at work: nothing happens until one is"
    if step := account_step(now):
        yield f"→ {step}"


def _rows(lines: Iterable[tuple[str, Text]]) -> Table:
    """Lines that begin with what they are about."""
    made = Table.grid(padding=(0, 2, 0, 0))
    made.add_column(style="dim", no_wrap=True)
    made.add_column(overflow="fold")
    for label, words in lines:
        made.add_row(label, words)
    return made


def _end(now: BatchSnapshot, expected: Estimate, zone: tzinfo | None) -> Text | None:
    """When it will be over, or what money prevents that."""
    if not left(now):
        return None
    if expected.left_s is None:
        first = ends_first(now)
        return Text(f"{first} ends first", "yellow") if first else None
    if expected.left_s < SOON_S:
        return Text("any moment now", "bold")
    moment = by(now.now_s, expected.left_s, zone)
    return Text(f"by {moment}, in {duration(expected.left_s)}", "bold")


def _money(now: BatchSnapshot, expected: Estimate) -> Text:
    """What is spent, what it will come to, and what it may cost.

    Beside a budget stands what counts against it: charges, and what came back apart.
    Of what is only expected no fractions of a cent are told.
    """
    batch, budget = now.batch, now.batch.budget_usd_micros
    if budget is None:
        cents = round(expected.projected_net_usd_micros, -4)
        told = [f"{dollars(now.spent_usd_micros)} spent", f"{dollars(cents)} projected"]
    else:
        cents = round(expected.projected_usd_micros, -4)
        short = ", too little" if is_short(now) else ""
        told = [f"{dollars(batch.charged_usd_micros)} charged"]
        told += [f"{dollars(cents)} projected", f"{dollars(budget)} budget{short}"]
        if batch.refunded_usd_micros:
            told.append(f"{dollars(batch.refunded_usd_micros)} refunded")
    if batch.unpriced:
        told.append(f"{batch.unpriced:,} without a price")
    return Text(BETWEEN.join(told))


def _limits(
    nows: Sequence[BatchSnapshot], paces: Mapping[str, Pace]
) -> Iterator[tuple[str, Text]]:
    """Starts and slots of each account against its limits."""
    accounts = {now.account.id: now for now in nows}
    for account_id, now in accounts.items():
        limits, adaptive = now.account.limits, now.account.adaptive_concurrency
        if limits is None:
            continue
        if len(accounts) > 1:
            yield "account", Text(one_line(account_id))
        starts = f"{now.starts:,} of {limits.videos_per_minute:,} in the last minute"
        if len(nows) == 1 and (rate := paces[now.batch.id].per_minute):
            starts += f"{BETWEEN}{rate:,.1f} videos finished a minute"
        yield "starts", Text(starts)
        slots = f"{now.account.slots_in_use:,} of {limits.concurrent_videos:,} in use"
        if adaptive is not None and adaptive < limits.concurrent_videos:
            slots += f"{BETWEEN}after a 429 {adaptive:,} at once"
        yield "slots", Text(slots)


def _failures(now: BatchSnapshot) -> Iterator[tuple[str, Text]]:
    """The last failures, newest first: which, why, and what to do.

    What is to be done about several in a row alike is told once, below the last.
    """
    told = now.failures[:MAX_FAILURES]
    steps = [_step(now.batch.id, failed) for failed in told]
    for n, (failed, step) in enumerate(zip(told, steps, strict=True)):
        name = (
            one_line(failed.id),
            "red" if failed.state is State.FAILED else "magenta",
        )
        words = Text.assemble(name, "  ", one_line(_why(failed)))
        if steps[n + 1 : n + 2] != [step]:
            words.append(f"\n→ {step}", "dim")
        yield "" if n else "failed", words


def _why(failed: Failed) -> str:
    if failed.failure is None:
        return f"{failed.state}: no reason was written down"
    return f"{failed.failure.code}: {failed.failure.message}"


def _step(batch_id: str, failed: Failed) -> str:
    code = failed.failure.code if failed.failure else ""
    return one_line(next_step(batch_id, failed.id, failed.state, code))


def _clock(at_s: float, zone: tzinfo | None) -> str:
    """A moment, to the second."""
    return f"{datetime.fromtimestamp(at_s, UTC).astimezone(zone):%H:%M:%S}"


# The stream of events: a JSON object a line, for a program. A reader needs no memory:
# whatever tells of a batch has all of it. docs/watching.md lists the fields; new ones
# may come, none goes away.


def whole(now: BatchSnapshot, pace: Pace) -> dict[str, Any]:
    """How a batch stands and what is expected of it."""
    expected, account = estimate(now, pace), now.account
    limits, left_s = account.limits, expected.left_s
    cooling = account.cooling_until_s > now.now_s
    return document(now) | {
        "projected_usd": usd(expected.projected_usd_micros),
        "projected_net_usd": usd(expected.projected_net_usd_micros),
        "done_by": None if left_s is None else iso(now.now_s + left_s),
        "stored_per_minute": pace.per_minute and round(pace.per_minute, 1),
        "workers": now.workers,
        "starts": {
            "last_minute": now.starts,
            "videos_per_minute": limits and limits.videos_per_minute,
            "slots_in_use": account.slots_in_use,
            "concurrent_videos": limits and limits.concurrent_videos,
        },
        "account_state": {
            "paused": account.paused,
            "trouble": account.trouble or None,
            "cooling_until": iso(account.cooling_until_s) if cooling else None,
            "reason": account.reason or None,
            "next_step": account_step(now) or None,
        },
    }


def failure(batch_id: str, failed: Failed) -> dict[str, Any]:
    """A failure, with what a person can do about it."""
    why = failed.failure
    code = why.code if why else ""
    return {
        "batch": batch_id,
        "id": failed.id,
        "state": str(failed.state),
        "code": code or None,
        "message": why.message if why else None,
        "next_step": next_step(batch_id, failed.id, failed.state, code),
    }


class Events:
    """A line of JSON for all that happens."""

    def __init__(
        self, write: Callable[[str], object], clock: Callable[[], float]
    ) -> None:
        """Tell it line by line.

        Args:
            write: takes each line, and lets it be seen at once.
            clock: unix seconds, for what happens while the ledger is away.
        """
        self._write = write
        self._clock = clock
        self._is_away = False
        self._news: dict[str, object] = {}
        self._failures: dict[str, Sequence[Failed]] = {}

    def show(self, nows: Sequence[BatchSnapshot], paces: Mapping[str, Pace]) -> None:
        """Tell what has changed since."""
        if self._is_away:
            self._tell("back", self._clock(), {})
        self._is_away = False
        for now in nows:
            name = now.batch.id
            first = name not in self._news
            if first or now.news != self._news[name]:
                told = whole(now, paces[name])
                self._tell("snapshot" if first else "change", now.now_s, told)
            self._news[name] = now.news
            # Older ones that a retry of newer ones brings into sight were told before.
            known = self._failures.get(name, ())
            first_known = next(
                (n for n, failed in enumerate(now.failures) if failed in known), None
            )
            for failed in reversed(now.failures[:first_known]):
                self._tell("failure", now.now_s, failure(name, failed))
            self._failures[name] = now.failures

    def over(self, now: BatchSnapshot, pace: Pace, code: int) -> None:
        """Tell that the watching of a batch has ended, with its exit code."""
        self._tell("over", now.now_s, {**whole(now, pace), "exit_code": code})

    def away(self, why: str, _since_s: float) -> None:
        """Tell that the ledger does not answer."""
        self._is_away = True
        self._tell("away", self._clock(), {"reason": why})

    def close(self) -> None:
        """Nothing to take away."""

    def _tell(self, event: str, at_s: float, told: Mapping[str, Any]) -> None:
        self._write(json_text({"event": event, "at": iso(at_s), **told}))
