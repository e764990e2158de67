"""Lost answers, with a real ledger and a real sandbox: who is adopted, who is not."""

import time
from dataclasses import replace
from itertools import count
from pathlib import Path

import pytest

from jobs import transitions
from jobs.attempt import reconciling
from jobs.attempt.reconciling import is_clipped
from jobs.ledger import Ledger
from jobs.provider import replies
from jobs.provider.answers import Billed, Listed, NoAnswerError
from jobs.provider.clock import RemoteClock
from jobs.provider.replies import Reply
from jobs.states import State
from tests.sandbox.running import RunningSandbox
from tests.worker.workshop import (
    Workshop,
    drawing,
    sandbox_ahead,
    workshop,
)
from worker import submit as submitting
from worker.reconcile import GIVEN_UP_AFTER, reconcile

#: One of each, on the first six requests.
EVERY_LOSS = {
    "submit_drop_before": "first 1",
    "submit_5xx_before": "first 1",
    "submit_drop_after": "first 1",
    "submit_5xx_after": "first 1",
    "submit_garbled": "first 1",
    "submit_no_id": "first 1",
}
SHOWN = ("history_inputs", "result_inputs")


def lose(shop: Workshop, fault: str = "submit_drop_after", **others: object) -> None:
    """Send what waits, and lose every answer."""
    shop.sandbox.configure(**{fault: 1, **others})
    shop.submit()
    shop.sandbox.configure(**{fault: 0, "stranger": 0})


async def refuse(*_: object) -> list[Listed]:
    raise NoAnswerError("HTTP 403: no permission")


def all_are_stored_and_paid_once(shop: Workshop) -> None:
    shop.until_all(State.STORED)
    shop.check()
    assert set(shop.paid().values()) == {1}
    assert shop.is_paid_as_booked()


@pytest.mark.parametrize("shown", SHOWN)
def test_every_kind_of_loss_is_settled_where_inputs_are_shown(
    shop: Workshop, shown: str
) -> None:
    shop.sandbox.configure(**{shown: True}, stranger=0.5, **EVERY_LOSS)
    shop.order(*(shop.job(number) for number in range(8)))
    shop.submit()
    assert shop.states() == {State.UNKNOWN: 6, State.GENERATING: 2}
    all_are_stored_and_paid_once(shop)
    outcomes = [r.attempts[0].outcome for r in shop.records().values()]
    assert outcomes.count("absent") == 2


def test_a_history_that_lags_and_fails_for_a_while_is_waited_for(
    ledger: Ledger, sandbox: RunningSandbox, home: Path
) -> None:
    with workshop(ledger, sandbox, home, settling_s=1.0) as shop:
        sandbox.configure(history_inputs=True, history_lag_s=0.5, billing_lag_s=0.5)
        sandbox.configure(history_5xx="first 6", **EVERY_LOSS)
        shop.order(*(shop.job(number) for number in range(7)))
        shop.submit()
        all_are_stored_and_paid_once(shop)


@pytest.mark.parametrize("short", [False, True])
def test_a_history_that_lags_too_long_is_not_believed_before_the_billing(
    shop: Workshop, monkeypatch: pytest.MonkeyPatch, *, short: bool
) -> None:
    """Also where the billing names a model by the beginning of its id."""
    billings = shop.engine.provider.billings

    async def shortened(*window: float) -> list[Billed]:
        found = await billings(*window)
        return [replace(row, model=row.model.rpartition("/")[0]) for row in found]

    if short:
        monkeypatch.setattr(shop.engine.provider, "billings", shortened)
    shop.sandbox.configure(history_lag_s=3_600.0, result_inputs=True, **EVERY_LOSS)
    shop.order(*(shop.job(number) for number in range(7)))
    shop.submit()
    all_are_stored_and_paid_once(shop)


def test_an_attempt_that_a_dead_process_left_behind_is_settled_too(
    shop: Workshop,
) -> None:
    shop.sandbox.configure(history_inputs=True)
    (sent, unsent) = shop.order(shop.job(0), shop.job(1))
    shop.ledger.permits.grant(shop.engine.account, 2, 30.0)
    for ref in (sent, unsent):
        claim = transitions.claim(ref.batch, shop.record(ref), 30.0)
        shop.ledger.transitions.apply([claim])
    shop.post(dict(shop.record(sent).job.inputs) | {"duration": 5})
    assert shop.states() == {State.SUBMITTING: 2}
    shop.engine.run(reconcile(shop.engine, [sent, unsent]))
    all_are_stored_and_paid_once(shop)
    assert len(shop.record(sent).attempts) == 1
    assert len(shop.record(unsent).attempts) == 2


