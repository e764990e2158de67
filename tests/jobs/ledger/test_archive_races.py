"""Whoever dies over an archive, or does the same at once, loses and pays nothing.

Every question to server and store is a step; at each of them in turn a process dies, or
another one does all that it has to do.
"""

from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest

from jobs.ledger import Ledger, archiving
from jobs.ledger.archives import RECALL_SILENT_S, NotNow
from jobs.ledger.audit import audit
from jobs.ledger.moves import Moved
from jobs.moves import Ref
from jobs.records import JobRecord
from jobs.states import Event, State
from jobs.storage import Store
from tests.conftest import Clock
from tests.jobs.ledger.ended import (
    JOBS,
    MADE,
    finished,
    jobs_here,
    records,
    reported,
)
from tests.jobs.ledger.play import (
    ACCOUNT,
    a_job,
    batch_of,
    grant,
    move_by,
    play,
)

pytestmark = pytest.mark.usefixtures("small_steps")


class Died(BaseException):
    """The process is gone: nothing of it runs after this."""


class Steps:
    """Counts steps, and does something at one of them."""

    def __init__(self, at: int, do: Callable[[], None]) -> None:
        self._left, self._do = at, do
        self.came = False

    def step(self) -> None:
        self._left -= 1
        if self._left == 0:
            self.came = True
            self._do()


class Stepping:
    """Passes calls on, with a step before and after each."""

    def __init__(self, real: Any, steps: Steps) -> None:
        self._real, self._steps = real, steps

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._real, name)
        if not callable(found) or name == "place":
            return found

        def call(*args: Any, **kwargs: Any) -> Any:
            if name == "pipeline":
                return Stepping(found(*args, **kwargs), self._steps)
            if name in {"evalsha", "hgetall", "execute_command"}:
                return found(*args, **kwargs)
            self._steps.step()
            answer = found(*args, **kwargs)
            self._steps.step()
            return answer

        return call


def stepping(ledger: Ledger, store: Store, steps: Steps) -> tuple[Ledger, Store]:
    server: Any = Stepping(ledger.server, steps)
    stepped: Any = Stepping(store, steps)
    other = Ledger(server)
    other.archives.block = 2
    return other, stepped


def die() -> None:
    raise Died


Doing = Callable[[Ledger, Store, str], object]


def each_step(
    ledger: Ledger,
    store: Store,
    doing: Doing,
    then: Callable[[], None],
    before: Callable[[], object] = lambda: None,
) -> Iterator[list[JobRecord]]:
    """At each step of doing it in turn, something else; the jobs as they were."""
    for at in range(1, 1_000):
        ledger.server.execute_command("FLUSHALL")
        finished(ledger, store)
        told = records(ledger)
        before()
        steps = Steps(at, then)
        with suppress(Died, NotNow):
            doing(*stepping(ledger, store, steps), "spring")
        if not steps.came:
            return
        assert audit(ledger, ACCOUNT) == [], at
        yield told


def archived(ledger: Ledger, store: Store) -> None:
    with suppress(NotNow):
        archiving.archive(ledger, store, "spring")


def whole_again(ledger: Ledger, store: Store, told: list[JobRecord]) -> None:
    """Whatever there is, it is brought back whole and can be archived."""
    archiving.recall(ledger, store, "spring")
    assert records(ledger) == told
    reported(ledger)
    assert ledger.archives.claim("spring")
    archiving.archive(ledger, store, "spring")
    assert jobs_here(ledger) == 0
    archiving.recall(ledger, store, "spring")
    assert records(ledger) == told
    assert audit(ledger, ACCOUNT) == []
    assert ledger.batches.add("spring", [a_job(n) for n in range(1, JOBS + 1)]) == 0


