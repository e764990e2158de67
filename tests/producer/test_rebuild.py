"""A ledger that lost its data is put together again, and nothing is paid twice."""

import json
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from jobs import catalogue, transitions
from jobs.attempt.fingerprint import FingerprintedJob, Fingerprinter
from jobs.attempt.reconciling import MAX_CANDIDATES, MIN_POLLS
from jobs.ledger import Ledger
from jobs.records import Attempt, JobRecord
from jobs.settings import child_environment
from jobs.states import State
from jobs.transitions import Ref
from producer.batch_copies import keep_copy, lost_batches, refuse_if_lost
from producer.exits import CommandError, Exit
from producer.rebuild import rebuild
from producer.report import keep_report
from producer.resolve import resolve
from producer.show import show
from tests.audit import audit
from tests.sandbox.running import RunningSandbox, running_sandbox
from tests.worker.workshop import Workshop, workshop

Rebuild = Callable[..., dict[str, Any]]


@pytest.fixture(scope="module")
def sandbox() -> Iterator[RunningSandbox]:
    with running_sandbox(tier="ultra", quality="small", generation_s=0.05) as running:
        yield running


@pytest.fixture
def shop(ledger: Ledger, sandbox: RunningSandbox, home: Path) -> Iterator[Workshop]:
    with workshop(ledger, sandbox, home) as made:
        yield made