def test_what_another_row_is_just_sending_is_not_adopted(shop: Workshop) -> None:
    first, second = shop.order(shop.job(0), shop.job(0 + 6))
    shop.ledger.permits.grant(shop.engine.account, 2, 30.0)
    for ref in (first, second):
        claim = transitions.claim(ref.batch, shop.record(ref), 30.0)
        shop.ledger.transitions.apply([claim])
    lost = transitions.mark_unknown(first.batch, shop.record(first), "no answer", 1.0)
    shop.ledger.transitions.apply([lost])
    # The answer to this one is on its way; both rows have the same picture.
    made = shop.post(dict(shop.record(second).job.inputs) | {"duration": 5})
    shop.until(lambda: shop.record(first).polls >= 4, shop.settle)
    until_settled_s = shop.record(first).attempt.sent_at_s + 0.5
    shop.until(lambda: shop.engine.now_s() > until_settled_s, shop.settle)
    assert shop.record(first).state is State.UNKNOWN

    accept = transitions.accept(second.batch, shop.record(second), made, 1.0)
    shop.ledger.transitions.apply([accept])
    all_are_stored_and_paid_once(shop)


def test_distinct_pictures_are_told_apart_by_their_first_frames(
    shop: Workshop,
) -> None:
    shop.order(*(shop.job(number) for number in range(6)))
    lose(shop, stranger=1)
    assert len(shop.books()) == 12
    all_are_stored_and_paid_once(shop)


def test_a_row_whose_request_never_arrived_adopts_no_stranger(shop: Workshop) -> None:
    pictures = [shop.upload(drawing(*each)) for each in WHITE_TABLE]
    (ref,) = shop.order(shop.job(0, image=pictures[0]))
    lose(shop, "submit_drop_before")
    for picture in pictures[1:]:
        shop.post({**shop.job(0).inputs, "image": picture, "prompt": "a stranger's"})
    shop.until_all(State.UNRESOLVED)
    record = shop.record(ref)
    assert len(record.candidates) == len(WHITE_TABLE) - 1
    assert shop.paid() == {}
    shop.check()


def test_another_address_alone_makes_nobody_a_stranger(shop: Workshop) -> None:
    # Nothing of ours is listed that would show whether addresses stay as they are.
    shop.sandbox.configure(history_inputs=True)
    (ref,) = shop.order(shop.job(0))
    lose(shop, "submit_drop_before")
    elsewhere = "https://keeps-pictures.example/1.jpg"
    shop.post({**shop.job(0).inputs, "image": elsewhere})
    shop.until_all(State.UNRESOLVED)
    assert len(shop.record(ref).candidates) == 1
    assert list(shop.paid().values()) == [1]  # the stranger's
    shop.check()


#: Small products before the same white: alike in the mean of the whole picture.
WHITE_TABLE = [
    ("mug", "#2a8f8f"),
    ("mug", "#c03030"),
    ("ball", "#2a8f8f"),
    ("mug", "#2a8f5f"),
]


def test_a_machine_whose_clock_is_wrong_finds_its_predictions(
    ledger: Ledger,
    sandbox: RunningSandbox,
    home: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() + 600)
    with workshop(ledger, sandbox, home) as shop:
        sandbox.configure(history_inputs=True, **EVERY_LOSS)
        shop.order(*(shop.job(number) for number in range(7)))
        shop.submit()
        sent_at_s = [r.attempts[0].sent_at_s for r in shop.records().values()]
        assert all(abs(at_s - real()) < 60 for at_s in sent_at_s)
        all_are_stored_and_paid_once(shop)


@pytest.mark.parametrize("ahead_s", [600, -600])
def test_a_provider_whose_clock_is_wrong_is_searched_by_its_clock(
    ledger: Ledger, home: Path, ahead_s: float
) -> None:
    with (
        sandbox_ahead(
            ahead_s, history_inputs=True, quality="small", tier="ultra"
        ) as sandbox,
        workshop(ledger, sandbox, home) as shop,
    ):
        sandbox.configure(generation_s=0.2, **EVERY_LOSS)
        shop.order(*(shop.job(number) for number in range(7)))
        shop.submit()
        created = [row["created_at_s"] - time.time() for row in shop.books()]
        assert all(abs(since_s - ahead_s) < 60 for since_s in created)
        all_are_stored_and_paid_once(shop)


