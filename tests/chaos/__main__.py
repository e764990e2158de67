"""`python -m tests.chaos`: every fault and every kill at once; prints what came of it.

Exit code 0 if all is well, 1 if anything is wrong.
"""

import argparse
import random
import sys
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor

from tests.chaos.exercise import every_point, exact_points, whole_command
from tests.chaos.tally import Tally
from tests.chaos.weather import Allowed

FORMS = ("command", "points")

#: Fewer than the jobs would like, so that the limits are felt.
ALLOWED = Allowed(videos_per_minute=300, concurrent_videos=40)

WIDTH = 48

#: More sentences than anybody reads.
MOST_PROBLEMS = 40


def main() -> int:
    """Run both forms; the exit code."""
    began_s = time.monotonic()
    parser = argparse.ArgumentParser("python -m tests.chaos", description=__doc__)
    add = parser.add_argument
    add("--jobs", type=int, default=500, help="rows of the manifest (500)")
    add("--kills", type=int, default=20, help="kills of every kind, at least (20)")
    add("--seed", type=int, default=None, help="what all chance is drawn from (any)")
    add("--only", choices=FORMS, help="one form of the two")
    asked = parser.parse_args()
    seed = random.randrange(10_000) if asked.seed is None else asked.seed
    sys.stdout.write(f"seed {seed}\n")
    chosen = [name for name in FORMS if asked.only in (None, name)]
    # Side by side: each has a provider, a home and an account of its own.
    with ThreadPoolExecutor() as pool:
        begun = {name: pool.submit(_run, name, asked, seed) for name in chosen}
        tallies = {name: form.result() for name, form in begun.items()}
    for name, tally in tallies.items():
        sys.stdout.write("\n".join(table(name, tally)) + "\n")
    sys.stdout.write(f"{time.monotonic() - began_s:.0f} s\n")
    return 1 if any(tally.problems for tally in tallies.values()) else 0


def _run(name: str, asked: argparse.Namespace, seed: int) -> Tally:
    if name == "command":
        return whole_command(asked.jobs, asked.kills, seed, ALLOWED)
    # Points that come before the request are hit often, so fewer jobs are enough.
    points = every_point(asked.kills)
    return exact_points(max(1, asked.jobs // 2), points, seed, ALLOWED)


def table(title: str, tally: Tally) -> Iterator[str]:
    """The figures of one form, then what is wrong, if anything is."""
    yield f"{title}:"
    yield from _lines({f"killed: {kind}": n for kind, n in tally.kills.items()})
    yield from _lines(
        {f"ended by itself with {c}": n for c, n in tally.endings.items()}
    )
    yield from _lines({"audits of the ledger": tally.audits})
    yield from _lines(tally.figures)
    for problem in tally.problems[:MOST_PROBLEMS]:
        yield f"  WRONG: {problem}"
    rest = len(tally.problems) - MOST_PROBLEMS
    if rest > 0:
        yield f"  ... and {rest} more"
    yield "  all is well" if not tally.problems else ""


def _lines(figures: Mapping[str, object]) -> Iterator[str]:
    for what, value in figures.items():
        yield f"  {what:<{WIDTH}} {value}"


if __name__ == "__main__":
    sys.exit(main())
