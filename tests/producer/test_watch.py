"""`watch` as a process of its own: its ledger goes and comes, its terminal is real.

No worker is at work here; batches change by the ledger's own moves.
"""

import json
import os
import pty
import signal
import subprocess
import sys
import termios
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from fcntl import ioctl
from pathlib import Path
from struct import pack
from threading import Thread

import pytest

from jobs import settings, transitions
from jobs.ledger import Ledger
from jobs.settings import Settings
from jobs.states import Event, State
from producer.exits import Exit
from producer.local_server import ledger_of
from tests.audit import audit
from tests.jobs.ledger.play import (
    ACCOUNT,
    PLENTY,
    grant,
    open_batch,
    play,
    record_of,
)
from tests.producer.fleet import ROOT
from tests.producer.running import desk, until
from tests.producer.watching.terminal import Terminal

WATCH = "import sys; from producer.cli import main; main()"


@dataclass(slots=True)
class Watch:
    """A `watch` of its own process, and what it has said so far."""

    process: subprocess.Popen[bytes]
    out: Callable[[], str]

    def says(self, words: str) -> None:
        """Return once it has said so."""
        until(lambda: words in self.out())

    def events(self) -> list[dict[str, object]]:
        return [json.loads(line) for line in self.out().splitlines() if "{" in line]

    def ended(self) -> int:
        return self.process.wait(30)


@contextmanager
def watching(
    where: Path | str,
    *words: str,
    size: tuple[int, int] | None = None,
    **environment: str,
) -> Iterator[Watch]:
    """Watch the ledger at an address, or the private one of a home.

    With a size, in columns and lines, at a terminal.
    """
    name = "REELMILL_HOME" if isinstance(where, Path) else "REELMILL_REDIS_URL"
    given = {"PATH": "/usr/bin:/bin", "PYTHONIOENCODING": "utf-8", name: str(where)}
    said: list[bytes] = []
    read, write = pty.openpty() if size else os.pipe()
    if size:
        ioctl(write, termios.TIOCSWINSZ, pack("HHHH", size[1], size[0], 0, 0))
    process = subprocess.Popen(
        [sys.executable, "-c", WATCH, "watch", *words],
        cwd=ROOT,
        env=given | environment,
        stdin=subprocess.DEVNULL,
        stdout=write,
        stderr=write,
    )
    os.close(write)
    reader = Thread(target=drain, args=(read, said))
    reader.start()
    try:
        yield Watch(process, lambda: b"".join(said).decode("utf-8", "replace"))
    finally:
        process.kill()
        process.wait()
        reader.join()


def drain(read: int, said: list[bytes]) -> None:
    """Keep what comes, until nobody is left to say anything."""
    with suppress(OSError):  # a terminal without a process ends so
        while part := os.read(read, 65_536):
            said.append(part)
    os.close(read)


@contextmanager
def served(home: Path) -> Iterator[tuple[Ledger, Settings]]:
    """A ledger with a server of its own."""
    own = settings.read({}, home=home)
    with ledger_of(own, alone=True) as ledger:
        yield ledger, own


def kill_server(ledger: Ledger) -> None:
    os.kill(ledger.server.info("server")["process_id"], signal.SIGKILL)


def take_back(ledger: Ledger, batch_id: str) -> None:
    """Cancel all that waits."""
    records = list(ledger.batches.jobs(batch_id))
    ledger.transitions.apply(
        [transitions.cancel(batch_id, record) for record in records]
    )


def test_a_watch_outlives_its_killed_ledger_and_leaves_the_batch_alone() -> None:
    with desk() as place, ExitStack() as stack:
        ledger, own = stack.enter_context(served(place.home))
        (ref,) = open_batch(ledger, jobs=1)
        open_batch(ledger, "autumn", jobs=1)
        with (
            watching(own.ledger_url, "spring") as lines,
            watching(own.ledger_url, "spring", "autumn", "--json") as stream,
        ):
            lines.says("0 of 1 stored · 1 waiting")
            until(lambda: len(stream.events()) == 2)
            kill_server(ledger)
            lines.says("the ledger is away (")
            stream.says('"event": "away"')
            assert "answers again" not in lines.out()
            stack.close()
            ledger, _ = stack.enter_context(served(place.home))
            lines.says("the ledger answers again")
            stream.says('"event": "back"')
            take_back(ledger, "spring")
            assert lines.ended() == Exit.FAILED
            assert record_of(ledger, ref).state is State.CANCELLED
            stream.says('"jobs": {"cancelled": 1}')
            stream.process.send_signal(signal.SIGTERM)
            assert stream.ended() == Exit.INCOMPLETE
            assert "spring, autumn go on without being watched" in stream.out()
        told = [(event["event"], event.get("batch")) for event in stream.events()]
        assert told == [
            ("snapshot", "spring"),
            ("snapshot", "autumn"),
            ("away", None),
            ("back", None),
            ("change", "spring"),
        ]
        assert audit(ledger, ACCOUNT) == []


