"""Buckets: how long one may take, how often it is asked, and what is not replaced."""

import errno
import mmap
import secrets
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import obstore
from obstore.exceptions import AlreadyExistsError, BaseError
from obstore.store import ObjectStore, from_url

from jobs.settings import sends_checksums
from jobs.storage.errors import KeyTakenError, is_unsupported

#: Who asks a bucket waits this long for a connection, for the answer to a question and
#: until a part of a file has gone up, and asks so often more where asking again may
#: help; no thread waits for ever.
CONNECT_TIMEOUT = "5s"
ANSWER_TIMEOUT = "20s"
PART_TIMEOUT = "120s"
MAX_RETRIES = 2
RETRY_TIMEOUT = timedelta(seconds=60)

#: What may replace nothing goes up in one piece within `PART_TIMEOUT`: parts are put
#: together without a look at what is there. Hardly any video is larger.
MAX_NEW_BYTES = 64 << 20


def open_bucket(url: str, scheme: str, timeout: str) -> ObjectStore:
    """The bucket, or a prefix in it, at a URL; `timeout` is for a part or an answer.

    Credentials and endpoint come from the environment, as the cloud's own tools read
    them: AWS_*, GOOGLE_*, AZURE_*.
    """
    options: dict[str, Any] = {
        "client_options": {
            # For an endpoint that says http; all others stay as they are.
            "allow_http": True,
            "connect_timeout": CONNECT_TIMEOUT,
            "timeout": timeout,
        },
        "retry_config": {"max_retries": MAX_RETRIES, "retry_timeout": RETRY_TIMEOUT},
    }
    if scheme == "s3":
        # One object is removed at a time; many at once always have a checksum.
        options["disable_bulk_delete"] = True
    if scheme == "s3" and sends_checksums():
        # The others cannot be given a digest to check what came against.
        options["checksum_algorithm"] = "SHA256"
    return from_url(url, **options)


def can_create(store: ObjectStore) -> bool:
    """Whether a bucket keeps a file only if there is none, when it is asked to.

    Servers that speak like S3 may refuse such a wish, or pass over it; so it is tried.

    Raises:
        BaseError: nothing can be kept now, so that cannot be told.
    """
    key = f".reelmill-{secrets.token_hex(8)}.check"
    obstore.put(store, key, b"1")
    try:
        obstore.put(store, key, b"2", mode="create")
    except AlreadyExistsError:
        return True
    except NotImplementedError:  # it was set so in the environment
        return False
    except BaseError as error:
        if not is_unsupported(error):
            raise
    finally:
        obstore.delete(store, key)
    return False


def put_new(
    store: ObjectStore,
    key: str,
    content: bytes | Path,
    attributes: Mapping[str, str],
    *,
    creates: bool,
) -> None:
    """Keep something under a key that has nothing yet.

    Where the bucket cannot create (`creates` is false), a file, which is a paid video,
    is not kept. Something small is, if nothing is there a moment before.

    Raises:
        FileExistsError: it has.
        KeyTakenError: that cannot be ruled out.
        BaseError, OSError, ValueError: it cannot be kept.
    """
    body: bytes | mmap.mmap
    if isinstance(content, Path):
        if not creates or content.stat().st_size > MAX_NEW_BYTES:
            raise KeyTakenError(f"{key}: there may be another file")
        # It goes in one piece, straight from the disk: memory would hold it twice. It
        # is not closed but let go: the library may hold it for longer than its call.
        with content.open("rb") as file:
            body = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    else:
        body = content
    if not creates and _has(store, key):
        raise FileExistsError(errno.EEXIST, "it is there", key)
    try:
        obstore.put(
            store,
            key,
            body,
            attributes=dict(attributes),
            mode="create" if creates else "overwrite",
        )
    except AlreadyExistsError:
        raise FileExistsError(errno.EEXIST, "it is there", key) from None


def _has(store: ObjectStore, key: str) -> bool:
    try:
        obstore.head(store, key)
    except FileNotFoundError:
        return False
    return True
