"""A row that the provider does not take stands in nobody's way, whatever it says."""

import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from jobs.job import Job
from jobs.ledger import Ledger
from jobs.pace.waits import TROUBLE_PROBE_S
from jobs.provider import submit as paid
from jobs.provider.client import Provider
from jobs.states import FINAL, State
from tests.conftest import Clock
from tests.producer.running import quick_sandbox
from tests.sandbox.running import RunningSandbox
from tests.worker.workshop import Workshop, workshop

V30 = "kling-v3.0-std"

FORBIDDEN = "poodle"
QUOTED = 'a sign that says "insufficient funds"'
WORDS = "this is not enabled for your account"

#: Time that passes between two turns, as little as a worker would let pass.
STEP_S = 1.0


@pytest.fixture(scope="module")
def sandbox() -> Iterator[RunningSandbox]:
    words = {"forbidden_word": FORBIDDEN, "quoted_word": "insufficient funds"}
    with quick_sandbox(generation_s=0.1, **words) as running:
        yield running


@pytest.fixture
def clock() -> Clock:
    """The ledger's clock alone: it passes when a test says so."""
    return Clock(time.time())


@pytest.fixture
def shop(simulated: Ledger, sandbox: RunningSandbox, home: Path) -> Iterator[Workshop]:
    with workshop(simulated, sandbox, home) as made:
        yield made


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How often each prompt was sent."""
    prompts, submit = Counter[str](), paid.submit

    async def counted(provider: Provider, path: str, request: dict[str, str]) -> object:
        prompts[request["prompt"]] += 1
        return await submit(provider, path, request)

    monkeypatch.setattr(paid, "submit", counted)
    return prompts


def turn(shop: Workshop, clock: Clock, most: int = 1_000) -> None:
    clock.forward(STEP_S)
    shop.submit(most)
    shop.settle()
    shop.end()


def go_on(shop: Workshop, clock: Clock, *, most: int = 1_000) -> None:
    """Take turns until every job is over, with nobody's help."""
    shop.until(lambda: set(shop.states()) <= FINAL, lambda: turn(shop, clock, most))
    shop.check()


def forbidden(shop: Workshop, number: int, model: str = "kling-v2.6-std") -> Job:
    return shop.job(number, model, prompt=f"{shop.tag} {FORBIDDEN} {number}")


def account(shop: Workshop) -> tuple[str, str]:
    known = shop.ledger.permits.read(shop.engine.account)
    return known.trouble, known.reason


def test_a_forbidden_row_and_a_quoted_sentence_fail_alone(
    shop: Workshop, clock: Clock, sent: Counter[str]
) -> None:
    jobs = [shop.job(number) for number in range(20)]
    jobs[12] = forbidden(shop, 12)
    jobs[19] = shop.job(19, prompt=f"{shop.tag} {QUOTED}")
    refs = shop.order(*jobs)
    go_on(shop, clock, most=7)
    assert shop.states() == {State.STORED: 18, State.FAILED: 2}
    why = shop.record(refs[12]).failure
    assert why
    assert (why.code, why.message) == ("forbidden", f"HTTP 403: {WORDS}")
    why = shop.record(refs[19]).failure
    assert why
    assert why.code == "refused"
    assert QUOTED in why.message
    assert 1 < sent[jobs[12].inputs["prompt"]] <= 5
    assert sent[jobs[19].inputs["prompt"]] == 1
    assert account(shop) == ("", "")


def test_a_key_without_permission_fails_no_row_and_goes_on_once_it_has_it(
    shop: Workshop, clock: Clock, sent: Counter[str]
) -> None:
    shop.sandbox.configure(forbidden_word=shop.tag)
    shop.order(*(shop.job(number) for number in range(20)))
    for _ in range(300):
        clock.forward(3 * STEP_S)
        shop.submit()
    assert shop.states() == {State.WAITING: 20}
    assert account(shop) == ("permission", WORDS)
    # After a burst one a minute at most, and never twice the same while others wait.
    assert sent.total() < 20 + 6 + 900 / TROUBLE_PROBE_S
    assert max(sent.values()) - min(sent.values()) <= 1
    shop.sandbox.configure(forbidden_word=FORBIDDEN)
    go_on(shop, clock)
    assert shop.states() == {State.STORED: 20}


def test_what_is_too_dear_for_what_is_left_waits_and_holds_up_nobody(
    simulated: Ledger, home: Path, clock: Clock
) -> None:
    few = {"balance_usd_micros": 4 * 210_000 - 1, "insufficient": 403}
    with (
        quick_sandbox(generation_s=0.1, **few) as sandbox,
        workshop(simulated, sandbox, home) as shop,
    ):
        dear = shop.job(3, V30, duration=10)
        assert dear.price_usd_micros == 4 * 210_000
        shop.order(dear, *(shop.job(number) for number in range(3)))

        def cheap_are_stored() -> bool:
            return shop.states() == {State.STORED: 3, State.WAITING: 1}

        began_s = clock()
        shop.until(cheap_are_stored, lambda: turn(shop, clock, 1))
        assert clock() - began_s < 2 * TROUBLE_PROBE_S
        for _ in range(60):
            clock.forward(3 * STEP_S)
            shop.submit()
        assert cheap_are_stored()
        trouble, reason = account(shop)
        assert trouble == "balance"
        assert "nsufficient" in reason
