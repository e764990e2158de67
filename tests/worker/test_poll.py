"""What polls of a prediction bring about, whatever form their answers have."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from jobs.ledger import Ledger
from jobs.states import State
from tests.producer.running import quick_sandbox
from tests.worker.workshop import Workshop, workshop


@pytest.fixture
def shop(ledger: Ledger, home: Path) -> Iterator[Workshop]:
    with (
        quick_sandbox(generation_s=0.2) as sandbox,
        workshop(ledger, sandbox, home) as made,
    ):
        yield made


@pytest.mark.parametrize("fault", ["status_upper", "status_synonym"])
def test_an_end_is_seen_in_whatever_words_it_is_told(
    shop: Workshop, fault: str
) -> None:
    ends = {"outcome_1200": 1, "outcome_timeout": 3, "outcome_cancelled": 4}
    firsts = {name: f"first {count}" for name, count in ends.items()}
    shop.sandbox.configure(**{fault: 1}, **firsts)
    shop.order(*map(shop.job, range(5)))
    shop.until_all(State.STORED, State.FAILED)
    assert shop.states() == Counter({State.STORED: 3, State.FAILED: 2})
    assert shop.is_paid_as_booked()
    shop.check()
