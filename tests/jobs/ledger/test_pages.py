"""Pages of batches and of jobs: in order, complete, and without reading everything."""

from hypothesis import HealthCheck, given
from hypothesis import settings as tuned
from hypothesis import strategies as st

from jobs.ledger import Ledger
from jobs.states import Event, State
from tests.jobs.ledger.play import (
    ACCOUNT,
    PLENTY,
    a_batch,
    batch_of,
    grant,
    open_batch,
    play,
)

SHARED = tuned(
    max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def calls(ledger: Ledger, command: str) -> int:
    stats = ledger.server.info("commandstats")
    return int(stats.get(f"cmdstat_{command}", {"calls": 0})["calls"])


def test_a_page_of_batches_is_one_round_trip_and_reads_no_others(
    ledger: Ledger,
) -> None:
    for number in range(60):
        assert ledger.batches.create(a_batch(f"b{number:02}", created_at_s=number))
    ledger.batches.page(0, 1)
    ledger.server.execute_command("CONFIG", "RESETSTAT")
    found, total = ledger.batches.page(20, 10)
    assert [batch.id for batch in found] == [f"b{n:02}" for n in range(39, 29, -1)]
    assert found[0] == batch_of(ledger, "b39")
    assert total == 60
    assert calls(ledger, "evalsha") == 1
    assert calls(ledger, "hgetall") == 10 + 1  # and the one above
    assert ledger.batches.page(60, 10) == ([], 60)
    assert ledger.batches.ids(3) == ["b59", "b58", "b57"]


def test_a_batch_is_among_the_unfinished_until_all_is_over_and_again_after_a_retry(
    ledger: Ledger,
) -> None:
    def unfinished() -> list[str]:
        found = [batch.id for batch in ledger.batches.unfinished()]
        assert len(found) == ledger.batches.page(0, 1, unfinished=True)[1]
        return found

    ledger.permits.set_limits(ACCOUNT, PLENTY)
    ledger.batches.create(a_batch("half", created_at_s=2_000.0))
    first, second = open_batch(ledger, jobs=2)
    assert unfinished() == ["half", "spring"]
    grant(ledger)
    play(ledger, first, Event.CLAIM, Event.REFUSE)
    assert unfinished() == ["half", "spring"]
    play(ledger, second, Event.CLAIM, Event.REFUSE)
    assert unfinished() == ["half"]
    play(ledger, first, Event.RETRY)
    assert unfinished() == ["half", "spring"]
    grant(ledger)
    play(ledger, first, Event.CLAIM, Event.LOSE, Event.GIVE_UP)
    assert unfinished() == ["half", "spring"]
    ledger.batches.open("half")
    assert unfinished() == ["spring"]


@SHARED
@given(
    first=st.integers(0, 12),
    count=st.integers(1, 12),
    refused=st.sets(st.integers(0, 9)),
)
def test_pages_of_jobs_are_slices_of_all(
    ledger: Ledger, first: int, count: int, refused: set[int]
) -> None:
    ledger.server.execute_command("FLUSHALL")
    ledger.permits.set_limits(ACCOUNT, PLENTY)
    refs = open_batch(ledger, jobs=10)
    grant(ledger)
    for number in refused:
        play(ledger, refs[number], Event.CLAIM, Event.REFUSE)
    slice_ = ledger.batches.slice("spring", first, count)
    assert [r.job.id for r in slice_] == [r.job for r in refs[first : first + count]]
    failed = list(ledger.batches.refs_in("spring", [State.FAILED]))
    assert failed == [refs[number] for number in sorted(refused)]
    both = ledger.batches.refs_in("spring", [State.FAILED, State.ADMITTED])
    assert list(both) == refs
