"""Where videos and reports are kept: a folder, or a bucket by its URL.

The one door to object storage. A reader never sees half a file, keys never climb out
of the store, and what is there already can be asked for. Only obstore's synchronous
calls are used: its asynchronous ones can abort a process at its end, and neither kind
survives a fork, so a store is made where it is used.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import obstore
from obstore.exceptions import BaseError
from obstore.store import LocalStore, from_url

CLOUD_SCHEMES = ("s3", "gs", "az")

#: Bytes handed to the store at a time.
CHUNK_BYTES = 1 << 20


class StoreError(Exception):
    """The store cannot do what was asked; says where and what to look at."""


def parse(url: str) -> tuple[str, str]:
    """Scheme and place of a store; the scheme of a folder is `file`.

    Raises:
        StoreError: it is no folder and no URL that is known.
    """
    parts = urlsplit(url)
    if parts.scheme in CLOUD_SCHEMES:
        if not parts.netloc:
            raise StoreError(f"{url}: names no bucket; write {parts.scheme}://bucket")
        return parts.scheme, url
    if parts.scheme == "file":
        return "file", unquote(parts.path)
    if "://" in url:
        known = ", ".join(f"{scheme}://" for scheme in CLOUD_SCHEMES)
        raise StoreError(f"{url}: not a store; give a folder or one of {known}")
    return "file", url


def normal(url: str) -> str:
    """One spelling for one store: folders absolute, no slash at the end."""
    scheme, place = parse(url)
    return str(Path(place).absolute()) if scheme == "file" else place.rstrip("/")


class Store:
    """One folder or bucket prefix."""

    def __init__(self, url: str) -> None:
        """Open a store.

        Raises:
            StoreError: the URL is wrong or the folder cannot be made.
        """
        scheme, self.url = parse(url)[0], normal(url)
        self.local = scheme == "file"
        try:
            self._store: Any = (
                LocalStore(self.url, mkdir=True) if self.local else from_url(self.url)
            )
        except (BaseError, OSError, ValueError) as error:
            raise StoreError(
                f"{self.url}: cannot be opened ({_words(error)})"
            ) from None

    def place(self, key: str) -> str:
        """Path or URL of what is kept under `key`."""
        return f"{self.url}/{key}"

    def put_file(self, key: str, path: Path, content_type: str) -> None:
        """Keep a file under `key`, whole or not at all.

        Raises:
            StoreError: it could not be kept.
        """
        with path.open("rb") as file:
            self._put(key, iter(lambda: file.read(CHUNK_BYTES), b""), content_type)

    def put_text(self, key: str, text: str, content_type: str) -> None:
        """Keep a text under `key`, whole or not at all.

        Raises:
            StoreError: it could not be kept.
        """
        self._put(key, iter([text.encode()]), content_type)

    def keep(self, key: str, text: str, content_type: str) -> None:
        """Keep a text under `key`, or nothing if it is empty.

        Raises:
            StoreError: the store does not take it.
        """
        if text:
            self.put_text(key, text, content_type)
        else:
            self.remove(key)

    def get(self, key: str) -> bytes | None:
        """What is kept under `key`; None if nothing is.

        Raises:
            StoreError: the store cannot be read.
        """
        try:
            return bytes(obstore.get(self._store, key).bytes())
        except FileNotFoundError:
            return None
        except (BaseError, OSError, ValueError) as error:
            raise StoreError(f"{self.place(key)}: {_words(error)}") from None

    def size_bytes(self, key: str) -> int | None:
        """Size of what is kept under `key`; None if nothing is.

        Raises:
            StoreError: the store cannot be read.
        """
        try:
            return int(obstore.head(self._store, key)["size"])
        except FileNotFoundError:
            return None
        except (BaseError, OSError, ValueError) as error:
            raise StoreError(f"{self.place(key)}: {_words(error)}") from None

    def remove(self, key: str) -> None:
        """See that nothing is kept under `key`.

        Raises:
            StoreError: it could not be taken away.
        """
        try:
            obstore.delete(self._store, key)
        except FileNotFoundError:
            return
        except (BaseError, OSError, ValueError) as error:
            raise StoreError(f"{self.place(key)}: {_words(error)}") from None

    def check_writable(self) -> None:
        """Keep a small file and take it away again.

        Raises:
            StoreError: that cannot be done, so no video could be kept.
        """
        key = f".reelmill-{os.getpid()}.check"
        try:
            self._put(key, iter([b"reelmill"]), "text/plain")
            obstore.delete(self._store, key)
        except (BaseError, OSError, ValueError, StoreError) as error:
            raise StoreError(f"{self.url}: nothing can be written ({error})") from None

    def _put(self, key: str, chunks: Iterator[bytes], content_type: str) -> None:
        # A folder cannot keep a content type, and says so with an exception.
        attributes = None if self.local else {"Content-Type": content_type}
        try:
            obstore.put(self._store, key, chunks, attributes=attributes)
        except (BaseError, OSError, ValueError) as error:
            raise StoreError(
                f"{self.place(key)}: cannot be kept ({_words(error)})"
            ) from None


def _words(error: Exception) -> str:
    """What went wrong, without the pages of detail that follow it."""
    return str(error).partition("\n")[0]
