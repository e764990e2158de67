"""Fetching a finished video from whatever host the provider keeps it on.

In bounded memory, with a deadline for the whole and for every read, and never with the
API key: file hosts vary and are nobody we know. What is not whole yet lies in a folder
of the home that nobody else reads.
"""

import asyncio
import hashlib
import logging
import os
import re
import secrets
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from http import HTTPStatus
from io import BytesIO
from pathlib import Path
from typing import BinaryIO
from urllib.parse import urljoin

import aiohttp

from jobs.provider.http import Http, RequestError, deadline
from jobs.provider.replies import clean, fetchable
from worker import mp4
from worker.concurrency import in_pool

log = logging.getLogger("reelmill.collect")

MAX_REDIRECTS = 10

#: Answers that send whoever asks to another address.
REDIRECTS = frozenset({301, 302, 303, 307, 308})

#: No video of these models comes near; a body without end must end somewhere.
MAX_VIDEO_BYTES = 4 << 30

#: Larger than any picture that a model takes.
MAX_PICTURE_BYTES = 32 << 20

#: Videos that one process fetches at the same time.
SIDE_BY_SIDE = 32

#: Files of one process that are written at the same time, beside those being kept.
THREADS = 4

#: Bytes that are held before they are written.
PIECE_BYTES = 1 << 20

#: A single read may take this long.
READ_TIMEOUT_S = 30.0

#: The folder of the home that partial files lie in.
FOLDER = "partial"

#: No download lasts so long: its file was left by a process that died, on whichever
#: machine.
LEFT_AFTER_S = 86_400.0

#: A range from the first byte on: its last byte, and the size of the whole.
WHOLE_RANGE = re.compile(r"bytes 0-(\d{1,18})/(\d{1,18})")

#: So many first bytes are shown of what is no video.
SHOWN_BYTES = 60

#: Answers of a host that has no such file any more, or whose link has run out.
GONE = frozenset({400, 401, 403, 404, 410})


class NoRoomError(Exception):
    """This machine cannot hold a partial file; says where and what to do."""


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
        self._http = Http(READ_TIMEOUT_S, provider_url)
        #: Whoever fetches a video waits here, where waiting is no silence of its host.
        self.room = asyncio.Semaphore(SIDE_BY_SIDE)

    async def fetch(self, urls: Sequence[str], path: Path) -> Fetched:
        """Fetch the first of these that is a video into `path`, and check it.

        Raises:
            DownloadError: none of them is there, whole, and a video.
            NoRoomError: this machine cannot hold it.
        """
        _, download = await self.receive_first(urls, path)
        return await in_pool(_threads(), download.end)

    async def receive_first(
        self, urls: Sequence[str], path: Path
    ) -> tuple[str, "Download"]:
        """Fetch the first of these that is a video; its address, and it as `receive`.

        Raises:
            DownloadError: none of them is; gone if another link may lead to one.
            NoRoomError: this machine cannot hold it.
        """
        errors: list[DownloadError] = []
        for url in urls:
            try:
                download = await self.receive(url, path)
                if len(urls) > 1:
                    await in_pool(_threads(), download.check)
            except DownloadError as error:
                errors.append(error)
            else:
                return url, download
        reasons = "; ".join(dict.fromkeys(map(str, errors)))
        gone = not urls or any(error.gone for error in errors)
        raise DownloadError(reasons or "no address of it is known", gone=gone)

    async def receive(
        self, url: str, path: Path, *, is_video: bool = True
    ) -> "Download":
        """Fetch a file for `path`; it is there once somebody ends it, in a thread.

        Raises:
            DownloadError: it is not there, or not whole.
            NoRoomError: this machine cannot hold it.
        """
        download = Download(path, is_video=is_video)
        timeout_s = self._timeout_s if is_video else READ_TIMEOUT_S
        try:
            async with deadline(timeout_s, "not whole after"):
                await self._follow(url, download)
        except RequestError as error:
            raise DownloadError(str(error)) from None
        return download

    async def fetch_picture(self, url: str, path: Path) -> None:
        """Fetch a picture into `path`; it is not checked.

        Raises:
            DownloadError: it is not there, or on an address that is no business of
                ours.
            NoRoomError: this machine cannot hold it.
        """
        picture = await self.receive(url, path, is_video=False)
        await in_pool(_threads(), picture.end)

    async def close(self) -> None:
        """Let go of the connections."""
        await self._http.close()

    async def _follow(self, url: str, download: "Download") -> None:
        for _ in range(MAX_REDIRECTS + 1):
            if not fetchable(url):
                raise DownloadError(f"not a web address: {clean(url)}")
            async with await self._http.ask("GET", url) as response:
                leads_to = response.headers.get("location")
                if response.status not in REDIRECTS or leads_to is None:
                    return await _save(response, download)
                url = urljoin(url, leads_to.strip().replace(" ", "%20"))
        raise DownloadError(f"redirected more than {MAX_REDIRECTS} times")


