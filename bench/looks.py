"""How often to look against how late an end is noticed: spacings side by side.

Generation times are drawn, and nothing is sent: each way of spacing looks says when it
would look, and what follows is counted. Ours are the product's own functions, taught by
nothing but their own looks. What is best possible stands in `bench.best_looks`.
"""

import argparse
import random
from bisect import bisect_left
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import accumulate, count, repeat
from statistics import fmean
from typing import Any

from bench.best_looks import Times, least_median_lag_s
from bench.plots import COLOURS, panels, svg
from bench.results import Cell, Page, Table
from jobs.ledger.times import KEPT
from jobs.pace.poll_schedule import PollSchedule

#: What the provider asks for, for videos.
POLL_MIN_S = 5.0

#: What the catalogue says of the model that most use; right for none of the medians.
TYPICAL_S = 90.0

MEDIANS_S = (20.0, 60.0, 120.0)
SPREADS = (0.2, 0.35, 0.5)
STRAGGLERS = 0.05

EVEN_S = (5.0, 6.0, 8.0, 10.0, 15.0, 20.0)

#: First looks are spread by luck; so many of them stand for all.
PHASES = 50

#: Jobs that a schedule is kept for while it is taught.
KEPT_FOR = 100

UNTAUGHT, TAUGHT, HALF = "ours, untaught", "ours, taught", "every 5 s"

#: When a way looks at one prediction, without end; luck may spread its looks.
Way = Callable[[float], Iterator[float]]

#: Looks at one job, and the lag of the last in seconds.
Found = tuple[int, float]


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add what can be chosen for this question."""
    parser.add_argument("--jobs", type=int, default=20_000, help="jobs of each setting")
    parser.add_argument(
        "--taught-by", type=int, default=2_000, help="jobs before any is counted"
    )
    parser.add_argument("--median-s", type=float, nargs="+", default=MEDIANS_S)
    parser.add_argument("--spread", type=float, nargs="+", default=SPREADS)
    parser.add_argument("--seed", type=int, default=7, help="the same draws the same")
    parser.add_argument(
        "--best", action=argparse.BooleanOptionalAction, default=True,
        help="also what no spacing can do better",
    )  # fmt: skip


def answer(asked: argparse.Namespace) -> dict[str, object]:
    """Look at drawn generations in every way, and count."""
    settings = [
        _setting(Times(median_s, spread, STRAGGLERS), asked)
        for median_s in asked.median_s
        for spread in asked.spread
    ]
    return {
        "question": "looks for each job against lag from completed to noticed",
        "jobs": asked.jobs,
        "taught_by": asked.taught_by,
        "seed": asked.seed,
        "poll_min_s": POLL_MIN_S,
        "typical_s": TYPICAL_S,
        "stragglers": STRAGGLERS,
        "settings": settings,
    }


def _setting(times: Times, asked: argparse.Namespace) -> dict[str, object]:
    # Drawn for itself, so that a setting is the same alone and among others.
    luck = random.Random(f"{asked.seed} {times}")  # noqa: S311 - times must repeat by the seed; no secret
    drawn_s = [times.draw_s(luck) for _ in range(asked.jobs)]
    teaching_s = [times.draw_s(luck) for _ in range(asked.taught_by)]
    ways: dict[str, Way] = {f"every {gap_s:g} s": even(gap_s) for gap_s in EVEN_S}
    ways["2, 4, 8 … 60 s"] = growing(2.0, 2.0)
    ways["5 s and half more each"] = growing(POLL_MIN_S, 1.5)
    ways[UNTAUGHT] = ours(PollSchedule.of((), TYPICAL_S, POLL_MIN_S))
    found = {name: counted(looked(way, drawn_s)) for name, way in ways.items()}
    found[TAUGHT] = counted(taught([*teaching_s, *drawn_s], luck)[asked.taught_by :])
    half = found[HALF]["looks"] / 2
    best = {"looks": half, "lag_p50_s": least_median_lag_s(times, half, POLL_MIN_S)}
    return {
        "median_s": times.median_s,
        "spread": times.spread,
        "ways": found,
        "best": best if asked.best else None,
    }


def even(gap_s: float) -> Way:
    """A look every so many seconds."""
    return lambda _: accumulate(repeat(gap_s))


def growing(first_s: float, factor: float) -> Way:
    """Each wait longer than the one before, up to a minute."""
    return lambda _: accumulate(min(60.0, first_s * factor**n) for n in count())


def ours(schedule: PollSchedule) -> Way:
    """The product's way."""

    def looks_s(luck: float) -> Iterator[float]:
        at_s = schedule.first_s(luck)
        while True:
            yield at_s
            at_s += schedule.next_s(at_s)

    return looks_s


def taught(drawn_s: Sequence[float], luck: random.Random) -> list[Found]:
    """Looks at these in turn, and learns from them as it goes."""
    newest: deque[float] = deque(maxlen=KEPT)
    found = []
    for number, ends_s in enumerate(drawn_s):
        if number % KEPT_FOR == 0:
            schedule = PollSchedule.of(newest, TYPICAL_S, POLL_MIN_S)
        looks_s = _until(ours(schedule)(luck.random()), ends_s)
        seen_s = looks_s[-1]
        newest.append(schedule.took_s(seen_s, len(looks_s) - 1, None, luck.random()))
        found.append((len(looks_s), seen_s - ends_s))
    return found


