"""What lies below a prefix of a bucket: the keys, in their order.

It belongs to the one door to object storage, `storage`, which keeps what this lists;
it never reads what a key holds. Credentials and endpoint come from the environment, as
they do for a store.
"""

import obstore
from obstore.exceptions import BaseError
from obstore.store import from_url

from jobs.storage import StoreError, parse


def keys_below(url: str) -> list[str]:
    """Every key below a bucket's URL, relative to it, in the order of the text.

    Raises:
        StoreError: the URL names no bucket, or it cannot be listed.
    """
    place = parse(url)[1].rstrip("/")
    try:
        pages = obstore.list(from_url(place))
        keys = [str(found["path"]) for page in pages for found in page]
    except (BaseError, OSError, ValueError) as error:
        words = str(error).partition("\n")[0]
        raise StoreError(f"{place}: {words}") from None
    return sorted(keys)
