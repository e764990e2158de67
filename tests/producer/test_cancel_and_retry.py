"""`cancel` and `retry`, as a person uses them: what is paid is kept track of."""

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from jobs.attempt.fingerprint import Fingerprint, FingerprintedJob
from jobs.pace.limits import Limits
from jobs.states import Event, State
from jobs.transitions import Ref
from producer.cancel import cancel as do_cancel
from producer.exits import Exit
from producer.retry import retry as do_retry
from tests.audit import audit
from tests.jobs.ledger.play import (
    ACCOUNT,
    PLENTY,
    a_batch,
    a_job,
    batch_of,
    grant,
    leased,
    open_batch,
    play,
    record_of,
)
from tests.producer.fleet import Fleet, Said, fleet

ACCEPTED = (Event.CLAIM, Event.ACCEPT)
STORED = (*ACCEPTED, Event.COMPLETE, Event.STORE)


@pytest.fixture(scope="module")
def shared() -> Iterator[Fleet]:
    with fleet(None, REELMILL_ACCOUNT=ACCOUNT) as made:
        yield made


@pytest.fixture
def place(shared: Fleet) -> Iterator[Fleet]:
    """A fleet nobody has used yet; in the end its ledger agrees with itself."""
    shared.ledger.server.execute_command("FLUSHALL")
    shared.ledger.permits.set_limits(ACCOUNT, PLENTY)
    yield shared
    assert audit(shared.ledger, ACCOUNT) == []


def cancel(
    place: Fleet,
    batch: str = "spring",
    job: str | None = None,
    *,
    abandon: bool = False,
    yes: bool = False,
    json: bool = False,
) -> Said:
    return place.ask(do_cancel, batch, job, abandon=abandon, yes=yes, json=json)


def retry(place: Fleet, *words: str | None, **options: Any) -> Said:
    return place.ask(do_retry, *words, **options)


def at_work(place: Fleet, waiting: int = 3) -> dict[State, Ref]:
    """A batch with one job in each state that something was sent for, and waiting."""
    refs = open_batch(place.ledger, jobs=7 + waiting)
    grant(place.ledger, 7)
    paths = {
        State.ADMITTED: (),
        State.SUBMITTING: (Event.CLAIM,),
        State.UNKNOWN: (Event.CLAIM, Event.LOSE),
        State.UNRESOLVED: (Event.CLAIM, Event.LOSE, Event.GIVE_UP),
        State.GENERATING: ACCEPTED,
        State.GENERATED: (*ACCEPTED, Event.COMPLETE),
        State.STORED: STORED,
    }
    for ref, (state, events) in zip(refs, paths.items(), strict=False):
        play(place.ledger, ref, *events, prediction_id=f"p-{ref}")
        assert record_of(place.ledger, ref).state is state
    return dict(zip(paths, refs, strict=False))


def test_a_cancel_takes_back_what_was_not_sent_and_leaves_what_is_paid(
    place: Fleet,
) -> None:
    at = at_work(place)
    said = cancel(place)
    assert said.code == Exit.STORED
    assert "spring: 4 jobs cancelled, 5 already sent and still collected" in said.err
    assert batch_of(place.ledger).counts[State.CANCELLED] == 4
    for state in set(at) - {State.ADMITTED}:
        assert record_of(place.ledger, at[state]).state is state
    assert grant(place.ledger) == []
    # What is paid goes on to its end; then the batch is due to be reported.
    play(place.ledger, at[State.GENERATED], Event.STORE)
    play(place.ledger, at[State.GENERATING], Event.COMPLETE, Event.STORE)
    play(place.ledger, at[State.SUBMITTING], Event.RETURN)
    play(place.ledger, at[State.UNKNOWN], Event.ABSENT)
    play(place.ledger, at[State.UNRESOLVED], Event.ABSENT)
    assert batch_of(place.ledger).counts == {State.CANCELLED: 7, State.STORED: 3}
    assert leased(place.ledger) == [Ref("spring", "")]
    over = cancel(place)
    assert over.code == Exit.USAGE
    assert "all of spring is over" in over.err


