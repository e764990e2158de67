"""The provider's billing beside the ledger: what no row explains is found by itself."""

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from jobs import transitions
from jobs.attempt import reconciling
from jobs.ledger import Ledger
from jobs.ledger.charges import Charges, Kind
from jobs.provider.answers import NoAnswerError
from jobs.records import Doubt
from jobs.states import State
from tests.backups import backup
from tests.sandbox.running import RunningSandbox
from tests.worker.workshop import Workshop, workshop
from worker.charges import compare, watch_charges

#: Longer than the error of a clock that is read to the second, from a busy machine.
SETTLING_S = 3.0


@pytest.fixture
def shop(ledger: Ledger, sandbox: RunningSandbox, home: Path) -> Iterator[Workshop]:
    """One that has begun to compare, and has sent a row."""
    with workshop(ledger, sandbox, home, settling_s=SETTLING_S) as made:
        made.engine.run(compare(made.engine))
        made.order(made.job(0), batch="first")
        made.submit()
        yield made


def found(shop: Workshop) -> Charges:
    return shop.ledger.charges.read(shop.engine.account)


def until_compared(shop: Workshop) -> Charges:
    """What is found once all that was charged until now is compared."""
    last = shop.post({**shop.job(7).inputs, "prompt": f"{shop.tag} a stranger's last"})
    account, model = shop.engine.account, shop.job(7).model

    def is_compared() -> bool:
        return any(c.prediction_id == last for c in found(shop).newest)

    shop.until(is_compared, lambda: shop.engine.run(compare(shop.engine)))
    told = found(shop)
    assert [c.model for c in told.newest if c.prediction_id == last] == [model]
    # Another look at the same finds nothing more.
    shop.engine.run(compare(shop.engine))
    assert shop.ledger.charges.read(account) == told
    return told


def without_last(told: Charges) -> dict[Kind, int]:
    counts = {**told.counts, Kind.UNKNOWN: told.counts[Kind.UNKNOWN] - 1}
    return {kind: count for kind, count in counts.items() if count}


def test_what_is_charged_for_rows_is_explained(shop: Workshop) -> None:
    shop.order(*(shop.job(number) for number in range(1, 4)))
    shop.until_all(State.STORED)
    assert without_last(until_compared(shop)) == {}


def test_what_others_use_the_account_for_is_unknown(shop: Workshop) -> None:
    for number in range(2):
        shop.post({**shop.job(1).inputs, "prompt": f"{shop.tag} other {number}"})
    told = until_compared(shop)
    assert without_last(told) == {Kind.UNKNOWN: 2}
    assert told.usd_micros == {Kind.UNKNOWN: 3 * 210_000}


@pytest.mark.parametrize("shown", [True, False])
def test_a_row_that_was_paid_twice_is_named_where_inputs_are_shown(
    shop: Workshop, *, shown: bool
) -> None:
    shop.sandbox.configure(result_inputs=shown)
    shop.order(shop.job(1), batch="spring")
    shop.submit()
    model = shop.engine.catalogue.find(shop.job(1).model)
    again = shop.post(model.request(shop.job(1).inputs))
    told = until_compared(shop)
    if not shown:
        assert without_last(told) == {Kind.UNKNOWN: 1}
        return
    assert without_last(told) == {Kind.PAID_TWICE: 1}
    (twice,) = [each for each in told.newest if each.kind is Kind.PAID_TWICE]
    assert (twice.prediction_id, twice.ref) == (again, "spring/r1")
    assert twice.usd_micros == 210_000


def test_what_is_billed_above_its_price_is_named(shop: Workshop) -> None:
    shop.sandbox.configure(price_percent=120)
    shop.order(shop.job(1), batch="spring")
    shop.submit()
    told = until_compared(shop)
    assert without_last(told) == {Kind.DEARER: 1}
    (dearer,) = [each for each in told.newest if each.kind is Kind.DEARER]
    assert (dearer.ref, dearer.usd_micros) == ("spring/r1", 42_000)


def test_an_answer_that_is_still_looked_for_is_waited_for(shop: Workshop) -> None:
    shop.sandbox.configure(submit_drop_after=1, result_inputs=True)
    shop.order(shop.job(1))
    shop.submit()
    shop.sandbox.configure(submit_drop_after=0)
    assert shop.states()[State.UNKNOWN] == 1
    before_s = shop.ledger.charges.compared_until_s(shop.engine.account)
    assert before_s is not None
    (lost,) = shop.are(State.UNKNOWN)
    sent_s = shop.record(lost).provider_sent_at_s
    assert sent_s is not None
    for _ in range(3):
        shop.engine.run(compare(shop.engine))
    until_s = shop.ledger.charges.compared_until_s(shop.engine.account)
    assert until_s is not None
    assert until_s < sent_s
    shop.until_all(State.STORED)
    assert without_last(until_compared(shop)) == {}


