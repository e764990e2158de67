"""Whatever happens in whatever order, the ledger's parts agree."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from random import Random

import pytest

from jobs import transitions
from jobs.ledger import Ledger, keys
from jobs.ledger.transitions import Applied
from jobs.pace.limits import WINDOW_S, Limits
from jobs.records import Failure, JobRecord
from jobs.states import FINAL, TRANSITIONS, Event, IllegalTransitionError, State
from jobs.transitions import Ref, Transition
from tests.audit import audit
from tests.conftest import Clock
from tests.jobs.ledger.play import (
    ACCOUNT,
    LEASE_S,
    OWN_STEPS,
    PLENTY,
    PRICE,
    a_job,
    batch_of,
    everything,
    grant,
    leased,
    move_by,
    open_batch,
    play,
    record_of,
    reject,
)

LIMITS = Limits(videos_per_minute=4, concurrent_videos=5)
BUDGET = 7 * PRICE
#: Events by which a start has reached the provider, or may have.
#: Events that end a job: rare, so that histories go on.
ENDS = frozenset({Event.CANCEL, Event.STORE, Event.FAIL, Event.REFUSE})
ARRIVED = frozenset({Event.ACCEPT, Event.REFUSE, Event.LOSE})
#: A doubt is beyond every budget, and has tests of its own.
HAPPENINGS = [e for e in Event if e not in OWN_STEPS and e is not Event.DOUBT]


class History:
    """Everything that workers, people and time do, in an order that chance decides."""

    def __init__(self, ledger: Ledger, clock: Clock, seed: int) -> None:
        self.ledger, self.clock = ledger, clock
        self.luck = Random(seed)
        ledger.permits.set_limits(ACCOUNT, LIMITS)
        self.refs = open_batch(ledger, "dear", 4, budget_usd_micros=BUDGET)
        self.refs += open_batch(ledger, "free", 2, None, priority=5)
        self.old: list[tuple[Ref, JobRecord]] = []
        #: When each start was granted, and when it was answered.
        self.starts: dict[tuple[Ref, int], tuple[float, float]] = {}
        self.predictions = 0
        self.budget = BUDGET

    def step(self) -> None:
        steps: list[tuple[int, Callable[[], None]]] = [
            (20, self.something_happens),
            (8, self.permits_are_granted),
            (5, self.time_passes),
            (5, self.a_message_from_the_past_arrives),
            (2, self.somebody_looks),
            (1, self.the_account_is_refused),
            (1, self.the_budget_is_raised),
            (2, self.the_manifest_comes_again_at_another_price),
            (1, self.scripts_are_forgotten),
        ]
        weights, doings = zip(*steps, strict=True)
        (do,) = self.luck.choices(doings, weights)
        do()
        self.check()

    def records(self) -> list[tuple[Ref, JobRecord]]:
        found = self.ledger.batches.load(self.refs)
        return [(ref, r) for ref, r in zip(self.refs, found, strict=True) if r]

    def permits_are_granted(self) -> None:
        for ref in grant(self.ledger, self.luck.randrange(5)):
            fencing_token = record_of(self.ledger, ref).fencing_token
            self.starts[ref, fencing_token] = (self.clock(), float("inf"))

    def time_passes(self) -> None:
        self.clock.forward(self.luck.choice([0.5, 29.0, 61.0, 61.0, 3_700.0, 90_000.0]))

    def something_happens(self) -> None:
        """To one of the jobs that it can happen to, if there is any; or twice."""
        event = self.luck.choice(HAPPENINGS)
        able = [(r, j) for r, j in self.records() if (j.state, event) in TRANSITIONS]
        if not able or (event in ENDS and self.luck.random() < 0.9):
            return
        ref, record = self.luck.choice(able)
        self.predictions += 1
        prediction_id = f"p{self.predictions}"
        move = move_by(ref.batch, record, event, prediction_id, self.clock())
        self.old.append((ref, record))
        twice = self.luck.randrange(2)
        made = self.ledger.transitions.apply([move] * (1 + twice))
        assert made == [Applied.YES, *([Applied.NO] * twice)]
        start = (ref, record.fencing_token)
        if event in ARRIVED:
            self.starts[start] = (self.starts[start][0], self.clock())
        elif event in (Event.RETURN, Event.CANCEL):
            self.starts.pop(start, None)

    def a_message_from_the_past_arrives(self) -> None:
        if not self.old:
            return
        ref, record = self.luck.choice(self.old)
        now = record_of(self.ledger, ref)
        if (now.state, now.fencing_token) == (record.state, record.fencing_token):
            return
        event = self.luck.choice([e for at, e in TRANSITIONS if at is record.state])
        if event in OWN_STEPS:
            return
        before = everything(self.ledger)
        move = move_by(ref.batch, record, event, "late")
        assert self.ledger.transitions.apply([move]) == [Applied.NO]
        assert everything(self.ledger) == before

    def somebody_looks(self) -> None:
        refs = leased(self.ledger, self.luck.randrange(1, 9))
        if self.luck.randrange(2):
            self.ledger.delay_queue.extend(ACCOUNT, refs, LEASE_S)
        else:
            waits_s = dict.fromkeys(refs, 12.0)
            late = dict.fromkeys(refs[::2], Failure("late", "it takes long"))
            self.ledger.delay_queue.postpone(ACCOUNT, waits_s, late=late)

    def the_account_is_refused(self) -> None:
        cause = self.luck.choice(["throttled", "lost", "permission", "key", "balance"])
        cooldown_s = self.luck.choice([0.0, 5.0, 100.0])
        reject(self.ledger, self.luck.choice(self.refs), cause, cooldown_s)

    def the_budget_is_raised(self) -> None:
        self.budget += self.luck.randrange(3) * PRICE
        self.ledger.batches.set_budget("dear", self.budget)

    def the_manifest_comes_again_at_another_price(self) -> None:
        price = self.luck.choice([None, PRICE // 2, PRICE, 2 * PRICE])
        quoted = price is not None and self.luck.random() < 0.5
        jobs = [replace(a_job(n, price), quoted=quoted) for n in range(1, 5)]
        assert self.ledger.batches.add("dear", jobs) == 0

    def scripts_are_forgotten(self) -> None:
        self.ledger.server.execute_command("SCRIPT", "FLUSH")

    def check(self) -> None:
        assert audit(self.ledger, ACCOUNT) == []
        records = self.records()
        self._check_money(records)
        self._check_starts(records)
        due = self.ledger.server.zrange(keys.account(ACCOUNT, "due"), 0, -1)
        for batch_id in ("dear", "free"):
            states = {j.state for ref, j in records if ref.batch == batch_id}
            over = states <= FINAL | {State.UNRESOLVED, State.OVERDUE}
            assert (f"{batch_id}/" in due) == over
        unsettled = (State.UNKNOWN, State.UNRESOLVED)
        lost = sorted(ref for ref, job in records if job.state in unsettled)
        assert self.ledger.permits.lost(ACCOUNT) == lost

    def _check_money(self, records: Sequence[tuple[Ref, JobRecord]]) -> None:
        batch = batch_of(self.ledger, "dear")
        assert batch.reserved_usd_micros >= 0
        committed = batch.reserved_usd_micros + batch.charged_usd_micros
        assert committed <= self.budget
        attempts = [attempt for _, job in records for attempt in job.attempts]
        ids = [a.prediction_id for a in attempts if a.prediction_id]
        assert len(ids) == len(set(ids))

    def _check_starts(self, records: Sequence[tuple[Ref, JobRecord]]) -> None:
        """In no window more than the limit, wherever in its span each began."""
        spans = self.starts.values()
        for begin in {end for span in spans for end in span}:
            inside = [s for s in spans if s[0] < begin + WINDOW_S and s[1] >= begin]
            assert len(inside) <= LIMITS.videos_per_minute
        unanswered = self.ledger.server.execute_command(
            "ZRANGEBYSCORE", keys.account(ACCOUNT, "starts"), "+inf", "+inf"
        )
        out = {State.ADMITTED, State.SUBMITTING}
        assert set(unanswered) == {
            f"{ref}#{job.fencing_token}" for ref, job in records if job.state in out
        }


@pytest.mark.parametrize("seed", range(4))
def test_no_history_makes_the_ledger_disagree_with_itself(
    simulated: Ledger, clock: Clock, seed: int
) -> None:
    history = History(simulated, clock, seed)
    for _ in range(150):
        history.step()


def admitted(ledger: Ledger, jobs: int = 2) -> list[Ref]:
    ledger.permits.set_limits(ACCOUNT, PLENTY)
    refs = open_batch(ledger, jobs=jobs)
    assert grant(ledger) == refs
    return refs


@pytest.mark.parametrize("event", [Event.CLAIM, Event.RETRY])
def test_a_move_that_the_table_lacks_is_refused_and_sends_nothing(
    ledger: Ledger, event: Event
) -> None:
    ref, _ = admitted(ledger)
    move = Transition(ref, State.STORED, event, fencing_token=1)
    before = everything(ledger)
    with pytest.raises(IllegalTransitionError, match="from there: nothing"):
        ledger.transitions.apply([move])
    assert everything(ledger) == before


def test_one_illegal_move_keeps_its_whole_block_from_being_sent(ledger: Ledger) -> None:
    first, second = admitted(ledger)
    good = move_by("spring", record_of(ledger, first), Event.CLAIM)
    with pytest.raises(IllegalTransitionError):
        ledger.transitions.apply(
            [good, Transition(second, State.FAILED, Event.STORE, 1)]
        )
    assert record_of(ledger, first).state is State.ADMITTED


def test_a_job_that_does_not_exist_is_not_moved(ledger: Ledger) -> None:
    admitted(ledger)
    before = everything(ledger)
    ghost = Transition(Ref("spring", "nobody"), State.WAITING, Event.CANCEL, 0)
    assert ledger.transitions.apply([ghost]) == [Applied.NO]
    assert everything(ledger) == before


def test_each_answer_of_too_many_counts_once_for_its_batch(ledger: Ledger) -> None:
    ledger.permits.set_limits(ACCOUNT, PLENTY)
    first, _ = open_batch(ledger, jobs=2)
    open_batch(ledger, "summer", jobs=1)
    for _ in range(2):
        grant(ledger)
        record = play(ledger, first, Event.CLAIM)
        back = transitions.release("spring", record, throttled=True)
        assert ledger.transitions.apply([back, back]) == [Applied.YES, Applied.NO]
    grant(ledger)
    play(ledger, first, Event.CLAIM, Event.RETURN)
    assert batch_of(ledger).throttled == 2
    assert batch_of(ledger, "summer").throttled == 0
    assert record_of(ledger, first).attempts == ()
    assert audit(ledger, ACCOUNT) == []


def test_a_prediction_never_belongs_to_two_jobs(ledger: Ledger) -> None:
    first, second = admitted(ledger)
    play(ledger, first, Event.CLAIM, Event.ACCEPT, prediction_id="p1")
    play(ledger, second, Event.CLAIM)
    before = everything(ledger)
    taken = move_by("spring", record_of(ledger, second), Event.ACCEPT, "p1")
    assert ledger.transitions.apply([taken]) == [Applied.TAKEN]
    assert everything(ledger) == before
    assert ledger.transitions.owner(ACCOUNT, "p1") == first
    assert ledger.transitions.known(ACCOUNT, ["p1", "p2"]) == {"p1"}
    assert ledger.transitions.known(ACCOUNT, []) == set()


def test_a_prediction_of_an_earlier_attempt_is_not_counted_twice(
    ledger: Ledger,
) -> None:
    ref, _ = admitted(ledger)
    play(ledger, ref, Event.CLAIM, Event.ACCEPT, Event.TRY_AGAIN)
    assert grant(ledger) == [ref]
    play(ledger, ref, Event.CLAIM, Event.LOSE)
    again = move_by("spring", record_of(ledger, ref), Event.ADOPT, "p1")
    assert ledger.transitions.apply([again]) == [Applied.TAKEN]
    assert record_of(ledger, ref).charged_usd_micros == PRICE


def test_an_adopted_prediction_holds_a_slot_again(
    simulated: Ledger, clock: Clock
) -> None:
    ref, other = admitted(simulated)
    play(simulated, ref, Event.CLAIM, Event.LOSE, Event.GIVE_UP)
    clock.forward(3_601)
    grant(simulated)
    assert simulated.permits.holders(ACCOUNT) == [other]
    play(simulated, ref, Event.ADOPT)
    assert set(simulated.permits.holders(ACCOUNT)) == {ref, other}
    assert audit(simulated, ACCOUNT) == []


PATHS = [
    ((Event.CLAIM, Event.ACCEPT), 0, PRICE, 0),
    ((Event.CLAIM, Event.REFUSE), 0, 0, 0),
    ((Event.CLAIM, Event.LOSE), PRICE, 0, 0),
    ((Event.CLAIM, Event.LOSE, Event.ABSENT), 0, 0, 0),
    ((Event.CLAIM, Event.LOSE, Event.ADOPT), 0, PRICE, 0),
    ((Event.CLAIM, Event.ACCEPT, Event.TRY_AGAIN), 0, PRICE, PRICE),
    ((Event.CLAIM, Event.ACCEPT, Event.FAIL), 0, PRICE, 0),
]


@pytest.mark.parametrize(("events", "reserved", "charged", "refunded"), PATHS)
def test_every_path_books_what_it_costs(
    ledger: Ledger,
    events: tuple[Event, ...],
    reserved: int,
    charged: int,
    refunded: int,
) -> None:
    ref, _ = admitted(ledger, 2)
    play(ledger, ref, *events)
    batch = batch_of(ledger)
    booked = (
        batch.reserved_usd_micros - PRICE,
        batch.charged_usd_micros,
        batch.refunded_usd_micros,
    )
    assert booked == (reserved, charged, refunded)
    today = ledger.permits.read(ACCOUNT).today_usd_micros
    assert today == PRICE + reserved + charged