def test_more_jobs_than_a_block_are_cancelled_and_then_nothing_is(
    place: Fleet,
) -> None:
    open_batch(place.ledger, jobs=1_203)
    for count, code in ((1_203, Exit.STORED), (0, Exit.USAGE)):
        said = cancel(place, json=True)
        assert said.code == code
        assert json.loads(said.out) == {
            "batch": "spring",
            "job": None,
            "cancelled": count,
            "abandoned": 0,
            "slots_held_until": None,
            "collected": 0,
        }


def test_what_may_be_paid_is_given_up_only_by_a_word_more(place: Fleet) -> None:
    at = at_work(place)
    asked = cancel(place, abandon=True)
    assert asked.code == Exit.USAGE
    assert "--yes answers for you" in asked.err
    assert "2 videos that cost $0.42" in asked.err
    assert not batch_of(place.ledger).cancelled

    said = cancel(place, abandon=True, yes=True)
    assert "4 jobs cancelled, 2 abandoned, 3 already sent" in said.err
    assert "not yet known what became of it: 3 jobs; the same command" in said.err
    batch = batch_of(place.ledger)
    assert batch.counts == {
        State.CANCELLED: 4,
        State.FAILED: 2,
        State.STORED: 1,
        State.SUBMITTING: 1,
        State.UNKNOWN: 1,
        State.UNRESOLVED: 1,
    }
    # Three are charged; the lost answers and the one that is being sent may be.
    assert batch.charged_usd_micros == 630_000
    assert batch.reserved_usd_micros == 630_000
    left = leased(place.ledger)
    unsettled = (State.SUBMITTING, State.UNKNOWN, State.UNRESOLVED)
    assert set(left) <= {at[state] for state in unsettled}


def test_a_single_job_is_taken_back_and_the_batch_goes_on(place: Fleet) -> None:
    at = at_work(place)
    assert "1 job cancelled" in cancel(place, job="row-9").err
    assert not batch_of(place.ledger).cancelled

    def refused(state: State, *, abandon: bool = False) -> str:
        said = cancel(place, job=at[state].job, abandon=abandon, yes=True)
        assert said.code == Exit.USAGE
        return said.err

    assert "--abandon gives it up" in refused(State.GENERATING)
    assert "must be known first" in refused(State.SUBMITTING, abandon=True)
    assert "must be known first" in refused(State.UNKNOWN, abandon=True)
    assert "reelmill show spring" in refused(State.UNRESOLVED, abandon=True)
    assert "is stored; there is nothing to cancel" in refused(State.STORED)
    assert "has no job row-99" in cancel(place, job="row-99").err
    job = at[State.GENERATING].job
    assert "1 abandoned" in cancel(place, job=job, abandon=True, yes=True).err
    assert len(grant(place.ledger)) == 2


def the_same_twice(place: Fleet) -> None:
    """Two batches with the same request: the second follows the first."""
    for name in ("spring", "autumn"):
        place.ledger.batches.create(a_batch(name))
        asked = FingerprintedJob(a_job(1), Fingerprint("", "the same"))
        place.ledger.batches.add(name, [asked])
        place.ledger.batches.open(name)


def test_what_another_batch_waits_for_is_not_given_up(place: Fleet) -> None:
    the_same_twice(place)
    (source_job,) = grant(place.ledger)
    play(place.ledger, source_job, *ACCEPTED)
    said = cancel(place, source_job.batch, abandon=True, yes=True)
    assert "what other batches wait for" in said.err
    play(place.ledger, source_job, Event.COMPLETE, Event.STORE)
    follower = Ref("autumn", "row-1")
    place.ledger.dedup.follow(ACCOUNT, [follower])
    assert record_of(place.ledger, follower).state is State.REUSED


def test_whoever_follows_a_cancelled_job_makes_the_video_itself(place: Fleet) -> None:
    the_same_twice(place)
    follower = Ref("autumn", "row-1")
    assert record_of(place.ledger, follower).state is State.FOLLOWING
    assert "1 job cancelled" in cancel(place).err
    assert follower in leased(place.ledger)
    place.ledger.dedup.follow(ACCOUNT, [follower])
    assert grant(place.ledger) == [follower]


