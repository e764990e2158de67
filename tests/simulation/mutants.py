"""Planted mistakes, each of which the simulation must find: `make simulate-mutants`."""

import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from typing import Any
from unittest.mock import patch

from jobs import transitions
from jobs.attempt import reconciling
from jobs.attempt.reconciling import Absent, Wait
from jobs.ledger import Ledger
from jobs.ledger.marks import StoreMarks
from jobs.ledger.server import Scripts
from jobs.provider import submit
from jobs.transitions import Slot
from tests.simulation.run import simulate
from tests.simulation.running import Server, ledger_server, small_video

#: Most runs in which a mistake must be found, and virtual hours of each.
MOST_RUNS, HOURS = 200, 3.0

Mutant = Callable[[], AbstractContextManager[Any]]


def change_scripts(old: str, new: str) -> Mutant:
    """Another text in every script that has the old one."""

    @contextmanager
    def planted() -> Iterator[None]:
        load, changed = Scripts.__init__, []

        def make(self: Scripts, server: Any) -> None:
            load(self, server)
            for name, text in self._sources.items():
                if old in text:
                    changed.append(name)
                    self._sources[name] = text.replace(old, new)
                    sent = getattr(server, "real", server)  # no step of the run
                    self._digests[name] = sent.script_load(self._sources[name])

        with patch.object(Scripts, "__init__", make):
            yield
        if not changed:
            raise LookupError(f"no script has {old!r} any more")

    return planted


def _absent_at_once(
    _attempt: Any, hidden: Any, _settling_s: float, _now_s: float
) -> Any:
    return Wait() if hidden else Absent()


def _accept_without_slot(*args: Any) -> Any:
    return replace(_accept(*args), slot=Slot.FREE)


def _without_refund(*args: Any, **options: Any) -> Any:
    return _end(*args, **options | {"refund": False})


_accept, _end = transitions.accept, transitions.end

MUTANTS: dict[str, Mutant] = {
    "a lost answer counts as unsent": lambda: patch.object(
        submit, "could_have_left", lambda _: False
    ),
    "a claim is not proven to be on disk": lambda: patch.object(
        Ledger, "durable", lambda _: None
    ),
    "absence after one poll": lambda: patch.object(
        reconciling, "_without_match", _absent_at_once
    ),
    "an unknown mark is passed over": lambda: patch.object(
        StoreMarks, "_refuse_if_forgotten", lambda *_: None
    ),
    "a generating job has no slot": lambda: patch.object(
        transitions, "accept", _accept_without_slot
    ),
    "a refund is not booked": lambda: patch.object(transitions, "end", _without_refund),
    "a refund is booked twice": change_scripts(
        "'refunded', ARGV[9])", "'refunded', 2 * ARGV[9])"
    ),
    "budgets are not looked at": change_scripts(
        "entry.committed + price > entry.budget or", "false or"
    ),
    "the limit a minute is doubled": change_scripts(
        "number(acct, 'videos_per_minute') -", "2 * number(acct, 'videos_per_minute') -"
    ),
    "a cancelled batch takes jobs back": change_scripts(
        "if after == 'waiting' and not was_over", "if false and not was_over"
    ),
    "a slot is not given back": change_scripts(
        "slot == 'free' then", "slot == 'never' then"
    ),
    "slots are not counted": change_scripts("- redis.call('ZCARD', slots)", ""),
}


def first_found(name: str, server: Server) -> tuple[int, str] | None:
    """The first seed that finds a mistake, and what it says; None if none does.

    A run that also fails without the mistake finds nothing.
    """
    for seed in range(MOST_RUNS):
        with MUTANTS[name]():
            problems = simulate(seed, server, small_video(), HOURS).problems
        if problems and not simulate(seed, server, small_video(), HOURS).problems:
            return seed, problems[0]
    return None


def main(names: list[str]) -> int:
    """Plant all mistakes, or those that are named; 1 if one is not found."""
    missed = 0
    with ledger_server() as server:
        for name in names or MUTANTS:
            found = first_found(name, server)
            missed += found is None
            words = f"seed {found[0]}: {found[1]}" if found else "NOT FOUND"
            sys.stdout.write(f"{name}: {words}\n")
            sys.stdout.flush()
    return int(missed > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
