"""The first minutes with reelmill: what is missing is named, and what to do next."""

import re
from collections.abc import Iterator

import pytest

from tests.producer.running import Desk, desk


@pytest.fixture
def empty() -> Iterator[Desk]:
    """An empty folder, and an environment that knows nothing of reelmill."""
    with desk() as place:
        place.environment = {"PATH": place.environment["PATH"]}
        yield place


def test_each_step_of_a_beginner_names_the_next_one(empty: Desk) -> None:
    begun = empty.here()
    assert "Begin with reelmill demo, which needs no key" in begun.out

    nothing = empty.here("check", "products.yaml")
    assert nothing.code == 2
    assert "let reelmill init write one to begin with" in nothing.out
    written = empty.here("init")
    assert written.out == "products.yaml written\n"
    (command,) = re.findall(r"reelmill (check .*?) says", written.err)
    checked = empty.here(*command.split())
    (command,) = re.findall(r"reelmill (price \S+)", checked.out)
    priced = empty.here(*command.split(), "--no-look")
    assert priced.code == 0
    assert "REELMILL_TIER is not set, so the limits of Bronze are kept" in priced.out
    told = empty.here(*command.split(), "--no-look", REELMILL_TIER="gold")
    assert "is not set, so the limits" not in told.out

    run = empty.here("run", "products.yaml")
    assert run.code == 2
    assert "WAVESPEED_API_KEY is not set" in run.err
    assert "reelmill demo shows everything without a key" in run.err


def test_whoever_looks_before_there_is_anything_is_told_what_makes_it(
    empty: Desk,
) -> None:
    for words in ("list", "show", "report", "collect"):
        said = empty.here(words).err
        assert "there is no batch yet" in said
        assert "reelmill run MANIFEST makes one" in said
    doctor = empty.here("doctor")
    assert doctor.code == 0
    assert (
        "WAVESPEED_API_KEY is not set; set it to render, reelmill demo needs none"
        in doctor.out
    )