# Not asyncio's own threads: they look up names, and a disk that hangs would keep every
# request from being sent.
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
        if download.size_bytes > download.max_bytes:
            raise DownloadError("it does not end")
        if len(download.pending) >= PIECE_BYTES:
            await in_pool(_threads(), download.write)
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
        self.max_bytes = MAX_VIDEO_BYTES if is_video else MAX_PICTURE_BYTES

    @property
    def size_bytes(self) -> int:
        """Bytes that have come."""
        return self._written_bytes + len(self.pending)

    def write(self, *, lasting: bool = False) -> None:
        """Write down what has come; `lasting` if it is to outlive a power cut.

        Raises:
            NoRoomError: the disk does not take it.
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
            raise _no_room(self._path.parent, error) from None
        self._digest.update(self.pending)
        self._written_bytes += len(self.pending)
        self.pending = bytearray()

    def end(self, *, lasting: bool = False) -> Fetched:
        """Write the last of it, and check what has come.

        Raises:
            NoRoomError: the disk does not take it.
            DownloadError: it was to be a video, and is none.
        """
        self.check()
        self.write(lasting=lasting)
        return Fetched(self._path, self._written_bytes, self._digest.hexdigest())

    def check(self) -> None:
        """Check what has come.

        Raises:
            NoRoomError: the disk does not take it.
            DownloadError: it was to be a video, and is none.
        """
        if not self._is_video:
            return
        if self._written_bytes:
            self.write()
        try:
            with (
                self._path.open("rb")
                if self._written_bytes
                else BytesIO(self.pending) as file
            ):
                _check_video(file, self.size_bytes)
        except OSError as error:
            raise _no_room(self._path.parent, error) from None


def _check_video(file: BinaryIO, size_bytes: int) -> None:
    try:
        mp4.check_open(file, size_bytes)
    except mp4.NotAVideoError as error:
        file.seek(0)
        begin = clean(file.read(SHOWN_BYTES).decode("latin-1")) or "nothing"
        reason = f"{error}; it begins with: {begin}"
        raise DownloadError(f"what came is no MP4 video: {reason}") from None


@contextmanager
def partial_file(home: Path) -> Iterator[Path]:
    """Where a new file may be below the home, for as long as it is needed.

    Raises:
        NoRoomError: there is no place for it.
    """
    folder = home.absolute() / FOLDER
    path = folder / f"{secrets.token_hex(8)}.mp4"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        _sweep_once(folder)
        # Known before anything is fetched.
        path.touch(mode=0o600, exist_ok=False)
    except OSError as error:
        raise _no_room(folder, error) from None
    try:
        yield path
    finally:
        # Who cannot take it away said so when it was written.
        with suppress(OSError):
            path.unlink()


def _no_room(folder: Path, error: OSError) -> NoRoomError:
    """What a person should know when a folder takes no more."""
    return NoRoomError(
        f"{folder}: a video cannot be fetched into it ({error.strerror}); "
        "make room there, or set REELMILL_HOME to another folder"
    )


@cache
def _sweep_once(folder: Path) -> None:
    """Clear out what workers left that were killed."""
    for path in folder.glob("*.mp4"):
        # Another process may be quicker.
        with suppress(OSError):
            if time.time() - path.stat().st_mtime > LEFT_AFTER_S:
                path.unlink()
                log.info("%s: cleared out, left by a dead worker", path)
