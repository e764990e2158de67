"""Inboxes: a folder or a bucket's prefix into which other programs drop manifests.

It decides when a file is complete and where it goes once it is dealt with; what is in
it is not looked at here. A file is moved after its batch is in the ledger, so a crash
in between hands it over again, as the same batch.
"""

import errno
import hashlib
import os
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

import obstore
from obstore.exceptions import BaseError

from jobs.storage.bucket import PART_TIMEOUT, open_bucket
from jobs.storage.words import explain
from producer.exits import Exit, Stop
from producer.reading.sniffing import ENDINGS
from producer.reading.sources import is_bucket

#: What says at once that a file is complete, beside it: `tonight.csv.ready`.
READY = ".ready"

TAKEN, REFUSED = "taken", "refused"
PROBLEMS = ".problems.txt"

#: Longest name of a file that is put away: with the time before it and `PROBLEMS` after
#: it, it stays below the 255 bytes that file systems take.
MOST_NAME_BYTES = 200

#: How a file looked: the same stamp is the same content.
Stamps = Mapping[str, str]
#: What looks have seen: file to its stamp, and unix seconds since when.
Seen = Mapping[str, tuple[str, float]]

_ERRORS = (BaseError, OSError, ValueError)


class Inbox(Protocol):
    """Where manifests are dropped."""

    def stamps(self) -> dict[str, str]:
        """All that is in it but folders, with what changes when a content does.

        Raises:
            Stop: it cannot be listed.
        """

    def fetch(self, name: str) -> str:
        """A path at which a file can be read as a manifest."""

    def move(self, name: str, to: str) -> None:
        """Put a file elsewhere below the inbox."""

    def write(self, to: str, text: str) -> None:
        """Put a text below the inbox."""

    def remove(self, name: str) -> None:
        """See that a file is not there."""


def inbox_of(url: str, home: Path) -> Inbox:
    """The inbox at a folder or URL; files of a bucket are copied below `home`."""
    return BucketInbox(url, home / "inbox") if is_bucket(url) else FolderInbox(url)


def seen_again(
    seen: Seen, stamps: Stamps, now_s: float
) -> dict[str, tuple[str, float]]:
    """What has been seen after one more look."""
    return {
        name: seen[name] if seen.get(name, ("",))[0] == stamp else (stamp, now_s)
        for name, stamp in stamps.items()
        if is_manifest(name)
    }


def complete(seen: Seen, stamps: Stamps, now_s: float, still_s: float) -> list[str]:
    """The manifests that nobody writes to any more, in the order of their names.

    Args:
        seen: what earlier looks saw.
        stamps: what is there now.
        now_s: unix seconds.
        still_s: seconds that a file must not have changed.
    """
    return [
        name
        for name, stamp in sorted(stamps.items())
        if is_manifest(name)
        and (
            name + READY in stamps or _is_still(seen.get(name), stamp, now_s - still_s)
        )
    ]


def is_manifest(name: str) -> bool:
    """Whether a file is meant as a manifest, by its name."""
    return not name.startswith(".") and Path(name).suffix.lower() in ENDINGS


def put_away(
    inbox: Inbox, name: str, now_s: float, problems: tuple[str, ...] = ()
) -> None:
    """Move a file that is dealt with: to `taken/`, or to `refused/` with its problems.

    Raises:
        Stop: it cannot be moved.
    """
    at = f"{datetime.fromtimestamp(now_s, UTC):%Y%m%dT%H%M%S%fZ}"
    to = f"{REFUSED if problems else TAKEN}/{at}-{_shortened(name)}"
    if problems:
        inbox.write(to + PROBLEMS, escaped("\n".join(problems)) + "\n")
    inbox.move(name, to)
    inbox.remove(name + READY)


def escaped(text: str) -> str:
    r"""Text with what UTF-8 has not, such as bytes of a file's name, as escapes.

    >>> escaped("caf\udce9.csv")
    'caf\\udce9.csv'
    """
    return text.encode("utf-8", "backslashreplace").decode()


def _shortened(name: str) -> str:
    """A name that leaves room for more; one that is cut tells by a digest which."""
    raw = os.fsencode(name)
    if len(raw) <= MOST_NAME_BYTES:
        return name
    stem, ending = os.path.splitext(name)  # noqa: PTH122 - a name, no path
    tail = f"~{hashlib.sha256(raw).hexdigest()[:8]}{ending}"
    while len(os.fsencode(stem + tail)) > MOST_NAME_BYTES:
        stem = stem[:-1]
    return stem + tail


def _is_still(seen: tuple[str, float] | None, stamp: str, until_s: float) -> bool:
    return seen is not None and seen[0] == stamp and seen[1] <= until_s


