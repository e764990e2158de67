"""`python -m tests.chaos`: every fault and every kill at once; prints what came of it.

Exit code 0 if all is well, 1 if anything is wrong.
"""

import argparse
import random
import sys
import time

from tests.chaos.exercise import exact_points, whole_command
from tests.chaos.telling import table
from tests.chaos.weather import Allowed

FORMS = {"command": whole_command, "points": exact_points}

#: Fewer than the jobs would like, so that the limits are felt.
ALLOWED = Allowed(videos_per_minute=300, concurrent_videos=40)


def main() -> int:
    """Run both forms; the exit code."""
    parser = argparse.ArgumentParser("python -m tests.chaos", description=__doc__)
    add = parser.add_argument
    add("--jobs", type=int, default=500, help="rows of the manifest (500)")
    add("--kills", type=int, default=20, help="kills of every kind, at least (20)")
    add("--seed", type=int, default=None, help="what all chance is drawn from (any)")
    add("--only", choices=tuple(FORMS), help="one form of the two")
    asked = parser.parse_args()
    seed = random.randrange(10_000) if asked.seed is None else asked.seed  # noqa: S311 - no secret
    sys.stdout.write(f"seed {seed}\n")
    well = True
    for name, form in FORMS.items():
        if asked.only in (None, name):
            began_s = time.monotonic()
            tally = form(asked.jobs, asked.kills, seed, ALLOWED)
            title = f"{name}, {time.monotonic() - began_s:.0f} s"
            sys.stdout.write("\n".join(table(title, tally)) + "\n")
            well = well and not tally.problems
    return 0 if well else 1


if __name__ == "__main__":
    sys.exit(main())
