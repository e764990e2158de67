"""A ledger that went back never sends again what it has forgotten, whoever does what.

The steps of several workers are taken in every order, on a ledger that goes back to an
earlier state in between; the real ones are taken too, on a server whose data is put
back.
"""

import copy
import threading
import uuid
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobs import transitions
from jobs.ledger import Ledger
from jobs.ledger.marks import Marked, OlderLedgerError, StoreMarks
from jobs.ledger.transitions import Applied
from jobs.pace.limits import Limits
from jobs.records import JobRecord
from jobs.storage import Store
from jobs.transitions import Ref
from tests.backups import backup
from tests.conftest import Clock
from tests.jobs.ledger.play import (
    ACCOUNT,
    LEASE_S,
    PLENTY,
    grant,
    open_batch,
    record_of,
)

#: What a worker does that others may come between: claim, list, add, put, ask again,
#: send or give back; then remove and drop; and lists once more where it is in doubt.
STEPS = 24


@dataclass
class Stage:
    """A ledger and a store that stop each worker before each of its steps."""

    #: What the ledger has: rows by the mark of their claim, marks that it knows.
    claimed: dict[Ref, str] = field(default_factory=dict)
    marks: set[str] = field(default_factory=set)
    files: set[str] = field(default_factory=set)
    sent: list[Ref] = field(default_factory=list)
    held: bool = False
    url: str = "store"

    def __post_init__(self) -> None:
        self.turns = {name: threading.Semaphore(0) for name in "abc"}
        self.at_step = threading.Semaphore(0)
        self.me = threading.local()

    def step(self) -> None:
        """Wait for one's turn."""
        self.at_step.release()
        self.turns[self.me.name].acquire()

    # What `marking` uses of a store.
    def sizes(self, _prefix: str) -> Mapping[str, int]:
        self.step()
        return dict.fromkeys(self.files, 1)

    def put(self, key: str, _content: bytes, _kind: str) -> None:
        self.step()
        self.files.add(key)

    def remove(self, key: str) -> None:
        self.step()
        self.files.discard(key)