def failed_and_given_up(place: Fleet) -> dict[str, Ref]:
    """A batch with a failed job, one that was given up, and a cancelled one."""
    failed, given_up, taken_back = open_batch(place.ledger)
    grant(place.ledger, 2)
    play(place.ledger, failed, Event.CLAIM, Event.REFUSE)
    play(place.ledger, given_up, *ACCEPTED, Event.ABANDON)
    assert "1 job cancelled" in cancel(place).err
    return {"failed": failed, "given up": given_up, "taken back": taken_back}


def test_only_what_failed_is_retried_and_the_batch_opens_again(place: Fleet) -> None:
    at = failed_and_given_up(place)
    asked = retry(place, "spring", None)
    assert asked.code == Exit.USAGE
    assert "Pay $0.21 for 1 job once more? Nobody is here" in asked.err
    assert batch_of(place.ledger).cancelled
    said = retry(place, "spring", None, yes=True)
    assert "spring: 1 job for one more attempt, $0.21" in said.err
    assert "abandoned before, and maybe paid: 1 job, left out" in said.err
    assert grant(place.ledger) == [at["failed"]]
    play(place.ledger, at["failed"], Event.CLAIM, Event.RETURN)
    assert record_of(place.ledger, at["failed"]).state is State.WAITING


def test_what_was_cancelled_is_brought_back_by_a_word_more(place: Fleet) -> None:
    at = failed_and_given_up(place)
    said = retry(place, "spring", None, cancelled=True, yes=True, json=True)
    assert json.loads(said.out) == {
        "batch": "spring",
        "retried": 2,
        "cost_usd": "0.42",
    }
    assert grant(place.ledger) == [at["failed"], at["taken back"]]
    # What was given up is paid again by its name alone.
    assert retry(place, "spring", at["given up"].job, yes=True).code == Exit.STORED
    assert grant(place.ledger) == [at["given up"]]


def test_a_retry_beyond_the_budget_says_so(place: Fleet) -> None:
    refs = open_batch(place.ledger, jobs=2, budget_usd_micros=420_000)
    grant(place.ledger)
    play(place.ledger, refs[0], *ACCEPTED, Event.FAIL, prediction_id="p1")
    play(place.ledger, refs[1], *ACCEPTED, Event.FAIL, prediction_id="p2")
    said = retry(place, "spring", None, yes=True)
    assert "only $0.00 of its budget of $0.42 is left" in said.err


@pytest.mark.parametrize("cancelled", [False, True])
def test_nothing_that_failed_is_nothing_to_retry(place: Fleet, cancelled: bool) -> None:
    (ref,) = open_batch(place.ledger, jobs=1)
    said = retry(place, "spring", None, yes=True, cancelled=cancelled, json=True)
    assert (said.code, said.err) == (Exit.USAGE, "spring: nothing has failed")
    nothing = {"batch": "spring", "retried": 0, "cost_usd": "0.00"}
    assert json.loads(said.out) == nothing
    play(place.ledger, ref, Event.CANCEL)
    assert "--cancelled brings back" in retry(place, "spring", None, yes=True).err
    assert retry(place, "spring", "row-1", yes=True).code == Exit.STORED
    assert (
        "has not failed; there is nothing to retry"
        in retry(place, "spring", "row-1", yes=True).err
    )


def test_in_a_private_ledger_a_cancelled_batch_is_reported_at_once() -> None:
    with fleet(None, REELMILL_ACCOUNT=ACCOUNT) as place:
        store = str(place.desk.store)
        batch = replace(a_batch(), store=store, complete=False)
        place.ledger.batches.create(batch)
        place.ledger.batches.add("spring", [a_job(1)])
        place.ledger.batches.open("spring")
        place.ledger.permits.set_limits(ACCOUNT, Limits(1, 1))
        # The same server, as the private one of a home where somebody is at work.
        home = str(place.desk.folder / "server")
        place.desk.environment |= {"REELMILL_HOME": home, "REELMILL_REDIS_URL": ""}
        said = cancel(place)
        assert "1 job cancelled" in said.err
        assert place.desk.report()["jobs"]["cancelled"] == 1
        retried = retry(place, "spring", "row-1")
        assert retried.code == Exit.STORED
        assert "the command that rendered the batch sends them" in retried.err
