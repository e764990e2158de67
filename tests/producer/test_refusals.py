"""A server that answers with errors: each command ends with 4 and says what to do."""

import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from jobs import settings
from jobs.ledger import Ledger
from tests.producer.running import Desk, as_csv, desk, quick_sandbox, rows
from tests.sandbox.running import RunningSandbox

#: What servers answer, and a word of what a person is told to do.
REPLIES = {
    "NOPERM User reel has no permissions to run the 'evalsha' command": "ACL SETUSER",
    "NOPERM No permissions to access a key": "ACL SETUSER",
    "ERR ACL failure in script: User reel has no permissions": "ACL SETUSER",
    "READONLY You can't write against a read only replica.": "it is a replica",
    "UNBLOCKED force unblock from blocking operation": "it is a replica",
    "LOADING Valkey is loading the dataset in memory": "wait for it",
    "MASTERDOWN Link with MASTER is down": "it is a replica",
    "OOM command not allowed when used memory > 'maxmemory'.": "give it more",
    "MISCONF Valkey is configured to save RDB snapshots": "make room there",
    "NOREPLICAS Not enough good replicas to write.": "min-replicas-to-write",
    "ERR max number of clients reached": "maxclients",
    "EXECABORT Transaction discarded because of previous errors.": "look at its log",
}

#: Every command that asks the ledger; those that only begin something are left out.
COMMANDS = """
price m.csv
run m.csv --yes
submit m.csv --yes
list
show spring
watch spring
report spring
report --since 30d
pause spring
pause --account
resume spring
resume --account
cancel spring
retry spring
resolve spring mug --absent
collect spring
schedule add nightly m.csv --yes --cron 0_2_*_*_*
schedule list
schedule remove nightly
schedule run-now nightly
scheduler --check
worker
worker --check
metrics --once
rebuild --yes
doctor
"""


@pytest.fixture(scope="module")
def sandbox() -> Iterator[RunningSandbox]:
    with quick_sandbox() as running:
        yield running


@pytest.fixture
def place(sandbox: RunningSandbox) -> Iterator[Desk]:
    with desk(sandbox) as made:
        made.write("m.csv", as_csv(rows(sandbox, 2)))
        yield made


@contextmanager
def answering(reply: str, *, pings: bool) -> Iterator[str]:
    """The address of a server that answers everything with an error."""

    class Answers(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            while line := self.rfile.readline():
                words = [self._word() for _ in range(int(line[1:]))]
                self.wfile.write(self._answer(words[0].upper()))

        def _word(self) -> bytes:
            size = int(self.rfile.readline()[1:])
            return self.rfile.read(size + 2)[:-2]

        def _answer(self, command: bytes) -> bytes:
            if command == b"HELLO":
                told = "%4 +proto :3 +server +valkey +version +9.1.2 +mode +standalone"
                return told.replace(" ", "\r\n").encode() + b"\r\n"
            if command == b"CLIENT":
                return b"+OK\r\n"
            if command == b"PING" and pings:
                return b"+PONG\r\n"
            return f"-{reply}\r\n".encode()

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Answers) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"redis://reel:quite-secret@127.0.0.1:{server.server_address[1]}/0"
        server.shutdown()


def refused(place: Desk, command: str, url: str) -> str:
    """What a command says that ended as it should."""
    words = [word.replace("_", " ") for word in command.split()]
    ended = place.here(*words, REELMILL_REDIS_URL=url)
    assert ended.code == 4, ended
    said = " ".join((ended.out + ended.err).split())
    assert "Traceback" not in said
    assert "quite-secret" not in said
    return said


@pytest.mark.parametrize("reply", REPLIES)
def test_each_answer_is_told_with_what_to_do(place: Desk, reply: str) -> None:
    for pings in (True, False):
        with answering(reply, pings=pings) as url:
            said = refused(place, "list", url)
        assert reply.split(maxsplit=1)[1] in said
        assert REPLIES[reply] in said


@pytest.mark.parametrize("command", COMMANDS.strip().splitlines())
def test_each_command_ends_with_4(
    place: Desk, ledger: Ledger, home: Path, command: str
) -> None:
    order = ledger.server.execute_command
    url = settings.read({}, home=home).ledger_url
    order("ACL", "SETUSER", "default", "-@all", "+ping", "+hello", "+client", "+acl")
    try:
        said = refused(place, command, url)
    finally:
        order("ACL", "SETUSER", "default", "+@all")
    assert "no permissions" in said
