"""A look at a picture in a bucket: `s3://`, `gs://` or `az://`, by the same rules.

Only obstore's synchronous calls are used, so it belongs into a thread; credentials are
those of the environment, as they are for the store of videos.
"""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import TYPE_CHECKING, Any, BinaryIO

import obstore
from obstore.exceptions import BaseError, PermissionDeniedError, UnauthenticatedError
from obstore.store import ObjectStore

from jobs.storage.bucket import PART_TIMEOUT, open_bucket
from producer.image_checks.memory import Kept
from producer.image_checks.seen import ImageCheckError
from producer.image_checks.wish import Wish

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

_CHUNK_BYTES = 1 << 18


def tag_of(address: str) -> str:
    """What the bucket says of an object; empty where it says nothing to rely on.

    Raises:
        ImageCheckError: it is not there, or the bucket cannot be asked.
    """
    store, key = _place(address)
    try:
        return _tag(obstore.head(store, key))
    except (BaseError, OSError, ValueError) as error:
        raise _trouble_of(error) from None


def look(address: str, wish: Wish) -> Kept:
    """Look at an object.

    Raises:
        ImageCheckError: it cannot be seen.
    """
    store, key = _place(address)
    try:
        got = obstore.get(store, key)
        size_bytes = got.meta["size"]
        chunks = (bytes(chunk) for chunk in got.stream(_CHUNK_BYTES))
        reading = wish.read_through(chunks, size_bytes)
    except (BaseError, OSError, ValueError) as error:
        raise _trouble_of(error) from None
    found = reading.info(size_bytes, whole=reading.size_bytes == size_bytes)
    return Kept(found, _tag(got.meta))


@contextmanager
def opened(address: str) -> Iterator[BinaryIO]:
    """An object to be read from its beginning.

    Raises:
        ImageCheckError: it is not there, or the bucket cannot be asked; reading raises
            OSError.
    """
    store, key = _place(address)
    try:
        chunks = iter(obstore.get(store, key).stream(_CHUNK_BYTES))
    except (BaseError, OSError, ValueError) as error:
        raise _trouble_of(error) from None
    with io.BufferedReader(_Chunks(chunks), _CHUNK_BYTES) as file:
        yield file


class _Chunks(io.RawIOBase):
    """Chunks as a file that is read once."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        super().__init__()
        self._chunks = chunks
        self._left = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "WriteableBuffer") -> int:
        while not self._left:
            try:
                self._left = memoryview(bytes(next(self._chunks)))
            except StopIteration:
                return 0
            except BaseError as error:
                raise OSError(str(_trouble_of(error))) from None
        room = memoryview(buffer).cast("B")
        count = min(len(room), len(self._left))
        room[:count], self._left = self._left[:count], self._left[count:]
        return count


def _place(address: str) -> tuple[ObjectStore, str]:
    """The bucket and the key, which is taken as it is written."""
    scheme, _, rest = address.partition("://")
    bucket, _, key = rest.partition("/")
    if not bucket or not key:
        raise ImageCheckError(
            "names no picture in a bucket",
            f"write it like {scheme}://bucket/mug.jpg",
            trouble="not-found",
        )
    try:
        return _bucket(scheme.casefold(), bucket), key
    except (BaseError, OSError, ValueError) as error:
        raise _trouble_of(error) from None


@lru_cache(maxsize=64)
def _bucket(scheme: str, name: str) -> ObjectStore:
    return open_bucket(f"{scheme}://{name}", scheme, PART_TIMEOUT)


def _tag(meta: Any) -> str:  # noqa: ANN401 - obstore's own mapping
    tag = meta["e_tag"]
    return f"{meta['size']}-{tag}" if tag else ""


def _trouble_of(error: Exception) -> ImageCheckError:
    if isinstance(error, FileNotFoundError):
        return ImageCheckError(
            "is not there", "check the bucket and the key", trouble="not-found"
        )
    if isinstance(
        error, PermissionError | PermissionDeniedError | UnauthenticatedError
    ):
        return ImageCheckError(
            "may not be read",
            "let your credentials read that bucket",
            trouble="not-readable",
        )
    words = str(error).partition("\n")[0]
    return ImageCheckError(
        f"cannot be read ({words[:200]})", "check the bucket and your credentials"
    )
