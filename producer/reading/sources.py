"""Where a manifest comes from: a file, standard input, a folder or a bucket.

It decides what a source is by the way it is written and opens it so that nothing can
hang or grow without bound; what is in it is looked at in `sniffing`. Only regular files
are opened: a pipe would wait for ever, and a device may never end.
"""

import os
import stat
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, cast
from urllib.parse import unquote, urlsplit

from producer.reading.unreadable import UnreadableError, whole

STDIN = "-"
#: Far above any honest manifest; what is piped in has to be kept for a second look.
MAX_PIPED_BYTES = 4 << 30
_BUCKETS = ("s3://", "gs://", "az://")
#: Endings of what `reelmill init` writes.
_WRITTEN = (".csv", ".yaml", ".yml")
_BLOCK_BYTES = 1 << 20
#: Without it, opening a pipe that somebody put there in between would wait.
_NO_WAIT = getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)


def is_bucket(source: str) -> bool:
    """True for the URL of a bucket or of a prefix in one."""
    return source.casefold().startswith(_BUCKETS)


def path_of(source: str) -> str:
    """The path that a source means; `file://` addresses are paths too.

    Raises:
        UnreadableError: it is an address on the web.
    """
    scheme = source.partition("://")[0].casefold() if "://" in source else ""
    if scheme == "file":
        return unquote(urlsplit(source).path)
    if scheme in {"http", "https"}:
        message = "a manifest is not fetched from the web"
        suggestion = "download it and name the file"
        raise UnreadableError(whole(source, "not-a-file", message, suggestion))
    return source


def is_folder(source: str) -> bool:
    """True if a folder is there; it is a manifest of the pictures in it."""
    if source == STDIN or is_bucket(source):
        return False
    try:
        return Path(source).is_dir()
    except OSError:
        return False


def base_of(source: str | Path) -> Path:
    """The folder that picture paths in a manifest's rows start from.

    That of the file; the current one for standard input, and for folders and buckets,
    whose pictures are named so that they can be opened as they are.
    """
    text = str(source)
    if text == STDIN or text.endswith("/") or is_bucket(text) or is_folder(text):
        return Path()
    return Path(text).parent


@contextmanager
def opened(source: str, stdin: BinaryIO | None = None) -> Iterator[BinaryIO]:
    """A source as bytes that can be looked at twice.

    Raises:
        UnreadableError: it is no file, it is empty, or it may not be read.
    """
    try:
        file = _piped(stdin) if source == STDIN else _regular(source)
    except (OSError, ValueError) as error:
        raise unopened(source, error) from None
    with file:
        yield file


def unopened(source: str, error: Exception) -> UnreadableError:
    """What the system's refusal means to a person."""
    if isinstance(error, FileNotFoundError):
        cure = "check the name"
        if Path(source).suffix.casefold() in _WRITTEN:
            cure += ", or let reelmill init write one to begin with"
        problem = whole(source, "not-found", "there is no such file", cure)
    else:
        reason = getattr(error, "strerror", None) or "no path can be like that"
        message = f"it cannot be read ({reason.lower()})"
        suggestion = "check its name and its permissions"
        problem = whole(source, "unreadable", message, suggestion)
    return UnreadableError(problem)


def _regular(source: str) -> BinaryIO:
    # Asked before it is opened too, because opening alone moves some devices.
    _refuse_others(source, Path(source).stat().st_mode)
    descriptor = os.open(source, os.O_RDONLY | _NO_WAIT)
    try:
        _refuse_others(source, os.fstat(descriptor).st_mode)
    except UnreadableError:
        os.close(descriptor)
        raise
    return os.fdopen(descriptor, "rb")


def _refuse_others(source: str, mode: int) -> None:
    if stat.S_ISREG(mode):
        return
    if stat.S_ISDIR(mode):
        raise UnreadableError(
            whole(source, "folder", "it is a folder", "name a file in it")
        )
    what, suggestion = "a device", "name a file"
    if stat.S_ISFIFO(mode):
        what, suggestion = "a pipe", f"pipe it in and name {STDIN} as the manifest"
    elif stat.S_ISSOCK(mode):
        what = "a socket"
    raise UnreadableError(
        whole(source, "not-a-file", f"it is {what}, no file", suggestion)
    )


def _piped(stdin: BinaryIO | None) -> BinaryIO:
    """Standard input, kept in a file that has no name and ends with us."""
    pipe = sys.stdin.buffer if stdin is None else stdin
    kept = cast("BinaryIO", tempfile.TemporaryFile())  # noqa: SIM115 - the caller closes it
    size = 0
    while block := pipe.read(_BLOCK_BYTES):
        size += len(block)
        if size > MAX_PIPED_BYTES:
            kept.close()
            message = f"more than {MAX_PIPED_BYTES >> 30} GB are piped in"
            suggestion = "check what writes it"
            raise UnreadableError(whole(STDIN, "too-large", message, suggestion))
        kept.write(block)
    kept.seek(0)
    return kept
