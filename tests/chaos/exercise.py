"""The two forms of the exercise, from a fresh provider to the verdict."""

import random
from collections import Counter

from producer.local_server import ledger_of
from tests.chaos.command import Fire, await_orphans, kills, run_to_the_end
from tests.chaos.points import Range, end, kill_once, order, settings_of
from tests.chaos.provider import Allowed, Orders, stormy_sandbox
from tests.chaos.verdict import Tally, judge
from tests.producer.running import desk

#: Of the jobs, this share is ordered anew when they are over before the kills are.
MORE = 5

#: How often jobs are ordered anew for the sake of points not yet reached.
MAX_REFILLS = 8


def whole_command(jobs: int, count: int, seed: int, allowed: Allowed) -> Tally:
    """The command, with so many kills of every kind at random moments."""
    chance = random.Random(seed)
    tally, orders = Tally(), Orders()
    fire = Fire(chance, kills(count, chance), tally)
    with (
        stormy_sandbox(seed) as sandbox,
        desk(sandbox, **allowed.environment()) as place,
    ):
        wanted = jobs
        while wanted:
            run_to_the_end(place, orders.manifest(place, sandbox, wanted), fire)
            wanted = max(1, jobs // MORE) if fire.left else 0
        await_orphans(fire)
        with ledger_of(settings_of(place), alone=True) as ledger:
            judge(tally, sandbox, place, ledger, orders, allowed)
    return tally


def exact_points(jobs: int, points: Counter[str], seed: int, allowed: Allowed) -> Tally:
    """Workers alone, killed at each of these points so many times."""
    chance = random.Random(seed)
    tally, orders = Tally(), Orders()
    with (
        stormy_sandbox(seed + 1) as sandbox,
        desk(sandbox, **allowed.environment()) as place,
        ledger_of(settings_of(place), alone=True) as ledger,
    ):
        left = points.copy()
        range_ = Range(place, settings_of(place), ledger, chance, tally, left)
        order(range_, orders.manifest(place, sandbox, jobs))
        refills = MAX_REFILLS
        while left and refills:
            if not kill_once(range_):
                order(range_, orders.manifest(place, sandbox, max(1, jobs // MORE)))
                refills -= 1
        tally.problems += [f"never reached: {name}" for name in left]
        end(range_)
        judge(tally, sandbox, place, ledger, orders, allowed)
    return tally