def test_all_open_batches_are_watched_unless_some_are_named() -> None:
    with desk() as place, served(place.home) as (ledger, own):
        for name in ("spring", "autumn", "winter"):
            open_batch(ledger, name, jobs=1)
        take_back(ledger, "winter")
        with watching(own.ledger_url, "--json") as stream:
            until(lambda: len(stream.events()) == 2)
            take_back(ledger, "spring")
            take_back(ledger, "autumn")
            assert stream.ended() == Exit.FAILED
        told = [(event["event"], event["batch"]) for event in stream.events()]
        assert set(told[:2]) == {("snapshot", "spring"), ("snapshot", "autumn")}
        assert set(told[-2:]) == {("over", "spring"), ("over", "autumn")}
        assert stream.events()[-1]["exit_code"] == Exit.FAILED
        with watching(own.ledger_url) as newest:
            assert newest.ended() == Exit.FAILED
        assert newest.out().startswith("0 of 1 stored · 1 cancelled")


@pytest.mark.parametrize(
    ("jobs", "code", "told"),
    [
        (1, Exit.FAILED, "1 failed: the report tells why"),
        (2, Exit.INCOMPLETE, "1 failed: reelmill report spring tells why"),
    ],
)
def test_a_watch_ends_with_what_failed_and_where_its_rows_are(
    jobs: int, code: Exit, told: str
) -> None:
    with desk() as place, served(place.home) as (ledger, own):
        (ref, *_) = open_batch(ledger, jobs=jobs)
        ledger.permits.set_limits(ACCOUNT, PLENTY)
        grant(ledger, 1)
        play(ledger, ref, Event.CLAIM, Event.REFUSE)
        ledger.batches.pause("spring")
        with watching(own.ledger_url) as lines:
            assert lines.ended() == code
        assert told in lines.out()
        assert "correct their rows in failed.csv beside it" in lines.out()
        assert ("videos/spring; open its report.html" in lines.out()) is (jobs == 1)


def test_what_a_watch_says_is_folded_between_words_to_the_width_of_columns() -> None:
    with desk() as place, served(place.home) as (ledger, own):
        open_batch(ledger, jobs=2)
        ledger.batches.pause("spring")
        with watching(own.ledger_url, COLUMNS="40") as lines:
            assert lines.ended() == Exit.INCOMPLETE
        with watching(own.ledger_url, "no-such-batch", COLUMNS="40") as wrong:
            assert wrong.ended() == Exit.USAGE
        told = lines.out() + wrong.out()
        assert max(map(len, told.splitlines())) <= 40
        whole = "paused; continue with: reelmill resume spring"
        assert told.count("\n") > 4
        assert whole in " ".join(told.split())


def test_a_watch_says_that_the_batch_is_lost_with_its_ledger() -> None:
    with desk() as place, served(place.home) as (ledger, own):
        open_batch(ledger, jobs=1)
        with watching(own.ledger_url) as lines:
            lines.says("1 waiting")
            ledger.server.execute_command("FLUSHALL")
            assert lines.ended() == Exit.UNREACHABLE
        assert "the ledger no longer has spring" in lines.out()


def test_a_private_run_can_be_watched_until_it_ends() -> None:
    with desk() as place, ExitStack() as stack:
        ledger, _ = stack.enter_context(served(place.home))
        open_batch(ledger, jobs=1)
        with watching(place.home) as lines:
            lines.says("1 waiting")
            stack.close()
            assert lines.ended() == Exit.INCOMPLETE
        assert "the run that rendered it has ended" in lines.out()


def test_what_a_private_run_did_last_is_told_though_its_ledger_is_gone() -> None:
    with desk() as place, ExitStack() as stack:
        ledger, _ = stack.enter_context(served(place.home))
        open_batch(ledger, jobs=1)
        with watching(place.home) as lines:
            lines.says("1 waiting")
            take_back(ledger, "spring")
            stack.close()
            assert lines.ended() == Exit.FAILED
        assert lines.out().endswith("0 of 1 stored\n")
        assert "the run that rendered it has ended" not in lines.out()


@pytest.mark.parametrize(
    ("environment", "drawn", "coloured"),
    [
        ({"TERM": "xterm-256color"}, True, True),
        ({"TERM": "xterm-256color", "NO_COLOR": "1"}, False, False),
        ({"TERM": "dumb"}, False, False),
    ],
)
def test_a_terminal_is_left_in_order_by_ctrl_c(
    environment: dict[str, str], drawn: bool, coloured: bool
) -> None:
    with desk() as place, served(place.home) as (ledger, own):
        open_batch(ledger, jobs=2)
        with watching(own.ledger_url, "spring", size=(90, 20), **environment) as watch:
            watch.says("2 waiting")
            watch.process.send_signal(signal.SIGINT)
            assert watch.ended() == Exit.INCOMPLETE
        said = watch.out()
        screen = Terminal(90)
        screen.feed(said)
    assert ("\x1b[?1049h" in said) is drawn
    assert ("\x1b[3" in said or "\x1b[9" in said) is coloured
    assert ("\x1b" in said) is drawn
    assert screen.cursor
    assert screen.behind is None
    assert screen.strange == []
    assert screen.seen[-1] == "spring goes on without being watched"
    assert any("2 waiting" in line for line in screen.seen)
