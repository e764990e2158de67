"""`make simulate`: runs with faults from seeds, until one breaks a promise.

RUNS says how many, SEED from which one on, HOURS how many virtual hours each has.
"""

import os
import secrets
import sys
import time
from collections import Counter
from collections.abc import Iterable

from tests.simulation.run import simulate
from tests.simulation.running import ledger_server, small_video


def main() -> int:
    """Run the campaign; 1 if a run broke a promise."""
    first = int(os.environ.get("SEED") or secrets.randbelow(1_000_000))
    runs = int(os.environ.get("RUNS") or 1)
    hours = float(os.environ.get("HOURS") or 12)
    faults: Counter[str] = Counter()
    transitions: Counter[str] = Counter()
    began_s, steps = time.monotonic(), 0
    with ledger_server() as server:
        for seed in range(first, first + runs):
            run = simulate(seed, server, small_video(), hours)
            steps += run.steps
            faults += run.faults.seen
            transitions += run.transitions
            if run.problems:
                _tell_failure(seed, run.last, run.problems)
                return 1
    took_s = time.monotonic() - began_s
    sys.stdout.write(
        f"{runs} runs from seed {first}, {steps:,} steps, {took_s:.0f} s, "
        f"the last ends with {run.digest.hexdigest()[:16]}\n"
    )
    for title, counts in (("faults", faults), ("transitions", transitions)):
        told = ", ".join(f"{name} {count}" for name, count in sorted(counts.items()))
        sys.stdout.write(f"{title}: {told}\n")
    return 0


def _tell_failure(seed: int, last: Iterable[str], problems: list[str]) -> None:
    sys.stdout.write("\n".join([*last, *problems[:10]]) + "\n")
    sys.stdout.write(f"again: SEED={seed} RUNS=1 make simulate\n")


if __name__ == "__main__":
    sys.exit(main())
