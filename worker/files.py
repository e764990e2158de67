"""Fetching a finished video from whatever host the provider keeps it on.

In bounded memory, with a deadline for the whole and for every read, and never with the
API key: file hosts vary and are nobody we know.
"""

import asyncio
import hashlib
import os
import re
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from http import HTTPStatus
from io import BytesIO
from pathlib import Path
from typing import TypeVar
from urllib.parse import urljoin, urlsplit

import aiohttp

from jobs.net import barred_by
from worker import mp4
from worker.partial import no_room
from worker.replies import clean, describe, fetchable
from worker.transport import REQUEST_ERRORS, Sessions, Wire

T = TypeVar("T")

MOST_REDIRECTS = 10

#: Answers that send whoever asks to another address.
REDIRECTS = frozenset({301, 302, 303, 307, 308})

#: No video of these models comes near; a body without end must end somewhere.
LARGEST_BYTES = 4 << 30

#: Larger than any picture that a model takes.
LARGEST_PICTURE_BYTES = 32 << 20

#: Videos that one process fetches at the same time.
SIDE_BY_SIDE = 32

#: Files of one process that are written at the same time, beside those being kept.
THREADS = 4

#: Bytes that are held before they are written.
PIECE_BYTES = 1 << 20

#: A single read may take this long.
READ_TIMEOUT_S = 30.0


#: A range from the first byte on: its last byte, and the size of the whole.
WHOLE_RANGE = re.compile(r"bytes 0-(\d{1,18})/(\d{1,18})")

#: First bytes, in small letters, of what is sent in the place of an MP4.
KNOWN: dict[str, tuple[bytes, ...]] = {
    "an HTML page": (b"<!doctype html", b"<html", b"<head", b"<body"),
    "XML": (b"<?xml", b"<error"),
    "JSON": (b"{", b"["),
    "a WebM or Matroska video": (b"\x1aE\xdf\xa3".lower(),),
    "a GIF": (b"gif8",),
    "a JPEG picture": (b"\xff\xd8\xff",),
    "a PNG picture": (b"\x89png",),
    "a RIFF file, such as AVI or WebP": (b"riff",),
    "a list of parts (HLS)": (b"#extm3u",),
    "packed with gzip": (b"\x1f\x8b",),
}
BEGIN_BYTES = 64

#: Answers of a host that has no such file any more, or whose link has run out.
GONE = frozenset({400, 401, 403, 404, 410})


class DownloadError(Exception):
    """The video could not be had this time; says why."""

    def __init__(self, reason: str, *, gone: bool = False) -> None:
        super().__init__(reason)
        #: Whether another link may lead to it.
        self.gone = gone


@dataclass(frozen=True, slots=True)
class Fetched:
    """A whole, checked file on this machine."""

    path: Path
    size_bytes: int
    sha256: str


class Files:
    """Fetches files, for one event loop."""

    def __init__(self, timeout_s: float, provider_url: str) -> None:
        self._timeout_s = timeout_s
        self._sessions = Sessions(provider_url)
        self._wire = Wire(self._sessions, READ_TIMEOUT_S)
        #: Whoever fetches a video waits here, where waiting is no silence of its host.
        self.room = asyncio.Semaphore(SIDE_BY_SIDE)

    async def fetch(self, urls: Sequence[str], path: Path) -> Fetched:
        """Fetch the first of these that is a video into `path`, and check it.

        Raises:
            DownloadError: none of them is there, whole, and a video.
            NoRoom: this machine cannot hold it.
        """
        _, download = await self.receive_first(urls, path)
        return await _in_thread(download.end)

    async def receive(self, url: str, path: Path) -> "Download":
        """Fetch a video for `path`; it is there once somebody ends it, in a thread.

        Raises:
            DownloadError: it is not there, or not whole.
            NoRoom: this machine cannot hold it.
        """
        try:
            async with asyncio.timeout(self._timeout_s):
                return await self._follow(url, Download(path, is_video=True))
        except aiohttp.ServerTimeoutError as error:
            raise DownloadError(describe(error)) from None
        except TimeoutError:
            raise DownloadError(f"not whole after {self._timeout_s:g} s") from None
        except REQUEST_ERRORS as error:
            raise _not_fetched(error) from None

    async def receive_first(
        self, urls: Sequence[str], path: Path
    ) -> tuple[str, "Download"]:
        """Fetch the first of these that is a video; its address, and it as `receive`.

        Raises:
            DownloadError: none of them is; gone if another link may lead to one.
            NoRoom: this machine cannot hold it.
        """
        errors: list[DownloadError] = []
        for url in urls:
            try:
                download = await self.receive(url, path)
                if len(urls) > 1:
                    await _in_thread(download.check)
            except DownloadError as error:
                errors.append(error)
            else:
                return url, download
        reasons = "; ".join(dict.fromkeys(map(str, errors)))
        gone = not urls or any(error.gone for error in errors)
        raise DownloadError(reasons or "no address of it is known", gone=gone)

    async def fetch_picture(self, url: str, path: Path) -> None:
        """Fetch a picture into `path`; it is not checked.

        Raises:
            DownloadError: it is not there, or on an address that is no business of
                ours.
        """
        try:
            async with asyncio.timeout(READ_TIMEOUT_S):
                picture = Download(path, is_video=False)
                await self._follow(url, picture)
                await _in_thread(picture.end)
        except aiohttp.ServerTimeoutError as error:
            raise DownloadError(describe(error)) from None
        except TimeoutError:
            raise DownloadError(f"not whole after {READ_TIMEOUT_S:g} s") from None
        except REQUEST_ERRORS as error:
            raise _not_fetched(error) from None

    async def close(self) -> None:
        """Let go of the connections."""
        await self._sessions.close()

    async def _follow(self, url: str, download: "Download") -> "Download":
        for _ in range(MOST_REDIRECTS + 1):
            if not fetchable(url):
                raise DownloadError(f"not a web address: {clean(url)}")
            parts = urlsplit(url)
            await self._sessions.check(parts.scheme, parts.hostname or "")
            async with self._wire.ask("GET", url) as response:
                leads_to = response.headers.get("location")
                if response.status not in REDIRECTS or leads_to is None:
                    await _save(response, download)
                    return download
                url = urljoin(url, leads_to.strip().replace(" ", "%20"))
        raise DownloadError(f"redirected more than {MOST_REDIRECTS} times")


