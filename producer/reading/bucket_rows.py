"""Rows of a bucket: one for every picture below a prefix.

It decides what of a bucket is listed and never what the objects hold; which of them are
pictures is decided in `folder_rows`, by the same rules as for files. Credentials are
those of the environment, as they are for the store of videos.
"""

import re
from collections.abc import Iterator
from pathlib import PurePosixPath

import obstore
from obstore.exceptions import BaseError, InvalidPathError

from jobs.manifest.rows import Problem, Row, Skipped
from jobs.storage.bucket import ANSWER_TIMEOUT, open_bucket
from jobs.storage.words import explain
from jobs.wording import shown
from producer.reading.folder_rows import Listing
from producer.reading.unreadable import UnreadableError, whole

_BAD_KEY = re.compile(r'invalid path: Path "(.+)" contained')


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
        message = "it names no bucket"
        suggestion = f"write it like {place}shop/pictures/"
        raise UnreadableError(whole(url, "unreadable", message, suggestion))
    prefix = prefix.strip("/")
    top = f"{prefix}/" if prefix else ""
    listing = Listing(f"{place}/{top}")
    try:
        keys = _keys(place, scheme, prefix)
    except InvalidPathError as error:
        raise UnreadableError(_bad_key(url, str(error))) from None
    except (BaseError, OSError, ValueError) as error:
        message = f"the bucket cannot be listed: {explain(str(error), scheme)}"
        suggestion = "check its name and your access to it"
        raise UnreadableError(whole(url, "unreadable", message, suggestion)) from None
    for key in keys:
        below = key.removeprefix(top)
        if any(part.startswith(".") for part in below.split("/")):
            yield listing.hidden()
        else:
            yield listing.record(below, f"{place}/{key}")


def _keys(place: str, scheme: str, prefix: str) -> list[str]:
    """The key of every file below a prefix, in the order of the text."""
    store = open_bucket(place, scheme, ANSWER_TIMEOUT)
    pages = obstore.list(store, prefix or None)
    sizes = {str(one["path"]): one["size"] for page in pages for one in page}
    folders = {str(above) for key in sizes for above in PurePosixPath(key).parents}
    return sorted(
        key
        for key, size_bytes in sizes.items()
        # Consoles make an empty object for a folder; its slash at the end is lost here.
        if size_bytes or (PurePosixPath(key).suffix and key not in folders)
    )


def _bad_key(url: str, words: str) -> Problem:
    """What is wrong where one key, such as `a//b.jpg`, keeps all from being listed."""
    found = _BAD_KEY.search(words)
    which = f"has the key {shown(found[1])}" if found else "has such a key"
    message = f"an object {which}, which is no path, so nothing can be listed"
    suggestion = "rename or delete that object, or name the pictures in a table"
    return whole(url, "unreadable", message, suggestion)
