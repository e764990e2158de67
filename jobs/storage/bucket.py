"""Buckets: how long one may take, how often it is asked, and what is not replaced.

Where the bucket is and who may use it is told by the environment; what is done with it
is `storage`'s.
"""

import errno
import hashlib
import mmap
import secrets
from datetime import timedelta
from pathlib import Path
from typing import Any

import obstore
from obstore.exceptions import AlreadyExistsError, BaseError
from obstore.store import ObjectStore, from_url

from jobs.settings import sends_checksums
from jobs.storage.words import is_unsupported

#: Who asks a bucket waits this long for a connection, for the answer to a question and
#: until a part of a file has gone up, and asks so often more where asking again may
#: help; no thread waits for ever.
CONNECT_TIMEOUT = "5s"
ANSWER_TIMEOUT = "20s"
PART_TIMEOUT = "120s"
MOST_RETRIES = 2
RETRY_PATIENCE = timedelta(seconds=60)

#: What may replace nothing goes up in one piece within `PART_TIMEOUT`: parts are put
#: together without a look at what is there. Hardly any video is larger.
LARGEST_NEW_BYTES = 64 << 20


def open_bucket(url: str, scheme: str, timeout: str) -> ObjectStore:
    """The bucket, or a prefix in it, at a URL; `timeout` is for a part or an answer."""
    # Credentials and endpoint come from the environment, as the cloud's own tools read
    # them: AWS_*, GOOGLE_*, AZURE_*.
    options: dict[str, Any] = {
        "client_options": {
            # For an endpoint that says http; all others stay as they are.
            "allow_http": True,
            "connect_timeout": CONNECT_TIMEOUT,
            "timeout": timeout,
        },
        "retry_config": {"max_retries": MOST_RETRIES, "retry_timeout": RETRY_PATIENCE},
    }
    if scheme == "s3":
        # One object is removed at a time; many at once always have a checksum.
        options["disable_bulk_delete"] = True
    if scheme == "s3" and sends_checksums():
        # The others cannot be given a digest to check what came against.
        options["checksum_algorithm"] = "SHA256"
    return from_url(url, **options)


def makes_new(store: ObjectStore) -> bool:
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
        if not is_unsupported(str(error)):
            raise
    finally:
        obstore.delete(store, key)
    return False


def keep_new_file(
    store: ObjectStore, key: str, path: Path, told: dict[str, str]
) -> None:
    """Keep a file of up to `LARGEST_NEW_BYTES` under a key that has nothing yet.

    Raises:
        FileExistsError: it has.
        BaseError, OSError, ValueError: it cannot be kept.
    """
    # It goes in one piece, straight from the disk: memory would hold it twice. It is
    # not closed but let go: the library may hold it for longer than its call.
    with path.open("rb") as file:
        content = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    _create(store, key, content, told)


def keep_new(
    store: ObjectStore, key: str, content: bytes, told: dict[str, str], *, sure: bool
) -> None:
    """Keep something small under a key that has nothing yet.

    Unless it is `sure` that the bucket makes new ones, two at the same moment may both
    do so, and one of them stays.

    Raises:
        FileExistsError: it has.
        BaseError: it cannot be kept.
    """
    if sure:
        _create(store, key, content, told)
        return
    try:
        obstore.head(store, key)
    except FileNotFoundError:
        obstore.put(store, key, content, attributes=told)
    else:
        raise FileExistsError(errno.EEXIST, "it is there", key)


def _create(
    store: ObjectStore, key: str, content: bytes | mmap.mmap, told: dict[str, str]
) -> None:
    try:
        obstore.put(store, key, content, attributes=told, mode="create")
    except AlreadyExistsError:
        raise FileExistsError(errno.EEXIST, "it is there", key) from None


def holds(store: ObjectStore, key: str, sha256: str) -> bool:
    """Whether what is kept under `key` has this hex SHA-256.

    Raises:
        BaseError: it cannot be read.
    """
    digest = hashlib.sha256()
    for piece in obstore.get(store, key).stream():
        digest.update(piece)
    return digest.hexdigest() == sha256
