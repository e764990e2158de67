"""How many jobs one message carries: one while there are few, many under load."""

import pytest

from worker.pulse import LARGEST_BLOCK, block_size


@pytest.mark.parametrize(
    ("jobs", "messages"), [(1, 1), (2, 2), (4, 4), (5, 1), (100, 1), (101, 2)]
)
def test_a_few_go_one_by_one_and_more_go_together(jobs: int, messages: int) -> None:
    assert -(-jobs // block_size(jobs)) == messages
    assert block_size(jobs) <= LARGEST_BLOCK