def looked(way: Way, drawn_s: Sequence[float]) -> list[Found]:
    """Looks at these in one way, with the luck of some standing for that of all."""
    longest_s = max(drawn_s)
    phases = [_until(way((n + 0.5) / PHASES), longest_s) for n in range(PHASES)]
    found = []
    for number, ends_s in enumerate(drawn_s):
        looks_s = phases[number % PHASES]
        finds = bisect_left(looks_s, ends_s)
        found.append((finds + 1, looks_s[finds] - ends_s))
    return found


def counted(found: Sequence[Found]) -> dict[str, float]:
    """Looks for each job, and the lag of the look that finds the end."""
    lags_s = sorted(lag_s for _, lag_s in found)
    return {
        "looks": round(fmean(looks for looks, _ in found), 3),
        "lag_p50_s": round(lags_s[len(lags_s) // 2], 3),
        "lag_mean_s": round(fmean(lags_s), 3),
        "lag_p95_s": round(lags_s[len(lags_s) * 95 // 100], 3),
        "lag_max_s": round(lags_s[-1], 3),
    }


def _until(looks_s: Iterator[float], ends_s: float) -> list[float]:
    """The looks up to the first that is not before the end."""
    taken_s = [next(looks_s)]
    while taken_s[-1] < ends_s:
        taken_s.append(next(looks_s))
    return taken_s


def page(numbers: Mapping[str, Any]) -> Page:
    """Tables, and the trade-off as plots."""
    return Page(
        "Looks against lag",
        [_summary(numbers), *map(_table, numbers["settings"])],
        notes=_notes(numbers),
        plots={
            "": _plot(numbers["settings"], "lag_p50_s", "median lag, s"),
            "-p95": _plot(numbers["settings"], "lag_p95_s", "lag of 95 %, s"),
        },
    )


def _notes(numbers: Mapping[str, Any]) -> list[str]:
    least = f"{numbers['poll_min_s']:g} s"
    drawn = (
        f"{numbers['jobs']:,} drawn generations in each setting, log-normal; "
        f"{numbers['stragglers']:.0%} take five times as long. Nothing is sent: a look "
        "takes no time and always gets an answer."
    )
    counted = (
        "Looks: requests until the one that finds the end, that one included. Lag: "
        "from the end to that look."
    )
    product = (
        f"Ours never looks twice within {least}. Untaught it knows the catalogue's "
        f"{numbers['typical_s']:g} s alone. Taught, it learns from its own looks all "
        f"the while, and the provider says nothing of times; the first "
        f"{numbers['taught_by']:,} jobs are not counted."
    )
    best = (
        f"Best possible: no spacing with as few looks, none of them within {least} of "
        "another, has a smaller median lag, even one that knows how times are spread."
    )
    return [drawn, counted, product, best]


def _summary(numbers: Mapping[str, Any]) -> Table:
    rows: list[Sequence[Cell]] = []
    for setting in numbers["settings"]:
        ours_, fixed = setting["ways"][TAUGHT], setting["ways"][HALF]
        best = setting["best"] or {"lag_p50_s": None}
        rows.append(
            (
                f"{setting['median_s']:g} s, {setting['spread']:g}",
                round(ours_["looks"] / fixed["looks"], 3),
                ours_["lag_p50_s"],
                fixed["lag_p50_s"],
                best["lag_p50_s"],
            )
        )
    columns = (
        "median, spread",
        "looks against every 5 s",
        "median lag, s",
        "of every 5 s",
        "best possible with half its looks",
    )
    return Table("Ours, taught, against a look every 5 s", columns, rows)


def _table(setting: Mapping[str, Any]) -> Table:
    columns = ("way", "looks a job", "lag p50 s", "mean s", "p95 s", "max s")
    rows = [(name, *found.values()) for name, found in setting["ways"].items()]
    title = f"Median {setting['median_s']:g} s, spread {setting['spread']:g}"
    return Table(title, columns, rows)


def _plot(settings: Sequence[Mapping[str, Any]], lag: str, label: str) -> bytes:
    spreads = sorted({setting["spread"] for setting in settings})
    middle = spreads[len(spreads) // 2]
    shown = [setting for setting in settings if setting["spread"] == middle]
    figure, axes = panels(len(shown), width_in=11.0)
    for axis, setting in zip(axes, shown, strict=True):
        ways = dict(setting["ways"])
        fixed = [ways.pop(f"every {gap_s:g} s") for gap_s in EVEN_S]
        looks = [found["looks"] for found in fixed]
        axis.plot(looks, [f[lag] for f in fixed], "o-", color=COLOURS[0], ms=4)
        for gap_s, found in zip(EVEN_S, fixed, strict=True):
            at = found["looks"], found[lag]
            axis.annotate(
                f"every {gap_s:g} s",
                at,
                (3, 5),
                textcoords="offset points",
                fontsize=7,
                rotation=30,
            )
        marks = zip("sD^*", COLOURS[1:], ways.items(), strict=False)
        for mark, colour, (name, found) in marks:
            axis.plot(found["looks"], found[lag], mark, color=colour, ms=8, label=name)
        if setting["best"] and lag in setting["best"]:
            best = setting["best"]
            axis.plot(best["looks"], best[lag], "_", color="black", ms=14,
                      label="best possible there")  # fmt: skip
        axis.set_title(f"median {setting['median_s']:g} s, spread {setting['spread']}")
        axis.set_xlabel("looks for each job")
        axis.set_xlim(0, 1.2 * looks[0])
        axis.set_ylim(bottom=0)
    axes[0].set_ylabel(label)
    axes[0].legend(fontsize=7)
    return svg(figure)
