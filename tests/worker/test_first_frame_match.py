"""Fetching and comparing first frames: what cannot be had is simply not compared."""

import asyncio
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace

import pytest

from jobs.attempt.reconciling import NEAR, Likeness, LostSubmission
from jobs.provider.answers import Listed
from jobs.states import State
from jobs.transitions import Ref
from tests.producer.running import quick_sandbox, until
from tests.sandbox.running import RunningSandbox
from tests.worker.workshop import V26, Workshop
from worker import decoder
from worker.downloads import Download, NoRoomError
from worker.first_frame_match import FARTHEST, MAX_FILES, likeness


@pytest.fixture(scope="module")
def sandbox() -> Iterator[RunningSandbox]:
    with quick_sandbox(generation_s=0.0) as running:
        yield running


def lost(
    shop: Workshop, number: int, model: str = V26, **inputs: object
) -> LostSubmission:
    job = shop.job(number, model, **inputs)
    request = shop.engine.catalogue.find(model).request(job.inputs)
    return LostSubmission(
        Ref("spring", job.id), job.model, request, sent_at_s=0.0, looks=3
    )


def made(shop: Workshop, attempt: LostSubmission, model: str = V26) -> Listed:
    """A finished prediction of what was lost, as the history shows it."""
    prediction_id = shop.post(dict(attempt.request), model)
    until(lambda: all(row["status"] == "completed" for row in shop.books()))
    return Listed(prediction_id, attempt.model, 0.0, "completed")


def compared(
    shop: Workshop, pairs: Sequence[tuple[LostSubmission, Listed]]
) -> Likeness:
    work = likeness(shop.engine, pairs)
    return asyncio.run_coroutine_threadsafe(work, shop.engine._loop).result(20)


def test_a_video_is_near_its_own_picture_and_far_from_another(shop: Workshop) -> None:
    mug, lamp = lost(shop, 0), lost(shop, 1)
    video = made(shop, mug)
    near = compared(shop, [(mug, video), (lamp, video)])
    assert near[mug.ref, video.prediction_id] < NEAR
    assert near[lamp.ref, video.prediction_id] > 2 * NEAR


def test_a_video_of_another_length_is_as_far_as_can_be(shop: Workshop) -> None:
    attempt, longer = lost(shop, 0), lost(shop, 6, duration=10)
    video = made(shop, longer)
    near = compared(shop, [(attempt, video), (longer, video)])
    assert near[attempt.ref, video.prediction_id] == FARTHEST
    assert near[longer.ref, video.prediction_id] < NEAR


def test_a_prediction_that_is_not_finished_or_not_known_is_left_out(
    shop: Workshop,
) -> None:
    attempt = lost(shop, 0)
    unknown = Listed("no-such-prediction", attempt.model, 0.0, "billed")
    shop.sandbox.configure(generation_s=60.0)
    begun = shop.post(dict(attempt.request))
    processing = Listed(begun, attempt.model, 0.0, "processing")
    assert compared(shop, [(attempt, unknown), (attempt, processing)]) == {}


@pytest.mark.parametrize(
    "fault", ["download_5xx", "download_403", "download_html", "download_truncated"]
)
def test_a_video_that_cannot_be_fetched_is_left_out(shop: Workshop, fault: str) -> None:
    attempt = lost(shop, 0)
    pair = attempt, made(shop, attempt)
    shop.sandbox.configure(**{fault: 1})
    assert compared(shop, [pair]) == {}


@pytest.mark.parametrize(
    "url",
    [
        "{files}/pictures/nothing.jpg",
        "http://169.254.169.254/latest/meta-data/",
        "http://127.0.0.1:9/refused.jpg",
        "file:///etc/passwd",
    ],
)
def test_a_picture_that_cannot_be_fetched_is_left_out(shop: Workshop, url: str) -> None:
    video = made(shop, lost(shop, 0))
    image = url.format(files=shop.sandbox.files_url)
    assert compared(shop, [(lost(shop, 0, image=image), video)]) == {}


def test_the_key_is_shown_to_no_file_host(shop: Workshop) -> None:
    attempt = lost(shop, 0)
    assert compared(shop, [(attempt, made(shop, attempt))])
    assert shop.sandbox.books()["key_leaks"] == 0


def test_more_pairs_than_can_be_compared_in_time_are_a_persons(
    shop: Workshop,
) -> None:
    attempt = lost(shop, 0)
    video = made(shop, attempt)
    others = [replace(video, prediction_id=f"p{n}") for n in range(MAX_FILES)]
    assert compared(shop, [(attempt, each) for each in (video, *others)]) == {}


def test_a_machine_without_room_compares_nothing_and_stops_nothing(
    shop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.sandbox.configure(history_inputs=False, result_inputs=False)
    shop.order(*map(shop.job, range(2)))
    shop.sandbox.configure(submit_drop_after=1)
    shop.submit()
    shop.sandbox.configure(submit_drop_after=0)

    def full(*_: object, **__: object) -> None:
        raise NoRoomError("/state: a video cannot be fetched into it")

    with monkeypatch.context() as patch:
        patch.setattr(Download, "write", full)
        shop.until(lambda: len(shop.are(State.UNRESOLVED)) == 2, shop.settle)
    # Once there is room again, what could not be told before is told.
    shop.until_all(State.STORED)
    shop.check()


def test_a_decoder_that_breaks_compares_nothing(
    shop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    attempt = lost(shop, 0)
    video = made(shop, attempt)
    monkeypatch.setattr(decoder, "COMMAND", (sys.executable, "-c", ""))
    decoder.close()
    assert compared(shop, [(attempt, video)]) == {}
