from pathlib import Path

import pytest

from jobs import settings
from producer.conversation import Conversation
from producer.exits import CommandError, Exit


def test_a_process_that_cannot_start_says_why(home: Path) -> None:
    chosen = settings.read({}, home=home).model_copy(update={"settle_s": 0.5})
    with (
        Conversation(chosen, "quotes") as worker,
        pytest.raises(CommandError, match=r"has ended: .*REELMILL_SETTLE_S") as stop,
    ):
        worker.answer()
    assert stop.value.code == Exit.UNREACHABLE


def test_whoever_asks_a_process_that_has_ended_is_told(home: Path) -> None:
    chosen = settings.read({}, home=home).model_copy(update={"settle_s": 0.5})
    with Conversation(chosen, "quotes") as worker:
        with pytest.raises(CommandError):
            worker.answer()
        with pytest.raises(CommandError, match="run the same command again"):
            worker.ask({"key": 1})


def test_a_line_that_breaks_the_worker_is_answered_and_ends_the_rest(
    home: Path,
) -> None:
    chosen = settings.read({}, home=home, base_url="http://127.0.0.1:9", api_key="k")
    with Conversation(chosen, "quotes") as worker:
        worker.ask({"key": 1, "model_id": "no such model", "inputs": {}})
        first = worker.answer()
        worker.ask({"key": 2, "model_id": "no such model", "inputs": {}})
        second = worker.answer()
    assert (first["key"], first["trouble"]) == (1, "bug")
    assert (second["key"], second["trouble"]) == (2, "bug")
