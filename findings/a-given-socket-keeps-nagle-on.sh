#!/usr/bin/env bash
# A server that is given its listening socket answers some ten times slower than by address.
#
# Expected: `uvicorn.Server.serve(sockets=[socket.create_server(...)])` serves as the same
# server does that opens host and port itself. asyncio switches Nagle's algorithm off only
# for sockets whose protocol number is IPPROTO_TCP, and `socket.create_server()` makes them
# with 0, so every connection that it accepts keeps it on. uvicorn writes head and body of
# an answer apart, and on a kept connection each body waits for a delayed acknowledgement.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
trap 'exit 130' INT TERM
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check uvicorn==0.54.0 h11==0.16.0
cd "$folder"
venv/bin/python - <<'PYTHON'
import asyncio
import platform
import socket
import sys
import time
from importlib.metadata import version

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

REQUESTS = 40
nodelay: list[int] = []


class Watched(H11Protocol):
    def connection_made(self, transport):
        super().connection_made(transport)
        line = transport.get_extra_info("socket")
        nodelay.append(line.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))


async def app(scope, receive, send):
    if scope["type"] == "http":
        head = [(b"content-length", b"2")]
        await send({"type": "http.response.start", "status": 200, "headers": head})
        await send({"type": "http.response.body", "body": b"ok"})


async def served(given: bool) -> float:
    """Requests a second over one connection."""
    door = socket.create_server(("127.0.0.1", 0))
    port = door.getsockname()[1]
    if not given:
        door.close()
    config = uvicorn.Config(app, "127.0.0.1", port, http=Watched, log_level="error")
    server = uvicorn.Server(config)
    task = asyncio.create_task(server.serve(sockets=[door] if given else None))
    while not server.started:
        await asyncio.sleep(0.01)
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    began = time.perf_counter()
    for _ in range(REQUESTS):
        writer.write(b"GET / HTTP/1.1\r\nHost: here\r\n\r\n")
        await reader.readuntil(b"ok")
    took = time.perf_counter() - began
    writer.close()
    server.should_exit = True
    await task
    return REQUESTS / took


rates = {given: asyncio.run(served(given)) for given in (False, True)}
names = {False: "by host and port", True: "with a given socket"}
print(f"Python {platform.python_version()}, uvicorn {version('uvicorn')}")
for (given, rate), flag in zip(rates.items(), nodelay, strict=True):
    print(f"{names[given]}: TCP_NODELAY {flag}, {rate:.0f} answers a second")
same = [bool(flag) for flag in nodelay] == [True, False]
print("as found" if same else "CHANGED")
sys.exit(not same)
PYTHON
