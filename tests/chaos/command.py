"""The whole command under fire: `reelmill run`, killed from outside, run again.

At random moments one of four things gets a SIGKILL: the worker, the ledger's server,
the command, or all of them at once. Whoever runs it does what a person or cron would:
the same command again, until it says that the batch is over.
"""

import os
import random
import signal
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from subprocess import TimeoutExpired

from jobs import settings
from jobs.ledger import LedgerError, connect
from producer.exits import Exit
from producer.local_server import ledger_of
from tests.chaos.verdict import Tally
from tests.producer.running import Begun, Desk, command_of, ended, until

#: What is killed, by the word in the command line that tells it.
KINDS = {"worker": "celery", "server": "valkey", "command": "", "all at once": ""}

#: Runs that may be needed after the last kill, so that nothing goes on for ever.
MAX_LAST_RUNS = 8

#: A run that nobody kills ends within this time, in seconds.
MAX_RUN_S = 240.0

#: A command that lost its ledger ends within this time, and so do orphans.
MAX_END_S = 90.0

EXPECTED = {Exit.STORED, Exit.FAILED, Exit.INCOMPLETE, Exit.UNREACHABLE}


@dataclass(slots=True)
class Fire:
    """Who is killed next, and when."""

    chance: random.Random
    left: list[str]
    tally: Tally
    #: Every process that belonged to a command that was killed.
    orphans: set[int] = field(default_factory=set)

    def wait_s(self) -> float:
        """Seconds to the next kill: now and then while it is still starting."""
        early = self.chance.random() < 0.25
        return self.chance.uniform(0.0, 1.2) if early else self.chance.uniform(1.0, 3.0)


def kills(count: int, chance: random.Random) -> list[str]:
    """So many kills of every kind, in a random order."""
    every = [kind for kind in KINDS for _ in range(count)]
    chance.shuffle(every)
    return every


def run_to_the_end(place: Desk, manifest: Path, fire: Fire) -> None:
    """Run the same command until it is over, while the fire lasts."""
    last_runs = 0
    while last_runs < MAX_LAST_RUNS:
        last_runs += not fire.left
        begun = place.start("run", manifest, "--yes")
        while fire.left and _lives(begun, fire.wait_s()):
            _strike(place, begun, fire)
        code = begun.process.wait(MAX_RUN_S)
        if code != -signal.SIGKILL:
            fire.tally.endings[code] += 1
            if code not in EXPECTED or "Traceback" in begun.said:
                fire.tally.problems.append(f"ended with {code}: {begun.said}")
        if code in (Exit.STORED, Exit.FAILED):
            return
    fire.tally.problems.append(f"{manifest.name} is not over at last: {begun.said}")


def await_orphans(fire: Fire) -> None:
    """Whatever a killed command left behind must end by itself."""
    with suppress(AssertionError):
        until(lambda: ended(fire.orphans), MAX_END_S)
    left = [command_of(pid) for pid in fire.orphans if command_of(pid)]
    fire.tally.problems += [f"left behind: {command}" for command in left]


def _lives(begun: Begun, wait_s: float) -> bool:
    """Whether it still runs after a while."""
    try:
        begun.process.wait(wait_s)
    except TimeoutExpired:
        return True
    return False


def _strike(place: Desk, begun: Begun, fire: Fire) -> None:
    kind = fire.left[-1]
    family = begun.family()
    if word := KINDS[kind]:
        child = begun.child(word)
        victims = [child] if child else []
    else:
        victims = [begun.process.pid, *(family if kind == "all at once" else [])]
    if not victims:
        return
    for pid in victims:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    fire.left.pop()
    fire.tally.kills[kind] += 1
    until(lambda: ended(victims))
    if kind == "worker":
        _audit_between(place, begun, fire.tally)
        return
    fire.orphans |= set(family)
    begun.process.wait(MAX_END_S)
    _audit_alone(place, family, fire.tally)


def _audit_between(place: Desk, begun: Begun, tally: Tally) -> None:
    """Between two workers nobody writes, so the ledger must agree with itself.

    Where the next worker was quicker than the audit, it tells nothing.
    """
    chosen = settings.read(place.environment)
    ledger, alone = connect(chosen.ledger_url, timeout_s=2.0), Tally()
    with suppress(LedgerError):
        alone.audit(ledger, chosen.account_id)
    ledger.close()
    if not begun.child(KINDS["worker"]):
        tally.problems += alone.problems
        tally.audits += alone.audits


def _audit_alone(place: Desk, family: Iterable[int], tally: Tally) -> None:
    """Nothing runs any more: audit with a server of our own.

    A worker that still tries to write down an answer is left in peace; then the next
    kill is audited.
    """
    try:
        until(lambda: ended(family), 2.0)
    except AssertionError:
        return
    chosen = settings.read(place.environment)
    with ledger_of(chosen, alone=True) as ledger:
        tally.audit(ledger, chosen.account_id)
