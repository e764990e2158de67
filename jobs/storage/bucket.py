"""Opening a bucket: how long it may take, and how often it is asked.

Where the bucket is and who may use it is told by the environment; what is done with it
is `storage`'s.
"""

from datetime import timedelta
from typing import Any

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
