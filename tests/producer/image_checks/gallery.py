"""A picture host on loopback: with ranges and validators, or as wrong as one likes."""

import asyncio
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
    #: Sent along.
    headers: dict[str, str] = field(default_factory=dict)


class Gallery:
    """Pictures by path, and everything that was asked for."""

    def __init__(self) -> None:
        self.pictures: dict[str, Exhibit] = {}
        self.asked: list[Asked] = []
        self.sent_bytes = 0
        self.at_once = 0
        self.most_at_once = 0
        self.port = 0
        #: Requests that must be there together before any of them is answered.
        self.together = 1
        self._change: asyncio.Condition | None = None
        self._visits: dict[object, asyncio.StreamWriter] = {}

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def show(self, path: str, body: bytes, **how: object) -> str:
        """Show a picture; returns its address."""
        self.pictures[path] = Exhibit(body, **how)  # type: ignore[arg-type]  # its fields
        return self.url + path

    def show_redirect(self, path: str, target: str) -> str:
        """Send whoever asks for `path` elsewhere, every time."""
        head = f"HTTP/1.1 302 Found\r\nLocation: {target}\r\nContent-Length: 0\r\n\r\n"
        return self.show(path, b"", faults=[says(head)] * 10)

    def forget(self) -> None:
        self.asked.clear()
        self.sent_bytes = 0

    @property
    def counts(self) -> Counter[str]:
        return Counter(asked.path for asked in self.asked)

    async def serve(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        # The loop itself holds its tasks but weakly.
        self._visits[asyncio.current_task()] = writer
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
        """Show everybody out."""
        for writer in self._visits.values():
            writer.transport.abort()
        tasks = [task for task in self._visits if isinstance(task, asyncio.Task)]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _wait_for_others(self) -> None:
        self._change = self._change or asyncio.Condition()
        async with self._change:
            self.at_once += 1
            self.most_at_once = max(self.most_at_once, self.at_once)
            self._change.notify_all()
            await self._change.wait_for(lambda: self.most_at_once >= self.together)

    async def _answer(self, asked: Asked, writer: asyncio.StreamWriter) -> None:
        picture = self.pictures.get(asked.path.partition("?")[0])
        if picture is None:
            await self._send(writer, "404 Not Found", {}, b"nothing here")
        elif picture.faults:
            await picture.faults.pop(0)(asked, writer)
        else:
            await self._show(asked, picture, writer)

    async def _show(
        self, asked: Asked, picture: Exhibit, writer: asyncio.StreamWriter
    ) -> None:
        if picture.range_refused and "range" in asked.headers:
            await self._send(writer, picture.range_refused, {}, b"no")
            return
        headers = {"Date": formatdate(usegmt=True), **picture.headers}
        if picture.etag:
            headers["ETag"] = picture.etag
        if picture.modified:
            headers["Last-Modified"] = picture.modified
        if picture.conditions and _is_unchanged(asked, picture):
            await self._send(writer, "304 Not Modified", headers, None)
            return
        wanted = asked.headers.get("range", "") if picture.ranges else ""
        if asked.headers.get("if-range", picture.etag) != picture.etag:
            wanted = ""
        if not wanted:
            if asked.method == "HEAD":
                headers["Content-Length"] = str(len(picture.body))
                await self._send(writer, "200 OK", headers, None)
            else:
                await self._send(
                    writer, "200 OK", headers, picture.body, length=picture.length
                )
            return
        size = len(picture.body)
        first, _, last = wanted.removeprefix("bytes=").partition("-")
        if int(first) >= size:
            headers["Content-Range"] = f"bytes */{size}"
            await self._send(writer, "416 Range Not Satisfiable", headers, b"")
            return
        end = min(int(last or size), size - 1)
        headers["Content-Range"] = f"bytes {first}-{end}/{size}"
        part = picture.body[int(first) : end + 1]
        await self._send(writer, "206 Partial Content", headers, part)

    async def _send(
        self,
        writer: asyncio.StreamWriter,
        status: str,
        headers: dict[str, str],
        body: bytes | None,
        *,
        length: bool = True,
    ) -> None:
        if body is not None and length:
            headers["Content-Length"] = str(len(body))
        lines = [f"HTTP/1.1 {status}", *(f"{k}: {v}" for k, v in headers.items())]
        writer.write("\r\n".join([*lines, "", ""]).encode())
        for start in range(0, len(body or b""), 1 << 16):
            part = (body or b"")[start : start + (1 << 16)]
            writer.write(part)
            await writer.drain()
            self.sent_bytes += len(part)
        if not length:
            writer.close()


def says(head: str, body: bytes = b"") -> Fault:
    """These very bytes, and then the connection is closed."""

    async def fault(_: Asked, writer: asyncio.StreamWriter) -> None:
        writer.write(head.encode("latin-1") + body)
        await writer.drain()
        writer.close()

    return fault


def _is_unchanged(asked: Asked, picture: Exhibit) -> bool:
    if "if-none-match" in asked.headers:
        return asked.headers["if-none-match"] == picture.etag
    since = asked.headers.get("if-modified-since")
    return since is not None and since == picture.modified


async def _read_request(reader: asyncio.StreamReader) -> Asked:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    first, *rest = head.strip().split("\r\n")
    pairs = (line.partition(":") for line in rest)
    headers = {name.lower(): value.strip() for name, _, value in pairs}
    method, path, _ = first.split(" ")
    return Asked(method, path, headers)


@contextmanager
def gallery() -> Iterator[Gallery]:
    """A host that shows pictures while the context lasts."""
    made = Gallery()
    ready, over = threading.Event(), asyncio.Event()
    loops: list[asyncio.AbstractEventLoop] = []

    async def run() -> None:
        loops.append(asyncio.get_running_loop())
        server = await asyncio.start_server(made.serve, "127.0.0.1", 0)
        made.port = server.sockets[0].getsockname()[1]
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
    """A JPEG of so many bytes: what comes after its end is nobody's."""
    content = content or picture()
    return content + bytes(size_bytes - len(content))
