"""What polls of a prediction bring about, whatever form their answers have."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from jobs.ledger import Ledger
from jobs.states import State
from tests.sandbox.running import RunningSandbox
from tests.worker.workshop import Workshop, workshop


@pytest.fixture
def impatient(
    ledger: Ledger, sandbox: RunningSandbox, home: Path
) -> Iterator[Workshop]:
    """A workshop of two slots, in which a prediction is soon overdue."""
    slots = {"concurrent_videos": 2, "overdue_s": 1.0}
    with workshop(ledger, sandbox, home, **slots) as made:
        yield made


def test_two_that_never_end_at_two_slots_keep_nobody_else_waiting(
    impatient: Workshop,
) -> None:
    shop = impatient
    shop.sandbox.configure(outcome_never="first 2")
    shop.order(*map(shop.job, range(5)))
    both = Counter({State.OVERDUE: 2, State.STORED: 3})
    shop.until(lambda: shop.states() == both, shop.turn)
    for ref in shop.are(State.OVERDUE):
        failure = shop.record(ref).failure
        assert failure
        assert failure.code == "overdue"
        assert failure.message.endswith("; the provider says processing")
    assert shop.ledger.delay_queue.late(shop.engine.account, 9) == shop.are(
        State.OVERDUE
    )
    assert max(shop.paid().values()) == 1
    assert shop.is_paid_as_booked()
    shop.check()


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ({"result_5xx": 1}, "the last poll brought: HTTP 503: service unavailable"),
        ({"result_404": 1}, "the provider does not know it: prediction not found"),
        (
            {"result_unknown_status": 1, "unknown_status_looks": 1_000_000},
            "the provider says warming_up, which is no known status",
        ),
    ],
)
def test_what_is_overdue_is_collected_once_an_answer_tells_its_end(
    impatient: Workshop, fault: dict[str, object], words: str
) -> None:
    shop = impatient
    shop.sandbox.configure(**fault)
    (ref,) = shop.order(shop.job(0))
    shop.until_all(State.OVERDUE)
    failure = shop.record(ref).failure
    assert failure
    assert words in failure.message
    shop.look()
    shop.sandbox.configure(**dict.fromkeys(fault, 0))
    shop.end()
    record = shop.record(ref)
    # What held it up is not what such videos take.
    learnt_s = shop.ledger.times.learnt(shop.engine.account, *record.job.kind)
    assert max(learnt_s) < shop.engine.settings.overdue_s
    assert (record.state, record.failure) == (State.STORED, None)
    assert shop.ledger.delay_queue.late(shop.engine.account, 9) == []
    shop.check()
