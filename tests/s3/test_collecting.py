"""A worker and a bucket: whatever the store does, what is paid is kept in the end."""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import replace
from itertools import count
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest

from jobs.ledger import Ledger
from jobs.report.document import json_chunks
from jobs.states import State
from jobs.storage import Store
from jobs.transitions import Ref
from tests.producer.running import quick_sandbox
from tests.s3.server import HEEDLESS, S3, Gate, headers_of
from tests.sandbox.running import RunningSandbox
from tests.worker.workshop import Workshop, workshop
from worker.finish import finish


@pytest.fixture(scope="module")
def sandbox() -> Iterator[RunningSandbox]:
    with quick_sandbox(generation_s=0.1) as running:
        yield running


@pytest.fixture
def shop(ledger: Ledger, sandbox: RunningSandbox, home: Path) -> Iterator[Workshop]:
    with workshop(ledger, sandbox, home) as made:
        yield made


def all_generated(shop: Workshop, url: str) -> list[Ref]:
    """Three videos that are paid and done, and wait to be fetched; a fourth waits."""
    refs = shop.order(*map(shop.job, range(4)), store=url)
    shop.submit(most=3)
    shop.until(lambda: len(shop.are(State.GENERATED)) == 3, shop.look)
    return refs


def note_of(shop: Workshop) -> str:
    batch = shop.ledger.batches.read("spring")
    assert batch
    return batch.note


def downloads(shop: Workshop) -> list[int]:
    """How often each video was fetched."""
    return [row["downloads"] for row in shop.books()]


def all_is_kept(shop: Workshop, s3: S3, url: str) -> None:
    """Every video is whole, its provenance beside it, each paid once."""
    assert set(shop.states()) == {State.STORED}
    prefix = url.split("/", 3)[3]
    marks = f"{prefix}/.reelmill/"
    kept = [key for key in s3.keys(prefix) if not key.startswith(marks)]
    assert kept == sorted(f"{prefix}/r{n}.{kind}" for n in range(4) for kind in KINDS)
    for record in shop.records().values():
        assert record.video == f"{url}/{record.job.key}"
        video = Store(url).get(record.job.key)
        assert video
        assert len(video) == record.video_bytes
        told = headers_of(s3, f"{prefix}/{record.job.key}")
        assert told["content-type"] == "video/mp4"
        assert told["x-amz-meta-sha256"] == record.video_sha256
        beside = Store(url).get(record.job.key.replace(".mp4", ".json"))
        assert json.loads(beside or b"")["sha256"] == record.video_sha256
        told = headers_of(s3, f"{prefix}/{record.poster}")
        assert told["content-type"] == "image/jpeg"
    shop.check()


KINDS = ("json", "mp4", "poster.jpg")

SAID = {
    "full": "the store is full; make room or raise its quota",
    "ill": "the store is busy or ill",
    "denied": "let them read, write, list and delete",
    "shut": "the store is out of reach",
}


@pytest.mark.parametrize("trouble", SAID)
def test_while_a_store_fails_all_waits_and_the_note_says_what_to_fix(
    shop: Workshop, s3: S3, before: Gate, url: str, trouble: str
) -> None:
    *_, late = all_generated(shop, url)
    before.trouble = trouble
    for _ in range(3):
        shop.end()
    assert len(shop.are(State.GENERATED)) == 3
    assert SAID[trouble] in note_of(shop)
    # Nothing more is paid while it could not be kept.
    assert shop.submit() == []
    assert shop.record(late).state is State.WAITING

    before.trouble = ""
    shop.end()
    assert downloads(shop) == [1] * 3
    assert note_of(shop) == ""
    assert shop.submit() == [late]
    assert len(shop.paid()) == 4
    assert list((shop.engine.settings.home / "partial").iterdir()) == []
    shop.until_all(State.STORED)
    all_is_kept(shop, s3, url)


def test_a_store_that_was_killed_is_used_again_once_it_is_back(
    shop: Workshop, s3: S3, url: str
) -> None:
    refs = all_generated(shop, url)
    s3.kill()
    shop.end()
    assert SAID["shut"] in note_of(shop)
    s3.start()
    shop.end()
    assert shop.submit() == refs[3:]
    shop.until_all(State.STORED)
    all_is_kept(shop, s3, url)


