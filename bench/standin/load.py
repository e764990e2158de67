"""A load on the stand-in, in a process of its own: the same request over and over.

`python -m bench.standin.load URL KIND` prints one line of JSON. Each connection sends
its next request when the answer to the last one is whole, as a client would. Raw
protocols, because a client of HTTP would be slower than what is measured.
"""

import argparse
import asyncio
import json
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from urllib.parse import urlsplit
from urllib.request import ProxyHandler, Request, build_opener

import httptools

MODEL = "kwaivgi/kling-v2.6-std/image-to-video"
_ASKED = json.dumps(
    {"image": "https://example.com/mug.jpg", "prompt": "a mug", "duration": 5}
)
_OPENER = build_opener(ProxyHandler({}))
_CHUNK_BYTES = 256 * 1024


@dataclass(slots=True)
class Tally:
    """What all connections have seen."""

    answers: int = 0
    refused: int = 0


class Asking(asyncio.BufferedProtocol):
    """One connection that asks again and again."""

    def __init__(self, request: bytes, tally: Tally) -> None:
        self._request = request
        self._tally = tally
        self._parser = httptools.HttpResponseParser(self)
        self._buffer = memoryview(bytearray(_CHUNK_BYTES))
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask for the first time."""
        self._transport = transport  # type: ignore[assignment]  # of TCP it always is one
        self._ask()

    def get_buffer(self, _wanted_bytes: int) -> memoryview:
        """Where the answer goes."""
        return self._buffer

    def buffer_updated(self, size: int) -> None:
        """Read on."""
        self._parser.feed_data(self._buffer[:size])

    def on_message_complete(self) -> None:
        """Count the answer and ask again."""
        self._tally.answers += 1
        self._tally.refused += self._parser.get_status_code() != 200  # noqa: PLR2004 - HTTP's OK
        self._ask()

    def _ask(self) -> None:
        if self._transport is not None:
            self._transport.write(self._request)


def main() -> int:
    """Ask for so many seconds and print what came."""
    parser = argparse.ArgumentParser(prog="python -m bench.standin.load")
    parser.add_argument("url")
    parser.add_argument("kind", choices=REQUESTS)
    parser.add_argument("--connections", type=int, default=16)
    parser.add_argument("--seconds", type=float, default=3.0)
    asked = parser.parse_args()
    request = REQUESTS[asked.kind](asked.url)
    work = load(asked.url, request, asked.connections, asked.seconds)
    if find_spec("uvloop"):
        import uvloop  # noqa: PLC0415 - where it is installed

        told = uvloop.run(work)
    else:
        told = asyncio.run(work)
    sys.stdout.write(json.dumps(told) + "\n")
    return 0


async def load(
    url: str, request: bytes, connections: int, seconds: float
) -> dict[str, float]:
    """Ask over so many connections; answers, refusals and the seconds they took."""
    tally, loop = Tally(), asyncio.get_running_loop()
    place = urlsplit(url)
    begun_s = time.perf_counter()
    for _ in range(connections):
        await loop.create_connection(
            lambda: Asking(request, tally), place.hostname or "", place.port or 80
        )
    await asyncio.sleep(seconds)
    wall_s = time.perf_counter() - begun_s
    return {"answers": tally.answers, "refused": tally.refused, "wall_s": wall_s}


def _post(url: str) -> bytes:
    return _written("POST", url, f"/api/v3/{MODEL}", _ASKED)


def _look(url: str) -> bytes:
    return _written("GET", url, f"/api/v3/predictions/{_some(url)}/result")


def _file(url: str) -> bytes:
    return _written("GET", url, f"/files/{_some(url)}.mp4")


def _written(method: str, url: str, path: str, body: str = "") -> bytes:
    """A request with the headers that clients send."""
    lines = [
        f"{method} {path} HTTP/1.1",
        f"Host: {urlsplit(url).netloc}",
        "Accept: */*",
        "Accept-Encoding: gzip, deflate",
        "User-Agent: load",
        "Authorization: Bearer 0123456789abcdef0123456789abcdef",
    ]
    if body:
        lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
    return ("\r\n".join(lines) + f"\r\n\r\n{body}").encode()


def _some(url: str) -> str:
    """A prediction to ask about."""
    place = f"{url}/api/v3/{MODEL}"
    asked = Request(place, _ASKED.encode(), method="POST")  # noqa: S310 - our own address
    with _OPENER.open(asked) as answer:
        return str(json.load(answer)["data"]["id"])


#: What can be asked for.
REQUESTS: Mapping[str, Callable[[str], bytes]] = {
    "posts": _post,
    "looks": _look,
    "files": _file,
}


if __name__ == "__main__":
    sys.exit(main())