def _stamp(entry: os.DirEntry[str]) -> str:
    about = entry.stat()
    return f"{about.st_size}-{about.st_mtime_ns}"


class FolderInbox:
    """A folder."""

    def __init__(self, folder: str) -> None:
        self._folder = Path(folder)

    def stamps(self) -> dict[str, str]:
        """All but folders: a pipe is there too, lest nobody is told that it waits."""
        found = {}
        try:
            with os.scandir(self._folder) as entries:
                for entry in entries:
                    # It went while we looked, or is a link that leads nowhere. What
                    # is no link and may not be looked at is the folder's fault.
                    with suppress(OSError if entry.is_symlink() else FileNotFoundError):
                        if not entry.is_dir():
                            found[entry.name] = _stamp(entry)
        except OSError as error:
            raise self._stop(f"it cannot be listed ({error.strerror})") from None
        return found

    def fetch(self, name: str) -> str:
        """The path of a file."""
        return str(self._folder / name)

    def move(self, name: str, to: str) -> None:
        """Rename a file."""
        try:
            (self._folder / to).parent.mkdir(exist_ok=True)
            (self._folder / name).rename(self._folder / to)
        except OSError as error:
            raise self._stop(f"{name} cannot be moved ({error.strerror})") from None

    def write(self, to: str, text: str) -> None:
        """Write a text."""
        try:
            (self._folder / to).parent.mkdir(exist_ok=True)
            (self._folder / to).write_text(text, "utf-8")
        except OSError as error:
            raise self._stop(f"{to} cannot be written ({error.strerror})") from None

    def remove(self, name: str) -> None:
        """Delete a file."""
        try:
            (self._folder / name).unlink(missing_ok=True)
        except OSError as error:
            # A name that is too long is that of no file.
            if error.errno != errno.ENAMETOOLONG:
                words = f"{name} cannot be removed ({error.strerror})"
                raise self._stop(words) from None

    def _stop(self, words: str) -> Stop:
        return Stop(f"the inbox {self._folder}: {words}", Exit.UNREACHABLE)


class BucketInbox:
    """A prefix of a bucket."""

    def __init__(self, url: str, copies: Path) -> None:
        scheme, _, rest = url.partition("://")
        bucket, _, prefix = rest.strip("/").partition("/")
        self._scheme = scheme.casefold()
        self._url = f"{self._scheme}://{rest.strip('/')}"
        self._prefix = f"{prefix}/" if prefix else ""
        self._copies = copies / bucket / prefix
        try:
            place = f"{self._scheme}://{bucket}"
            self._store = open_bucket(place, self._scheme, PART_TIMEOUT)
        except _ERRORS as error:
            raise self._stop("cannot be opened", error) from None

    def stamps(self) -> dict[str, str]:
        """Its objects, without those of prefixes below."""
        try:
            found = obstore.list_with_delimiter(self._store, self._prefix or None)
        except _ERRORS as error:
            raise self._stop("cannot be listed", error) from None
        return {
            str(one["path"]).removeprefix(self._prefix): (
                f"{one['size']}-{one['e_tag'] or one['last_modified']}"
            )
            for one in found["objects"]
        }

    def fetch(self, name: str) -> str:
        """The path of a copy."""
        try:
            content = obstore.get(self._store, self._prefix + name).bytes()
            self._copies.mkdir(mode=0o700, parents=True, exist_ok=True)
            (self._copies / name).write_bytes(content)
        except _ERRORS as error:
            raise self._stop(f"{name} cannot be read", error) from None
        return str(self._copies / name)

    def move(self, name: str, to: str) -> None:
        """Copy an object, then delete it."""
        try:
            obstore.copy(self._store, self._prefix + name, self._prefix + to)
        except _ERRORS as error:
            raise self._stop(f"{name} cannot be moved", error) from None
        self.remove(name)
        (self._copies / name).unlink(missing_ok=True)

    def write(self, to: str, text: str) -> None:
        """Keep a text."""
        try:
            obstore.put(self._store, self._prefix + to, text.encode())
        except _ERRORS as error:
            raise self._stop(f"{to} cannot be written", error) from None

    def remove(self, name: str) -> None:
        """Delete an object."""
        try:
            obstore.delete(self._store, self._prefix + name)
        except FileNotFoundError:
            return
        except _ERRORS as error:
            raise self._stop(f"{name} cannot be removed", error) from None

    def _stop(self, words: str, error: Exception) -> Stop:
        said = explain(str(error), self._scheme)
        return Stop(f"the inbox {self._url}: {words}: {said}", Exit.UNREACHABLE)