def test_while_the_ledger_is_older_nothing_that_it_forgot_is_counted(
    shop: Workshop,
) -> None:
    account, marks = shop.engine.account, shop.ledger.marks
    until_s = shop.ledger.charges.compared_until_s(account)
    marks.hold_account(account, "s3://shop")
    for _ in range(3):
        shop.engine.run(compare(shop.engine))
    assert shop.ledger.charges.compared_until_s(account) == until_s
    marks.release(account)
    assert without_last(until_compared(shop)) == {}


def test_what_a_person_still_has_to_settle_is_not_told_of_twice(
    shop: Workshop,
) -> None:
    shop.sandbox.configure(submit_drop_after=1)
    shop.order(shop.job(1))
    shop.submit()
    shop.sandbox.configure(submit_drop_after=0)
    # Of the same picture: no frame tells them apart.
    shop.post({**shop.job(1).inputs, "prompt": f"{shop.tag} alike"})
    shop.until(lambda: shop.are(State.UNRESOLVED), shop.turn)
    assert without_last(until_compared(shop)) == {}


def test_what_may_be_an_unresolved_rows_is_counted_once_a_person_says_it_is_not(
    shop: Workshop,
) -> None:
    (ref,) = shop.order(shop.job(1))
    shop.sandbox.configure(submit_drop_after=1)
    shop.submit()
    shop.sandbox.configure(submit_drop_after=0)
    shop.post({**shop.job(1).inputs, "prompt": f"{shop.tag} alike"})
    shop.until(lambda: shop.are(State.UNRESOLVED), shop.turn)
    until_compared(shop)
    shop.ledger.transitions.apply(
        [transitions.mark_absent("spring", shop.record(ref), shop.ledger.now_s())]
    )
    shop.until_all(State.STORED)
    # One of the two is the row's own, which is paid for again now.
    assert without_last(until_compared(shop)) == {Kind.UNKNOWN: 2 + 1}


def test_what_an_older_ledger_forgot_is_looked_for_before_it_is_unexplained(
    shop: Workshop,
) -> None:
    shop.sandbox.configure(result_inputs=True)
    (ref,) = shop.order(shop.job(1))
    put_back = backup(shop.ledger)
    shop.submit()
    put_back()
    now_s = shop.ledger.now_s()
    doubt = Doubt(now_s - 3_600, now_s + 3_600)
    shop.ledger.transitions.apply(
        [transitions.doubt("spring", shop.record(ref), doubt)]
    )
    last_s = now_s + 2 * reconciling.listed_after_s(SETTLING_S) + reconciling.SKEW_S
    shop.until(
        lambda: shop.ledger.now_s() > last_s,
        lambda: shop.engine.run(compare(shop.engine)),
    )
    assert found(shop) == Charges()
    shop.until_all(State.STORED)
    assert without_last(until_compared(shop)) == {}


def test_what_was_charged_before_is_not_looked_at(
    ledger: Ledger, sandbox: RunningSandbox, home: Path
) -> None:
    with workshop(ledger, sandbox, home, settling_s=SETTLING_S) as shop:
        shop.post({**shop.job(1).inputs, "prompt": f"{shop.tag} long before"})
        began_s = shop.books()[0]["created_at_s"] + 2 * reconciling.SKEW_S
        shop.until(
            lambda: shop.engine.ledger.charges.compared_until_s(shop.engine.account),
            lambda: begin_after(shop, began_s),
        )
        shop.order(shop.job(2))
        shop.submit()
        assert without_last(until_compared(shop)) == {}


def begin_after(shop: Workshop, at_s: float) -> None:
    if shop.ledger.now_s() > at_s:
        shop.engine.run(compare(shop.engine))


def test_a_billing_that_does_not_answer_is_read_later(
    shop: Workshop, caplog: pytest.LogCaptureFixture
) -> None:
    shop.post({**shop.job(1).inputs, "prompt": f"{shop.tag} other"})
    shop.sandbox.configure(billing_5xx=1)
    with caplog.at_level(logging.WARNING):
        shop.until(
            lambda: "billing is put off" in caplog.text,
            lambda: look_at_once(shop),
        )
    assert found(shop) == Charges()
    shop.sandbox.configure(billing_5xx=0)
    assert without_last(until_compared(shop)) == {Kind.UNKNOWN: 1}


def look_at_once(shop: Workshop) -> None:
    shop.ledger.locks.release(shop.engine.account, "billing", "taken")
    shop.engine.run(watch_charges(shop.engine))


def test_a_row_that_cannot_be_looked_for_keeps_its_charge_from_being_told_of(
    shop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.sandbox.configure(submit_drop_after=1, history_inputs=True)
    (ref,) = shop.order(shop.job(1))
    shop.submit()
    shop.sandbox.configure(submit_drop_after=0)

    async def refuse(*_: object) -> None:
        raise NoAnswerError("HTTP 503")

    with monkeypatch.context() as patch:
        patch.setattr(shop.engine.provider, "history", refuse)
        shop.until(lambda: shop.are(State.UNRESOLVED), shop.settle)
        for _ in range(3):
            shop.engine.run(compare(shop.engine))
        assert not found(shop).counts
    shop.until_all(State.STORED)
    assert shop.record(ref).prediction_id
    assert without_last(until_compared(shop)) == {}
