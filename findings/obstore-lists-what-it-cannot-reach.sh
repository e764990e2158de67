#!/usr/bin/env bash
# obstore lists names that it cannot reach: deleting all that is listed leaves a bucket full.
#
# Expected: what list() names can be read and deleted. But a marker of a folder, `shoes/`
# as consoles of stores make it, is listed as `shoes`; reading that fails, and deleting it
# succeeds and deletes nothing. One key with `//`, which stores allow, ends the whole
# listing by an error, the keys beside it included.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
trap 'exit 130' INT TERM
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check obstore==0.12.1 'moto[s3]==5.2.5' flask==3.1.3 flask-cors==6.0.5
cd "$folder"
venv/bin/python - <<'PYTHON'
import logging
import sys
from importlib.metadata import version

import boto3
import obstore
from moto.server import ThreadedMotoServer
from obstore.store import S3Store


def outcome(call, *arguments: object) -> object:
    """What a call returns, or the name of what it raises."""
    try:
        return call(*arguments)
    except Exception as error:
        return type(error).__name__


def listed() -> list[str]:
    return [found["path"] for found in obstore.list(store).collect()]


logging.getLogger("werkzeug").setLevel(logging.ERROR)
moto = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
moto.start()
endpoint = f"http://127.0.0.1:{moto.get_host_and_port()[1]}"
keys = {"aws_access_key_id": "id", "aws_secret_access_key": "secret"}
s3 = boto3.client("s3", region_name="us-east-1", endpoint_url=endpoint, **keys)
s3.create_bucket(Bucket="pictures")
store = S3Store(
    "pictures",
    region="us-east-1",
    endpoint=endpoint,
    client_options={"allow_http": True},
    **keys,
)
s3.put_object(Bucket="pictures", Key="shoes/", Body=b"")
names = outcome(listed)
read = outcome(obstore.head, store, "shoes")
deleted = outcome(obstore.delete, store, names)
left = [found["Key"] for found in s3.list_objects_v2(Bucket="pictures")["Contents"]]
for key in ("hats/1.jpg", "shoes//2.jpg", "ties/3.jpg"):
    s3.put_object(Bucket="pictures", Key=key, Body=b"a picture")
whole = outcome(listed)
moto.stop()
print(f"obstore {version('obstore')}, a bucket with the one key 'shoes/': list() names {names}")
print(f"head('shoes'): {read}; delete({names}): {deleted}; in the bucket then: {left}")
print(f"with 'shoes//2.jpg' between two more pictures, list(): {whole}")
found = (names, read, deleted, left, whole)
same = found == (["shoes"], "FileNotFoundError", None, ["shoes/"], "InvalidPathError")
print("as found" if same else "CHANGED")
sys.exit(not same)
PYTHON
