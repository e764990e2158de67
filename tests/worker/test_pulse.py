"""How many jobs one message carries: one while there are few, many under load."""

from hypothesis import given
from hypothesis import strategies as st

from worker.pulse import FULL_BLOCK, LARGEST_BLOCK, SINGLES, block_size


def test_a_few_go_one_by_one_and_hundreds_in_large_blocks() -> None:
    sizes = {jobs: block_size(jobs, 8) for jobs in (0, 1, 4, 5, 40, 400, 4_000)}
    assert sizes == {0: 1, 1: 1, 4: 1, 5: 32, 40: 32, 400: 50, 4_000: 100}


@given(st.integers(0, 5_000), st.integers(1, 64))
def test_messages_are_few_and_none_is_too_large(jobs: int, threads: int) -> None:
    size = block_size(jobs, threads)
    messages = -(-jobs // size)
    assert 1 <= size <= LARGEST_BLOCK
    if jobs > SINGLES:
        assert messages <= max(-(-jobs // FULL_BLOCK), 1)
    if jobs <= threads * LARGEST_BLOCK:
        assert messages <= max(threads, SINGLES)
