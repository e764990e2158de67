"""How many messages a beat sends: one for all that is due, up to a bound."""

import pytest

from jobs.broker import blocks
from jobs.moves import Ref
from worker.pulse import LARGEST_BLOCK


@pytest.mark.parametrize(
    ("jobs", "messages"), [(0, 0), (1, 1), (4, 1), (100, 1), (101, 2), (4_000, 40)]
)
def test_all_that_is_due_goes_together_up_to_a_bound(jobs: int, messages: int) -> None:
    sent = list(blocks((Ref("b", str(n)) for n in range(jobs)), LARGEST_BLOCK))
    assert len(sent) == messages
    assert max(map(len, sent), default=0) <= LARGEST_BLOCK
