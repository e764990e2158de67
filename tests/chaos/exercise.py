"""The two forms of the exercise, from a fresh provider to the verdict."""

import random
from collections import Counter

from producer.local_server import ledger_of
from tests.chaos.command import Fire, await_orphans, kills, run_to_the_end
from tests.chaos.deaths import POINTS
from tests.chaos.orders import Orders
from tests.chaos.points import Range, end, kill_once, order, settings_of
from tests.chaos.tally import Tally
from tests.chaos.verdict import judge
from tests.chaos.weather import Allowed, stormy_sandbox
from tests.producer.running import desk

#: Of the jobs, this share is ordered anew when they are over before the kills are.
MORE = 5

#: How often jobs are ordered anew for the sake of points not yet reached.
MOST_REFILLS = 8


def whole_command(jobs: int, count: int, seed: int, allowed: Allowed) -> Tally:
    """The command, with so many kills of every kind at random moments."""
    luck = random.Random(seed)
    tally, orders = Tally(), Orders()
    fire = Fire(luck, kills(count, luck), tally)
    with (
        stormy_sandbox(seed) as sandbox,
        desk(sandbox, **allowed.environment()) as place,
    ):
        wanted = jobs
        while wanted:
            manifest = orders.manifest(place, sandbox, wanted)
            run_to_the_end(place, manifest, fire)
            wanted = max(1, jobs // MORE) if fire.left else 0
        await_orphans(fire)
        with ledger_of(settings_of(place), alone=True) as ledger:
            judge(tally, sandbox, place, ledger, orders, allowed)
    return tally


def exact_points(jobs: int, points: Counter[str], seed: int, allowed: Allowed) -> Tally:
    """Workers alone, killed at each of these points so many times."""
    luck = random.Random(seed)
    tally, orders = Tally(), Orders()
    with (
        stormy_sandbox(seed + 1) as sandbox,
        desk(sandbox, **allowed.environment()) as place,
        ledger_of(settings_of(place), alone=True) as ledger,
    ):
        range_ = Range(place, settings_of(place), ledger, luck, tally, points.copy())
        order(range_, orders.manifest(place, sandbox, jobs))
        refills = MOST_REFILLS
        while range_.left and refills:
            if not kill_once(range_):
                order(range_, orders.manifest(place, sandbox, max(1, jobs // MORE)))
                refills -= 1
        tally.problems += [f"never reached: {name}" for name in range_.left]
        end(range_)
        judge(tally, sandbox, place, ledger, orders, allowed)
    return tally


def every_point(count: int) -> Counter[str]:
    """So many kills over all points, and at each of them at least one."""
    names = list(POINTS)
    return Counter(names[n % len(names)] for n in range(max(count, len(names))))
