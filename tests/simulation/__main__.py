"""`make simulate`: runs with faults from seeds, until one breaks a promise.

RUNS says how many, SEED from which one on, HOURS how many virtual hours each has.
"""

import os
import resource
import secrets
import sys
import time
from collections import Counter
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field

from jobs.states import TRANSITIONS, Event
from tests.simulation.faults import OTHERS, RATES
from tests.simulation.run import simulate
from tests.simulation.running import ledger_server, small_video

#: Runs side by side, each with a server of its own.
PROCESSES = 2

#: Runs that one process does before it tells what came of them.
BLOCK = 5

#: Runs after which every fault and every transition must have been reached.
ENOUGH = 1_000


@dataclass(slots=True)
class Tally:
    """What came of some runs."""

    runs: int = 0
    steps: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    transitions: Counter[str] = field(default_factory=Counter)
    #: Of the last run.
    digest: str = ""
    #: What to say of the run that broke a promise; no other follows it.
    failure: str = ""

    def add(self, other: "Tally") -> None:
        """Count other runs, too."""
        self.runs += other.runs
        self.steps += other.steps
        self.faults += other.faults
        self.transitions += other.transitions
        self.digest, self.failure = other.digest, other.failure

    def unreached(self) -> list[str]:
        """Faults and transitions that no run had."""
        wanted = sorted(
            f"{state} {event}"
            for state, event in TRANSITIONS
            if event is not Event.DOUBT  # only `rebuild` brings it about
        )
        return [
            *(name for name in sorted(RATES.keys() | OTHERS) if not self.faults[name]),
            *(name for name in wanted if not self.transitions[name]),
        ]


def do(seeds: Iterable[int], hours: float) -> Tally:
    """Runs of these seeds, up to the first that breaks a promise."""
    tally = Tally()
    with ledger_server() as server:
        for seed in seeds:
            run = simulate(seed, server, small_video(), hours)
            digest = run.digest.hexdigest()[:16]
            one = Tally(1, run.steps, run.faults.seen, run.transitions, digest)
            if run.problems:
                again = f"again: SEED={seed} RUNS=1 make simulate"
                one.failure = "\n".join([*run.last, *run.problems[:10], again])
            tally.add(one)
            if one.failure:
                break
    return tally


def main() -> int:
    """Run the campaign; 1 if a run broke a promise, or too little was reached."""
    if sys.flags.hash_randomization:  # sets of words would have another order
        os.environ["PYTHONHASHSEED"] = "0"
        os.execv(sys.executable, [sys.executable, "-m", "tests.simulation"])
    first = int(os.environ.get("SEED") or secrets.randbelow(1_000_000))
    runs = int(os.environ.get("RUNS") or 1)
    hours = float(os.environ.get("HOURS") or 12)
    began_s, total = time.monotonic(), Tally()
    seeds = range(first, first + runs)
    blocks = [seeds[at : at + BLOCK] for at in range(0, runs, BLOCK)]
    with ProcessPoolExecutor(PROCESSES) as pool:
        for tally in pool.map(do, blocks, [hours] * len(blocks)):
            total.add(tally)
            if tally.failure:
                pool.shutdown(cancel_futures=True)
                break
    _print(total, first, time.monotonic() - began_s)
    if total.failure:
        sys.stdout.write(f"{total.failure}\n")
        return 1
    unreached = total.unreached()
    if unreached:
        sys.stdout.write(f"never reached: {', '.join(unreached)}\n")
    return int(bool(unreached) and total.runs >= ENOUGH)


def _print(total: Tally, first: int, took_s: float) -> None:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu_s = (used.ru_utime + used.ru_stime) / max(1, total.runs)
    sys.stdout.write(
        f"{total.runs} runs from seed {first}, {total.steps:,} steps, {took_s:.0f} s, "
        f"{cpu_s:.1f} s of CPU a run, the last ends with {total.digest}\n"
    )
    for title, counts in (("faults", total.faults), ("transitions", total.transitions)):
        told = ", ".join(f"{name} {count}" for name, count in sorted(counts.items()))
        sys.stdout.write(f"{title}: {told}\n")


if __name__ == "__main__":
    sys.exit(main())
