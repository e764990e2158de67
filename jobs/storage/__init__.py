"""Where videos and reports are kept: a folder, or a bucket by its URL.

The one door to object storage. A reader never sees half a file, keys never climb out
of the store, and what is there already can be asked for. Only obstore's synchronous
calls are used: its asynchronous ones can abort a process at its end, and neither kind
survives a fork, so a store is made where it is used. What its errors mean is worded in
`words`.
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

import obstore
from obstore.exceptions import BaseError
from obstore.store import LocalStore, ObjectStore

from jobs.storage import bucket, folder
from jobs.storage.pieces import CHUNK_BYTES, Pieces
from jobs.storage.places import KeyTakenError, StoreError, normal, parse
from jobs.storage.words import explain, is_no_bucket

__all__ = ["PART_BYTES", "KeyTakenError", "Store", "StoreError", "normal", "parse"]

#: A file larger than this goes to a bucket in parts of this size; at most so many of
#: them are under way, and in memory, for one file.
PART_BYTES = 8 << 20
PARTS_AT_ONCE = 2

#: All that a call of the library can end in.
ERRORS = (BaseError, OSError, ValueError)

#: What a bucket is told of a file, by header.
Told = dict[str, str]

#: What changes after it was kept must be asked for anew each time.
CHANGING = "no-cache"


class Store:
    """One folder or bucket prefix."""

    def __init__(self, url: str) -> None:
        """Open a store.

        Raises:
            StoreError: the URL is wrong or the folder cannot be made.
        """
        self._scheme, self.url = parse(url)[0], normal(url)
        self.local = self._scheme == "file"
        try:
            if self.local:
                self._store: ObjectStore = LocalStore(self.url, mkdir=True)
                self._files: ObjectStore = self._store
            else:
                self._store = bucket.open_bucket(
                    self.url, self._scheme, bucket.ANSWER_TIMEOUT
                )
                self._files = bucket.open_bucket(
                    self.url, self._scheme, bucket.PART_TIMEOUT
                )
        except ERRORS as error:
            raise StoreError(
                f"{self.url}: cannot be opened: {self._words(error)}"
            ) from None

    def place(self, key: str) -> str:
        """Path or URL of what is kept under `key`."""
        return f"{self.url}/{key}"

    def put_file(
        self,
        key: str,
        path: Path,
        content_type: str,
        sha256: str = "",
        *,
        replace: bool = True,
    ) -> None:
        """Keep a file under `key`, whole or not at all; a folder may take it away.

        Args:
            key: where.
            path: the file.
            content_type: what a bucket says it is.
            sha256: hex digest that a bucket keeps beside it, under the name `sha256`.
            replace: False if another file there shall stay.

        Raises:
            KeyTakenError: another file may be there, and shall stay.
            StoreError: it could not be kept.
        """
        told = {"Content-Type": content_type} | ({"sha256": sha256} if sha256 else {})
        try:
            if self.local:
                folder.keep_file(Path(self.url), key, path, replace=replace)
            elif replace:
                with path.open("rb") as file:
                    self._put(key, file, told, self._files)
            elif path.stat().st_size > bucket.LARGEST_NEW_BYTES or not self._makes_new:
                raise KeyTakenError(f"{self.place(key)}: there may be another file")
            else:
                bucket.keep_new_file(self._files, key, path, told)
        except FileExistsError:
            self._must_hold(key, sha256)
        except ERRORS as error:
            raise self._failed(key, "cannot be kept", error) from None

    def put_text(self, key: str, text: str, content_type: str) -> None:
        """Keep a text under `key`, whole or not at all.

        Raises:
            StoreError: it could not be kept.
        """
        self.put_small(key, text.encode(), content_type)

    def put_small(
        self, key: str, content: bytes, content_type: str, *, replace: bool = True
    ) -> None:
        """Keep what is small under `key`, as `put_file` keeps a file.

        Raises:
            KeyTakenError: there is another file.
            StoreError: it could not be kept.
        """
        told = {"Content-Type": content_type}
        try:
            if self.local:
                folder.keep_small(Path(self.url), key, content, replace=replace)
            elif replace:
                self._put(key, content, told)
            else:
                bucket.keep_new(self._store, key, content, told, sure=self._makes_new)
        except FileExistsError:
            self._must_hold(key, hashlib.sha256(content).hexdigest())
        except ERRORS as error:
            raise self._failed(key, "cannot be kept", error) from None

    def put_chunks(self, key: str, chunks: Iterable[str], content_type: str) -> int:
        """Keep what comes in pieces and may change later; its size in bytes.

        It is never whole in memory unless it is small. Nothing is kept of a text that
        is empty, not even what was there before.

        Raises:
            StoreError: it could not be kept.
        """
        told = {"Content-Type": content_type, "Cache-Control": CHANGING}
        pieces = Pieces(chunks)
        first = b"".join(pieces.up_to(PART_BYTES))
        if not first:
            self.remove(key)
        elif len(first) < PART_BYTES:
            # In one go: parts would be three requests to a bucket.
            self._put(key, first, told, self._files)
        else:
            self._put(key, chain([first], pieces), told, self._files)
        return pieces.size_bytes

    def get(self, key: str) -> bytes | None:
        """What is kept under `key`; None if nothing is.

        Raises:
            StoreError: the store cannot be read.
        """
        try:
            if self.local:
                return folder.read(Path(self.url), key)
            return bytes(obstore.get(self._store, key).bytes())
        except ERRORS as error:
            if _is_absent(error):
                return None
            raise self._failed(key, "cannot be read", error) from None

    @contextmanager
    def fetched(self, key: str) -> Iterator[IO[bytes] | None]:
        """What is kept under `key`, as a file while the context lasts; None if nothing.

        Raises:
            StoreError: the store cannot be read.
        """
        with TemporaryFile() as file:
            yield file if self._fetch(key, file) else None

    def _fetch(self, key: str, file: IO[bytes]) -> bool:
        try:
            for piece in obstore.get(self._files, key).stream(CHUNK_BYTES):
                file.write(piece)
        except ERRORS as error:
            if _is_absent(error):
                return False
            raise self._failed(key, "cannot be read", error) from None
        file.seek(0)
        return True

    def size_bytes(self, key: str) -> int | None:
        """Size of what is kept under `key`; None if nothing is.

        Raises:
            StoreError: the store cannot be read.
        """
        try:
            return int(obstore.head(self._store, key)["size"])
        except ERRORS as error:
            # A bucket answers this question without words; the other one tells whether
            # it is the bucket that is missing, or why it refuses.
            if self.local and _is_absent(error):
                return None
            found = self.get(key)
            return None if found is None else len(found)

    def sizes(self, prefix: str = "") -> dict[str, int]:
        """Sizes in bytes of all that is kept below a prefix, by key.

        Raises:
            StoreError: the store cannot be read.
        """
        try:
            pages = obstore.list(self._store, prefix or None)
            return {str(each["path"]): int(each["size"]) for p in pages for each in p}
        except ERRORS as error:
            raise self._failed(prefix, "cannot be listed", error) from None

    def remove(self, key: str) -> None:
        """See that nothing is kept under `key`.

        Raises:
            StoreError: it could not be taken away.
        """
        try:
            obstore.delete(self._store, key)
        except ERRORS as error:
            if not _is_absent(error):
                raise self._failed(key, "cannot be removed", error) from None

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
        try:
            with NamedTemporaryFile() as file:
                file.write(content)
                file.flush()
                sha256 = hashlib.sha256(content).hexdigest()
                how = {"content_type": "video/mp4", "sha256": sha256}
                with suppress(KeyTakenError):  # where nothing can be told to be new
                    self.put_file(key, Path(file.name), **how, replace=False)
                    if self.get(key) != content:
                        said = "what it gives back is not what it was given"
                        raise StoreError(f"{self.url}: {said}", said)
        finally:
            self.remove(key)

    def check_writable(self, size_bytes: int = 0) -> None:
        """Keep a file, small or of this size, look at it and take it away again.

        Raises:
            StoreError: that cannot be done, so no video could be kept.
        """
        key = f".reelmill-{os.getpid()}.check"
        zeros = repeat(bytes(CHUNK_BYTES), -(-size_bytes // CHUNK_BYTES))
        try:
            if size_bytes:
                self._put(key, zeros, {}, self._files)
            else:
                self._put(key, b"reelmill", {})
            self.size_bytes(key)
            self.remove(key)
        except StoreError as error:
            said = f"{self.url}: nothing can be written: {error.words}"
            raise StoreError(said, error.words) from None

    @cached_property
    def _makes_new(self) -> bool:
        return bucket.makes_new(self._store)

    def _put(
        self,
        key: str,
        content: bytes | IO[bytes] | Iterator[bytes],
        told: Told,
        store: ObjectStore | None = None,
    ) -> None:
        try:
            obstore.put(
                store or self._store,
                key,
                content,
                # A folder cannot keep what is told of a file, and says so loudly.
                attributes=None if self.local else told,
                chunk_size=PART_BYTES,
                max_concurrency=PARTS_AT_ONCE,
            )
        except ERRORS as error:
            raise self._failed(key, "cannot be kept", error) from None

    def _must_hold(self, key: str, sha256: str) -> None:
        try:
            if self.local:
                is_same = folder.holds(Path(self.url), key, sha256)
            else:
                is_same = bucket.holds(self._store, key, sha256)
            if is_same:
                return
        except ERRORS as error:
            raise self._failed(key, "cannot be kept", error) from None
        raise KeyTakenError(f"{self.place(key)}: there is another file")

    def _failed(self, key: str, what: str, error: Exception) -> StoreError:
        words = self._words(error)
        return StoreError(f"{self.place(key)}: {what}: {words}", words)

    def _words(self, error: Exception) -> str:
        return explain(str(error), self._scheme)


def _is_absent(error: Exception) -> bool:
    """Whether a file is not there, though its store is."""
    return isinstance(error, FileNotFoundError) and not is_no_bucket(str(error))
