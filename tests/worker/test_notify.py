"""People are told at least once, whatever breaks, and a batch never waits for it."""

import json
import logging
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any

import pytest

from jobs import settings
from jobs.ledger import Ledger
from jobs.notification import DAY_S, Kind, Notification, signature
from jobs.settings import Settings, child_environment
from jobs.states import State
from jobs.transitions import Ref
from tests.conftest import Clock
from tests.jobs.ledger.play import ACCOUNT
from tests.producer.running import quick_sandbox, until
from tests.worker.receivers import Receiver, mail_receiver, web_receiver
from tests.worker.workshop import workshop
from worker.finish import finish
from worker.notify import LEASE_S, deliver_due, keep_delivering

NEWS = Notification.of(
    ACCOUNT, Kind.FINISHED, "spring: all 3 videos are stored", "Cost: $1"
)


@pytest.fixture
def web() -> Iterator[Receiver]:
    with web_receiver() as made:
        yield made


@pytest.fixture
def mail() -> Iterator[Receiver]:
    with mail_receiver() as made:
        yield made


def told_by(home: Path, web: Receiver | None = None, **changes: Any) -> Settings:
    url: dict[str, Any] = {}
    if web:
        url = {"notify_url": web.url, "notify_secret": "whisper"}
    return settings.read({}, home=home, account=ACCOUNT, **url, **changes)


def mail_url(mail: Receiver, host: str = "127.0.0.1") -> str:
    return f"smtp://mill:hunter2@{host}:{mail.port}?from=mill@example.com"


@contextmanager
def dripping() -> Iterator[tuple[int, threading.Event]]:
    """Port of a mail server whose greeting never ends, until the event is set."""
    stop = threading.Event()

    def drip(server: socket.socket) -> None:
        with suppress(OSError), server.accept()[0] as connection:
            while not stop.wait(0.02):
                connection.sendall(b"2")

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=drip, args=(server,))
        thread.start()
        # Whoever waits for its end shall not wait for ever.
        timer = threading.Timer(20, stop.set)
        timer.start()
        try:
            yield server.getsockname()[1], stop
        finally:
            timer.cancel()
            stop.set()
            thread.join()


def test_a_mail_server_that_never_ends_its_greeting_is_given_up(
    home: Path, ledger: Ledger
) -> None:
    with dripping() as (port, stop):
        url = f"smtp://127.0.0.1:{port}?from=mill@example.com"
        chosen = told_by(home, notify_email="night@example.com", smtp_url=url)
        ledger.outbox.add(NEWS)
        assert deliver_due(chosen, ledger, timeout_s=0.3) == 1
        assert not stop.is_set()


def test_the_web_is_told_once_and_can_check_whose_words_they_are(
    home: Path, ledger: Ledger, web: Receiver
) -> None:
    ledger.outbox.add(NEWS)
    assert deliver_due(told_by(home, web), ledger) == 1
    assert deliver_due(told_by(home, web), ledger) == 0
    ((head, body),) = web.got
    assert json.loads(body)["text"] == NEWS.text
    assert head["reelmill-id"] == json.loads(body)["id"] == NEWS.id
    at, _, _ = head["reelmill-signature"].removeprefix("t=").partition(",")
    assert head["reelmill-signature"] == signature("whisper", int(at), body)
    assert abs(int(at) - time.time()) < 60


def test_a_mail_is_one_that_every_reader_knows_again(
    home: Path, ledger: Ledger, mail: Receiver
) -> None:
    to = "a@example.com, b@example.com"
    chosen = told_by(home, notify_email=to, smtp_url=mail_url(mail))
    ledger.outbox.add(NEWS)
    deliver_due(chosen, ledger)
    ((envelope, text),) = mail.got
    assert "a@example.com" in envelope["RCPT"]
    assert "b@example.com" in envelope["RCPT"]
    assert "AUTH" in envelope
    found = message_from_bytes(text, policy=policy.default)
    assert found["subject"] == NEWS.subject
    assert found["message-id"] == f"<{NEWS.id}@reelmill>"
    assert found["from"] == "mill@example.com"
    assert found.get_content().split() == NEWS.text.split()


