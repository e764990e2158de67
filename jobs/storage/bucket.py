"""Buckets: how long one may take, how often it is asked, and what is not replaced.

Where the bucket is and who may use it is told by the environment; what is done with it
is `storage`'s.
"""

import errno
import hashlib
from datetime import timedelta
from typing import Any

import obstore
from obstore.exceptions import AlreadyExistsError
from obstore.store import ObjectStore, from_url

#: Who asks a bucket waits this long for a connection, for the answer to a question and
#: until a part of a file has gone up, and asks so often more where asking again may
#: help; no thread waits for ever.
CONNECT_TIMEOUT = "5s"
ANSWER_TIMEOUT = "20s"
PART_TIMEOUT = "120s"
MOST_RETRIES = 2
RETRY_PATIENCE = timedelta(seconds=60)


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
        # The others cannot be given a digest to check what came against.
        options["checksum_algorithm"] = "SHA256"
    return from_url(url, **options)


def keep_new(
    store: ObjectStore, key: str, content: bytes, told: dict[str, str]
) -> None:
    """Keep something small under a key that has nothing yet.

    Raises:
        FileExistsError: it has.
        BaseError: it cannot be kept.
    """
    taken = FileExistsError(errno.EEXIST, "it is there", key)
    # Some servers that speak like S3 pass over the wish that comes with the request.
    try:
        obstore.head(store, key)
    except FileNotFoundError:
        pass
    else:
        raise taken
    try:
        obstore.put(store, key, content, attributes=told, mode="create")
    except AlreadyExistsError:
        raise taken from None


def holds(store: ObjectStore, key: str, sha256: str) -> bool:
    """Whether what is kept under `key` has this hex SHA-256.

    Raises:
        BaseError: it cannot be read.
    """
    digest = hashlib.sha256()
    for piece in obstore.get(store, key).stream():
        digest.update(piece)
    return digest.hexdigest() == sha256
