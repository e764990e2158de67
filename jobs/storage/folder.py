"""Keeping files in a folder, as a bucket would: whole or not at all, and to stay.

A video is moved to its place rather than copied, for it may be large and was written
on this machine a moment ago; a name that another file has is not taken. What is
said to be kept outlives a power cut, because the ledger forgets how to get a video
again once it is stored.
"""

import errno
import os
import re
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

#: What may not stand in a key: it would climb, or be hidden from who lists the folder.
_UNFIT = re.compile(r"[\x00-\x1f\x7f]|#[0-9]+$")

#: What a disk says that knows no second name for a file.
NO_LINKS = frozenset({errno.EPERM, errno.ENOTSUP, errno.EMLINK, errno.ENOSYS})


def keep(root: Path, key: str, content: bytes | Path, *, replace: bool) -> None:
    """Keep a file, or something small that goes with a file, under `key`.

    On the same disk a file may be moved there. What it holds must be on the disk
    already; its name is once something small was kept beside it.

    Raises:
        FileExistsError: something is there, and it is not to be replaced.
        OSError: it cannot be kept.
        ValueError: the key is none.
    """
    if _UNFIT.search(key) or not {"", ".", ".."}.isdisjoint(key.split("/")):
        raise ValueError("this cannot be the name of a file in a store")
    target = root / key
    _make(target.parent)
    if isinstance(content, bytes):
        with _part(target) as part:
            with part.open("xb", buffering=0) as file:
                file.write(content)
                os.fsync(file)
            _name(part, target, replace=replace)
        flush(target.parent)
        return
    # It was its maker's alone while it came; here it is as if it were made here.
    content.chmod(0o666 & ~_umask())
    try:
        _name(content, target, replace=replace)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        with _part(target) as part:
            with content.open("rb") as file, part.open("xb") as copy:
                shutil.copyfileobj(file, copy)
            flush(part)
            _name(part, target, replace=replace)


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


@cache
def _umask() -> int:
    """What this process takes from the rights of new files."""
    # There is no asking without setting; once, so that no other thread is disturbed.
    mask = os.umask(0o077)
    os.umask(mask)
    return mask


@contextmanager
def _part(target: Path) -> Iterator[Path]:
    """Where a file becomes whole before it has its name; gone if it does not."""
    # By luck: machines that share a folder may have the same process ids. It ends as
    # the library's own do, so that whoever lists the folder passes it over.
    part = target.parent / f".{secrets.token_hex(8)}.part#1"
    try:
        yield part
    finally:
        part.unlink(missing_ok=True)


def _name(path: Path, target: Path, *, replace: bool) -> None:
    if replace:
        path.replace(target)
        return
    try:
        target.hardlink_to(path)
    except OSError as error:
        if error.errno not in NO_LINKS:
            raise
        if target.exists():
            raise FileExistsError(errno.EEXIST, "it is there", target) from None
        path.replace(target)


def _make(folder: Path) -> None:
    """Make a folder and those above it, so that they outlive a power cut too."""
    try:
        folder.mkdir()
    except FileExistsError:
        if not folder.is_dir():
            words = "a file is in the way of a folder"
            raise NotADirectoryError(errno.ENOTDIR, words, folder) from None
    except FileNotFoundError:
        _make(folder.parent)
        _make(folder)
    else:
        flush(folder.parent)