class Marks:
    """The ledger's marks on a stage."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage

    def add(
        self, mark: str, claims: Collection[Ref], there: Collection[str]
    ) -> tuple[set[Ref], set[str]]:
        self._stage.step()
        missing = set(there) - self._stage.marks
        held = {row for row in claims if self._stage.claimed.get(row) == mark}
        self._stage.marks |= {mark} if held else set()
        return held, missing

    def known(self, marks: Collection[str]) -> set[str]:
        self._stage.step()
        return set(marks) & self._stage.marks

    def drop(self, marks: Collection[str]) -> None:
        self._stage.step()
        self._stage.marks -= set(marks)

    def hold_account(self, _account_id: str, _where: str) -> None:
        self._stage.held = True


class Identity:
    """A ledger that has its name."""

    def name(self) -> str:
        return "ledger"

    known = name


@dataclass
class OnStage:
    """What stands for a ledger."""

    marks: Marks
    identity: Identity = field(default_factory=Identity)


def work(stage: Stage, name: str, row: Ref) -> None:
    """What a worker does with a row, twice if it is free again."""
    stage.me.name = name
    ledger, store = cast("Ledger", OnStage(Marks(stage))), cast("Store", stage)
    marks = StoreMarks(ledger, store, ACCOUNT)
    for mark in (f"{name}1", f"{name}2"):
        stage.step()
        if row in stage.claimed:
            continue
        stage.claimed[row] = mark
        try:
            marked = marks.leave(mark, [row], name)
        except OlderLedgerError:
            marked = Marked()
        stage.step()
        stage.sent += marked.claims
        if marked.claims:
            marks.take_earlier(marked)
        # As `move` does: nobody gives back what another has claimed.
        elif stage.claimed.get(row) == mark:
            del stage.claimed[row]


def play(order: Sequence[str], names: str) -> Stage:
    """Take steps in this order: of a worker, or `<` to save and `>` to put back."""
    stage = Stage()
    rows = {name: Ref("b", row) for name, row in zip("abc", names, strict=True)}
    over = dict.fromkeys(rows, False)
    saved: tuple[dict[Ref, str], set[str]] = ({}, set())

    def run(name: str) -> None:
        work(stage, name, rows[name])
        over[name] = True
        stage.at_step.release()

    threads = [threading.Thread(target=run, args=(name,)) for name in rows]
    for thread in threads:
        thread.start()
        stage.at_step.acquire()
    for what in [*order, *(name for name in rows for _ in range(STEPS))]:
        if what == "<":
            saved = copy.deepcopy((stage.claimed, stage.marks))
        elif what == ">":
            stage.claimed, stage.marks = copy.deepcopy(saved)
        elif not over[what]:
            stage.turns[what].release()
            stage.at_step.acquire()
    for thread in threads:
        thread.join(10)
        assert not thread.is_alive()
    return stage


@settings(deadline=None, max_examples=150)
@given(st.lists(st.sampled_from("aaabbbc<>"), max_size=60))
def test_no_row_is_sent_twice_however_often_the_ledger_goes_back(
    order: list[str],
) -> None:
    stage = play(order, "112")
    assert sorted(stage.sent) == sorted(set(stage.sent))


@settings(deadline=None)
@given(st.lists(st.sampled_from("abc"), max_size=40))
def test_a_ledger_that_never_went_back_is_never_taken_for_older(
    order: list[str],
) -> None:
    stage = play(order, "123")
    assert {ref.job for ref in stage.sent} == {"1", "2", "3"}
    assert not stage.held


def claim(ledger: Ledger, mark: str) -> JobRecord:
    """Claim what waits next."""
    (ref,) = ledger.permits.grant(ACCOUNT, 1, LEASE_S)
    move = transitions.claim(ref.batch, record_of(ledger, ref), LEASE_S, mark=mark)
    assert ledger.transitions.claim([move]) != [None]
    return record_of(ledger, ref)


@pytest.fixture
def marks(ledger: Ledger, store: Store) -> StoreMarks:
    return StoreMarks(ledger, store, ACCOUNT)


def leave(ledger: Ledger, marks: StoreMarks) -> Marked:
    """Claim what waits next, and leave the mark of it."""
    mark = uuid.uuid4().hex
    ref = Ref("spring", claim(ledger, mark).job.id)
    marked = marks.leave(mark, [ref], "w")
    assert marked.claims == {ref}
    return marked


def test_nobody_moves_what_was_claimed_anew_once_the_ledger_had_gone_back(
    ledger: Ledger,
) -> None:
    ledger.permits.set_limits(ACCOUNT, PLENTY)
    (ref,) = open_batch(ledger, jobs=1)
    put_back = backup(ledger)
    before = claim(ledger, "a")
    put_back()
    now = claim(ledger, "b")
    assert before.fencing_token == now.fencing_token
    stale = (
        transitions.release("spring", before),
        transitions.accept("spring", before, "p1", 0.0),
        transitions.mark_unknown("spring", before, "no answer", 0.0),
    )
    for move in stale:
        assert ledger.transitions.apply([move]) == [Applied.NO]
    assert record_of(ledger, ref) == now
    assert ledger.transitions.apply([transitions.release("spring", now)]) == [
        Applied.YES
    ]


def test_what_was_sent_since_a_backup_is_noticed_once_that_is_put_back(
    ledger: Ledger, store: Store, marks: StoreMarks
) -> None:
    ledger.permits.set_limits(ACCOUNT, PLENTY)
    open_batch(ledger, jobs=3)
    leave(ledger, marks)
    put_back = backup(ledger)
    leave(ledger, marks)
    marks.must_be_known()
    put_back()
    assert marks.are_forgotten()
    assert not ledger.permits.read(ACCOUNT).older
    with pytest.raises(OlderLedgerError, match="reelmill rebuild"):
        leave(ledger, marks)
    account = ledger.permits.read(ACCOUNT)
    assert (account.older, account.paused) == (store.url, True)
    marks.accept()
    ledger.marks.release(ACCOUNT)
    marks.must_be_known()
    assert not ledger.permits.read(ACCOUNT).paused


def test_each_account_is_held_and_compared_for_itself(
    ledger: Ledger, store: Store, marks: StoreMarks
) -> None:
    ledger.permits.set_limits(ACCOUNT, PLENTY)
    open_batch(ledger, jobs=2)
    ledger.identity.name()
    others = StoreMarks(ledger, store, "others")
    put_back = backup(ledger)
    leave(ledger, marks)
    put_back()
    others.must_be_known()
    assert not ledger.permits.read("others").older
    others.accept()
    with pytest.raises(OlderLedgerError):
        marks.must_be_known()
    assert ledger.permits.read(ACCOUNT).older


def test_a_mark_stands_for_those_before_it_so_few_are_kept(
    ledger: Ledger, store: Store, marks: StoreMarks
) -> None:
    ledger.permits.set_limits(ACCOUNT, PLENTY)
    open_batch(ledger, jobs=6)
    for _ in range(5):
        marks.take_earlier(leave(ledger, marks))
    assert len(store.sizes()) == 1
    assert int(ledger.server.execute_command("SCARD", "reelmill:marks")) == 1
    put_back = backup(ledger)
    marks.take_earlier(leave(ledger, marks))
    put_back()
    assert marks.are_forgotten()


def test_an_empty_ledger_beside_marks_of_another_is_not_older(
    ledger: Ledger, marks: StoreMarks
) -> None:
    ledger.permits.set_limits(ACCOUNT, PLENTY)
    open_batch(ledger, jobs=1)
    leave(ledger, marks)
    ledger.server.execute_command("FLUSHALL")
    marks.must_be_known()
    assert not ledger.identity.known()


def test_the_starts_that_an_older_ledger_forgot_count_as_many_as_allowed(
    simulated: Ledger, clock: Clock
) -> None:
    simulated.permits.set_limits(ACCOUNT, Limits(2, 9))
    open_batch(simulated)
    simulated.marks.hold_account(ACCOUNT, "s3://videos")
    assert grant(simulated) == []
    simulated.marks.release(ACCOUNT)
    assert grant(simulated) == []
    clock.forward(59.0)
    assert grant(simulated) == []
    clock.forward(2.0)
    assert len(grant(simulated)) == 2


def test_a_name_that_is_none_is_not_taken(ledger: Ledger) -> None:
    assert ledger.identity.set_if_missing("") == ""
    drawn = ledger.identity.name()
    assert drawn
    assert ledger.identity.set_if_missing("another") == drawn
