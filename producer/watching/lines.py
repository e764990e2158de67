"""Plain lines: how batches stand, now and then, where nobody sits at a terminal.

One line says it all, so that a log can be searched; what holds a batch up stands on a
line below it. Nothing is said that is no news, and nothing too often.
"""

from collections.abc import Callable, Mapping, Sequence

from jobs.states import State
from jobs.text import duration, one_line
from producer import console, tables
from producer.watching.bars import BETWEEN
from producer.watching.estimate import Pace, ends_first, estimate, left
from producer.watching.snapshot import Snapshot
from producer.watching.standing import account_step, why_held_up

#: Seconds between two plain lines of a batch.
PLAIN_EVERY_S = 5.0

#: States that count as under way, with the word for a person.
UNDER_WAY = {
    "generating": (State.GENERATING, State.GENERATED),
    "overdue": (State.OVERDUE,),
    "submitting": (State.ADMITTED, State.SUBMITTING),
    "unknown": (State.UNKNOWN,),
    "unresolved": (State.UNRESOLVED,),
    "made by another batch": (State.FOLLOWING,),
}


def status(now: Snapshot, pace: Pace) -> str:
    """One line: counts, money, rate, time left, and what holds it up below it."""
    batch = now.batch
    parts = [f"{now.count(State.STORED)} of {batch.total} stored"]
    if now.count(State.REUSED):
        parts.append(f"{now.count(State.REUSED)} reused")
    for word, states in UNDER_WAY.items():
        if now.count(*states):
            parts.append(f"{now.count(*states)} {word}")
    rest = (State.WAITING, State.FAILED, State.CANCELLED)
    parts += [f"{now.count(state)} {state}" for state in rest if now.count(state)]
    parts.append(tables.money(batch))
    if pace.per_minute and left(now):
        parts.append(f"{pace.per_minute:.0f} a minute")
    left_s = estimate(now, pace).left_s
    if left_s:
        parts.append(f"{duration(left_s)} left")
    elif first := ends_first(now):
        parts.append(f"{first} ends first")
    why = "; ".join(filter(None, (why_held_up(now), account_step(now))))
    return BETWEEN.join(parts) + (f"\n{one_line(why)}" if why else "")


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
