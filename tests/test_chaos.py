"""The short form of `make chaos`: no row is paid twice, and no video is lost."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.chaos.deaths import POINTS
from tests.chaos.exercise import exact_points, whole_command
from tests.chaos.provider import Allowed
from tests.chaos.verdict import Tally

SEED = 11
ALLOWED = Allowed(60, 12)

#: Between all steps of the paid request, and between those of the video.
SHORT = (
    *("reserved", "claimed", "on its way", "answered", "found lost"),
    *("completed", "downloaded", "provenance kept"),
)


# Its own ends of waiting add up to more than a test is given otherwise.
@pytest.mark.timeout(420)
def test_whoever_is_killed_wherever_no_row_is_paid_twice_and_no_video_lost() -> None:
    # Side by side, for both mostly wait; each has a provider and a home of its own.
    with ThreadPoolExecutor() as pool:
        command = pool.submit(whole_command, 40, 1, SEED, ALLOWED)
        points = pool.submit(exact_points, 40, Counter(SHORT), SEED, ALLOWED)
        all_is_well(command.result())
        all_is_well(points.result())
    assert sum(command.result().kills.values()) >= 4
    assert points.result().kills == Counter(SHORT)


def all_is_well(tally: Tally) -> None:
    assert tally.problems == []
    assert tally.figures["rows paid twice"] == 0
    assert tally.figures["videos lost"] == 0
    assert tally.audits > 1


@pytest.mark.parametrize("name", POINTS)
def test_every_point_is_a_method_that_exists(name: str) -> None:
    assert callable(getattr(POINTS[name].owner, POINTS[name].method))
