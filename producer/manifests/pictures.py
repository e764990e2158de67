"""Lists a folder or a bucket as a manifest: one row for every picture in it.

The endings of names tell which files are pictures; the image check says later what each
really is. Rows come in the order of their paths, so that the same pictures are the same
rows on every machine.
"""

import os
import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path, PurePosixPath
from unicodedata import category, normalize

import obstore
from obstore.exceptions import BaseError, InvalidPathError

from jobs.catalogue.validation import InvalidValueError
from jobs.job import POSTER_ENDING
from jobs.manifest.naming import Seen, clean_id
from jobs.manifest.rows import Problem, Row, Skipped
from jobs.storage.bucket import ANSWER_TIMEOUT, open_bucket
from jobs.storage.errors import explain
from jobs.text import shown
from producer.manifests.source import UnreadableError, whole

PICTURES = frozenset(
    {
        *(".jpg", ".jpeg", ".png", ".webp", ".heic", ".heif", ".gif", ".avif"),
        *(".bmp", ".tif", ".tiff"),
    }
)
HIDDEN = "hidden files and folders"
NO_PICTURES = "files whose ending is no picture's"
#: As rows they would be paid for where the store is in the folder of the pictures.
POSTERS = f"posters of videos, by their ending {POSTER_ENDING}"
SEEN = "folders that were listed already, behind a link"
_BAD_KEY = re.compile(r'invalid path: Path "(.+)" contained')


def read_folder(folder: str) -> Iterator[Row | Skipped | Problem]:
    """A row for every picture in a folder and in those below it."""
    top = f"{folder.rstrip('/')}/"
    paths: list[str] = []
    for found in _walk(top):
        if isinstance(found, str):
            paths.append(found)
        else:
            yield found
    for record in _rows(top, paths, lambda below: os.path.normpath(top + below)):
        if isinstance(record, Row) and not Path(str(record.cells["image"])).is_file():
            message = "it is no file that can be read"
            suggestion = "take it out or mend the link"
            place = str(record.cells["image"])
            yield whole(place, "not-a-file", message, suggestion)
        else:
            yield record


def _walk(top: str) -> Iterator[str | Skipped | Problem]:
    """Paths below a folder, of all files and of the hidden folders."""
    errors: list[OSError] = []
    seen: set[tuple[int, int]] = set()
    for folder, folders, files in os.walk(top, onerror=errors.append, followlinks=True):
        status = Path(folder).stat()
        if (status.st_dev, status.st_ino) in seen:
            folders.clear()
            yield Skipped(top, None, SEEN)
            continue
        seen.add((status.st_dev, status.st_ino))
        hidden = [name for name in folders if name.startswith(".")]
        folders[:] = sorted({*folders} - {*hidden})
        for name in [*hidden, *files]:
            yield os.path.relpath(f"{folder}/{name}", top)
    for error in errors:
        message = f"the folder cannot be read ({(error.strerror or '').lower()})"
        place = str(error.filename)
        yield whole(place, "unreadable", message, "check its permissions")


def read_bucket(url: str) -> Iterator[Row | Skipped]:
    """A row for every picture below a prefix of a bucket; keys are as they are written.

    Raises:
        UnreadableError: the bucket cannot be listed.
    """
    scheme, _, rest = url.partition("://")
    bucket, _, prefix = rest.partition("/")
    scheme = scheme.casefold()
    place = f"{scheme}://{bucket}"
    if not bucket:
        suggestion = f"write it like {place}shop/pictures/"
        problem = whole(url, "unreadable", "it names no bucket", suggestion)
        raise UnreadableError(problem)
    prefix = prefix.strip("/")
    top = f"{prefix}/" if prefix else ""
    try:
        keys = _keys(place, scheme, prefix)
    except InvalidPathError as error:
        raise UnreadableError(_bad_key(url, str(error))) from None
    except (BaseError, OSError, ValueError) as error:
        message = f"the bucket cannot be listed: {explain(error, scheme)}"
        suggestion = "check its name and your access to it"
        raise UnreadableError(whole(url, "unreadable", message, suggestion)) from None
    paths = (key.removeprefix(top) for key in keys)
    yield from _rows(f"{place}/{top}", paths, lambda below: f"{place}/{top}{below}")


def _keys(place: str, scheme: str, prefix: str) -> list[str]:
    """The key of every file below a prefix."""
    store = open_bucket(place, scheme, ANSWER_TIMEOUT)
    pages = obstore.list(store, prefix or None)
    sizes = {str(one["path"]): one["size"] for page in pages for one in page}
    folders = {str(above) for key in sizes for above in PurePosixPath(key).parents}
    return [
        key
        for key, size_bytes in sizes.items()
        # Consoles make an empty object for a folder; its slash at the end is lost here.
        if size_bytes or (PurePosixPath(key).suffix and key not in folders)
    ]


def _bad_key(url: str, words: str) -> Problem:
    """What is wrong where one key, such as `a//b.jpg`, keeps all from being listed."""
    found = _BAD_KEY.search(words)
    which = f"has the key {shown(found[1])}" if found else "has such a key"
    message = f"an object {which}, which is no path, so nothing can be listed"
    suggestion = "rename or delete that object, or name the pictures in a table"
    return whole(url, "unreadable", message, suggestion)


def _rows(
    file: str, paths: Iterable[str], address: Callable[[str], str]
) -> Iterator[Row | Skipped]:
    """A row for each path that is a picture's; `address` is how it can be opened."""
    ids = Seen()
    number = 0
    for below in sorted(paths):
        path = PurePosixPath(below)
        if reason := _why_not(path):
            yield Skipped(file, None, reason)
            continue
        number += 1
        folder = path.parent.as_posix()
        cells = {
            "id": _id(path, ids, number),
            "image": address(below),
            "file": path.name,
            "stem": path.stem,
            "folder": "" if folder == "." else folder,
        }
        yield Row(file, number, number, cells)


def _why_not(path: PurePosixPath) -> str:
    """Why a file makes no row; empty for a picture."""
    if any(part.startswith(".") for part in path.parts):
        return HIDDEN
    if path.suffix.casefold() not in PICTURES:
        return NO_PICTURES
    return POSTERS if path.name.casefold().endswith(POSTER_ENDING) else ""


def _id(path: PurePosixPath, ids: Seen, number: int) -> str:
    """An id of its own; where it is taken, with the ending of the file's name."""
    stem = path.with_suffix("").as_posix()
    made = _made_id(stem)
    if made and ids.add(made, number) is not None:
        made = _made_id(f"{stem}{path.suffix}")
        if ids.add(made, number) is not None:
            made = f"{made[:80]}.{number}"
    return made


def _made_id(path: str) -> str:
    """An id made from a path; empty, to be called by its place, if none can be."""
    text = normalize("NFC", path)
    fit = "".join(char if _fits(char) else "-" for char in text).lstrip("-.")
    try:
        return clean_id(fit)
    except InvalidValueError:
        return ""


def _fits(char: str) -> bool:
    return char in "._-" or category(char)[0] in "LM" or category(char) == "Nd"
