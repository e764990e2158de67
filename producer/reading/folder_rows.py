"""Rows of a folder: one for every picture in it and in the folders below.

It decides by the endings of names which files are pictures, and never opens one; the
look at every picture says later what it really is. Rows come in the order of their
paths, so that the same pictures are the same rows on every machine. What lies in a
bucket is listed in `bucket_rows`.
"""

import os
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from unicodedata import category, normalize

from jobs.batch.seen import Seen
from jobs.manifest.naming import POSTER_ENDING, BadName, clean_id
from jobs.manifest.rows import Problem, Row, Skipped
from producer.reading.unreadable import whole

PICTURES = frozenset(
    {
        *(".jpg", ".jpeg", ".png", ".webp", ".heic", ".heif", ".gif", ".avif"),
        *(".bmp", ".tif", ".tiff"),
    }
)
HIDDEN = "hidden files and folders"
NO_PICTURES = "files whose ending is no picture's"
#: As rows they would be paid for where the store lies in the folder of the pictures.
POSTERS = f"posters of videos, by their ending {POSTER_ENDING}"
SEEN = "folders that were listed already, behind a link"


class Listing:
    """Rows from paths, which are told in their order."""

    def __init__(self, file: str) -> None:
        self._file = file
        self._number = 0
        self._ids = Seen()

    def hidden(self) -> Skipped:
        """A file or folder that its owner keeps out of sight."""
        return Skipped(self._file, None, HIDDEN)

    def record(self, below: str, address: str) -> Row | Skipped:
        """What a file is: a row if it is a picture.

        `below` is its path below the folder, `address` how it can be opened.
        """
        path = PurePosixPath(below)
        if path.suffix.casefold() not in PICTURES:
            return Skipped(self._file, None, NO_PICTURES)
        if path.name.casefold().endswith(POSTER_ENDING):
            return Skipped(self._file, None, POSTERS)
        self._number += 1
        folder = path.parent.as_posix()
        cells = {
            "id": self._id(path),
            "image": address,
            "file": path.name,
            "stem": path.stem,
            "folder": "" if folder == "." else folder,
        }
        return Row(self._file, self._number, self._number, cells)

    def _id(self, path: PurePosixPath) -> str:
        """An id of its own; where it is taken, with the ending of the file's name."""
        made = _made_id(path.with_suffix("").as_posix())
        if made and self._ids.add(made, self._number) is not None:
            made = _made_id(f"{path.with_suffix('').as_posix()}{path.suffix}")
            if self._ids.add(made, self._number) is not None:
                made = f"{made[:80]}.{self._number}"
        return made


def read_folder(folder: str) -> Iterator[Row | Skipped | Problem]:
    """A row for every picture in a folder and in those below it."""
    top = f"{folder.rstrip('/')}/"
    listing = Listing(top)
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
            found = Path(top, below).stat()
            if (found.st_dev, found.st_ino) in seen:
                yield below, Skipped(top, None, SEEN)
                continue
            seen.add((found.st_dev, found.st_ino))
            entries = [*os.scandir(top + below)]
        except OSError as error:
            reason = (error.strerror or "unknown reason").lower()
            message = f"the folder cannot be read ({reason})"
            yield (
                below,
                whole(top + below, "unreadable", message, "check its permissions"),
            )
            continue
        shown = {
            f"{below}/{one.name}" if below else one.name: one
            for one in entries
            if not one.name.startswith(".")
        }
        for _ in range(len(entries) - len(shown)):
            yield below, Skipped(top, None, HIDDEN)
        last_first = sorted(
            shown, key=lambda at: at + "/" * _is_folder(shown[at]), reverse=True
        )
        waiting += ((at, shown[at]) for at in last_first)


def _is_folder(entry: "os.DirEntry[str]") -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return False


def _made_id(path: str) -> str:
    """An id made from a path; empty, to be called by its place, if none can be."""
    text = normalize("NFC", path)
    fit = "".join(char if _fits(char) else "-" for char in text).lstrip("-.")
    try:
        return clean_id(fit)
    except BadName:
        return ""


def _fits(char: str) -> bool:
    return char in "._-" or category(char)[0] in "LM" or category(char) == "Nd"
