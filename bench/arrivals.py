"""The batches of a day as they come: many at night, few and small by day."""

from dataclasses import dataclass
from random import Random

from jobs.pace.limits import Limits

#: Midnight of some day.
BEGIN_S = 1_800_057_600.0

HOUR_S, DAY_H, MINUTE_S = 3_600.0, 24, 60.0

#: Jobs of one batch at most.
_LARGEST = 50_000

#: By day a batch comes so often, of so many jobs.
_DAY_BATCH_EVERY_S = 1_800.0
_DAY_BATCH = (200, 2_000)


@dataclass(frozen=True, slots=True, order=True)
class Arrival:
    """A batch that comes."""

    at_s: float
    number: int
    jobs: int
    priority: int


def planned(
    hours: float, full_hours: float, limits: Limits, luck: Random
) -> list[Arrival]:
    """The batches of a day: enough for so many full hours from midnight, then few."""
    arrivals: list[tuple[float, int, int]] = []
    left = round(limits.videos_per_minute * MINUTE_S * full_hours)
    while left > 0:
        # All of them come in the first half, so that several wait at any time.
        at_s = luck.random() * full_hours * HOUR_S / 2
        count = min(left, luck.randint(_LARGEST // 50, _LARGEST))
        arrivals.append((at_s, count, luck.choice((1, 1, 1, 2, 5))))
        left -= count
    at_s = full_hours * HOUR_S
    while (at_s := at_s + luck.expovariate(1 / _DAY_BATCH_EVERY_S)) < hours * HOUR_S:
        arrivals.append((at_s, luck.randint(*_DAY_BATCH), luck.choice((1, 2, 5))))
    arrivals[:1] = [(0.0, *arrivals[0][1:])] if arrivals else []
    return [
        Arrival(BEGIN_S + at, n, *rest)
        for n, (at, *rest) in enumerate(sorted(arrivals))
    ]
