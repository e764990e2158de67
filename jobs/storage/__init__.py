"""Where videos and reports are kept: a folder, or a bucket by its URL.

The one door to object storage. A reader never sees half a file, keys never climb out
of the store, and what is there already can be asked for. Only obstore's synchronous
calls are used: its asynchronous ones can abort a process at its end, and neither kind
survives a fork, so a store is made where it is used.
"""

import hashlib
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from functools import cached_property
from itertools import chain, repeat
from pathlib import Path
from tempfile import NamedTemporaryFile, TemporaryFile
from typing import IO
from urllib.parse import unquote, urlsplit

import obstore
from obstore.exceptions import BaseError
from obstore.store import LocalStore, ObjectStore

from jobs.storage import bucket, folder
from jobs.storage.errors import KeyTakenError, StoreError, explain, is_absent

__all__ = ["PART_BYTES", "KeyTakenError", "Store", "StoreError", "normal", "parse"]

CLOUD_SCHEMES = ("s3", "gs", "az")

#: A file larger than this goes to a bucket in parts of this size; at most so many of
#: them are under way, and in memory, for one file.
PART_BYTES = 8 << 20
PARTS_AT_ONCE = 2

#: Bytes handed to the store at a time.
CHUNK_BYTES = 1 << 20

#: All that a call of the library can end in.
ERRORS = (BaseError, OSError, ValueError)


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
    return str(Path(place).resolve()) if scheme == "file" else place.rstrip("/")


