"""What looks teach: bounded by looks, told together, a few of many."""

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from jobs.answers import Completed
from jobs.job import Job
from jobs.ledger import Ledger, connect
from jobs.pace.rhythm import Rhythm
from jobs.records import Attempt, JobRecord
from jobs.states import State
from tests.producer.running import quick_sandbox
from tests.sandbox.running import RunningSandbox
from tests.worker.workshop import workshop
from worker.lessons import MOST_REMEMBERED, MOST_TOLD, TOLD_EVERY_S, Lessons

KIND = ("model", 5)
RHYTHM = Rhythm.of([60.0] * 50, 90.0, 5.0)
SEEN = Completed(("https://x/1.mp4",))

JOB = Job(id="a", line=2, model="model", inputs={}, price_usd_micros=1, key="a.mp4")
RECORD = JobRecord(
    JOB, State.GENERATING, (Attempt(1, 0.0, "generating", 1, prediction_id="p"),)
)


@pytest.fixture(scope="module")
def sandbox() -> Iterator[RunningSandbox]:
    with quick_sandbox(generation_s=0.2) as running:
        yield running


def told(lessons: Lessons, now_s: float = 0.0) -> list[float]:
    return list(lessons.to_tell(now_s).get(KIND, []))


def test_an_end_lies_after_the_last_look_that_found_it_running() -> None:
    lessons = Lessons()
    lessons.is_running("p", 50.0)
    lessons.is_running("p", 57.0)
    lessons.learn(KIND, RECORD, SEEN, 63.0, RHYTHM)
    (took_s,) = told(lessons)
    assert 57.0 <= took_s <= 63.0


def test_the_word_of_the_provider_is_better() -> None:
    lessons = Lessons()
    lessons.learn(KIND, RECORD, replace(SEEN, inference_s=41.0), 63.0, RHYTHM)
    assert told(lessons) == [41.0]


def test_a_first_look_that_finds_the_end_says_that_times_may_be_shorter() -> None:
    lessons = Lessons()
    lessons.learn(KIND, RECORD, SEEN, 60.0, RHYTHM)
    (took_s,) = told(lessons)
    assert 30.0 <= took_s <= 60.0


def test_a_look_of_another_process_is_reckoned_from_the_rhythm() -> None:
    lessons = Lessons()
    lessons.learn(KIND, replace(RECORD, looks=3), SEEN, 64.0, RHYTHM)
    (took_s,) = told(lessons)
    assert 64.0 - RHYTHM.next_s(64.0) <= took_s <= 64.0


def test_what_is_over_is_forgotten() -> None:
    lessons = Lessons()
    lessons.is_running("p", 57.0)
    assert lessons.is_over("p") == 57.0
    assert lessons.is_over("p") is None


def test_memory_is_bounded_and_keeps_the_newest() -> None:
    lessons = Lessons()
    for number in range(MOST_REMEMBERED + 10):
        lessons.is_running(f"{number}", 1.0)
    assert lessons.is_over("0") is None
    assert lessons.is_over(f"{MOST_REMEMBERED + 9}") == 1.0


def test_a_look_again_forgets_nobody_else() -> None:
    lessons = Lessons()
    for number in range(MOST_REMEMBERED):
        lessons.is_running(f"{number}", 1.0)
    lessons.is_running("7", 2.0)
    assert lessons.is_over("0") == 1.0
    assert lessons.is_over("7") == 2.0


def test_of_many_at_once_a_few_are_told_and_not_sooner_than_in_a_while() -> None:
    lessons = Lessons()
    for number in range(100):
        answer = replace(SEEN, inference_s=float(number))
        lessons.learn(KIND, RECORD, answer, 200.0, RHYTHM)
    first = told(lessons)
    assert len(set(first)) == MOST_TOLD
    lessons.learn(KIND, RECORD, replace(SEEN, inference_s=7.0), 200.0, RHYTHM)
    assert told(lessons, TOLD_EVERY_S / 2) == []
    assert told(lessons, TOLD_EVERY_S) == [7.0]
    assert told(lessons, 10 * TOLD_EVERY_S) == []


def test_a_worker_learns_of_its_videos_by_model_and_duration(
    ledger: Ledger, sandbox: RunningSandbox, home: Path
) -> None:
    with workshop(ledger, sandbox, home) as shop:
        engine = shop.engine
        model = engine.catalogue.find("kling-v2.6-std")
        begun_s = time.monotonic()
        shop.order(*(shop.job(number, duration=10) for number in range(3)))
        shop.until_all(State.STORED)
        learnt = ledger.times.learnt(engine.account, model.id, 10)
        assert 1 <= len(learnt) <= 3
        assert all(0 <= took_s <= time.monotonic() - begun_s for took_s in learnt)
        assert ledger.times.learnt(engine.account, model.id, 5) == []


def test_a_worker_knows_a_rhythm_though_the_ledger_is_away(
    ledger: Ledger, sandbox: RunningSandbox, home: Path
) -> None:
    found: list[Rhythm] = []
    with workshop(ledger, sandbox, home) as shop:

        async def ask(typical_s: float) -> None:
            found.append(await shop.engine.rhythm(("other", 5), typical_s))

        away = connect(f"unix://{home}/nowhere.sock")
        shop.engine.ledger = away
        shop.engine.run(ask(60.0))
        shop.engine.ledger = ledger
        shop.engine.run(ask(90.0))
        away.close()
    # What is known is good enough for a while, so the second is the first.
    assert found == [Rhythm.of((), 60.0, shop.engine.settings.poll_min_s)] * 2
