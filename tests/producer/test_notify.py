"""A command that renders by itself tells its end before it ends."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from jobs import settings
from jobs.ledger import Ledger
from jobs.settings import Settings
from jobs.states import Event
from jobs.transitions import Ref
from producer.notify import notify_end
from tests.jobs.ledger.play import ACCOUNT, PLENTY, grant, open_batch, play
from tests.worker.receivers import Receiver, web_receiver


@pytest.fixture
def web() -> Iterator[Receiver]:
    with web_receiver() as made:
        yield made


def told_by(home: Path, web: Receiver) -> Settings:
    return settings.read({}, home=home, account=ACCOUNT, notify_url=web.url)


def over(ledger: Ledger) -> Ref:
    ledger.permits.set_limits(ACCOUNT, PLENTY)
    (ref,) = open_batch(ledger, jobs=1)
    grant(ledger)
    play(ledger, ref, Event.CLAIM, Event.REFUSE)
    return ref


def test_the_end_of_a_run_is_told_before_the_command_ends(
    home: Path, ledger: Ledger, web: Receiver
) -> None:
    notify_end(ledger, told_by(home, web), over(ledger).batch)
    ((_, body),) = web.got
    assert b"0 of 1 video stored, 1 failed" in body


def test_who_cannot_be_told_is_told_by_the_next_run(
    home: Path,
    ledger: Ledger,
    web: Receiver,
    capsys: pytest.CaptureFixture[str],
) -> None:
    web.answers = [500, 200]
    batch_id = over(ledger).batch
    notify_end(ledger, told_by(home, web), batch_id)
    assert "HTTP 500" in capsys.readouterr().err
    (account,) = ledger.figures.read().accounts
    assert account.tellings == 1
