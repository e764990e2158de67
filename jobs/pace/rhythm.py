"""When to look at a prediction, from how long earlier ones of its kind took.

A look costs the provider and us a request, and a gap costs the time that an end goes
unnoticed. So looks are close where an end is likely and far apart where it is not. It
waits for nothing itself; waits that do not hang on generation times stand in `waits`,
and what a rhythm means for slots in `occupancy`.
"""

import math
from bisect import bisect_right
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from operator import mul, sub

from jobs.moves import LONGEST_GENERATION_S

#: Two looks are at most this far apart, so that an end is never noticed much later.
LONGEST_LOOK_S = 60.0

#: Nor further apart than this share of the time generated so far, whatever was learnt:
#: the provider may be quicker tonight, and a person may know it (a set first look).
LOOK_SHARE = 0.2

#: The first look is never later than this.
LATEST_FIRST_LOOK_S = 300.0

#: Looks for each prediction that are aimed at, of those that one as often as allowed
#: would take: half, less what the longest gaps below add.
AIM = 0.45

#: Looks are as close as they may be where this share of them, or more, finds an end.
#: It is set by the aim, within these: more closely would find next to nothing, and less
#: would leave short generations waiting for longer than they take.
LEAST_WORTH, MOST_WORTH = 0.05, 0.15

#: Halvings of what lies between, on a scale of factors.
_HALVINGS = 10

#: How much looks thin out where ends are less likely: they go with this power of the
#: likelihood. With a half the mean lag is the least for as many looks, with more the
#: median: fewer stragglers are waited for closely, and so more of the rest.
THINNING = 0.75

#: First looks are spread over this many looks, so that jobs that were started at one
#: moment are not looked at in one.
FIRST_SPREAD = 0.5

#: What is known before anything is learnt counts as so many finished generations.
DOUBT = 5.0

#: How far times may be off the middle that is expected, as the scale of a log-logistic
#: distribution: half of them lie within 1.4 times the middle. Its ends are heavy, so
#: nothing is ever taken to be impossible.
DOUBT_SPREAD = 0.33

#: Step of the table, of the logarithm of time.
STEP = 0.05

#: Nothing generates quicker; keeps logarithms finite.
SHORTEST_S = 0.01

#: Spread of the smoothing for one time, in units of the times' own spread, as is usual
#: for a bell; half of a bell lies less than 0.674 spreads from its middle.
_SMOOTHING, _QUARTER = 1.06, 0.674

#: Smoothing reaches so many of its spreads.
_REACH = 3.5


