"""An account in trouble fails no job: it cools down, is probed, goes on by itself."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from jobs.ledger import Ledger
from jobs.ledger.permits import AccountRecord
from jobs.pace.waits import MAX_COOLING_S, TROUBLE_PROBE_S
from jobs.report.document import report
from jobs.states import State
from tests.conftest import Clock
from tests.producer.running import quick_sandbox
from tests.sandbox.running import RunningSandbox, running_sandbox
from tests.worker.workshop import Workshop, workshop

PRICE = 210_000


@pytest.fixture
def clock() -> Clock:
    """The ledger's clock alone: cooldowns pass when a test says so."""
    return Clock(time.time())


@pytest.fixture
def shop(simulated: Ledger, sandbox: RunningSandbox, home: Path) -> Iterator[Workshop]:
    with workshop(simulated, sandbox, home) as made:
        yield made


def account(shop: Workshop) -> AccountRecord:
    return shop.ledger.permits.read(shop.engine.account)


def nobody_failed(shop: Workshop) -> None:
    for record in shop.records().values():
        assert record.failure is None
        assert record.state is not State.WAITING or not record.attempts


def go_on(shop: Workshop, clock: Clock, step_s: float = 1.0) -> None:
    """Let time pass until all is stored, with nobody's help."""

    def turn() -> None:
        clock.forward(step_s)
        shop.submit()
        shop.settle()
        shop.end()

    shop.until(lambda: set(shop.states()) == {State.STORED}, turn)
    shop.check()


@pytest.mark.parametrize(
    ("form", "at_least_s", "at_most_s"),
    [
        ("none", 1.0, 4.0),
        ("seconds", 20.0, 20.0),
        ("date", 15.0, 21.0),
        ("absurd", MAX_COOLING_S, MAX_COOLING_S),
    ],
)
def test_a_429_cools_the_account_down_as_the_provider_asks(
    shop: Workshop, clock: Clock, form: str, at_least_s: float, at_most_s: float
) -> None:
    shop.sandbox.configure(retry_after=form, retry_after_s=20.0, submit_429="first 3")
    shop.order(*(shop.job(number) for number in range(3)))
    shop.submit()
    nobody_failed(shop)
    rests_s = account(shop).cooling_until_s - clock.now_s
    assert at_least_s <= rests_s <= at_most_s
    assert shop.submit() == []

    clock.forward(rests_s + 0.1)
    assert len(shop.submit()) == 1
    assert account(shop).consecutive_rejections == 0
    go_on(shop, clock)


def test_an_empty_account_goes_on_once_it_is_topped_up(
    simulated: Ledger, home: Path, clock: Clock
) -> None:
    poor = {"balance_usd_micros": 2 * PRICE, "insufficient": 200}
    with (
        quick_sandbox(generation_s=0.1, **poor) as sandbox,
        workshop(simulated, sandbox, home) as shop,
        quick_sandbox(generation_s=0.1) as rich,
    ):
        shop.order(*(shop.job(number) for number in range(5)))
        shop.submit()
        assert shop.states() == {State.GENERATING: 2, State.WAITING: 3}
        nobody_failed(shop)
        stands = account(shop)
        assert stands.trouble == "balance"
        assert "nsufficient" in stands.reason
        assert stands.cooling_until_s == pytest.approx(
            clock.now_s + TROUBLE_PROBE_S, abs=0.1
        )

        # One probe a minute, and nothing else while it is refused.
        clock.forward(TROUBLE_PROBE_S + 1)
        assert len(shop.submit()) == 1
        assert account(shop).trouble == "balance"
        assert shop.submit() == []

        shop.engine.provider.base_url = rich.url
        clock.forward(TROUBLE_PROBE_S + 1)
        assert len(shop.submit()) == 1
        assert account(shop).trouble == ""
        assert len(shop.submit()) == 2
        assert rich.books()["predictions"] == 3