def test_a_request_that_is_handled_after_it_was_given_up_is_not_sent_again(
    ledger: Ledger, sandbox: RunningSandbox, home: Path
) -> None:
    held = {"submit_held": "first 3", "submit_held_s": 2.0}
    with workshop(ledger, sandbox, home, submit_timeout_s=1.0, settling_s=3.0) as shop:
        sandbox.configure(**held)
        shop.order(*(shop.job(number) for number in range(6)))
        shop.submit()
        assert shop.states() == {State.UNKNOWN: 3, State.GENERATING: 3}
        assert len(shop.books()) == 3
        all_are_stored_and_paid_once(shop)
        assert len(shop.books()) == 6


@pytest.mark.parametrize("step_s", [-3_600.0, -10.0, 10.0, 3_600.0])
def test_a_workers_clock_that_is_set_makes_nothing_absent(
    shop: Workshop, monkeypatch: pytest.MonkeyPatch, step_s: float
) -> None:
    shop.order(*(shop.job(number) for number in range(4)))
    lose(shop)
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() + step_s)
    all_are_stored_and_paid_once(shop)
    assert len(shop.books()) == 4


@pytest.mark.parametrize("step_s", [-3_600.0, -10.0, 10.0, 3_600.0])
def test_the_ledgers_clock_that_is_set_makes_nothing_absent(
    ledger: Ledger, sandbox: RunningSandbox, home: Path, step_s: float
) -> None:
    ahead_s = [0.0]
    stepping = Ledger(ledger.server, lambda: time.time() + ahead_s[0])
    with workshop(stepping, sandbox, home) as shop:
        refs = shop.order(shop.job(0), shop.job(1))
        lose(shop, "submit_drop_before")
        ahead_s[0] = step_s
        until_s = time.monotonic() + 1.0
        shop.until(lambda: time.monotonic() > until_s, shop.settle)
        # Whether they arrived is not certain any more; nobody sends them again.
        assert not set(shop.states()) & {State.WAITING, State.GENERATING}
        assert [shop.record(ref).attempt.outcome for ref in refs] == ["unknown"] * 2


def test_a_claim_is_stamped_by_the_ledgers_server(shop: Workshop) -> None:
    (ref,) = shop.order(shop.job(0))
    shop.submit()
    at_s = shop.record(ref).attempt.sent_at_s
    assert abs(at_s - shop.ledger.now_s()) < 60


@pytest.mark.parametrize("ahead_s", [-30, 30])
def test_answers_and_predictions_may_be_dated_by_different_clocks(
    shop: Workshop, monkeypatch: pytest.MonkeyPatch, ahead_s: int
) -> None:
    read = replies.date_s

    def elsewhere(reply: Reply) -> float | None:
        date_s = read(reply)
        return None if date_s is None else date_s + ahead_s

    monkeypatch.setattr(replies, "date_s", elsewhere)
    shop.sandbox.configure(history_inputs=True)
    shop.order(shop.job(0))
    lose(shop)
    all_are_stored_and_paid_once(shop)