class Store:
    """One folder or bucket prefix."""

    def __init__(self, url: str) -> None:
        """Open a store.

        Raises:
            StoreError: the URL is wrong or the folder cannot be made.
        """
        self._scheme, self.url = parse(url)[0], normal(url)
        self.local = self._scheme == "file"
        opened = bucket.open_bucket
        try:
            if self.local:
                self._store: ObjectStore = LocalStore(self.url, mkdir=True)
                self._files: ObjectStore = self._store
            else:
                self._store = opened(self.url, self._scheme, bucket.ANSWER_TIMEOUT)
                self._files = opened(self.url, self._scheme, bucket.PART_TIMEOUT)
        except ERRORS as error:
            words = explain(error, self._scheme)
            raise StoreError(f"{self.url}: cannot be opened: {words}", words) from None

    def place(self, key: str) -> str:
        """Path or URL of what is kept under `key`."""
        return f"{self.url}/{key}"

    def put(
        self,
        key: str,
        content: bytes | Path,
        content_type: str,
        sha256: str = "",
        *,
        replace: bool = True,
    ) -> None:
        """Keep a file, or something small, under `key`, whole or not at all.

        Args:
            key: where.
            content: a file, which a folder may take away, or what is small.
            content_type: what a bucket says it is.
            sha256: hex digest that a bucket keeps beside it, under the name `sha256`.
            replace: False if something else there shall stay.

        Raises:
            KeyTakenError: something else may be there, and shall stay.
            StoreError: it could not be kept.
        """
        told = {"Content-Type": content_type} | ({"sha256": sha256} if sha256 else {})
        with self._errors(key, "cannot be kept"):
            try:
                if self.local:
                    folder.keep(Path(self.url), key, content, replace=replace)
                elif not replace:
                    creates, store = self._can_create, self._store_for(content)
                    bucket.put_new(store, key, content, told, creates=creates)
                elif isinstance(content, Path):
                    with content.open("rb") as file:
                        self._upload(key, file, told)
                else:
                    self._upload(key, content, told)
            except FileExistsError:
                if isinstance(content, bytes):
                    sha256 = hashlib.sha256(content).hexdigest()
                if not self._holds(key, sha256):
                    place = self.place(key)
                    raise KeyTakenError(f"{place}: there is another file") from None

    def put_chunks(self, key: str, chunks: Iterable[str], content_type: str) -> int:
        """Keep a text that comes in pieces and may change later; its size in bytes.

        It is never whole in memory unless it is small. Nothing is kept of a text that
        is empty, not even what was there before.

        Raises:
            StoreError: it could not be kept.
        """
        size_bytes = 0

        def counted() -> Iterator[bytes]:
            nonlocal size_bytes
            for piece in _joined(chunks):
                size_bytes += len(piece)
                yield piece

        pieces, first = counted(), b""
        while len(first) < PART_BYTES and (piece := next(pieces, b"")):
            first += piece
        # A browser asks for it anew each time.
        told = {"Content-Type": content_type, "Cache-Control": "no-cache"}
        if not first:
            self.remove(key)
        else:
            with self._errors(key, "cannot be kept"):
                # In one go if it is small: parts would be three requests to a bucket.
                is_small = len(first) < PART_BYTES
                self._upload(key, first if is_small else chain([first], pieces), told)
        return size_bytes

    def get(self, key: str) -> bytes | None:
        """What is kept under `key`; None if nothing is.

        Raises:
            StoreError: the store cannot be read.
        """
        with self._if_there(key, "cannot be read"):
            return bytes(obstore.get(self._store, key).bytes())
        return None

    @contextmanager
    def fetched(self, key: str) -> Iterator[IO[bytes] | None]:
        """What is kept under `key`, as a file while the context lasts; None if nothing.

        Raises:
            StoreError: the store cannot be read.
        """
        is_there = False
        with TemporaryFile() as file:
            with self._if_there(key, "cannot be read"):
                for piece in obstore.get(self._files, key).stream(CHUNK_BYTES):
                    file.write(piece)
                is_there = True
            file.seek(0)
            yield file if is_there else None

    def size_bytes(self, key: str) -> int | None:
        """Size of what is kept under `key`; None if nothing is.

        Raises:
            StoreError: the store cannot be read.
        """
        try:
            return int(obstore.head(self._store, key)["size"])
        except ERRORS:
            # A bucket answers this question without words; the other one tells whether
            # it is the bucket that is missing, or why it refuses.
            found = self.get(key)
            return None if found is None else len(found)

    def sizes(self, prefix: str = "") -> dict[str, int]:
        """Sizes in bytes of all that is kept below a prefix, by key.

        Raises:
            StoreError: the store cannot be read.
        """
        with self._errors(prefix, "cannot be listed"):
            pages = obstore.list(self._store, prefix or None)
            return {str(each["path"]): int(each["size"]) for p in pages for each in p}

    def remove(self, key: str) -> None:
        """See that nothing is kept under `key`.

        Raises:
            StoreError: it could not be taken away.
        """
        with self._if_there(key, "cannot be removed"):
            obstore.delete(self._store, key)

    def check_writable(self, size_bytes: int = 0) -> None:
        """Keep a file, small or of this size, look at it and take it away again.

        Raises:
            StoreError: that cannot be done, so no video could be kept.
        """
        key = f".reelmill-{os.getpid()}.check"
        zeros = repeat(bytes(CHUNK_BYTES), -(-size_bytes // CHUNK_BYTES))
        try:
            with self._errors(key, "cannot be kept"):
                self._upload(key, zeros if size_bytes else b"reelmill", {})
            self.size_bytes(key)
            self.remove(key)
        except StoreError as error:
            text = f"{self.url}: nothing can be written: {error.words}"
            raise StoreError(text, error.words) from None

    def check_round_trip(self) -> None:
        """Keep and take away again what a real video and its report would be.

        In a bucket that is a new file in one piece, with what is told of it, and one
        that goes up in parts.

        Raises:
            StoreError: that cannot be done, so they could not be kept.
        """
        self.check_writable()
        if self.local:
            return
        self.check_writable(PART_BYTES + CHUNK_BYTES)
        key, content = f".reelmill-{os.getpid()}.new.check", os.urandom(CHUNK_BYTES)
        sha256 = hashlib.sha256(content).hexdigest()
        try:
            # Where nothing can be told to be new there is nothing to be tried.
            with suppress(KeyTakenError), NamedTemporaryFile() as file:
                file.write(content)
                file.flush()
                self.put(key, Path(file.name), "video/mp4", sha256, replace=False)
                if self.get(key) != content:
                    words = "what it gives back is not what it was given"
                    raise StoreError(f"{self.url}: {words}", words)
        finally:
            self.remove(key)

    @cached_property
    def _can_create(self) -> bool:
        return bucket.can_create(self._store)

    def _upload(
        self,
        key: str,
        content: bytes | IO[bytes] | Iterator[bytes],
        told: dict[str, str],
    ) -> None:
        obstore.put(
            self._store_for(content),
            key,
            content,
            # A folder cannot keep what is told of a file, and says so loudly.
            attributes=None if self.local else told,
            chunk_size=PART_BYTES,
            max_concurrency=PARTS_AT_ONCE,
        )

    def _store_for(self, content: object) -> ObjectStore:
        """The client whose time-out fits: a small thing is an answer, not a part."""
        is_small = isinstance(content, bytes) and len(content) < CHUNK_BYTES
        return self._store if is_small else self._files

    def _holds(self, key: str, sha256: str) -> bool:
        """Whether what is kept under `key` has this hex SHA-256."""
        digest = hashlib.sha256()
        for piece in obstore.get(self._files, key).stream():
            digest.update(piece)
        return digest.hexdigest() == sha256

    @contextmanager
    def _errors(self, key: str, what: str) -> Iterator[None]:
        """Puts the library's errors in words."""
        try:
            yield
        except ERRORS as error:
            words = explain(error, self._scheme)
            raise StoreError(f"{self.place(key)}: {what}: {words}", words) from None

    @contextmanager
    def _if_there(self, key: str, what: str) -> Iterator[None]:
        """The same, and ends quietly where nothing is kept under `key`."""
        with self._errors(key, what):
            try:
                yield
            except ERRORS as error:
                if not is_absent(error):
                    raise


def _joined(chunks: Iterable[str]) -> Iterator[bytes]:
    """Pieces of a text as larger ones of bytes."""
    piece = bytearray()
    for chunk in chunks:
        piece += chunk.encode()
        if len(piece) >= CHUNK_BYTES:
            yield bytes(piece)
            piece.clear()
    if piece:
        yield bytes(piece)
