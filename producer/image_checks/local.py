"""A look at a picture on this machine: a regular file, read once, by the same rules.

It never opens what could hold a reader up, such as a pipe or a device, and never
decides what is right for a model.
"""

import os
import re
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO
from unicodedata import normalize

from producer.image_checks.memory import Kept
from producer.image_checks.seen import ImageCheckError
from producer.image_checks.wish import Wish

_BARE_HOST = re.compile(r"[\w-]+(?:\.[\w-]+)*\.[a-z]{2,}(?::\d+)?/.", re.IGNORECASE)
_CHUNK_BYTES = 1 << 18

#: A file that was changed this shortly before may be changed again unnoticed: clocks
#: of file systems are that coarse.
_SETTLED_S = 2.0

#: Links are followed; what would wait for somebody or leave another file is not done.
_FLAGS = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY


def tag_of(path: str) -> str:
    """What the folder says of a file: it changes whenever the file does.

    Raises:
        ImageCheckError: it is not there, or no regular file.
    """
    try:
        # A path as it was written, even an odd one.
        status = os.stat(_on_disk(path))  # noqa: PTH116 - see above
    except (OSError, ValueError) as error:
        raise _trouble_of(path, error) from None
    return _tag(path, status)


def look(path: str, wish: Wish) -> Kept:
    """Look at a file.

    Raises:
        ImageCheckError: it cannot be seen.
    """
    with opened(path) as file:
        before = os.fstat(file.fileno())
        chunks = iter(lambda: file.read(_CHUNK_BYTES), b"")
        reading = wish.read_through(chunks, before.st_size)
        after = os.fstat(file.fileno())
    came = reading.size_bytes
    if _tag(path, before) != _tag(path, after) or came > after.st_size:
        raise ImageCheckError("changed while it was read", "try again")
    found = reading.info(after.st_size, whole=came == after.st_size)
    settled = time.time() - after.st_mtime > _SETTLED_S
    return Kept(found, _tag(path, after) if settled else "")


@contextmanager
def opened(path: str) -> Iterator[BinaryIO]:
    """A regular file to be read.

    Raises:
        ImageCheckError: it is not there, no regular file, or may not be read.
    """
    tag_of(path)
    try:
        file = os.fdopen(os.open(_on_disk(path), _FLAGS), "rb")
    except OSError as error:
        raise _trouble_of(path, error) from None
    with file:
        # Another file may have taken its place meanwhile.
        _tag(path, os.fstat(file.fileno()))
        yield file


def _on_disk(path: str) -> str:
    """The path as it is there, its letters with accents composed or not.

    A Mac takes them apart, in names that look the same; whoever writes the manifest
    does not see it.
    """
    if path.isascii() or os.path.lexists(path):
        return path
    found = ""
    for part in path.split("/"):
        forms = (part, normalize("NFC", part), normalize("NFD", part))
        there = (form for form in forms if os.path.lexists(f"{found}{form}"))
        found += next(there, part) + "/"
    return found.removesuffix("/")


def _tag(path: str, status: os.stat_result) -> str:
    if not stat.S_ISREG(status.st_mode):
        what = "folder" if stat.S_ISDIR(status.st_mode) else "pipe or device"
        raise ImageCheckError(
            f"is a {what} and no file",
            f"give a picture in {path!r}" if what == "folder" else "give a picture",
            trouble="not-a-file",
        )
    return f"{status.st_size}-{status.st_mtime_ns}-{status.st_ino}"


def _trouble_of(path: str, error: Exception) -> ImageCheckError:
    if isinstance(error, FileNotFoundError | NotADirectoryError):
        suggestion = "check the path, which is relative to its manifest's folder"
        if _BARE_HOST.match(path):
            suggestion = f"check the path, or write https://{path[:80]}"
        return ImageCheckError("is not there", suggestion, trouble="not-found")
    if isinstance(error, PermissionError):
        return ImageCheckError(
            "may not be read", "let your user read it", trouble="not-readable"
        )
    words = getattr(error, "strerror", None) or str(error)
    return ImageCheckError(
        f"cannot be read ({words})", "check it", trouble="not-readable"
    )
