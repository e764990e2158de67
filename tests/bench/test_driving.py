"""Jobs that are driven through the ledger by its own moves."""

import pytest

from bench import driving
from jobs import moves
from jobs.job import Job
from jobs.ledger import Ledger
from jobs.ledger.audit import audit
from jobs.moves import Ref
from jobs.pace.limits import Limits
from jobs.records import BatchRecord
from jobs.states import State
from tests.conftest import Clock

COUNT = 1_100


def a_batch(ledger: Ledger, count: int) -> None:
    batch = BatchRecord("b", "b.csv", "shop", "videos", 1, 3, None, 1.0, complete=False)
    ledger.batches.create(batch)
    inputs = {"image": "https://example.com/a.jpg", "prompt": "Slow orbit"}
    model = "kwaivgi/kling-v2.6-std/image-to-video"
    ledger.batches.add(
        "b",
        [Job(f"j{n}", n, model, inputs, 210_000, f"b/j{n}.mp4") for n in range(count)],
    )
    ledger.batches.open("b")
    ledger.permits.set_limits("shop", Limits(60 * count, count))


def test_all_jobs_get_to_their_end_and_the_ledger_agrees(
    simulated: Ledger, clock: Clock
) -> None:
    a_batch(simulated, COUNT)
    sent = list(driving.to_generating(simulated, "shop", look_s=60.0))
    assert sum(map(len, sent)) == COUNT
    assert audit(simulated, "shop") == []
    clock.forward(61.0)
    ended = list(driving.to_stored(simulated, "shop", clock))
    assert sum(map(len, ended)) == COUNT
    assert audit(simulated, "shop") == []
    batch = simulated.batches.read("b")
    assert batch is not None
    assert batch.counts == {State.STORED: COUNT}
    assert batch.charged_usd_micros == COUNT * 210_000


def test_the_records_are_those_that_the_ledger_holds(
    simulated: Ledger,
) -> None:
    a_batch(simulated, 3)
    (sent,) = driving.to_generating(simulated, "shop", look_s=60.0)
    assert sent == driving.loaded(simulated, list(sent))


def test_a_move_that_is_not_made_is_told(simulated: Ledger, clock: Clock) -> None:
    a_batch(simulated, 1)
    (sent,) = driving.to_generating(simulated, "shop", look_s=60.0)
    waiting = {Ref("b", "j0"): simulated.batches.slice("b", 0, 1)[0]}
    driving.stepped(simulated, sent, driving_on(clock))
    with pytest.raises(driving.Stuck, match="b/j0 cannot complete from generating"):
        driving.stepped(simulated, waiting, driving_on(clock))


def driving_on(clock: Clock) -> driving.Step:
    return lambda ref, record: moves.complete(
        ref.batch, record, "https://example.com/1.mp4", clock(), 30.0
    )
