"""Quotes as a command asks for them, through a real worker, from a real sandbox."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from jobs import catalogue, settings
from jobs.settings import Settings
from producer.account import Balance, balance, balance_and_quotes
from tests.producer.running import quick_sandbox
from tests.sandbox.running import RunningSandbox

V26 = catalogue.builtin().find("kling-v2.6-std").id
V30 = catalogue.builtin().find("kling-v3.0-std").id
PICTURE = {"image": "photos/mug.jpg", "prompt": "it turns"}


@pytest.fixture(scope="module")
def sandbox() -> Iterator[RunningSandbox]:
    with quick_sandbox(price_percent=90) as running:
        yield running


@pytest.fixture
def chosen(sandbox: RunningSandbox, home: Path) -> Settings:
    return settings.read({}, home=home, base_url=sandbox.url, api_key="k")


def test_every_quote_comes_back_under_its_own_name(chosen: Settings) -> None:
    asked = {
        ("v3", length_s): (V30, {**PICTURE, "duration": length_s, "sound": sound})
        for length_s in range(3, 16)
        for sound in (False, True)
    }
    _, found = balance_and_quotes(chosen, asked)
    assert list(found) == list(asked)
    for (_, length_s), quote in found.items():
        assert quote == 84_000 * length_s * 3 // 2 * 9 // 10


def test_what_is_not_quoted_says_why_and_the_rest_is(chosen: Settings) -> None:
    _, found = balance_and_quotes(
        chosen,
        {"bad": (V26, {**PICTURE, "duration": 7}), "good": (V26, dict(PICTURE))},
    )
    assert found.pop("good") == 189_000
    assert "HTTP 400" in str(found.pop("bad"))
    assert not found


def test_an_older_provider_quotes_what_is_paid(
    chosen: Settings, sandbox: RunningSandbox
) -> None:
    sandbox.configure(newer_routes=False)
    try:
        _, found = balance_and_quotes(chosen, {1: (V26, dict(PICTURE))})
    finally:
        sandbox.configure(newer_routes=True)
    assert found == {1: 189_000}


@pytest.mark.parametrize(
    "away", [{"base_url": "http://127.0.0.1:9"}, {"api_key": None}, {"settle_s": 0.1}]
)
def test_without_a_provider_a_key_or_a_worker_there_are_no_quotes(
    chosen: Settings, away: dict[str, object]
) -> None:
    asked = {number: (V26, dict(PICTURE)) for number in range(20)}
    money, found = balance_and_quotes(chosen.model_copy(update=away), asked)
    assert found.keys() == asked.keys()
    assert all(isinstance(why, str) and why for why in found.values())
    assert money.usd is None
    assert money.trouble == ("key" if "api_key" in away else "unreachable")


@pytest.mark.parametrize("asked", [{}, {"bad": (V26, {**PICTURE, "duration": 7})}])
def test_the_balance_is_told_whatever_the_prices(
    chosen: Settings, asked: dict[str, tuple[str, dict[str, object]]]
) -> None:
    money, found = balance_and_quotes(chosen, asked)
    assert money == balance(chosen) != Balance()
    assert all("HTTP 400" in str(why) for why in found.values())
