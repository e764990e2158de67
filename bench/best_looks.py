"""The least median lag that any spacing of looks can have, with so many looks at most.

Generation times are taken as known, so this bounds every way of learning them too. It
decides nothing; the ways themselves are compared in `bench.looks`.
"""

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

_NORMAL = NormalDist()

#: How much longer stragglers take.
SLOWER = 5.0

#: Looks stand on a grid of this many seconds, up to so many times the median.
GRID_S, LONGEST = 0.05, 15.0

#: Prices of a look, in shares of ends that are noticed in time.
PRICES = tuple(0.004 * 1.25**n for n in range(14))


@dataclass(frozen=True, slots=True)
class Times:
    """Log-normal generation times; a share of stragglers takes five times as long."""

    median_s: float
    spread: float
    stragglers: float

    def draw_s(self, luck: random.Random) -> float:
        """The time of one."""
        slow = SLOWER if luck.random() < self.stragglers else 1.0
        return slow * self.median_s * math.exp(self.spread * luck.gauss(0.0, 1.0))

    def over_by(self, at_s: float) -> float:
        """The share that is over by then."""
        if at_s <= 0:
            return 0.0
        score = math.log(at_s / self.median_s) / self.spread
        slow = _NORMAL.cdf(score - math.log(SLOWER) / self.spread)
        return (1 - self.stragglers) * _NORMAL.cdf(score) + self.stragglers * slow


def least_median_lag_s(times: Times, most_looks: float, poll_min_s: float) -> float:
    """No spacing with so few looks on average has a smaller median lag, to a grid step.

    Args:
        times: how long generations take.
        most_looks: looks for each job, on average.
        poll_min_s: no two looks at one job are closer than this.
    """
    low, high = 0, round(poll_min_s / GRID_S)
    while high - low > 1:
        middle = (low + high) // 2
        share = most_noticed(times, middle * GRID_S, most_looks, poll_min_s)
        low, high = (middle, high) if share < 1 / 2 else (low, middle)
    return low * GRID_S


def most_noticed(
    times: Times, lag_s: float, most_looks: float, poll_min_s: float
) -> float:
    """No spacing notices a larger share of ends with no more than this lag.

    Where every look costs a price, the best spacing is found backwards from the end.
    What is left of its gain, with the price of the looks that are allowed given back,
    bounds all spacings that take no more of them. So every price gives a bound, and
    the least counts.
    """
    cells = round(LONGEST * times.median_s / GRID_S)
    over = [times.over_by(cell * GRID_S) for cell in range(cells + 1)]
    # Looks between the cells are moved up to one; so a little more is granted them.
    window = round(lag_s / GRID_S) + 1
    gap = round(poll_min_s / GRID_S) - 1
    gains = [at - over[max(0, cell - window)] for cell, at in enumerate(over)]
    return min(_best(over, gains, gap, price) + price * most_looks for price in PRICES)


def _best(
    over: Sequence[float], gains: Sequence[float], gap: int, price: float
) -> float:
    """What the best spacing gains in noticed ends, less the price of its looks."""
    # The most that one can have whose next look is at a cell or later.
    later = [1 - over[-1]] * (len(over) + gap)
    for cell in range(len(over) - 1, 0, -1):
        # After a look here the next is paid for by those that still run.
        after = max(0.0, later[cell + gap] - price * (1 - over[cell]))
        later[cell] = max(later[cell + 1], gains[cell] + after)
    return later[1] - price