def test_a_receiver_that_is_down_is_told_later_and_the_others_only_once(
    simulated: Ledger, clock: Clock, home: Path, web: Receiver, mail: Receiver
) -> None:
    web.answers = [503, 302, 404, 200]
    smtp: dict[str, Any] = {"notify_email": "a@example.com", "smtp_url": mail_url(mail)}
    chosen = told_by(home, web, **smtp)
    simulated.outbox.add(NEWS)
    for tries in range(1, 5):
        assert deliver_due(chosen, simulated) == 1
        assert len(web.got) == tries
        clock.forward(DAY_S)
    assert deliver_due(chosen, simulated) == 0
    assert len(mail.got) == 1
    assert {head["reelmill-id"] for head, _ in web.got} == {NEWS.id}


def test_who_dies_between_sending_and_writing_down_tells_twice_with_one_id(
    home: Path, ledger: Ledger, web: Receiver
) -> None:
    chosen = told_by(home, web)
    ledger.outbox.add(NEWS)
    web.free.clear()
    command = [sys.executable, "-m", "worker.notify"]
    with subprocess.Popen(command, env=child_environment(chosen)) as process:
        until(lambda: web.got)
        os.kill(process.pid, signal.SIGKILL)
    web.free.set()
    assert deliver_due(chosen, ledger) == 0
    later = Ledger(ledger.server, lambda: ledger.now_s() + LEASE_S)
    assert deliver_due(chosen, later) == 1
    assert [head["reelmill-id"] for head, _ in web.got] == [NEWS.id] * 2
    assert len({body for _, body in web.got}) == 1


def test_a_batch_is_over_while_its_receiver_hangs(
    home: Path, ledger: Ledger, web: Receiver
) -> None:
    web.free.clear()
    url = {"notify_url": web.url, "report_url": "https://files.example.com/{batch}"}
    with (
        quick_sandbox(generation_s=0.1) as sandbox,
        workshop(ledger, sandbox, home, **url) as shop,
        telling(shop.engine.settings, ledger, web),
    ):
        shop.order(shop.job(0))
        shop.until_all(State.STORED)
        assert ledger.delay_queue.lease(shop.engine.account, 10, LEASE_S)
        for _ in range(2):  # a task may be delivered twice
            shop.engine.run(finish(shop.engine, [Ref("spring", "")]))
        until(lambda: web.got)
        assert ledger.delay_queue.count(shop.engine.account) == 0
        assert (shop.store / "spring" / "spring" / "report.html").exists()
        (waiting,) = ledger.figures.read().accounts
        assert waiting.tellings == 1
    ((_, body),) = web.got
    told = json.loads(body)
    assert (told["batch"], told["kind"]) == ("spring", "finished")
    assert told["cost"]["net_usd"] == "0.21"
    assert told["report"] == "https://files.example.com/spring"


@contextmanager
def telling(chosen: Settings, ledger: Ledger, web: Receiver) -> Iterator[None]:
    """A worker's teller while the context lasts; then the receiver answers."""
    over = threading.Event()
    given = (chosen, ledger, over.is_set)
    teller = threading.Thread(target=keep_delivering, args=given)
    teller.start()
    try:
        yield
    finally:
        over.set()
        web.free.set()
        teller.join()


def test_no_secret_is_said_whatever_goes_wrong(
    home: Path,
    ledger: Ledger,
    web: Receiver,
    mail: Receiver,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG, "reelmill")
    web.answers, mail.answers = [302], [550]
    smtp: dict[str, Any] = {"notify_email": "a@example.com", "smtp_url": mail_url(mail)}
    unheard = Receiver(port=1)
    with mail_receiver("127.0.0.2") as elsewhere:
        plain = mail_url(elsewhere, "127.0.0.2")
        for number, chosen in enumerate(
            [
                told_by(home, web, **smtp),
                told_by(home, unheard),
                told_by(home, notify_url="http://169.254.169.254/secret"),
                told_by(home, **{**smtp, "smtp_url": plain}),
            ]
        ):
            news = Notification.of(ACCOUNT, Kind.FINISHED, f"news {number}")
            ledger.outbox.add(news)
            deliver_due(chosen, ledger)
        assert elsewhere.got == []
    said = [r.getMessage() for r in caplog.records if r.name == "reelmill.notify"]
    assert len(said) == 5
    assert "redirects are not followed" in said[0] + said[1]
    assert "link-local" in said[3]
    assert "password is not sent" in said[4]
    for secret in ("secret", "whisper", "hunter2"):
        assert secret not in repr([r.getMessage() for r in caplog.records])