def test_whoever_dies_over_archiving_another_ends_it(
    ledger: Ledger, store: Store
) -> None:
    steps = 0
    for told in each_step(ledger, store, archiving.archive, die):
        archiving.archive(ledger, store, "spring")
        assert jobs_here(ledger) == 0
        whole_again(ledger, store, told)
        steps += 1
    assert steps > 20


def test_whoever_dies_over_archiving_a_person_can_bring_it_back(
    ledger: Ledger, store: Store
) -> None:
    for told in each_step(ledger, store, archiving.archive, die):
        whole_again(ledger, store, told)


def test_whoever_dies_over_bringing_back_another_ends_it(
    ledger: Ledger, store: Store
) -> None:
    steps = 0

    def before() -> None:
        archiving.archive(ledger, store, "spring")

    for told in each_step(ledger, store, archiving.recall, die, before):
        whole_again(ledger, store, told)
        steps += 1
    assert steps > 10


def test_what_was_half_brought_back_is_archived_again_when_nobody_is_at_it(
    simulated: Ledger, clock: Clock, store: Store
) -> None:
    finished(simulated, store)
    told = records(simulated)
    sealed = archiving.archive(simulated, store, "spring")
    assert simulated.archives.recall("spring") == sealed
    with pytest.raises(NotNow, match="being brought back"):
        archiving.archive(simulated, store, "spring")
    clock.forward(RECALL_SILENT_S + 1)
    assert archiving.archive(simulated, store, "spring") == sealed
    # The one that was taken for dead puts nothing back into what is forgotten.
    assert not simulated.archives.restore("spring", sealed.key, [])
    assert jobs_here(simulated) == 0
    archiving.recall(simulated, store, "spring")
    assert records(simulated) == told


def brought_back(ledger: Ledger, store: Store) -> None:
    archiving.recall(ledger, store, "spring")


RIVALS = {
    "archives": (archived,),
    "brings back": (brought_back,),
    "archives and brings back": (archived, brought_back),
    "brings back and archives": (brought_back, archived),
}


@pytest.mark.parametrize("rival", RIVALS)
@pytest.mark.parametrize("doing", ["archive", "recall"])
def test_two_at_once_lose_nothing(
    ledger: Ledger, store: Store, doing: str, rival: str
) -> None:
    do: Doing = archiving.archive if doing == "archive" else archiving.recall

    def before() -> None:
        if doing == "recall":
            archiving.archive(ledger, store, "spring")

    def then() -> None:
        for each in RIVALS[rival]:
            each(ledger, store)

    for told in each_step(ledger, store, do, then, before):
        whole_again(ledger, store, told)


def test_a_retry_and_an_archive_at_once_lose_nothing(
    ledger: Ledger, store: Store
) -> None:
    failed = Ref("spring", "row-1")
    made: list[Moved] = []

    def retry() -> None:
        (record,) = ledger.batches.load([failed])
        made.clear()
        if record and record.state is State.FAILED:
            made.extend(ledger.moves.make([move_by("spring", record, Event.RETRY)]))

    seen = set()
    for told in each_step(ledger, store, archiving.archive, retry):
        seen.update(made or [Moved.NO])
        if made == [Moved.YES]:
            # It lives: nothing was archived, and it ends as any other.
            assert not batch_of(ledger).archived
            assert grant(ledger) == [failed]
            play(ledger, failed, *MADE, prediction_id="again")
            reported(ledger)
            told = records(ledger)  # noqa: PLW2901 - what there is to be kept now
        whole_again(ledger, store, told)
    assert seen == {Moved.YES, Moved.NO}


def test_a_file_of_a_lost_claim_is_not_left_behind(
    ledger: Ledger, store: Store
) -> None:
    finished(ledger, store)
    first = ledger.archives.claim("spring")
    assert first
    store.put_text(f"spring/ledger-{first.token}.jsonl.gz", "half", "text/plain")
    sealed = archiving.archive(ledger, store, "spring")
    assert list(store.sizes()) == [sealed.key]
    assert not ledger.archives.seal("spring", first, sealed)
