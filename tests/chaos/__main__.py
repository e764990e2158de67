"""`python -m tests.chaos`: every fault and every kill at once; prints what came of it.

Exit code 0 if all is well, 1 if anything is wrong.
"""

import argparse
import random
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

from tests.chaos.deaths import POINTS
from tests.chaos.exercise import exact_points, whole_command
from tests.chaos.provider import Allowed
from tests.chaos.verdict import Tally

FORMS = ("command", "points")

#: Fewer than the jobs would like, so that the limits are felt.
ALLOWED = Allowed(videos_per_minute=300, concurrent_videos=40)

#: More sentences than anybody reads.
MAX_PROBLEMS = 40


def main() -> int:
    """Run both forms; the exit code."""
    parser = argparse.ArgumentParser("python -m tests.chaos", description=__doc__)
    add = parser.add_argument
    add("--jobs", type=int, default=500, help="rows of the manifest (500)")
    add("--kills", type=int, default=20, help="kills of every kind, at least (20)")
    add("--seed", type=int, default=None, help="what all chance is drawn from (any)")
    add("--only", choices=FORMS, help="one form of the two")
    asked = parser.parse_args()
    seed = random.randrange(10_000) if asked.seed is None else asked.seed
    sys.stdout.write(f"seed {seed}\n")
    chosen = [asked.only] if asked.only else FORMS
    # Side by side: each has a provider, a home and an account of its own.
    with ThreadPoolExecutor() as pool:
        begun = {name: pool.submit(_run, name, asked, seed) for name in chosen}
        tallies = {name: form.result() for name, form in begun.items()}
    for name, tally in tallies.items():
        _print(name, tally)
    return 1 if any(tally.problems for tally in tallies.values()) else 0


def _run(name: str, asked: argparse.Namespace, seed: int) -> Tally:
    if name == "command":
        return whole_command(asked.jobs, asked.kills, seed, ALLOWED)
    names = list(POINTS)
    count = max(asked.kills, len(names))
    points = Counter(names[number % len(names)] for number in range(count))
    # Points that come before the request are hit often, so fewer jobs are enough.
    return exact_points(max(1, asked.jobs // 2), points, seed, ALLOWED)


def _print(name: str, tally: Tally) -> None:
    figures: dict[str, object] = {f"killed: {k}": n for k, n in tally.kills.items()}
    figures |= {f"ended by itself with {c}": n for c, n in tally.endings.items()}
    figures |= {"audits of the ledger": tally.audits} | tally.figures
    lines = [f"  {what:<48} {value}" for what, value in figures.items()]
    lines += [f"  WRONG: {problem}" for problem in tally.problems[:MAX_PROBLEMS]]
    lines += [
        f"  {len(tally.problems)} problems" if tally.problems else "  all is well"
    ]
    sys.stdout.write("\n".join((f"{name}:", *lines, "")))


if __name__ == "__main__":
    sys.exit(main())