def _not_fetched(error: Exception) -> DownloadError:
    return DownloadError(str(barred_by(error) or describe(error)))


async def _in_thread(do: Callable[[], T]) -> T:
    # Not asyncio's own threads: they look up names, and a disk that hangs would keep
    # every request from being sent.
    return await asyncio.get_running_loop().run_in_executor(_threads(), do)


@cache
def _threads() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(THREADS, "files")


async def _save(response: aiohttp.ClientResponse, download: "Download") -> None:
    if response.status != HTTPStatus.OK and not _is_whole(response):
        said = f"the file host answers HTTP {response.status}"
        if response.status == HTTPStatus.PARTIAL_CONTENT:
            said += ", a part though the whole was asked for"
        raise DownloadError(said, gone=response.status in GONE)
    async for chunk in response.content.iter_any():
        download.pending += chunk
        if download.size_bytes > download.most_bytes:
            raise DownloadError("it does not end")
        if len(download.pending) >= PIECE_BYTES:
            await _in_thread(download.write)
    announced = response.headers.get("content-length")
    encoded = "content-encoding" in response.headers
    if announced and not encoded and announced != str(download.size_bytes):
        raise DownloadError(f"{download.size_bytes} of {announced} bytes came")


def _is_whole(response: aiohttp.ClientResponse) -> bool:
    """Whether an answer says that it is a range, and that range is all there is."""
    said = WHOLE_RANGE.fullmatch(response.headers.get("content-range", ""))
    if response.status != HTTPStatus.PARTIAL_CONTENT or not said:
        return False
    return int(said[1]) + 1 == int(said[2])


def _what_came(begin: bytes) -> str:
    """What a file is by its first bytes; empty if that is not known."""
    text = begin.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    found = (what for what, starts in KNOWN.items() if text.startswith(starts))
    return next(found, "" if begin else "an empty file")


class Download:
    """A file on its way to the disk, hashed as it goes there.

    It is written in threads: the disk may hold up whoever writes while another file is
    flushed, and with the loop it would hold up every request.
    """

    def __init__(self, path: Path, *, is_video: bool) -> None:
        self._path = path
        self._is_video = is_video
        self._written_bytes = 0
        self._digest = hashlib.sha256()
        #: What has come and is not written yet.
        self.pending = bytearray()
        self.most_bytes = LARGEST_BYTES if is_video else LARGEST_PICTURE_BYTES

    @property
    def size_bytes(self) -> int:
        """Bytes that have come."""
        return self._written_bytes + len(self.pending)

    @property
    def begin(self) -> bytes:
        """Its first bytes, as many as tell what it is.

        Raises:
            OSError: it cannot be read.
        """
        if not self._written_bytes:
            return bytes(self.pending[:BEGIN_BYTES])
        with self._path.open("rb") as file:
            return file.read(BEGIN_BYTES)

    def write(self, *, lasting: bool = False) -> None:
        """Write down what has come; `lasting` if it is to outlive a power cut.

        Raises:
            NoRoom: the disk does not take it.
        """
        how = os.O_APPEND if self._written_bytes else os.O_CREAT | os.O_TRUNC
        try:
            # Few calls, and none of `io`'s own: each lets go of the interpreter, and
            # has to wait for the loop to get it back.
            file = os.open(self._path, os.O_WRONLY | os.O_CLOEXEC | how, 0o666)
            try:
                rest = memoryview(self.pending)
                while rest:
                    rest = rest[os.write(file, rest) :]
                if lasting:
                    os.fsync(file)
            finally:
                os.close(file)
        except OSError as error:
            raise no_room(self._path.parent, error) from None
        self._digest.update(self.pending)
        self._written_bytes += len(self.pending)
        self.pending = bytearray()

    def end(self, *, lasting: bool = False) -> Fetched:
        """Write the last of it, and check what has come.

        Raises:
            NoRoom: the disk does not take it.
            DownloadError: it was to be a video, and is none.
        """
        self.check()
        self.write(lasting=lasting)
        return Fetched(self._path, self._written_bytes, self._digest.hexdigest())

    def check(self) -> None:
        """Check what has come.

        Raises:
            NoRoom: the disk does not take it.
            DownloadError: it was to be a video, and is none.
        """
        if not self._is_video:
            return
        try:
            if self._written_bytes:
                self.write()
                mp4.check(self._path)
            else:
                mp4.check_open(BytesIO(self.pending), len(self.pending))
        except mp4.NotAVideoError as error:
            what = _what_came(self.begin)
            reason = f"it is {what}" if what else str(error)
            raise DownloadError(f"what came is no MP4 video: {reason}") from None
        except OSError as error:
            raise no_room(self._path.parent, error) from None