@pytest.fixture
def rebuilt(
    shop: Workshop, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Rebuild:
    """Loses the ledger's data, and runs the command on what is left."""

    monkeypatch.setattr("producer.rebuild.MAX_HOLD_S", 0.0)

    def lose_and_rebuild(*, yes: bool = True, code: int = Exit.INCOMPLETE) -> Any:
        redis_url = shop.engine.settings.ledger_url
        # A person's settings are not as quick as the workshop's.
        changes = {"redis_url": redis_url, "submit_timeout_s": 1.0, "settling_s": 1.1}
        chosen = shop.engine.settings.model_copy(update=changes)
        for name, value in child_environment(chosen).items():
            monkeypatch.setenv(name, value)
        shop.ledger.server.execute_command("FLUSHALL")
        store = str(shop.store / "spring")
        assert lost_batches(shop.ledger, store) == shop.batches
        capsys.readouterr()
        assert rebuild(store=store, yes=yes, json=True) == code
        limits = shop.engine.settings.limits
        shop.ledger.permits.set_limits(shop.engine.account, limits)
        assert audit(shop.ledger, shop.engine.account) == []
        assert lost_batches(shop.ledger, store) == []
        (told,) = json.loads(capsys.readouterr().out)["rebuilt"]
        found = shop.look_for_lost()
        return {**told, "jobs": found}

    return lose_and_rebuild


def order(
    shop: Workshop, count: int, numbers: Sequence[int] = (), **changes: Any
) -> list[Ref]:
    """A batch of which a copy is kept before anything is sent."""
    refs = shop.order(*map(shop.job, numbers or range(count)), **changes)
    batch = shop.ledger.batches.read("spring")
    assert batch
    keep_copy(shop.ledger, batch)
    return refs


def end(shop: Workshop) -> None:
    """See the end of all that was sent."""
    going = (State.GENERATING, State.GENERATED)
    shop.until(lambda: not any(map(shop.are, going)), shop.end)


def asked_again(shop: Workshop, count: int) -> list[FingerprintedJob]:
    asks = Fingerprinter(catalogue.builtin())
    return [FingerprintedJob(job, asks.of(job)) for job in map(shop.job, range(count))]


def past(records: dict[Ref, JobRecord]) -> dict[Ref, tuple[object, ...]]:
    """What a job that is over must be known by."""
    return {
        ref: (
            *(r.state, r.prediction_id, r.charged_usd_micros),
            *(r.video, r.video_sha256, r.poster),
        )
        for ref, r in records.items()
        if r.state is State.STORED
    }


def test_all_that_happened_is_known_again_and_the_rest_goes_on_unpaid_twice(
    shop: Workshop, rebuilt: Rebuild
) -> None:
    shop.sandbox.configure(result_inputs=True, outcome_1200="first 2")
    order(shop, 20)
    shop.submit(9)
    end(shop)
    shop.sandbox.configure(generation_s=2.0)
    shop.submit(4)
    shop.sandbox.configure(submit_drop_after="first 1")
    shop.submit(1)
    shop.sandbox.configure(submit_drop_after=0.0)
    shop.ledger.permits.recover(shop.engine.account)
    before = past(shop.records())
    gone, cut, *_ = sorted((shop.store / "spring").glob("*.mp4"))
    gone.unlink()
    cut.write_bytes(cut.read_bytes()[:100])
    assert shop.states() == {
        State.STORED: 7,
        State.FAILED: 2,
        State.GENERATING: 4,
        State.UNKNOWN: 1,
        State.WAITING: 6,
    }
    told = rebuilt()
    assert told["jobs"] == {"stored": 5, "generating": 9, "waiting": 6}
    assert past(shop.records()).items() <= before.items()
    shop.until_all(State.STORED, State.FAILED)
    assert shop.states() == {State.STORED: 18, State.FAILED: 2}
    shop.check()
    assert shop.is_paid_as_booked()

    shop.order(batch="again", store=str(shop.store / "spring"))
    shop.ledger.batches.add("again", asked_again(shop, 20))
    states = Counter(r.state for r in shop.ledger.batches.jobs("again"))
    # What was refused for its content is not sent again.
    assert states == {State.REUSED: 18, State.FAILED: 2}


def test_where_inputs_are_hidden_first_frames_tell(
    shop: Workshop, rebuilt: Rebuild
) -> None:
    order(shop, 5)
    shop.submit(2)
    end(shop)
    shop.submit(1)
    assert rebuilt()["jobs"] == {"stored": 2, "generating": 1, "waiting": 2}
    shop.until_all(State.STORED)
    shop.check()
    assert len(shop.books()) == 5


def test_a_report_tells_more_and_what_nobody_sent_waits_for_a_person(
    shop: Workshop, rebuilt: Rebuild
) -> None:
    shop.sandbox.configure(outcome_1200="first 1")
    order(shop, 4)
    shop.submit(2)
    end(shop)
    shop.submit(1)
    (going,), (failed,) = shop.are(State.GENERATING), shop.are(State.FAILED)
    before = shop.record(going), shop.record(failed)
    keep_report(shop.ledger, "spring", shop.ledger.now_s())
    told = rebuilt(yes=False)
    assert told["jobs"] == {"stored": 1, "failed": 1, "generating": 1, "waiting": 1}
    assert shop.record(going).prediction_id == before[0].prediction_id
    assert shop.record(failed).failure == before[1].failure
    assert shop.record(failed).charged_usd_micros == before[1].charged_usd_micros
    assert told["paused"] is True
    assert shop.submit() == []
    shop.ledger.batches.resume("spring")
    shop.until_all(State.STORED, State.FAILED)
    shop.check()
    assert shop.is_paid_as_booked()


def test_rows_beyond_the_budget_are_looked_for_and_go_on_within_it(
    shop: Workshop, rebuilt: Rebuild
) -> None:
    shop.sandbox.configure(result_inputs=True)
    budget = 2 * (shop.job(0).price_usd_micros or 0)
    order(shop, 6, budget_usd_micros=budget)
    shop.submit(1)
    assert rebuilt()["jobs"] == {"generating": 1, "waiting": 5}
    shop.until(lambda: shop.states()[State.STORED] == 2, shop.turn)
    assert shop.submit() == []
    batch = shop.ledger.batches.read("spring")
    assert batch
    assert (batch.charged_usd_micros, batch.stopped_by) == (budget, "budget")
    shop.check()


def test_a_batch_that_was_over_asks_the_provider_nothing(
    shop: Workshop, rebuilt: Rebuild
) -> None:
    order(shop, 2)
    shop.submit()
    shop.until_all(State.STORED)
    asked = shop.sandbox.books()["requests"].get("history", 0)
    assert rebuilt(code=Exit.STORED)["jobs"] == {"stored": 2}
    assert shop.sandbox.books()["requests"].get("history", 0) == asked
    with pytest.raises(CommandError, match="no copy of a batch that this ledger lacks"):
        rebuild(store=str(shop.store / "spring"), yes=True, json=True)


def test_an_empty_ledger_beside_copies_is_refused_before_anything_is_sent(
    shop: Workshop,
) -> None:
    order(shop, 1)
    store, account = str(shop.store / "spring"), shop.engine.account
    refuse_if_lost(shop.ledger, store, account, fresh_ledger=False)
    shop.ledger.server.execute_command("FLUSHALL")
    with pytest.raises(
        CommandError, match=r"does not know 1 batches.*reelmill rebuild"
    ):
        refuse_if_lost(shop.ledger, store, account, fresh_ledger=False)
    refuse_if_lost(shop.ledger, store, account, fresh_ledger=True)
    refuse_if_lost(shop.ledger, str(shop.store / "other"), account, fresh_ledger=False)


def test_a_store_that_two_ledgers_share_asks_which_one_was_lost(
    shop: Workshop, rebuilt: Rebuild
) -> None:
    order(shop, 1)
    folder = shop.store / "spring" / ".reelmill"
    (folder / "other").mkdir()
    (folder / "other" / "summer.jsonl").write_text("")
    with pytest.raises(AssertionError):
        rebuilt()
    with pytest.raises(CommandError, match="--ledger"):
        rebuild(store=str(shop.store / "spring"), yes=True, json=True)


def costs(attempts: Sequence[Attempt]) -> list[tuple[object, ...]]:
    """What must be known of attempts that were over."""
    return [
        (a.number, a.prediction_id, a.outcome, a.charged_usd_micros, a.failure)
        for a in attempts
    ]


def try_again(shop: Workshop, refs: list[Ref]) -> None:
    """What `retry` does."""
    shop.ledger.transitions.apply(
        [transitions.retry(r.batch, shop.record(r)) for r in refs]
    )


@pytest.mark.parametrize("first", [State.FAILED, State.CANCELLED])
def test_a_retry_that_was_lost_is_found_once_a_person_retries_again(
    shop: Workshop, rebuilt: Rebuild, first: State
) -> None:
    shop.sandbox.configure(outcome_1200="first 2")
    refs = order(shop, 3)
    if first is State.FAILED:
        shop.submit()
        end(shop)
    else:
        cancel = [transitions.cancel("spring", shop.record(ref)) for ref in refs]
        shop.ledger.transitions.apply(cancel)
        shop.sandbox.configure(outcome_1200=0.0)
    over, other = shop.are(first)[:2]
    before = shop.record(over)
    keep_report(shop.ledger, "spring", shop.ledger.now_s())
    try_again(shop, [over])
    shop.submit()
    found = rebuilt(code=Exit.STORED)["jobs"]
    assert found[first] == shop.states()[first] >= 2
    assert costs(shop.record(over).attempts) == costs(before.attempts)
    paid = len(shop.books())
    try_again(shop, [over, other])
    assert shop.look_for_lost()["generating"] == 1
    assert shop.record(over).state is State.GENERATING
    assert len(shop.books()) == paid
    shop.until(lambda: {over, other} <= set(shop.are(State.STORED)), shop.turn)
    assert audit(shop.ledger, shop.engine.account) == []
    assert len(shop.books()) == paid + 1


def test_nobody_says_absent_while_not_all_candidates_are_listed(
    shop: Workshop, rebuilt: Rebuild, capsys: pytest.CaptureFixture[str]
) -> None:
    shop.sandbox.configure(generation_s=0.0)
    (ref,) = order(shop, 1)
    for number in range(MAX_CANDIDATES + 1):
        shop.post(dict(shop.job(number + 9).inputs))
    assert rebuilt()["jobs"] == {"unresolved": 1}
    assert len(shop.record(ref).candidates) == MAX_CANDIDATES
    with pytest.raises(
        CommandError, match="could pay for it twice; look its prompt up"
    ):
        resolve(ref.batch, ref.job, adopt=None, absent=True)
    show(ref.batch, ref.job, json=False)
    words = capsys.readouterr().out
    assert "not all candidates" in words
    assert "--absent\n" not in words


def test_a_bad_copy_is_named_and_the_others_are_rebuilt(
    shop: Workshop, rebuilt: Rebuild, capsys: pytest.CaptureFixture[str]
) -> None:
    order(shop, 1)
    shop.submit()
    shop.until_all(State.STORED)
    (good,) = (shop.store / "spring" / ".reelmill").glob("*/*.jsonl")
    bad = good.with_name("summer.jsonl")
    bad.write_bytes(good.read_bytes().replace(b"orbit", b"orbit \xff"))
    shop.batches.append("summer")
    with pytest.raises(AssertionError, match="summer"):
        rebuilt(code=Exit.INCOMPLETE)
    shop.batches.remove("summer")
    captured = capsys.readouterr()
    (told,) = json.loads(captured.out)["bad_copies"]
    assert str(bad) in told
    assert "would be paid anew" in captured.err
    assert shop.states() == {State.STORED: 1}


def test_what_waits_for_a_person_is_never_taken_for_absent_by_looking(
    shop: Workshop, rebuilt: Rebuild
) -> None:
    # Both of the same picture, so that no frame tells.
    order(shop, 2, (0, 6), created_at_s=time.time() - 3_600)
    shop.submit(1)
    assert rebuilt()["jobs"] == {"unresolved": 2}
    for _ in range(MIN_POLLS + 1):
        shop.settle()
    assert shop.states() == {State.UNRESOLVED: 2}


def test_earlier_attempts_of_what_is_looked_for_keep_their_costs(
    shop: Workshop, rebuilt: Rebuild
) -> None:
    shop.sandbox.configure(outcome_1200="first 1")
    (ref,) = order(shop, 1)
    shop.submit()
    end(shop)
    (first,) = shop.record(ref).attempts
    assert first.charged_usd_micros
    try_again(shop, [ref])
    keep_report(shop.ledger, "spring", shop.ledger.now_s())
    shop.submit()
    assert rebuilt()["jobs"] == {"generating": 1}
    kept, found = shop.record(ref).attempts
    assert costs([kept]) == costs([first])
    assert (found.number, found.outcome) == (2, "generating")
    assert found.prediction_id != first.prediction_id


def test_a_batch_that_was_made_by_a_wrong_clock_is_found_all_the_same(
    shop: Workshop, rebuilt: Rebuild
) -> None:
    shop.sandbox.configure(result_inputs=True)
    order(shop, 2, created_at_s=time.time() + 3_600)
    shop.submit(1)
    assert rebuilt()["jobs"] == {"generating": 1, "waiting": 1}
