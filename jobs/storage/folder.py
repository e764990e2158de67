"""Keeping files in a folder, as a bucket would: whole or not at all, and to stay.

A video is moved to its place rather than copied, for it may be large and was written
on this machine a moment ago. What is said to be kept outlives a power cut, because the
ledger forgets how to get a video again once it is stored. Reading, listing and removing
are `storage`'s, which spells keys in the same way.
"""

import errno
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

#: What may not stand in a key: it would climb, or be hidden from who lists the folder.
_UNFIT = re.compile(r"[\x00-\x1f\x7f]|#[0-9]+$")

_numbers = count()


def keep_file(root: Path, key: str, path: Path) -> None:
    """Keep a file under `key`; on the same disk it is moved there.

    There what the file holds must be on the disk already; of its new name this sees.

    Raises:
        OSError: it cannot be kept.
        ValueError: the key is none.
    """
    _check(key)
    target = root / key
    try:
        _replace(path, target)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        with _part(target) as part:
            shutil.copyfile(path, part)
            flush(part)
            part.replace(target)
    flush(target.parent)


def keep_text(root: Path, key: str, content: bytes) -> None:
    """Keep a small text that says something of a file; it is not waited for the disk.

    Raises:
        OSError: it cannot be kept.
        ValueError: the key is none.
    """
    _check(key)
    target = root / key
    with _part(target) as part:
        _write(part, content)
        part.replace(target)


def read(root: Path, key: str) -> bytes | None:
    """What is kept under `key`; None if nothing is.

    Raises:
        OSError: it cannot be read.
        ValueError: the key is none.
    """
    _check(key)
    try:
        return (root / key).read_bytes()
    except FileNotFoundError:
        return None


def flush(path: Path) -> None:
    """See that a file, or the names in a folder, outlive a power cut.

    Raises:
        OSError: the disk does not take them.
    """
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def _part(target: Path) -> Iterator[Path]:
    """Where a file becomes whole before it has its name; gone if it does not."""
    # Ends as the library's own do: whoever lists the folder passes it over.
    part = target.parent / f".{os.getpid()}-{next(_numbers)}.part#1"
    try:
        yield part
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def _replace(path: Path, target: Path) -> None:
    try:
        path.replace(target)
    except FileNotFoundError:
        target.parent.mkdir(parents=True, exist_ok=True)
        path.replace(target)


def _write(part: Path, content: bytes) -> None:
    how = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC
    try:
        file = os.open(part, how, 0o666)
    except FileNotFoundError:
        part.parent.mkdir(parents=True, exist_ok=True)
        file = os.open(part, how, 0o666)
    with os.fdopen(file, "wb", buffering=0) as opened:
        opened.write(content)


def _check(key: str) -> None:
    if _UNFIT.search(key) or not {"", ".", ".."}.isdisjoint(key.split("/")):
        raise ValueError("this cannot be the name of a file in a store")
