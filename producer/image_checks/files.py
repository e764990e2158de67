"""Checks pictures in files and in buckets, which are read by the same rules.

All of it waits for a disk or a network, so it belongs in a thread.
"""

import io
import os
import re
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any, BinaryIO
from unicodedata import normalize

import obstore
from obstore.exceptions import BaseError, PermissionDeniedError, UnauthenticatedError
from obstore.store import ObjectStore

from jobs.catalogue.addresses import is_object
from jobs.storage.bucket import PART_TIMEOUT, open_bucket
from producer.image_checks.cache import CachedImage
from producer.image_checks.results import Demand, ImageCheckError

_BARE_HOST = re.compile(r"[\w-]+(?:\.[\w-]+)*\.[a-z]{2,}(?::\d+)?/.", re.IGNORECASE)
_CHUNK_BYTES = 1 << 18

#: No object larger than this is held in memory; no model takes such a picture.
MAX_OPEN_BYTES = 1 << 26

_FAILURES = (BaseError, OSError, ValueError)
_REFUSALS = (PermissionError, PermissionDeniedError, UnauthenticatedError)

#: A file that was changed this shortly before may be changed again unnoticed: clocks
#: of file systems are that coarse.
_SETTLED_S = 2.0


def check_file(
    address: str, cached: CachedImage | None, demand: Demand
) -> tuple[CachedImage, int]:
    """What is known of a file or an object now, and how many bytes were read for it.

    Returns `cached` itself where nothing has changed.

    Raises:
        ImageCheckError: it is not there, or cannot be read.
    """
    if is_object(address):
        if cached is not None and cached.tag == _object_tag(address):
            return cached, 0
        return _check_object(address, demand)
    if cached is not None and cached.tag == _file_tag(address, _status(address)):
        return cached, 0
    return _check_local(address, demand)


@contextmanager
def open_image(address: str) -> Iterator[BinaryIO]:
    """A file or an object, to be read once from its beginning.

    Raises:
        ImageCheckError: it is not there, or cannot be read.
    """
    if is_object(address):
        store, key = _place(address)
        try:
            got = obstore.get(store, key)
            size_bytes = got.meta["size"]
            content = got.bytes() if size_bytes <= MAX_OPEN_BYTES else b""
        except _FAILURES as error:
            raise _object_error(error) from None
        if size_bytes > MAX_OPEN_BYTES:
            raise ImageCheckError(f"is {size_bytes:,} bytes large", "save it smaller")
        yield io.BytesIO(content)
        return
    _file_tag(address, _status(address))
    try:
        file = _on_disk(address).open("rb")
    except OSError as error:
        raise _file_error(address, error) from None
    with file:
        yield file


def _check_local(path: str, demand: Demand) -> tuple[CachedImage, int]:
    with open_image(path) as file:
        before = os.fstat(file.fileno())
        chunks = iter(lambda: file.read(_CHUNK_BYTES), b"")
        sniffer = demand.read(chunks, before.st_size)
        after = os.fstat(file.fileno())
    tag, came = _file_tag(path, after), sniffer.size_bytes
    if _file_tag(path, before) != tag or came > after.st_size:
        raise ImageCheckError("changed while it was read", "try again")
    info = sniffer.info(after.st_size, whole=came == after.st_size)
    settled = time.time() - after.st_mtime > _SETTLED_S
    return CachedImage(info, tag if settled else ""), came


def _status(path: str) -> os.stat_result:
    try:
        return _on_disk(path).stat()
    except (OSError, ValueError) as error:
        raise _file_error(path, error) from None


def _file_tag(path: str, status: os.stat_result) -> str:
    """What changes whenever the file does."""
    if not stat.S_ISREG(status.st_mode):
        what = "folder" if stat.S_ISDIR(status.st_mode) else "pipe or device"
        raise ImageCheckError(
            f"is a {what} and no file",
            f"give a picture in {path!r}" if what == "folder" else "give a picture",
            kind="not-a-file",
        )
    return f"{status.st_size}-{status.st_mtime_ns}-{status.st_ino}"


def _on_disk(path: str) -> Path:
    """The path as it is there, its letters with accents composed or not.

    A Mac takes them apart, in names that look the same; whoever writes the manifest
    does not see it.
    """
    if path.isascii() or os.path.lexists(path):
        return Path(path)
    found = ""
    for part in path.split("/"):
        forms = (part, normalize("NFC", part), normalize("NFD", part))
        there = (form for form in forms if os.path.lexists(f"{found}{form}"))
        found += next(there, part) + "/"
    return Path(found)


def _file_error(path: str, error: Exception) -> ImageCheckError:
    if isinstance(error, FileNotFoundError | NotADirectoryError):
        suggestion = (
            "check the path, which is relative to its manifest's folder, or name the "
            "address before it: --pictures-at https://shop.example/pictures"
        )
        if _BARE_HOST.match(path):
            suggestion = f"check the path, or write https://{path[:80]}"
        return ImageCheckError("is not there", suggestion, kind="not-found")
    words, suggestion = "may not be read", "let your user read it"
    if not isinstance(error, PermissionError):
        reason = getattr(error, "strerror", None) or str(error)
        words, suggestion = f"cannot be read ({reason})", "check it"
    return ImageCheckError(words, suggestion, kind="not-readable")


def _check_object(address: str, demand: Demand) -> tuple[CachedImage, int]:
    store, key = _place(address)
    try:
        got = obstore.get(store, key)
        size_bytes = got.meta["size"]
        chunks = (bytes(chunk) for chunk in got.stream(_CHUNK_BYTES))
        sniffer = demand.read(chunks, size_bytes)
    except _FAILURES as error:
        raise _object_error(error) from None
    came = sniffer.size_bytes
    info = sniffer.info(size_bytes, whole=came == size_bytes)
    return CachedImage(info, _tag(got.meta)), came


def _object_tag(address: str) -> str:
    """What changes whenever the object does; empty where the bucket does not say."""
    store, key = _place(address)
    try:
        return _tag(obstore.head(store, key))
    except _FAILURES as error:
        raise _object_error(error) from None


def _tag(meta: Any) -> str:
    tag = meta["e_tag"]
    return f"{meta['size']}-{tag}" if tag else ""


def _place(address: str) -> tuple[ObjectStore, str]:
    """The bucket and the key, which is taken as it is written."""
    scheme, _, rest = address.partition("://")
    bucket, _, key = rest.partition("/")
    if not bucket or not key:
        raise ImageCheckError(
            "names no picture in a bucket",
            f"write it like {scheme}://bucket/mug.jpg",
            kind="not-found",
        )
    try:
        return _bucket(scheme.casefold(), bucket), key
    except _FAILURES as error:
        raise _object_error(error) from None


@lru_cache(maxsize=64)
def _bucket(scheme: str, name: str) -> ObjectStore:
    return open_bucket(f"{scheme}://{name}", scheme, PART_TIMEOUT)


def _object_error(error: Exception) -> ImageCheckError:
    if isinstance(error, FileNotFoundError):
        suggestion = "check the bucket and the key"
        return ImageCheckError("is not there", suggestion, kind="not-found")
    if isinstance(error, _REFUSALS):
        suggestion = "let your credentials read that bucket"
        return ImageCheckError("may not be read", suggestion, kind="not-readable")
    words = str(error).partition("\n")[0][:200]
    suggestion = "check the bucket and your credentials"
    return ImageCheckError(f"cannot be read ({words})", suggestion)