def test_a_key_that_is_not_accepted_fails_nothing(
    simulated: Ledger, home: Path, clock: Clock
) -> None:
    key = "the-right-one"
    with (
        running_sandbox("--key", key, generation_s=0.1) as sandbox,
        workshop(simulated, sandbox, home, account="shop") as shop,
    ):
        shop.order(shop.job(0), shop.job(1))
        shop.submit()
        assert shop.states() == {State.WAITING: 2}
        nobody_failed(shop)
        assert account(shop).trouble == "key"
        assert sandbox.books()["predictions"] == 0
        assert shop.submit() == []

        clock.forward(TROUBLE_PROBE_S + 1)
        with workshop(simulated, sandbox, home, account="shop", api_key=key) as mended:
            assert len(mended.submit()) == 1
            assert account(mended).trouble == ""
            assert len(mended.submit()) == 1


def test_released_money_is_the_days_again_and_the_next_day_starts_anew(
    simulated: Ledger, sandbox: RunningSandbox, home: Path, clock: Clock
) -> None:
    with workshop(simulated, sandbox, home, daily_budget="0.45") as shop:
        shop.order(shop.job(0), shop.job(1), batch="spring")
        shop.order(shop.job(0), shop.job(1), batch="summer")
        sandbox.configure(submit_5xx_before="first 1", submit_429="first 1")
        assert len(shop.submit()) == 2
        # What was refused is the day's again; what may have been charged is not.
        assert account(shop).today_usd_micros == PRICE

        def settle() -> None:
            clock.forward(0.1)
            shop.settle()

        shop.until(lambda: not shop.are(State.UNKNOWN), settle)
        assert account(shop).today_usd_micros == 0
        shop.ledger.permits.recover(shop.engine.account)
        assert sum(len(shop.submit()) for _ in range(3)) == 2
        assert account(shop).today_usd_micros == 2 * PRICE
        shop.until(lambda: not shop.are(State.GENERATING), shop.end)
        assert shop.submit() == []
        stopped = [shop.ledger.batches.read(name) for name in shop.batches]
        assert "daily-budget" in {batch.stopped_by for batch in stopped if batch}

        clock.forward(86_400)
        assert account(shop).today_usd_micros == 0
        assert len(shop.submit()) == 2
        assert account(shop).today_usd_micros == 2 * PRICE


@pytest.mark.parametrize(
    ("fault", "outcome", "attempts"),
    [
        ("outcome_1200", State.FAILED, 1),
        ("outcome_1400", State.FAILED, 1),
        ("outcome_1402", State.STORED, 2),  # its picture is there after all
        ("outcome_cancelled", State.FAILED, 1),
        ("outcome_5000", State.STORED, 2),
        ("outcome_5003", State.STORED, 2),
        ("outcome_timeout", State.STORED, 2),
    ],
)
def test_only_what_may_end_otherwise_earns_a_new_attempt(
    shop: Workshop, fault: str, outcome: State, attempts: int
) -> None:
    shop.sandbox.configure(**{fault: "first 1"})
    (ref,) = shop.order(shop.job(0))
    shop.until_all(State.FAILED, State.STORED)
    record = shop.record(ref)
    assert record.state is outcome
    assert len(record.attempts) == attempts
    assert shop.is_paid_as_booked()

    batch = shop.ledger.batches.read("spring")
    assert batch
    told = report(batch, [record], time.time())
    wasted = "0.21" if fault == "outcome_1200" else "0.00"
    assert told["cost"]["wasted_usd"] == wasted


def test_a_machine_without_room_decides_nothing_about_a_picture(
    shop: Workshop,
) -> None:
    shop.sandbox.configure(outcome_1402="first 1")
    (ref,) = shop.order(shop.job(0))
    in_the_way = shop.engine.settings.home / "partial"
    in_the_way.write_text("a file")
    shop.submit()
    shop.until(lambda: shop.record(ref).polls >= 3, shop.look)
    assert shop.record(ref).state is State.GENERATING
    in_the_way.unlink()
    shop.until_all(State.STORED)
    assert len(shop.record(ref).attempts) == 2
    assert shop.is_paid_as_booked()


def test_a_worker_that_only_ends_what_was_started_gives_permits_back(
    simulated: Ledger, sandbox: RunningSandbox, home: Path
) -> None:
    with workshop(simulated, sandbox, home, starts=False) as shop:
        shop.order(shop.job(0), shop.job(1))
        assert len(shop.submit()) == 2
        assert shop.states() == {State.WAITING: 2}
        assert shop.books() == []
        assert account(shop).slots_in_use == 0
        assert account(shop).today_usd_micros == 0
        shop.check()
