#!/usr/bin/env bash
# A stand-in for S3 copies over an object although the copy must not.
#
# Expected: `IfNoneMatch="*"` of a copy means what it means of a put: 412 if the key is taken,
# and the object stays. moto keeps that promise for a put and for the end of an upload in
# parts, and answers 200 to the copy: a test against it shows an overwritten video where a
# server that knows the header, such as SeaweedFS, keeps the first one.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
trap 'exit 130' INT TERM
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check boto3==1.44.8 "moto[server]==5.2.5"
HOME="$folder" "$folder/venv/bin/python" - <<'PYTHON'
import logging
import sys
from importlib.metadata import version

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError
from moto.server import ThreadedMotoServer

logging.getLogger("werkzeug").setLevel(logging.ERROR)
server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
server.start()
host, port = server.get_host_and_port()
s3 = boto3.client(
    "s3",
    endpoint_url=f"http://{host}:{port}",
    region_name="us-east-1",
    aws_access_key_id="an-id",
    aws_secret_access_key="a-secret",
    config=Config(retries={"total_max_attempts": 1}),
)
MUG = {"Bucket": "videos", "Key": "mug.mp4"}


def status(request, **options) -> int:
    """The status of the answer to a request that must not overwrite."""
    try:
        return request(**MUG, **options, IfNoneMatch="*")["ResponseMetadata"]["HTTPStatusCode"]
    except ClientError as error:
        return error.response["ResponseMetadata"]["HTTPStatusCode"]


s3.create_bucket(Bucket="videos")
s3.put_object(**MUG, Body=b"the first video")
s3.put_object(Bucket="videos", Key="other.mp4", Body=b"another video")
upload = s3.create_multipart_upload(**MUG)["UploadId"]
part = s3.upload_part(**MUG, UploadId=upload, PartNumber=1, Body=b"in parts")["ETag"]
parts = {"Parts": [{"ETag": part, "PartNumber": 1}]}
found = {
    "put": status(s3.put_object, Body=b"a second video"),
    "end of an upload in parts": status(
        s3.complete_multipart_upload, UploadId=upload, MultipartUpload=parts
    ),
    "copy": status(s3.copy_object, CopySource={"Bucket": "videos", "Key": "other.mp4"}),
}
now = s3.get_object(**MUG)["Body"].read()
server.stop()
print(f"boto3 {version('boto3')}, moto {version('moto')}")
for name, code in found.items():
    print(f"  {name} onto a key that is taken: {code}")
print(f"  there is now: {now.decode()}")
as_found = [*found.values()] == [412, 412, 200] and now == b"another video"
print("as found" if as_found else "CHANGED")
sys.exit(not as_found)
PYTHON
