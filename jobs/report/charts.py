"""The drawings of a report's page: when work began and ran, and how long videos took.

It turns numbers of the document into SVG without words and without styles; what they
mean is told beside them, in text that a narrow screen and a screen reader can use, and
their colours stand in `page.css`. It decides scales, and computes no figure anew but
the sums and rates that an axis needs.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any, NamedTuple

from markupsafe import Markup

#: Units that every drawing is wide and high; the page stretches them.
WIDE, HIGH = 720, 120

#: A limit further above the most than this is told and not drawn: what was reached
#: would be flat.
_FAR = 4.0

#: Lines of the table that tells a timeline in numbers.
_MOST_LINES = 24

_MINUTE_S = 60.0

#: What takes this many times longer than nine in ten would press all others together.
_STRAGGLING = 2.0


@dataclass(frozen=True, slots=True)
class Course:
    """One curve over the time of a batch."""

    title: str
    values: Sequence[float]
    #: What the account allows at most; None where it is not known.
    limit: int | None = None
    #: What it came to, in words; a curve of means has its own highest value.
    note: str = ""

    @property
    def most(self) -> float:
        """The highest value."""
        return max(self.values, default=0)

    @property
    def limit_is_drawn(self) -> bool:
        """Whether the limit is near enough to be seen beside the values."""
        return self.limit is not None and self.limit <= _FAR * self.most

    def drawn(self) -> Markup:
        """The curve as steps, with the limit as a line above it."""
        top = max(self.most, (self.limit or 0) if self.limit_is_drawn else 0) * 1.08
        line = Markup("")
        if self.limit_is_drawn:
            y = _number(HIGH - HIGH * (self.limit or 0) / top)
            line = Markup('<path class="limit" d="M0 {}H{}"/>').format(y, WIDE)
        return _svg(_steps(self.values, top or 1) + line)


def courses(
    timeline: Mapping[str, Any], limits: Mapping[str, Any] | None
) -> list[Course]:
    """Starts in any minute, how many ran at once, and how many were over by then."""
    allowed = limits or {}
    starts = in_a_minute(timeline["starts"], timeline["every_s"])
    mean = timeline["every_s"] > _MINUTE_S
    title = "Started in a minute, on average" if mean else "Started in a minute"
    most = f"at most {timeline['most_in_a_minute']:,} in 60 s"
    running, finished = timeline["running"], list(accumulate(timeline["finished"]))
    at_once = allowed.get("concurrent_videos")
    return [
        Course(title, starts, allowed.get("videos_per_minute"), most),
        Course("Running at once", running, at_once, f"at most {max(running):,}"),
        Course("Finished so far", finished, note=f"{finished[-1]:,} in all"),
    ]


def in_a_minute(starts: Sequence[int], every_s: float) -> list[float]:
    """Starts of the minute that ends with each step; the mean of longer steps.

    >>> in_a_minute([2, 3, 1], 30), in_a_minute([240], 120)
    ([2, 5, 4], [120.0])
    """
    if every_s >= _MINUTE_S:
        return [round(n * _MINUTE_S / every_s, 1) for n in starts]
    span = int(_MINUTE_S // every_s)
    sums = [0, *accumulate(starts)]
    return [sums[n] - sums[max(0, n - span)] for n in range(1, len(sums))]


def table(timeline: Mapping[str, Any]) -> list[tuple[float, int, int, int]]:
    """The timeline in few lines: second since its start, starts, most at once, over."""
    steps = len(timeline["starts"])
    wide = -(-steps // _MOST_LINES) or 1
    return [
        (
            at * timeline["every_s"],
            sum(timeline["starts"][at : at + wide]),
            max(timeline["running"][at : at + wide], default=0),
            sum(timeline["finished"][at : at + wide]),
        )
        for at in range(0, steps, wide)
    ]


def reach_s(times: Sequence[Mapping[str, Any]]) -> float:
    """The end of an axis that all kinds share; stragglers far behind are not on it."""
    ends = (min(kind["longest_s"], _STRAGGLING * kind["p90_s"]) for kind in times)
    return max(ends, default=0) or 1.0


def spread(times: Mapping[str, Any], until_s: float) -> Markup:
    """How often videos of a kind took how long: bars, and its median and 90 %.

    A bar's area is its count, so that a bin which is wider than others looks no fuller.
    """
    scale = WIDE / until_s
    bars = _bars(times["bins"], times["p50_s"])
    densest = max((bar.density for bar in bars), default=0) or 1
    drawn = Markup("").join(
        _rect(
            bar.left_s * scale,
            (min(bar.right_s, until_s) - bar.left_s) * scale,
            max(2.0, HIGH * 0.96 * bar.density / densest),
        )
        for bar in bars
        if bar.density and bar.left_s < until_s
    )
    for name in ("p50", "p90"):
        at = _number(min(times[f"{name}_s"], until_s) * scale)
        drawn += Markup('<path class="{}" d="M{} 0V{}"/>').format(name, at, HIGH)
    return _svg(drawn)


class _Bar(NamedTuple):
    left_s: float
    right_s: float
    density: float


def _bars(bins: Sequence[Mapping[str, Any]], median_s: float) -> list[_Bar]:
    """Bins with both their bounds; the first is as wide as the next."""
    bounds = [each["up_to_s"] for each in bins]
    alone_s = min(bounds[0] * 0.95, median_s)
    first_s = alone_s if len(bounds) == 1 else 2 * bounds[0] - bounds[1]
    lefts = [max(0.0, first_s), *bounds[:-1]]
    return [
        _Bar(left, right, each["count"] / ((right - left) or 1))
        for left, right, each in zip(lefts, bounds, bins, strict=True)
    ]


def _rect(x: float, wide: float, high: float) -> Markup:
    return Markup('<rect x="{}" y="{}" width="{}" height="{}"/>').format(
        _number(x + 1), _number(HIGH - high), _number(max(wide - 2, 1)), _number(high)
    )


def shares(parts: Sequence[tuple[str, int]]) -> Markup:
    """Parts of a whole side by side, each of the class that it is named."""
    whole = sum(share for _, share in parts) or 1
    drawn, x = Markup(""), 0.0
    for name, share in parts:
        wide = WIDE * share / whole
        drawn += Markup(
            '<rect class="{}" x="{}" y="0" width="{}" height="{}"/>'
        ).format(name, _number(x), _number(wide), HIGH)
        x += wide
    return _svg(drawn)


def _steps(values: Sequence[float], top: float) -> Markup:
    """A filled curve that keeps each value for the whole of its step."""
    wide = WIDE / (len(values) or 1)
    points = "".join(
        f"V{_number(HIGH - HIGH * value / top)}H{_number((n + 1) * wide)}"
        for n, value in enumerate(values)
    )
    area = Markup('<path class="area" d="M0 {0}{1}V{0}Z"/>').format(HIGH, points)
    return area + Markup('<path class="edge" d="M0 {}{}"/>').format(HIGH, points)


def _svg(drawn: Markup) -> Markup:
    return Markup(
        '<svg viewBox="0 0 {} {}" preserveAspectRatio="none" aria-hidden="true"'
        ' focusable="false">{}</svg>'
    ).format(WIDE, HIGH, drawn)


def _number(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")
