"""Keeping paid videos: none ever takes the place of another."""

import asyncio
import json
from pathlib import Path

import pytest

from jobs.provider.answers import Over
from jobs.report.document import report
from jobs.states import State
from jobs.transitions import Ref
from tests.worker.workshop import Workshop
from worker import inspection, mp4
from worker.collect import ENOUGH_WITHOUT
from worker.downloads import Files


def test_two_nights_with_the_same_keys_keep_both_videos(shop: Workshop) -> None:
    store = str(shop.store / "nights")
    (first,) = shop.order(shop.job(0), batch="monday", store=store)
    shop.until_all(State.STORED)
    (second,) = shop.order(shop.job(0), batch="tuesday", store=store)
    shop.until_all(State.STORED)

    videos = [Path(shop.record(ref).video or "") for ref in (first, second)]
    other = f"r0-{shop.record(second).prediction_id}.mp4"
    assert [path.name for path in videos] == ["r0.mp4", other]
    told = [json.loads(path.with_suffix(".json").read_text()) for path in videos]
    assert [one["batch"] for one in told] == ["monday", "tuesday"]
    for path in videos:
        mp4.check(path)

    tuesday = shop.ledger.batches.read("tuesday")
    assert tuesday
    document = report(tuesday, [shop.record(second)], 0.0)
    assert [row["key"] for row in document["rows"]] == [other]


def generated(shop: Workshop) -> Ref:
    """A job whose video is paid, done and not fetched."""
    (ref,) = shop.order(shop.job(0))
    shop.submit()
    shop.until(lambda: shop.are(State.GENERATED), shop.look)
    return ref


def give_link(shop: Workshop, ref: Ref, output: str) -> None:
    """Let its link lead there from now on."""
    assert shop.ledger.transitions.renew(ref.batch, shop.record(ref), output)


def test_a_link_that_ran_out_is_replaced_by_a_fresh_one(shop: Workshop) -> None:
    ref = generated(shop)
    fresh = shop.record(ref).output
    give_link(shop, ref, f"{shop.sandbox.files_url}/predictions/gone/1.mp4")
    shop.end()
    record = shop.record(ref)
    assert record.state is State.STORED
    assert record.output == fresh
    told = Path(record.video or "").with_suffix(".json")
    assert json.loads(told.read_text())["source"] == fresh
    shop.check()


def test_a_link_is_renewed_only_where_it_was_believed(shop: Workshop) -> None:
    ref, renew = generated(shop), shop.ledger.transitions.renew
    before = shop.record(ref)
    give_link(shop, ref, "https://example.com/1.mp4")
    assert not renew(ref.batch, before, "https://example.com/2.mp4")
    assert shop.record(ref).output == "https://example.com/1.mp4"
    give_link(shop, ref, before.output or "")
    shop.end()
    assert not renew(ref.batch, shop.record(ref), "https://example.com/3.mp4")


def test_a_host_that_only_stumbles_is_asked_again_by_the_same_link(
    shop: Workshop,
) -> None:
    ref = generated(shop)
    shop.sandbox.configure(download_5xx=1.0)
    for _ in range(4):
        shop.end()
    record = shop.record(ref)
    assert (record.state, record.polls) == (State.GENERATED, 4)
    batch = shop.ledger.batches.read(ref.batch)
    assert batch
    assert batch.note == (
        "the video of r0 cannot be fetched: the file host answers HTTP 503"
    )
    assert batch.held_until_s == 0.0
    shop.sandbox.configure(download_5xx=0.0)
    shop.end()
    assert shop.record(ref).state is State.STORED
    batch = shop.ledger.batches.read(ref.batch)
    assert batch
    assert batch.note == ""


def test_a_home_without_room_holds_the_batch_and_says_so(shop: Workshop) -> None:
    ref = generated(shop)
    folder = shop.engine.settings.home / "partial"
    folder.write_text("a file is in the way")
    shop.end()
    assert shop.record(ref).state is State.GENERATED
    batch = shop.ledger.batches.read(ref.batch)
    assert batch
    assert f"{folder}: a video cannot be fetched into it" in batch.note
    assert batch.held_until_s > shop.engine.now_s()
    folder.unlink()
    shop.end()
    assert shop.record(ref).state is State.STORED
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize(
    ("answer", "state", "refunded"),
    [
        (Over("failed", 5000, "render error"), State.WAITING, 210_000),
        (Over("failed", 1200, "flagged"), State.FAILED, 0),
    ],
)
def test_a_prediction_that_ends_otherwise_after_it_was_completed_ends_so(
    shop: Workshop,
    monkeypatch: pytest.MonkeyPatch,
    answer: Over,
    state: State,
    refunded: int,
) -> None:
    shop.sandbox.configure(outputs_none=1)
    ref = generated(shop)

    async def poll(_: str) -> Over:
        return answer

    monkeypatch.setattr(shop.engine.provider, "poll", poll)
    shop.end()
    record = shop.record(ref)
    assert (record.state, record.refunded_usd_micros) == (state, refunded)


def test_a_prediction_that_names_no_video_fails_after_some_polls_with_its_cost(
    shop: Workshop,
) -> None:
    shop.sandbox.configure(outputs_none=1)
    ref = generated(shop)
    (before,) = shop.books()
    shop.until(lambda: shop.are(State.FAILED), shop.end)
    record = shop.record(ref)
    assert record.failure is not None
    assert record.failure.code == "no-video"
    assert record.failure.message == (
        "completed, without the address of a video: outputs: []; $0.21 was charged, "
        "and whether it is given back is not known: reelmill report spring --billed "
        "asks"
    )
    assert (record.charged_usd_micros, record.refunded_usd_micros) == (210_000, 0)
    (row,) = shop.books()
    assert row["looks"] - before["looks"] == ENOUGH_WITHOUT + 1
    shop.check()


def test_a_paid_video_does_not_wait_for_a_host_of_pictures_that_is_silent(
    shop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def silent(*_: object) -> None:
        await asyncio.Event().wait()

    ref = generated(shop)
    monkeypatch.setattr(inspection, "PICTURE_S", 0.05)
    monkeypatch.setattr(Files, "fetch_picture", silent)
    shop.end()
    record = shop.record(ref)
    assert record.state is State.STORED
    assert record.quality is not None
    told = json.loads(Path(record.video or "").with_suffix(".json").read_text())
    assert "first_frame" not in told["quality"]["figures"]