@dataclass(frozen=True, slots=True)
class Rhythm:
    """When to look at predictions of one model and duration: a table, asked often."""

    #: Least seconds between two looks.
    poll_min_s: float
    #: Seconds of generation, ascending from 0.
    marks_s: tuple[float, ...]
    #: Looks that are worth it by each mark, ascending from 0.
    looks: tuple[float, ...]

    @classmethod
    def of(
        cls, learnt_s: Sequence[float], typical_s: float, poll_min_s: float
    ) -> "Rhythm":
        """The rhythm by what is known of generation times.

        Args:
            learnt_s: those of finished predictions, in any order.
            typical_s: what the catalogue expects; a guess, counted as `DOUBT` of them.
            poll_min_s: least seconds between two looks.
        """
        edges = _edges(poll_min_s)
        low, high = edges[0], edges[-1]
        times = sorted(min(high, max(low, _log(time_s))) for time_s in learnt_s)
        expected = min(high, max(low, _log(typical_s)))
        if times:
            middle = times[len(times) // 2]
            weight = len(times) / (len(times) + DOUBT)
            expected += weight * (middle - expected)
        doubted = [
            DOUBT / (1 + math.exp((at - expected) / DOUBT_SPREAD)) for at in edges
        ]
        ends = [before - after for before, after in pairwise(doubted)]
        _smooth_in(ends, times, low)
        return cls(poll_min_s, *_table(edges, ends, doubted[-1], poll_min_s))

    def first_s(self, luck: float) -> float:
        """Seconds from acceptance to the first look; luck spreads it."""
        at_s = self._at_s(1 + FIRST_SPREAD * (luck - 0.5))
        return max(self.poll_min_s, min(at_s, LATEST_FIRST_LOOK_S))

    def next_s(self, generating_s: float) -> float:
        """Seconds to the next look at what has been generating so long."""
        next_look = self._by(generating_s) + 1
        # What generates longer than all that the table knows is looked at now and then.
        ends = next_look > self.looks[-1]
        gap_s = math.inf if ends else self._at_s(next_look) - generating_s
        gap_s = min(gap_s, LOOK_SHARE * generating_s, LONGEST_LOOK_S)
        return max(self.poll_min_s, gap_s)

    def before_s(self, seen_s: float, *, is_first: bool) -> float:
        """When the look before was, of a look after so long; by and large.

        Args:
            seen_s: seconds of generation at the look.
            is_first: no look was before. Then half of the time stands for it: an end
                may have come any time before, and that times have become shorter is
                only learnt if shorter ones than the first look are believed.
        """
        return seen_s / 2 if is_first else max(0.0, seen_s - self.next_s(seen_s))

    def _by(self, at_s: float) -> float:
        """Looks that are worth it by then."""
        return _between(self.marks_s, self.looks, at_s)

    def _at_s(self, looks: float) -> float:
        """When so many looks are worth it."""
        return _between(self.looks, self.marks_s, looks)


def took_s(
    seen_s: float, since_s: float, inference_s: float | None, luck: float
) -> float:
    """How long a generation took that was seen to be over.

    A look finds an end somewhere after the look before it. Of several such looks each
    takes a place between the two by luck, so that together they are as spread as the
    ends are; the moment of the look itself would make all times too long, and what is
    learnt from that would make the next looks later still.

    Args:
        seen_s: seconds of generation at the look that found it over.
        since_s: at the last look that found it running.
        inference_s: what the provider says, if it does. Time in its queue is not in
            it, so it may lie before the last look that found it running.
        luck: a number in [0, 1).
    """
    seen_s = max(0.0, seen_s)
    since_s = min(max(0.0, since_s), seen_s)
    if inference_s is not None and since_s <= inference_s <= seen_s:
        return inference_s
    return since_s + luck * (seen_s - since_s)


def _edges(poll_min_s: float) -> list[float]:
    """The cells of the table: logarithms of time, from less than the least wait on."""
    low = _log(poll_min_s / 4)
    steps = math.ceil((math.log(LONGEST_GENERATION_S) - low) / STEP)
    return [low + STEP * step for step in range(steps + 1)]


def _log(time_s: float) -> float:
    return math.log(max(time_s, SHORTEST_S))


def _smooth_in(ends: list[float], times: Sequence[float], low: float) -> None:
    """Add these times to the cells, each with a bell around it."""
    if not times:
        return
    spread = _SMOOTHING * _spread(times) * len(times) ** -0.2
    steps = max(1.0, spread / STEP)
    reach = math.ceil(_REACH * steps)
    bell = [math.exp(-0.5 * (off / steps) ** 2) for off in range(-reach, reach + 1)]
    whole, last = sum(bell), len(ends) - 1
    for cell, count in Counter(int((at - low) / STEP) for at in times).items():
        for place, part in enumerate(bell, cell - reach):
            ends[min(last, max(0, place))] += count * part / whole


def _spread(times: Sequence[float]) -> float:
    """The spread of the half that lies closest together.

    A few odd times do not change it, nor does a second kind of times far away.
    """
    half = (len(times) - 1) // 2
    closest: float = min(map(sub, times[half:], times))
    return closest / (2 * _QUARTER)


def _table(
    edges: Sequence[float], ends: Sequence[float], beyond: float, poll_min_s: float
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """The times of the edges, and the looks that are worth it by each."""
    edges_s = [math.exp(at) for at in edges]
    spans_s = [to_s - from_s for from_s, to_s in pairwise(edges_s)]
    after = [*accumulate(reversed(ends), initial=beyond)][-2::-1]
    # How many run in the middle of a cell, and of these how many end until a look could
    # follow.
    running = [left + ended / 2 for left, ended in zip(after, ends, strict=True)]
    found = [
        poll_min_s * ended / run / span_s
        for ended, run, span_s in zip(ends, running, spans_s, strict=True)
    ]
    lasting_s = [run * span_s for run, span_s in zip(running, spans_s, strict=True)]
    worth = _worth(found, lasting_s)
    shares = [_share(each, worth) for each in found]
    marks_s = (0.0, *edges_s)
    looks = (
        share * (to_s - from_s) / poll_min_s
        for share, (from_s, to_s) in zip(
            (shares[0], *shares), pairwise(marks_s), strict=True
        )
    )
    return marks_s, tuple(accumulate(looks, initial=0.0))


def _worth(found: Sequence[float], lasting_s: Sequence[float]) -> float:
    """Of looks that are worth it how many find an end, so that the aim is met."""
    most = AIM * sum(lasting_s)
    low, high = LEAST_WORTH, MOST_WORTH
    for _ in range(_HALVINGS):
        middle = math.sqrt(low * high)
        shares = (_share(each, middle) for each in found)
        looks = sum(map(mul, shares, lasting_s))
        low, high = (middle, high) if looks > most else (low, middle)
    return high


def _share(found: float, worth: float) -> float:
    """Of the looks that there may be, how many there are where they find so many."""
    return math.pow(min(1.0, found / worth), THINNING)


def _between(xs: Sequence[float], ys: Sequence[float], x: float) -> float:
    """The value at x of the line through these points; constant beyond its ends."""
    right = bisect_right(xs, x)
    if right == len(xs):
        return ys[-1]
    if right == 0:
        return ys[0]
    left = right - 1
    return ys[left] + (x - xs[left]) / (xs[right] - xs[left]) * (ys[right] - ys[left])
