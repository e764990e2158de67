"""Free questions as commands ask them, of a real sandbox and of silent hosts."""

import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from jobs import catalogue, settings
from jobs.catalogue import Model
from jobs.ledger import Ledger
from jobs.settings import Settings, child_environment
from producer.account import (
    Balance,
    balance_and_clock,
    balance_and_quotes,
    billings,
)
from producer.exits import CommandError, Exit
from tests.producer.running import quick_sandbox
from tests.sandbox.running import RunningSandbox

V26 = catalogue.builtin().find("kling-v2.6-std")
V30 = catalogue.builtin().find("kling-v3.0-std")
NOWHERE = "http://127.0.0.1:9"
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


@pytest.mark.parametrize("away", [{"base_url": NOWHERE}, {"api_key": None}])
def test_without_a_provider_or_a_key_there_are_no_quotes(
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
    chosen: Settings, asked: dict[str, tuple[Model, dict[str, object]]]
) -> None:
    money, found = balance_and_quotes(chosen, asked)
    assert money == balance_and_clock(chosen)[0] != Balance()
    assert all("HTTP 400" in str(why) for why in found.values())


def test_an_answer_that_never_comes_holds_nothing_up(
    chosen: Settings, simulated: Ledger
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        quiet = chosen.model_copy(update={"base_url": url, "request_timeout_s": 0.1})
        assert "no answer within 0.1 s" in balance_and_clock(quiet)[0].reason
        with pytest.raises(CommandError, match="the provider does not say"):
            billings(quiet, simulated, 0.0)


def test_an_interrupt_ends_a_command_that_waits_for_an_answer(
    chosen: Settings,
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        silent.settimeout(60)
        with (
            subprocess.Popen(
                [sys.executable, "-m", "producer", "doctor"],
                env=child_environment(chosen.model_copy(update={"base_url": url})),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                text=True,
            ) as command,
            silent.accept()[0] as connection,
        ):
            assert connection.recv(1)
            command.send_signal(signal.SIGINT)
            said = command.communicate(timeout=60)[1]
    assert said.startswith("interrupted; what was sent is kept")
    assert command.returncode == Exit.INCOMPLETE


def test_the_clock_is_told_with_the_balance(chosen: Settings) -> None:
    money, ahead_s = balance_and_clock(chosen)
    assert money.usd is not None
    assert ahead_s is not None
    assert abs(ahead_s) < 60
    away = chosen.model_copy(update={"base_url": NOWHERE})
    assert balance_and_clock(away)[1] is None
