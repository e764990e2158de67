import math
import statistics

import pytest

from sandbox.faults import Faults
from sandbox.predictions import (
    COMPLETED,
    FATES,
    OUT_OF_REACH,
    Look,
    Prediction,
    draw_fate,
    draw_generation_s,
    is_flagged,
)
from sandbox.settings import Settings
from tests.sandbox.desk import V26


def prediction(look: Look | None = None) -> Prediction:
    return Prediction("i", 1, V26, {}, 210_000, 100.0, 105.0, 125.0, COMPLETED, look)


@pytest.mark.parametrize(
    ("now_s", "status"),
    [
        (100, "created"),
        (105.9, "created"),
        (106, "processing"),
        (124.9, "processing"),
        (125, "completed"),
        (1e9, "completed"),
    ],
)
def test_a_status_is_a_function_of_the_time(now_s: float, status: str) -> None:
    assert prediction().status(now_s).status == status


def test_it_is_not_over_while_its_picture_is_being_fetched() -> None:
    look = Look()
    waiting = prediction(look)
    assert waiting.status(200).status == "processing"
    look.done = True
    assert waiting.status(200).status == "completed"


def test_a_picture_out_of_reach_fails_it_with_1402() -> None:
    failed = prediction(Look(done=True, problem=OUT_OF_REACH)).status(200)
    assert (failed.status, failed.code, failed.refunded) == ("failed", 1402, True)


def test_a_deleted_one_says_so_at_once() -> None:
    deleted = prediction()
    deleted.deleted = True
    assert deleted.status(100).status == "deleted"


def test_times_are_log_normal_around_the_median_and_some_straggle() -> None:
    settings = Settings(generation_s=20, spread=0.3, stragglers=0.1)
    times_s = [draw_generation_s(settings, n) for n in range(1, 2001)]
    plain_s = [
        draw_generation_s(Settings(generation_s=20, spread=0.3), n)
        for n in range(1, 2001)
    ]
    assert statistics.median(plain_s) == pytest.approx(20, rel=0.05)
    spread = statistics.stdev(map(math.log, plain_s))
    assert spread == pytest.approx(0.3, rel=0.1)
    slow = [late / usual for late, usual in zip(times_s, plain_s, strict=True)]
    assert 140 < sum(ratio == pytest.approx(5) for ratio in slow) < 260


def test_the_same_seed_draws_the_same_times() -> None:
    one, other = Settings(seed=4), Settings(seed=5)
    times_s = [draw_generation_s(one, n) for n in range(20)]
    assert times_s == [draw_generation_s(one, n) for n in range(20)]
    assert times_s != [draw_generation_s(other, n) for n in range(20)]


@pytest.mark.parametrize("name", FATES)
def test_each_fault_of_an_outcome_gives_its_own_ending(name: str) -> None:
    faults = Faults()
    faults.set(name, "first 1")
    assert draw_fate(faults) == FATES[name]
    assert draw_fate(faults) == COMPLETED


@pytest.mark.parametrize(
    ("prompt", "word", "flagged"),
    [
        ("A Blood Orange sneaker", "blood", True),
        ("A deep orange sneaker", "blood", False),
        ("A Blood Orange sneaker", "", False),
    ],
)
def test_moderation_stumbles_over_the_word_that_is_set(
    prompt: str, word: str, *, flagged: bool
) -> None:
    assert is_flagged({"prompt": prompt}, word) is flagged
    assert not is_flagged({}, word)