def test_a_store_with_room_for_little_costs_no_download_a_try(
    shop: Workshop, s3: S3, before: Gate, url: str
) -> None:
    all_generated(shop, url)
    before.trouble, before.spared_bytes = "full", 1_000
    for _ in range(4):
        shop.end()
    # That it takes no video is known once one was there.
    assert downloads(shop) == [1] * 3
    before.trouble = ""
    shop.end()
    assert downloads(shop) == [2] * 3
    shop.until_all(State.STORED)
    all_is_kept(shop, s3, url)


@pytest.mark.parametrize("trouble", ["", "not implemented", HEEDLESS])
def test_two_videos_of_one_key_that_are_kept_at_the_same_moment_are_both_kept(
    shop: Workshop,
    before: Gate,
    url: str,
    monkeypatch: pytest.MonkeyPatch,
    trouble: str,
) -> None:
    other = replace(shop.job(1), key=shop.job(0).key)
    refs = shop.order(shop.job(0), batch="monday", store=url)
    refs += shop.order(other, batch="tuesday", store=url)
    shop.submit()
    shop.until(lambda: len(shop.are(State.GENERATED)) == 2, shop.look)
    before.trouble = trouble
    puts, both, keep = count(), Barrier(2), Store.put

    def put_together(store: Store, *args: Any, **named: Any) -> None:
        if next(puts) < 2:
            both.wait(20)
        keep(store, *args, **named)

    monkeypatch.setattr(Store, "put", put_together)
    shop.end()
    records = [shop.record(ref) for ref in refs]
    assert {record.state for record in records} == {State.STORED}
    own = {f"{url}/r0-{record.prediction_id}.mp4" for record in records}
    videos = {str(record.video) for record in records}
    # One has the key itself, where the server can tell that nobody else has it.
    assert videos - own == (set() if trouble else {f"{url}/r0.mp4"})
    for record in records:
        key = str(record.video).removeprefix(f"{url}/")
        video = Store(url).get(key)
        assert video
        assert hashlib.sha256(video).hexdigest() == record.video_sha256
        told = json.loads(Store(url).get(key.replace(".mp4", ".json")) or b"")
        assert told["prediction_id"] == record.prediction_id
    shop.check()


def test_a_store_that_refuses_only_posters_has_the_videos(
    shop: Workshop, s3: S3, before: Gate, url: str
) -> None:
    all_generated(shop, url)
    before.trouble, before.only = "denied", ".poster.jpg"
    shop.until_all(State.STORED)
    assert not [key for key in s3.keys(url.split("/", 3)[3]) if "poster" in key]
    for record in shop.records().values():
        assert record.poster is None
        told = Store(url).get(record.job.key.replace(".mp4", ".json"))
        assert json.loads(told or b"")["poster"] is None


def test_a_report_is_kept_beside_its_videos_once_the_store_takes_it(
    shop: Workshop, s3: S3, before: Gate, url: str
) -> None:
    all_generated(shop, url)
    shop.until_all(State.STORED)
    before.trouble = "full"
    shop.engine.run(finish(shop.engine, [Ref("spring", "")]))
    assert SAID["full"] in note_of(shop)
    assert Store(url).get("spring/report.json") is None

    before.trouble = ""
    shop.engine.run(finish(shop.engine, [Ref("spring", "")]))
    assert note_of(shop) == ""
    prefix = url.split("/", 3)[3]
    kinds = {
        "json": "application/json",
        "csv": "text/csv; charset=utf-8",
        "html": "text/html; charset=utf-8",
    }
    for ending, kind in kinds.items():
        told = headers_of(s3, f"{prefix}/spring/report.{ending}")
        assert told["content-type"] == kind
        assert told["cache-control"] == "no-cache"
    document = json.loads(Store(url).get("spring/report.json") or b"")
    assert document["jobs"]["stored"] == 4
    assert "".join(json_chunks(document)).encode() == Store(url).get(
        "spring/report.json"
    )
