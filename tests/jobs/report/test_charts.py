"""The drawings of a report stay on their canvas and show what was counted."""

from typing import Any
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.report.charts import (
    HIGH,
    WIDE,
    Course,
    courses,
    reach_s,
    spread,
    table,
)

counts = st.lists(st.integers(0, 10_000), min_size=1, max_size=240)
steps = st.sampled_from([1, 2, 5, 7.5, 30, 60, 61, 3_600])


def timeline(starts: list[int], every_s: float, most: int = 0) -> dict[str, Any]:
    same = {"starts": starts, "running": starts, "finished": starts}
    return {"every_s": every_s, "most_in_a_minute": most, **same}


def numbers(svg: str) -> list[tuple[float, float]]:
    """Where the corners of all that is drawn are."""
    corners: list[tuple[float, float]] = []
    for shape in ET.fromstring(svg):  # noqa: S314 - of our own making
        at = shape.attrib
        if shape.tag == "rect":
            x, y, wide, high = (float(at[n]) for n in ("x", "y", "width", "height"))
            corners += [(x, y), (x + wide, y + high)]
        else:
            for word in (
                at["d"].replace("Z", "").replace("H", " H").replace("V", " V").split()
            ):
                value = float(word.lstrip("MHV"))
                across = word.startswith(("M", "H"))
                corners.append((value, 0) if across else (0, value))
    return corners


def on_canvas(svg: str) -> bool:
    return all(0 <= x <= WIDE + 1 and 0 <= y <= HIGH + 0.1 for x, y in numbers(svg))


@given(counts, steps)
def test_a_timeline_is_drawn_within_its_canvas(
    starts: list[int], every_s: float
) -> None:
    line = timeline(starts, every_s)
    for limits in (None, {"videos_per_minute": 60, "concurrent_videos": 1}):
        drawn = courses(line, limits)
        assert [course.title for course in drawn][-1] == "Finished so far"
        assert drawn[-1].most == sum(starts)
        assert all(on_canvas(course.drawn()) for course in drawn)


@pytest.mark.parametrize(
    ("every_s", "title"),
    [(15, "Started in a minute"), (300, "Started in a minute, on average")],
)
def test_the_most_starts_are_those_of_any_minute_and_longer_steps_tell_a_mean(
    every_s: int, title: str
) -> None:
    course, running, finished = courses(timeline([500, 40], every_s, 1_060), None)
    assert (course.title, course.note) == (title, "at most 1,060 in 60 s")
    assert (running.note, finished.note) == ("at most 500", "540 in all")


@given(counts, steps)
def test_the_table_has_every_start_in_few_lines(
    starts: list[int], every_s: float
) -> None:
    lines = table(timeline(starts, every_s))
    assert 1 <= len(lines) <= 24
    assert sum(started for _, started, _, _ in lines) == sum(starts)
    assert max(running for _, _, running, _ in lines) == max(starts)


@pytest.mark.parametrize(("limit", "is_drawn"), [(40, True), (41, False)])
def test_a_limit_is_drawn_where_it_can_be_seen_beside_the_values(
    limit: int | None, *, is_drawn: bool
) -> None:
    course = Course("Running at once", [3, 10, 2], limit)
    assert course.limit_is_drawn == is_drawn
    assert ('class="limit"' in course.drawn()) == is_drawn


def times(bounds: list[float], tallies: list[int], p90_s: float) -> dict[str, Any]:
    bins = [
        {"up_to_s": bound, "count": count}
        for bound, count in zip(bounds, tallies, strict=True)
    ]
    return {"bins": bins, "p50_s": p90_s / 2, "p90_s": p90_s, "longest_s": bounds[-1]}


@given(st.lists(st.integers(0, 500), min_size=1, max_size=25), st.floats(1, 900))
def test_times_are_drawn_within_their_canvas(
    tallies: list[int], width_s: float
) -> None:
    bounds = [width_s * (n + 5) for n in range(len(tallies))]
    kind = times(bounds, tallies, bounds[-1])
    drawn = spread(kind, reach_s([kind]))
    assert on_canvas(drawn)
    assert drawn.count("<rect") == sum(1 for count in tallies if count)
