#!/usr/bin/env bash
# httpx over aiohttp's transport: a POST that the server has read whole ends in ConnectTimeout.
#
# Expected: a connect error means that nothing was sent and that the request may be
# repeated, as with httpx's own transport, which tells of a read or protocol error here.
# Besides, a PUT, which httpx's own transport sends once, reaches the server twice.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
trap 'exit 130' INT TERM
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check httpx==0.28.1 httpx-aiohttp==0.2.0 aiohttp==3.14.5
cd "$folder"
venv/bin/python - <<'PYTHON'
import asyncio
import sys
from importlib.metadata import version

import httpx
from httpx_aiohttp import AiohttpTransport


async def outcome(transport: httpx.AsyncBaseTransport, method: str) -> tuple[str, int]:
    """What one request ends in at a server that reads it and hangs up, and how many came."""
    bodies = []

    async def read_and_hang_up(reader, writer) -> None:
        await reader.readuntil(b"\r\n\r\n")
        bodies.append(await reader.readexactly(len(b"an order")))
        writer.close()

    server = await asyncio.start_server(read_and_hang_up, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server, httpx.AsyncClient(transport=transport) as client:
        try:
            await client.request(method, f"http://127.0.0.1:{port}/", content=b"an order")
        except httpx.HTTPError as error:
            return type(error).__name__, len(bodies)
    raise AssertionError("the request was answered")


async def main() -> bool:
    found = {}
    for method in ("POST", "PUT"):
        for transport in (httpx.AsyncHTTPTransport(), AiohttpTransport()):
            name = type(transport).__name__
            found[method, name] = said, came = await outcome(transport, method)
            print(f"{name}, one {method}: httpx.{said}, the server read it {came} times")
    return found == {
        ("POST", "AsyncHTTPTransport"): ("RemoteProtocolError", 1),
        ("POST", "AiohttpTransport"): ("ConnectTimeout", 1),
        ("PUT", "AsyncHTTPTransport"): ("RemoteProtocolError", 1),
        ("PUT", "AiohttpTransport"): ("ConnectTimeout", 2),
    }


print(", ".join(f"{name} {version(name)}" for name in ("httpx", "httpx-aiohttp", "aiohttp")))
same = asyncio.run(main())
print("as found" if same else "CHANGED")
sys.exit(not same)
PYTHON
