"""Files that are not whole yet: one folder of the home, seen by nobody else.

It makes a file for a download and takes it away again, and once in the life of a
process it clears out what dead ones have left. What comes into the file is `files`'.
"""

import logging
import os
import secrets
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path

from jobs.settings import worker_name

log = logging.getLogger("reelmill.collect")

FOLDER = "partial"

#: No download lasts so long: its file was left by a process that died, on whichever
#: machine.
LEFT_AFTER_S = 86_400.0


class NoRoomError(Exception):
    """This machine cannot hold a partial file; says where and what to do."""


@contextmanager
def partial_file(home: Path) -> Iterator[Path]:
    """Where a new file may be below the home, for as long as it is needed.

    Raises:
        NoRoomError: there is no place for it.
    """
    # Of a loop's time, so without `pathlib`'s checks, each of which is dearer than the
    # call that it makes.
    folder = _folder(home)
    _sweep_once(folder)
    path = f"{folder}/{worker_name()}-{secrets.token_hex(8)}.mp4"
    try:
        # Known before anything is fetched.
        _touch(path)
    except OSError as error:
        raise no_room(Path(folder), error) from None
    try:
        yield Path(path)
    finally:
        # Who cannot take it away said so when it was written.
        with suppress(OSError):
            os.unlink(path)  # noqa: PTH108 - of a loop's time


@cache
def _folder(home: Path) -> str:
    return str(home.absolute() / FOLDER)


def _touch(path: str) -> None:
    how = os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC
    try:
        os.close(os.open(path, how, 0o600))
    except FileNotFoundError:
        Path(path).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(path, how, 0o600))


def no_room(folder: Path, error: OSError) -> NoRoomError:
    """What a person should know when a folder takes no more."""
    return NoRoomError(
        f"{folder}: a video cannot be fetched into it ({error.strerror}); "
        "make room there, or set REELMILL_HOME to another folder"
    )


def sweep(folder: Path, now_s: float) -> int:
    """Clear out what was left here; how many files. `now_s` is in Unix seconds."""
    swept = 0
    for path in folder.glob("*.mp4"):
        # Another process may be quicker.
        with suppress(OSError):
            if _is_left(path, now_s):
                path.unlink()
                swept += 1
    return swept


def _is_left(path: Path, now_s: float) -> bool:
    pid, _, host = path.stem.rpartition("-")[0].partition("@")
    if pid.isdecimal() and host == socket.gethostname():
        # This process has made none before it sweeps: that of its number is dead.
        return int(pid) == os.getpid() or not _lives(int(pid))
    return now_s - path.stat().st_mtime > LEFT_AFTER_S


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True


@cache
def _sweep_once(folder: str) -> None:
    if swept := sweep(Path(folder), time.time()):
        log.info("%s: cleared out %d partial files of dead workers", folder, swept)
