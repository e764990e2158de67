"""Rows of a bucket: one for every picture below a prefix.

It decides what of a bucket is listed and never what the objects hold; which of them are
pictures is decided in `folder_rows`, by the same rules as for files. Credentials are
those of the environment, as they are for the store of videos.
"""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import obstore
from obstore.exceptions import BaseError
from obstore.store import from_url

from jobs.manifest.rows import Row, Skipped
from producer.reading.folder_rows import Listing
from producer.reading.unreadable import Unreadable, whole

#: Its own patience is minutes, for a bucket that is not there.
_RETRIES: Any = {"max_retries": 2, "retry_timeout": timedelta(seconds=20)}


def read_bucket(url: str) -> Iterator[Row | Skipped]:
    """A row for every picture below a prefix of a bucket; keys are as they are written.

    Raises:
        Unreadable: the bucket cannot be listed.
    """
    scheme, _, rest = url.partition("://")
    bucket, _, prefix = rest.partition("/")
    place = f"{scheme.casefold()}://{bucket}"
    if not bucket:
        message = "it names no bucket"
        suggestion = f"write it like {place}shop/pictures/"
        raise Unreadable(whole(url, "unreadable", message, suggestion))
    prefix = prefix.strip("/")
    top = f"{prefix}/" if prefix else ""
    listing = Listing(f"{place}/{top}")
    for key in _keys(url, place, prefix):
        below = key.removeprefix(top)
        if any(part.startswith(".") for part in below.split("/")):
            yield listing.hidden()
        else:
            yield listing.record(below, f"{place}/{key}")


def _keys(url: str, place: str, prefix: str) -> list[str]:
    """Every key below a prefix, in the order of the text."""
    try:
        store = from_url(place, retry_config=_RETRIES)
        pages = obstore.list(store, prefix or None)
        return sorted(str(found["path"]) for page in pages for found in page)
    except (BaseError, OSError, ValueError) as error:
        words = str(error).partition("\n")[0]
        message = f"the bucket cannot be listed ({words})"
        suggestion = "check its name and your access to it"
        raise Unreadable(whole(url, "unreadable", message, suggestion)) from None
