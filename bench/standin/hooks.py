"""The stand-in's webhooks: whoever asked for one is called when a prediction is over.

A few connections stay open and send one after the other. A call that is not taken is
dropped: what is measured with it must not depend on a webhook. Signed as documented at
wavespeed.ai/docs/docs-api/verifying_webhook.
"""

import asyncio
import hashlib
import hmac
import time
from urllib.parse import urlsplit

from bench.standin.answers import WEBHOOK_SECRET, Answers
from bench.standin.books import Prediction

#: Calls at the same time.
CALLERS = 16

#: How long an answer may take, in seconds.
PATIENCE_S = 10.0

_HEAD = "POST {path} HTTP/1.1\r\nhost: {host}\r\ncontent-type: application/json\r\n"
_SIGNED = (
    "webhook-id: {id}\r\nwebhook-timestamp: {at}\r\n"
    "webhook-signature: v3,{signature}\r\ncontent-length: {length}\r\n\r\n"
)

Line = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Hooks:
    """Those who call, for one event loop."""

    def __init__(self, answers: Answers) -> None:
        self._answers = answers
        self._waiting: asyncio.Queue[tuple[Prediction, str]] = asyncio.Queue()
        self._loop = asyncio.get_running_loop()
        self._callers = [self._loop.create_task(self._call()) for _ in range(CALLERS)]

    def promise(self, prediction: Prediction, address: str) -> None:
        """Call that address once the prediction is over."""
        wait_s = prediction.completed_at_s - time.time()
        self._loop.call_later(
            max(0.0, wait_s), self._waiting.put_nowait, (prediction, address)
        )

    async def _call(self) -> None:
        line: Line | None = None
        while True:
            prediction, address = await self._waiting.get()
            parts = urlsplit(address)
            request = self._request(prediction, parts.path or "/", parts.netloc)
            try:
                async with asyncio.timeout(PATIENCE_S):
                    line = line or await asyncio.open_connection(
                        parts.hostname, parts.port or 80
                    )
                    open_still = await _exchanged(line, request)
                self._answers.books.webhooks += 1
            except (OSError, EOFError, ValueError):
                open_still = False
            if line is not None and not open_still:
                line[1].close()
                line = None

    def _request(self, prediction: Prediction, path: str, host: str) -> bytes:
        shown = self._answers.shown(prediction, prediction.completed_at_s)
        # Bare, without the envelope of an answer.
        body = shown[shown.index('"data":') + len('"data":') : -1].encode()
        name, at = f"msg_{prediction.id}", int(time.time())
        key = WEBHOOK_SECRET.removeprefix("whsec_").encode()
        signed = hmac.digest(key, f"{name}.{at}.".encode() + body, hashlib.sha256)
        head = _HEAD.format(path=path, host=host) + _SIGNED.format(
            id=name, at=at, signature=signed.hex(), length=len(body)
        )
        return head.encode() + body


async def _exchanged(line: Line, request: bytes) -> bool:
    """Send and read the answer; whether the line stays open."""
    reader, writer = line
    writer.write(request)
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    _, _, rest = head.partition(b"content-length:")
    if rest:
        await reader.readexactly(int(rest.split(b"\r\n", 1)[0]))
    return bool(rest) and b"connection: close" not in head
