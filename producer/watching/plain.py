"""Plain lines: how batches stand, now and then, where nobody sits at a terminal.

One line says it all, so that a log can be searched; what holds a batch up stands on a
line below it. Nothing is said that is no news, and nothing too often.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from jobs.money import dollars
from jobs.records import BatchRecord
from jobs.states import State
from jobs.text import duration, one_line
from producer import console
from producer.watching.eta import Pace, ends_first, estimate, left
from producer.watching.status import Snapshot, account_step, held_up

#: Seconds between two plain lines of a batch.
PLAIN_EVERY_S = 5.0

#: What stands between two facts on a line.
BETWEEN = " · "


@dataclass(frozen=True, slots=True)
class Part:
    """Jobs that are shown as one: a word, its states, its colour."""

    word: str
    states: tuple[State, ...]
    style: str


#: From what is there to what is to come, and then what will not come.
PARTS: Final = (
    Part("stored", (State.STORED,), "green"),
    Part("reused", (State.REUSED,), "cyan"),
    Part("generating", (State.GENERATING, State.GENERATED), "blue"),
    Part("overdue", (State.OVERDUE,), "bright_yellow"),
    Part("submitting", (State.ADMITTED, State.SUBMITTING), "bright_magenta"),
    Part("unknown", (State.UNKNOWN,), "yellow"),
    Part("made by another batch", (State.FOLLOWING,), "bright_cyan"),
    Part("waiting", (State.WAITING,), "bright_black"),
    Part("unresolved", (State.UNRESOLVED,), "magenta"),
    Part("failed", (State.FAILED,), "red"),
    Part("cancelled", (State.CANCELLED,), "white"),
)


def counts(now: Snapshot) -> list[tuple[Part, int]]:
    """The jobs of a batch, in the order of `PARTS`, without what there is none of."""
    return [(part, n) for part in PARTS if (n := now.count(*part.states))]


def status(now: Snapshot, pace: Pace) -> str:
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


def money(batch: BatchRecord) -> str:
    """What a batch has spent of what it may.

    A budget counts charges, whatever of them came back; an estimate knows no failures.
    """
    charged, refunded = batch.charged_usd_micros, batch.refunded_usd_micros
    if batch.budget_usd_micros is not None:
        return f"{dollars(charged)} of {dollars(batch.budget_usd_micros)} budget"
    net, estimated = dollars(charged - refunded), dollars(batch.estimated_usd_micros)
    came_back = f", {dollars(refunded)} refunded" if refunded else ""
    return f"{net} of {estimated} estimated{came_back}"


class Lines:
    """A plain line now and then."""

    def __init__(self, clock: Callable[[], float], *, named: bool = False) -> None:
        """Say it on standard error.

        Args:
            clock: seconds of a clock that only goes forward.
            named: begin each line with the batch.
        """
        self._clock = clock
        self._named = named
        self._said_at: dict[str, float] = {}
        self._said: dict[str, str] = {}

    def show(self, nows: Sequence[Snapshot], paces: Mapping[str, Pace]) -> None:
        """Say how they stand, where that is news and not too soon."""
        for now in nows:
            self._show(now, paces[now.batch.id])

    def _show(self, now: Snapshot, pace: Pace) -> None:
        name, at_s = now.batch.id, self._clock()
        if name in self._said_at and at_s - self._said_at[name] < PLAIN_EVERY_S:
            return
        line = status(now, pace)
        if line != self._said.get(name):
            console.say(f"{one_line(name)}: {line}" if self._named else line)
            self._said[name], self._said_at[name] = line, at_s

    def away(self, why: str, _since_s: float) -> None:
        """Say that the ledger does not answer."""
        console.say(f"the ledger is away ({one_line(why)}); asking again")

    def back(self) -> None:
        """Say that it does again."""
        console.say("the ledger answers again")

    def tick(self) -> None:
        """Nothing is drawn anew."""

    def close(self) -> None:
        """Nothing to take away."""