def test_a_slow_look_at_the_providers_clock_makes_nothing_absent(
    shop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The clock is read long before the answer that tells it is here."""
    set_clock, seen = RemoteClock.set, shop.engine.provider.clock_s
    slow_s = 20.0

    def slowly(
        clock: RemoteClock, theirs_s: float, asked_s: float, at_s: float
    ) -> None:
        set_clock(clock, theirs_s + slow_s, asked_s, at_s + slow_s)

    async def slowly_seen() -> float | None:
        date_s = await seen()
        return None if date_s is None else date_s + slow_s / 2

    monkeypatch.setattr(RemoteClock, "set", slowly)
    monkeypatch.setattr(shop.engine.provider, "clock_s", slowly_seen)
    shop.sandbox.configure(history_inputs=True)
    shop.order(shop.job(0))
    lose(shop)
    all_are_stored_and_paid_once(shop)


def test_a_prediction_whose_result_is_broken_holds_up_no_other(
    shop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = shop.post({**shop.job(3).inputs, "prompt": "somebody else's"})
    listing = shop.engine.provider.listing

    async def told(prediction_id: str) -> Listed | None:
        if prediction_id == broken:
            raise NoAnswerError("HTTP 500: boom")
        return await listing(prediction_id)

    monkeypatch.setattr(shop.engine.provider, "listing", told)
    shop.sandbox.configure(result_inputs=True)
    shop.order(shop.job(0), shop.job(1))
    lose(shop)
    all_are_stored_and_paid_once(shop)


@pytest.mark.parametrize("silent", ["history", "billings"])
def test_what_cannot_be_looked_for_is_left_to_a_person_and_looked_for_still(
    shop: Workshop, monkeypatch: pytest.MonkeyPatch, silent: str
) -> None:
    shop.sandbox.configure(history_inputs=True)
    shop.order(shop.job(0), shop.job(1))
    with monkeypatch.context() as patch:
        patch.setattr(shop.engine.provider, silent, refuse)
        lose(shop, "submit_drop_before")
        shop.until(lambda: len(shop.are(State.UNRESOLVED)) == 2, shop.settle)
    record = shop.record(shop.are(State.UNRESOLVED)[0])
    assert record.failure
    assert "cannot be looked for: HTTP 403: no permission" in record.failure.message
    all_are_stored_and_paid_once(shop)


@pytest.mark.parametrize("looked_before", [True, False])
def test_one_look_without_an_answer_gives_up_nothing(
    shop: Workshop, monkeypatch: pytest.MonkeyPatch, looked_before: bool
) -> None:
    """Also if nobody looked for a long time, as after a night without workers."""
    (ref,) = shop.order(shop.job(0))
    # What is still being made is waited for, however long ago it was sent.
    shop.sandbox.configure(outcome_never=1)
    lose(shop)
    patience_s = GIVEN_UP_AFTER * shop.engine.settings.settling_s
    sent_at_s = shop.record(ref).attempt.sent_at_s
    turn = shop.settle if looked_before else lambda: None
    shop.until(lambda: shop.ledger.now_s() - sent_at_s > patience_s, turn)
    with monkeypatch.context() as patch:
        patch.setattr(shop.engine.provider, "history", refuse)
        shop.settle()
    assert shop.are(State.UNKNOWN) == [ref]
    shop.settle()
    assert shop.record(ref).unanswered_since_s is None


def test_what_was_seen_before_it_was_given_up_stays_a_candidate(
    shop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    (ref,) = shop.order(shop.job(0))
    shop.sandbox.configure(outcome_never=1)
    lose(shop)
    shop.until(lambda: shop.record(ref).seen_candidates, shop.settle)
    monkeypatch.setattr(shop.engine.provider, "history", refuse)
    shop.until(lambda: shop.are(State.UNRESOLVED), shop.settle)
    record = shop.record(ref)
    (own,) = shop.books()
    assert [each.prediction_id for each in record.candidates] == [own["id"]]
    # Nobody takes it for absent in bulk.
    assert is_clipped(record)


def test_a_lost_answer_of_a_model_that_no_worker_knows_is_left_to_a_person(
    shop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.order(shop.job(0))
    lose(shop, "submit_drop_before")
    known = shop.engine.catalogue
    others = {name: m for name, m in known.models.items() if name != shop.job(0).model}
    with monkeypatch.context() as patch:
        patch.setattr(shop.engine, "catalogue", replace(known, models=others))
        shop.until(lambda: shop.are(State.UNRESOLVED), shop.settle)
    all_are_stored_and_paid_once(shop)


def test_a_candidate_that_the_history_shows_no_more_rules_out_absence(
    shop: Workshop,
) -> None:
    shop.order(shop.job(0))
    shop.sandbox.configure(outcome_never=1)
    lose(shop, history_lag_s=0.0)
    shop.until(
        lambda: shop.record(shop.are(State.UNKNOWN)[0]).seen_candidates, shop.settle
    )
    # Nobody sees it any more, in the history or the billing.
    shop.sandbox.configure(history_lag_s=3_600.0, billing_lag_s=3_600.0)
    shop.until(lambda: shop.are(State.UNRESOLVED), shop.settle)
    assert "it may be a prediction" in str(
        shop.record(shop.are(State.UNRESOLVED)[0]).failure
    )
    assert set(shop.paid().values()) == {1}


def test_a_request_that_is_held_up_too_long_after_its_claim_does_not_leave(
    shop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.order(shop.job(0))
    late_s = count(0.0, reconciling.MAX_HOLD_S + 1)
    with monkeypatch.context() as patch:
        patch.setattr(submitting, "steady_s", lambda: next(late_s))
        shop.submit()
    assert not shop.paid()
    assert shop.states() == {State.WAITING: 1}
    all_are_stored_and_paid_once(shop)
