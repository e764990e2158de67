"""Rows of a folder or a bucket: one for every picture in it.

It decides by the endings of names which files are pictures, and never opens one; the
look at every picture says later what it really is. Rows come in the order of their
paths, so that the same pictures are the same rows on every machine.
"""

import os
from collections.abc import Iterator
from pathlib import PurePosixPath
from unicodedata import category, normalize

from jobs.naming import BadName, clean_id
from jobs.rows import Problem, Row, Skipped
from jobs.storage_listing import keys_below
from jobs.storage import StoreError
from producer.reading.unreadable import Unreadable, whole

PICTURES = frozenset(
    {
        *(".jpg", ".jpeg", ".png", ".webp", ".heic", ".heif", ".gif", ".avif"),
        *(".bmp", ".tif", ".tiff"),
    }
)
HIDDEN = "hidden files and folders"
NO_PICTURES = "files whose ending is no picture's"
SEEN = "folders that were listed already, behind a link"


class _Listing:
    """Rows from paths, which are told in their order."""

    def __init__(self, file: str) -> None:
        self._file = file
        self._number = 0

    def record(self, below: str, address: str) -> Row | Skipped:
        """What a file is: a row if it is a picture.

        `below` is its path below the folder, `address` how it can be opened.
        """
        path = PurePosixPath(below)
        if path.suffix.casefold() not in PICTURES:
            return Skipped(self._file, None, NO_PICTURES)
        self._number += 1
        folder = path.parent.as_posix()
        cells = {
            "id": _id(path.with_suffix("").as_posix()),
            "image": address,
            "file": path.name,
            "stem": path.stem,
            "folder": "" if folder == "." else folder,
        }
        return Row(self._file, self._number, self._number, cells)


def read_folder(folder: str) -> Iterator[Row | Skipped | Problem]:
    """A row for every picture in a folder and in those below it."""
    top = f"{folder.rstrip('/')}/"
    listing = _Listing(top)
    for below, entry in _files(top):
        if isinstance(entry, Problem | Skipped):
            yield entry
            continue
        record = listing.record(below, os.path.normpath(top + below))
        if isinstance(record, Row) and not entry.is_file():
            place = top + below
            message = "it is no file that can be read"
            suggestion = "take it out or mend the link"
            yield whole(place, "not-a-file", message, suggestion)
        else:
            yield record


def read_bucket(url: str) -> Iterator[Row | Skipped | Problem]:
    """A row for every picture below a prefix of a bucket.

    Raises:
        Unreadable: the bucket cannot be listed.
    """
    top = f"{url.rstrip('/')}/"
    listing = _Listing(top)
    try:
        keys = keys_below(top)
    except StoreError as error:
        message = "the bucket cannot be listed"
        text = str(error).removeprefix(f"{url.rstrip('/')}: ")
        suggestion = f"check its name and your access to it ({text})"
        raise Unreadable(whole(url, "unreadable", message, suggestion)) from None
    for key in keys:
        if any(part.startswith(".") for part in key.split("/")):
            yield Skipped(top, None, HIDDEN)
        else:
            yield listing.record(key, top + key)


def _files(
    top: str,
) -> Iterator[tuple[str, "os.DirEntry[str] | Skipped | Problem"]]:
    """Every file below a folder with its path below it, in the order of the paths."""
    seen: set[tuple[int, int]] = set()
    waiting: list[tuple[str, os.DirEntry[str] | None]] = [("", None)]
    while waiting:
        below, entry = waiting.pop()
        if entry is not None and not _is_folder(entry):
            yield below, entry
            continue
        try:
            found = os.stat(top + below)
            if (found.st_dev, found.st_ino) in seen:
                yield below, Skipped(top, None, SEEN)
                continue
            seen.add((found.st_dev, found.st_ino))
            entries = [*os.scandir(top + below)]
        except OSError as error:
            reason = (error.strerror or "unknown reason").lower()
            message = f"the folder cannot be read ({reason})"
            yield below, whole(top + below, "unreadable", message, "check its permissions")
            continue
        shown = [one for one in entries if not one.name.startswith(".")]
        yield from ((below, Skipped(top, None, HIDDEN)) for _ in entries[len(shown) :])
        prefix = f"{below}/" if below else ""
        waiting += sorted(
            ((prefix + one.name, one) for one in shown),
            key=lambda each: each[0] + "/" * _is_folder(each[1]),
            reverse=True,
        )


def _is_folder(entry: "os.DirEntry[str]") -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return False


def _id(path: str) -> str:
    """An id made from a path; empty, to be called by its place, if none can be."""
    text = normalize("NFC", path)
    fit = "".join(char if _fits(char) else "-" for char in text).lstrip("-.")
    try:
        return clean_id(fit)
    except BadName:
        return ""


def _fits(char: str) -> bool:
    return char in "._-" or category(char)[0] in "LM" or category(char) == "Nd"
