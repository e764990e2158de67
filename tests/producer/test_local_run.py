"""When a video that cannot be had is no longer waited for, and what is said then."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from jobs.ledger import Ledger
from jobs.states import State
from jobs.transitions import Ref
from producer.local_run import TRIES, ask_anew, stuck, stuck_lines, unanswered
from tests.producer.running import quick_sandbox
from tests.sandbox.running import RunningSandbox
from tests.worker.workshop import Workshop, workshop


@pytest.fixture(scope="module")
def sandbox() -> Iterator[RunningSandbox]:
    with quick_sandbox(generation_s=0.1, download_5xx=1.0) as running:
        yield running


@pytest.fixture
def shop(ledger: Ledger, sandbox: RunningSandbox, home: Path) -> Iterator[Workshop]:
    with workshop(ledger, sandbox, home) as made:
        yield made


def generated(shop: Workshop, count: int) -> list[Ref]:
    refs = shop.order(*map(shop.job, range(count)))
    shop.submit()
    shop.until(lambda: len(shop.are(State.GENERATED)) == count, shop.look)
    return refs


def stuck_ids(shop: Workshop) -> list[str]:
    return [
        each.job.id for each in stuck(shop.ledger, shop.ledger.snapshots.one("spring"))
    ]


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
        shop.ledger.delay_queue.postpone(shop.engine.account, tried)
    assert stuck_ids(shop) == []


def test_the_next_run_asks_for_each_anew_before_it_stops_waiting(
    shop: Workshop,
) -> None:
    first, second = generated(shop, 2)
    for _ in range(TRIES):
        shop.end()
    assert stuck_ids(shop) == ["r0", "r1"]
    batch = shop.ledger.batches.read("spring")
    assert batch
    asked = ask_anew(shop.ledger, batch)
    account = shop.engine.account
    leased = {ref for ref, _ in shop.ledger.delay_queue.lease(account, 9, 30.0)}
    assert asked.keys() == leased == {first, second}
    shop.ledger.delay_queue.postpone(account, {first: 60.0})
    assert unanswered(shop.ledger, asked).keys() == {second}
    shop.sandbox.configure(download_5xx=0)
    shop.end()
    assert unanswered(shop.ledger, asked) == {}


def test_a_person_is_told_which_and_until_when(shop: Workshop) -> None:
    generated(shop, 7)
    for _ in range(TRIES):
        shop.end()
    now = shop.ledger.snapshots.one("spring")
    first, note, until, last = stuck_lines(
        "spring", stuck(shop.ledger, now), now.batch.note
    )
    assert first.endswith("in 9 tries or more: r0, r1, r2, r3, r4 and 2 more")
    assert "the file host answers HTTP 503" in note
    assert until.startswith("the provider keeps what is made until ")
    assert last.endswith("or: reelmill collect spring")
    assert stuck_lines("spring", [], "a note") == []
