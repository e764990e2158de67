"""Keeping paid videos: none ever takes the place of another."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from jobs.ledger import Ledger
from jobs.report import report
from jobs.states import State
from tests.producer.running import quick_sandbox
from tests.worker.workshop import Workshop, workshop
from worker import mp4


@pytest.fixture
def shop(ledger: Ledger, home: Path) -> Iterator[Workshop]:
    with (
        quick_sandbox(generation_s=0.2) as sandbox,
        workshop(ledger, sandbox, home) as made,
    ):
        yield made


def test_two_nights_with_the_same_keys_keep_both_videos(shop: Workshop) -> None:
    store = str(shop.store / "nights")
    (first,) = shop.order(shop.job(0), batch="monday", store=store)
    shop.until_all(State.STORED)
    (second,) = shop.order(shop.job(0), batch="tuesday", store=store)
    shop.until_all(State.STORED)

    videos = [Path(shop.record(ref).video or "") for ref in (first, second)]
    assert [path.name for path in videos] == ["r0.mp4", "r0-tuesday.mp4"]
    told = [json.loads(path.with_suffix(".json").read_text()) for path in videos]
    assert [one["batch"] for one in told] == ["monday", "tuesday"]
    for path in videos:
        mp4.check(path)

    tuesday = shop.ledger.batches.read("tuesday")
    assert tuesday
    document = report(tuesday, [shop.record(second)], 0.0)
    assert document["rows"][0]["key"] == "r0-tuesday.mp4"
