"""When a video that cannot be had is no longer waited for, and what is said then."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from jobs.ledger import Ledger
from jobs.moves import Ref
from jobs.states import State
from producer.stuck import TRIES, stuck, stuck_lines
from producer.watching import take
from tests.producer.running import quick_sandbox
from tests.worker.workshop import Workshop, workshop


@pytest.fixture
def shop(ledger: Ledger, home: Path) -> Iterator[Workshop]:
    with (
        quick_sandbox(generation_s=0.1, download_5xx=1.0) as sandbox,
        workshop(ledger, sandbox, home) as made,
    ):
        yield made


def generated(shop: Workshop, count: int) -> list[Ref]:
    refs = shop.order(*map(shop.job, range(count)))
    shop.submit()
    shop.until(lambda: len(shop.are(State.GENERATED)) == count, shop.look)
    return refs


def stuck_ids(shop: Workshop) -> list[str]:
    return [each.job.id for each in stuck(shop.ledger, take(shop.ledger, "spring"))]


def test_a_video_is_waited_for_until_it_was_tried_often_enough(shop: Workshop) -> None:
    generated(shop, 1)
    for _ in range(TRIES):
        assert stuck_ids(shop) == []
        shop.end()
    assert stuck_ids(shop) == ["r0"]


def test_while_anything_else_goes_on_nothing_is_stuck(shop: Workshop) -> None:
    first, _ = generated(shop, 2)
    tried = dict.fromkeys([first], 0.0)
    for _ in range(TRIES):
        shop.ledger.due.postpone(shop.engine.account, tried)
    assert stuck_ids(shop) == []


def test_a_person_is_told_which_and_until_when(shop: Workshop) -> None:
    generated(shop, 7)
    for _ in range(TRIES):
        shop.end()
    now = take(shop.ledger, "spring")
    first, note, until, last = stuck_lines(
        "spring", stuck(shop.ledger, now), now.batch.note
    )
    assert first.endswith("in 9 tries or more: r0, r1, r2, r3, r4 and 2 more")
    assert "the file host answers HTTP 503" in note
    assert until.startswith("the provider keeps what is made until ")
    assert last.endswith("or: reelmill collect spring")
    assert stuck_lines("spring", [], "a note") == []
