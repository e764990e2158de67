"""A picture host on loopback: with ranges and validators, or as wrong as one likes."""

import asyncio
import ssl
import threading
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from email.utils import formatdate
from io import BytesIO
from time import time

from PIL import Image

#: What a host does instead of answering by the rules.
Fault = Callable[["Asked", asyncio.StreamWriter], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Asked:
    """One request."""

    method: str
    path: str
    headers: dict[str, str]


@dataclass(slots=True)
class Exhibit:
    """A picture, and how it is shown."""

    body: bytes
    etag: str = ""
    modified: str = ""
    ranges: bool = True
    #: The status that a request for a range is refused with.
    range_refused: str = ""
    #: Whether `If-None-Match` and `If-Modified-Since` are understood.
    conditions: bool = True
    #: Whether a length is told where there is no range.
    length: bool = True
    #: Done instead, in this order, before the first right answer.
    faults: list[Fault] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)

    def answer(self, asked: Asked) -> tuple[str, dict[str, str], bytes]:
        """Status, headers and body."""
        if self.range_refused and "range" in asked.headers:
            return self.range_refused, {}, b"no"
        headers = {"Date": formatdate(usegmt=True), **self.headers}
        headers |= {"ETag": self.etag} if self.etag else {}
        headers |= {"Last-Modified": self.modified} if self.modified else {}
        if self.conditions and self._is_unchanged(asked):
            return "304 Not Modified", headers, b""
        wanted = asked.headers.get("range", "") if self.ranges else ""
        size = len(self.body)
        if not wanted or asked.headers.get("if-range", self.etag) != self.etag:
            if self.length:
                headers["Content-Length"] = str(size)
            return "200 OK", headers, self.body
        first, _, last = wanted.removeprefix("bytes=").partition("-")
        if int(first) >= size:
            headers["Content-Range"] = f"bytes */{size}"
            return "416 Range Not Satisfiable", headers, b""
        end = min(int(last or size), size - 1)
        headers["Content-Range"] = f"bytes {first}-{end}/{size}"
        return "206 Partial Content", headers, self.body[int(first) : end + 1]

    def _is_unchanged(self, asked: Asked) -> bool:
        if "if-none-match" in asked.headers:
            return asked.headers["if-none-match"] == self.etag
        return asked.headers.get("if-modified-since", "-") == self.modified


class Gallery:
    """Pictures by path, and everything that was asked for."""

    def __init__(self) -> None:
        self.pictures: dict[str, Exhibit] = {}
        self.asked: list[Asked] = []
        self.sent_bytes = 0
        self.at_once = 0
        self.max_at_once = 0
        self.url = ""
        #: Requests that must be there together before any of them is answered.
        self.together = 1
        self._change: asyncio.Condition | None = None
        self._visits: dict[asyncio.Task[None], asyncio.StreamWriter] = {}

    def show(self, path: str, body: bytes, **how: object) -> str:
        """Show a picture; returns its address."""
        self.pictures[path] = Exhibit(body, **how)  # type: ignore[arg-type]  # its fields
        return self.url + path

    def show_redirect(self, path: str, target: str) -> str:
        """Send whoever asks for `path` elsewhere, every time."""
        head = f"HTTP/1.1 302 Found\r\nLocation: {target}\r\nContent-Length: 0\r\n\r\n"
        return self.show(path, b"", faults=[says(head)] * 20)

    def forget(self) -> None:
        self.asked.clear()
        self.sent_bytes = 0

    @property
    def counts(self) -> Counter[str]:
        return Counter(asked.path for asked in self.asked)

    async def serve(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        task = asyncio.current_task()
        assert task
        self._visits[task] = writer
        ends = (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError)
        with suppress(*ends):
            while not writer.is_closing():
                asked = await _read_request(reader)
                self.asked.append(asked)
                await self._wait_for_others()
                try:
                    await self._answer(asked, writer)
                finally:
                    self.at_once -= 1
        writer.close()

    async def close(self) -> None:
        for task, writer in self._visits.items():
            writer.transport.abort()
            task.cancel()
        await asyncio.gather(*self._visits, return_exceptions=True)

    async def _wait_for_others(self) -> None:
        self._change = self._change or asyncio.Condition()
        async with self._change:
            self.at_once += 1
            self.max_at_once = max(self.max_at_once, self.at_once)
            self._change.notify_all()
            await self._change.wait_for(lambda: self.max_at_once >= self.together)

    async def _answer(self, asked: Asked, writer: asyncio.StreamWriter) -> None:
        exhibit = self.pictures.get(asked.path.partition("?")[0])
        if exhibit and exhibit.faults:
            await exhibit.faults.pop(0)(asked, writer)
            return
        missing: tuple[str, dict[str, str], bytes] = ("404 Not Found", {}, b"nothing")
        status, headers, body = exhibit.answer(asked) if exhibit else missing
        is_endless = bool(exhibit and not exhibit.length and status == "200 OK")
        if not is_endless:
            headers.setdefault("Content-Length", str(len(body)))
        lines = [f"HTTP/1.1 {status}", *(f"{k}: {v}" for k, v in headers.items())]
        writer.write("\r\n".join([*lines, "", ""]).encode())
        for start in range(0, 0 if asked.method == "HEAD" else len(body), 1 << 16):
            part = body[start : start + (1 << 16)]
            writer.write(part)
            await writer.drain()
            self.sent_bytes += len(part)
        if is_endless:
            writer.close()


def says(head: str, body: bytes = b"") -> Fault:
    """These very bytes, and then the connection is closed."""

    async def fault(_: Asked, writer: asyncio.StreamWriter) -> None:
        writer.write(head.encode("latin-1") + body)
        await writer.drain()
        writer.close()

    return fault


async def _read_request(reader: asyncio.StreamReader) -> Asked:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    first, *rest = head.strip().split("\r\n")
    pairs = (line.partition(":") for line in rest)
    headers = {name.lower(): value.strip() for name, _, value in pairs}
    method, path, _ = first.split(" ")
    return Asked(method, path, headers)


@contextmanager
def gallery(tls: ssl.SSLContext | None = None) -> Iterator[Gallery]:
    """A host that shows pictures while the context lasts."""
    made = Gallery()
    ready, over = threading.Event(), asyncio.Event()
    loops: list[asyncio.AbstractEventLoop] = []

    async def run() -> None:
        loops.append(asyncio.get_running_loop())
        server = await asyncio.start_server(made.serve, "127.0.0.1", 0, ssl=tls)
        port = server.sockets[0].getsockname()[1]
        made.url = f"{'https' if tls else 'http'}://127.0.0.1:{port}"
        ready.set()
        await over.wait()
        server.close()
        await made.close()

    thread = threading.Thread(target=asyncio.run, args=(run(),))
    thread.start()
    ready.wait()
    try:
        yield made
    finally:
        loops[0].call_soon_threadsafe(over.set)
        thread.join()


def long_ago() -> str:
    """A `Last-Modified` that nobody doubts."""
    return formatdate(time() - 86_400, usegmt=True)


def picture(
    width: int = 400,
    height: int = 300,
    kind: str = "JPEG",
    colour: int = 0,
    **how: object,
) -> bytes:
    """A picture of one colour."""
    out = BytesIO()
    image = Image.new("RGB", (width, height), (colour, 128, 64))
    image.save(out, kind, **how)
    return out.getvalue()


def padded(size_bytes: int, content: bytes | None = None) -> bytes:
    """A JPEG of so many bytes."""
    content = content or picture()
    return content[:-2] + bytes(size_bytes - len(content)) + content[-2:]
