#!/usr/bin/env bash
# obstore, put(mode="create"): the one that created the object is told that another did.
#
# Expected: of those who create a key, one succeeds; whoever gets AlreadyExistsError was
# not the one. But a put whose answer is lost is sent again unasked, and then meets its
# own object: a lock taken in this way belongs to nobody.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
trap 'exit 130' INT TERM
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check obstore==0.12.1 'moto[s3]==5.2.5' flask==3.1.3 flask-cors==6.0.5
cd "$folder"
venv/bin/python - <<'PYTHON'
import logging
import socket
import sys
import threading
from importlib.metadata import version

import boto3
import obstore
from moto.server import ThreadedMotoServer
from obstore.exceptions import AlreadyExistsError
from obstore.store import S3Store

answers = []  # to PUT requests, as the server gave them


def pass_on(client: socket.socket, server_port: int) -> None:
    """Pass requests on, and cut the line instead of answering the first PUT."""
    server = socket.create_connection(("127.0.0.1", server_port))
    asked = []

    def ask() -> None:
        while part := client.recv(65536):
            asked.append(part.split(b" ")[0])
            server.sendall(part)

    with client, server:
        threading.Thread(target=ask, daemon=True).start()
        while part := server.recv(65536):
            if b"PUT" in asked and part.startswith(b"HTTP/"):
                answers.append(part.split(b"\r\n")[0].decode())
                if len(answers) == 1:
                    break
            client.sendall(part)
        client.shutdown(socket.SHUT_RDWR)


def open_door(door: socket.socket, server_port: int) -> None:
    while True:
        client, _ = door.accept()
        threading.Thread(target=pass_on, args=(client, server_port), daemon=True).start()


logging.getLogger("werkzeug").setLevel(logging.ERROR)
moto = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
moto.start()
_, moto_port = moto.get_host_and_port()
keys = {"aws_access_key_id": "id", "aws_secret_access_key": "secret"}
s3 = boto3.client(
    "s3", region_name="us-east-1", endpoint_url=f"http://127.0.0.1:{moto_port}", **keys
)
s3.create_bucket(Bucket="videos")
door = socket.create_server(("127.0.0.1", 0))
threading.Thread(target=open_door, args=(door, moto_port), daemon=True).start()
store = S3Store(
    "videos",
    region="us-east-1",
    endpoint=f"http://127.0.0.1:{door.getsockname()[1]}",
    client_options={"allow_http": True},
    **keys,
)
try:
    obstore.put(store, "lock", b"taken by me", mode="create")
    said = "created"
except AlreadyExistsError as error:
    said = type(error).__name__
kept = s3.get_object(Bucket="videos", Key="lock")["Body"].read().decode()
moto.stop()
print(f"obstore {version('obstore')}, put of a new key with mode='create', called once: {said}")
print(f"the object holds: {kept!r}; the server's answers: {answers}")
same = said == "AlreadyExistsError" and kept == "taken by me" and len(answers) == 2
print("as found" if same else "CHANGED")
sys.exit(not same)
PYTHON
