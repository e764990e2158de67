#!/usr/bin/env bash
# aiohttp in a process that is paused past its timeout throws an answer away that lies ready.
#
# Expected: an answer that arrived in time is returned when a paused process (a laptop
# asleep, a container frozen) goes on, as a blocking client of httpx's does with the same
# timeout. In aiohttp the request ends in TimeoutError although all of its answer is there to read.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
trap 'exit 130' INT TERM
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check aiohttp==3.14.5 httpx==0.28.1
cd "$folder"
venv/bin/python - <<'PYTHON'
import os
import signal
import socket
import subprocess
import sys
import threading
from importlib.metadata import version

TIMEOUT_S = 1.0
ASKING = {
    "aiohttp": """
import asyncio, sys, aiohttp

async def main():
    timeout = aiohttp.ClientTimeout(total=float(sys.argv[2]))
    async with aiohttp.ClientSession(timeout=timeout) as session:
        async with session.get(sys.argv[1]) as answer:
            return await answer.text()

try:
    print(asyncio.run(main()))
except Exception as error:
    print(type(error).__name__)
""",
    "httpx": """
import sys, httpx

try:
    print(httpx.get(sys.argv[1], timeout=float(sys.argv[2])).text)
except Exception as error:
    print(type(error).__name__)
""",
}


def outcome(code: str) -> str:
    """What a client says that is paused from its question until after its timeout."""
    with socket.create_server(("127.0.0.1", 0)) as door:
        url = f"http://127.0.0.1:{door.getsockname()[1]}/"
        command = [sys.executable, "-c", code, url, str(TIMEOUT_S)]
        client = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        line, _ = door.accept()
        with line:
            asked = b""
            while b"\r\n\r\n" not in asked:
                asked += line.recv(65536)
            client.send_signal(signal.SIGSTOP)
            os.waitpid(client.pid, os.WUNTRACED)
            line.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 16\r\n\r\nthe whole answer")
            over = threading.Event()
            threading.Timer(1.5 * TIMEOUT_S, over.set).start()
            over.wait()
            client.send_signal(signal.SIGCONT)
            return client.communicate()[0].strip()


found = {name: outcome(code) for name, code in ASKING.items()}
for name, said in found.items():
    print(f"{name} {version(name)}, answered at once, then paused past its timeout: {said}")
same = found == {"aiohttp": "TimeoutError", "httpx": "the whole answer"}
print("as found" if same else "CHANGED")
sys.exit(not same)
PYTHON
