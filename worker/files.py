"""Fetching a finished video from whatever host the provider keeps it on.

In bounded memory, with a deadline for the whole and for every read, and never with the
API key: file hosts vary and are nobody we know.
"""

import asyncio
import hashlib
from dataclasses import dataclass
from http import HTTPStatus
from io import FileIO
from pathlib import Path
from urllib.parse import urljoin

import httpx

from worker import mp4
from worker.guard import is_link_local
from worker.partial import no_room
from worker.replies import clean, describe, fetchable
from worker.transport import REQUEST_ERRORS, make_client

MOST_REDIRECTS = 3

#: No video of these models comes near; a body without end must end somewhere.
LARGEST_BYTES = 4 << 30

#: Larger than any picture that a model takes.
LARGEST_PICTURE_BYTES = 32 << 20

#: A single read may take this long.
READ_TIMEOUT_S = 30.0


#: Answers of a host that has no such file any more, or whose link has run out.
GONE = frozenset({400, 401, 403, 404, 410})


class NotFetched(Exception):  # noqa: N818 - that is what it is
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

    def __init__(self, timeout_s: float) -> None:
        self._timeout_s = timeout_s
        self._client = make_client(READ_TIMEOUT_S)

    async def fetch(self, url: str, path: Path) -> Fetched:
        """Fetch a video into `path` and check that it is one.

        Raises:
            NotFetched: it is not there, not whole, or no video.
            NoRoom: this machine cannot hold it.
        """
        try:
            async with asyncio.timeout(self._timeout_s):
                fetched = await self._follow(url, path, LARGEST_BYTES)
                await asyncio.to_thread(mp4.check, path)
        except TimeoutError:
            raise NotFetched(f"not whole after {self._timeout_s:g} s") from None
        except mp4.NotAVideo as error:
            raise NotFetched(f"what came is no video: {error}") from None
        except REQUEST_ERRORS as error:
            raise NotFetched(describe(error)) from None
        return fetched

    async def fetch_picture(self, url: str, path: Path) -> None:
        """Fetch a picture into `path`; it is not checked.

        Raises:
            NotFetched: it is not there, or on an address that is no business of ours.
        """
        try:
            async with asyncio.timeout(READ_TIMEOUT_S):
                await self._follow(url, path, LARGEST_PICTURE_BYTES, guarded=True)
        except TimeoutError:
            raise NotFetched(f"not whole after {READ_TIMEOUT_S:g} s") from None
        except REQUEST_ERRORS as error:
            raise NotFetched(describe(error)) from None

    async def close(self) -> None:
        """Let go of the connections."""
        await self._client.aclose()

    async def _follow(
        self, url: str, path: Path, most_bytes: int, *, guarded: bool = False
    ) -> Fetched:
        for _ in range(MOST_REDIRECTS + 1):
            if not fetchable(url):
                raise NotFetched(f"not a web address: {clean(url)}")
            if guarded and await is_link_local(url):
                raise NotFetched(f"{clean(url)} is a link-local address")
            async with self._client.stream("GET", url) as response:
                if not response.has_redirect_location:
                    return await self._save(response, path, most_bytes)
                url = urljoin(url, response.headers.get("location", ""))
        raise NotFetched(f"redirected more than {MOST_REDIRECTS} times")

    async def _save(
        self, response: httpx.Response, path: Path, most_bytes: int
    ) -> Fetched:
        if response.status_code != HTTPStatus.OK:
            status = response.status_code
            said = f"the file host answers HTTP {status}"
            raise NotFetched(said, gone=status in GONE)
        kind = response.headers.get("content-type", "").partition(";")[0].strip()
        if kind.startswith("text/") or kind.endswith(("json", "xml")):
            raise NotFetched(f"the file host sends {clean(kind)} instead of a video")
        announced = response.headers.get("content-length")
        digest, size = hashlib.sha256(), 0
        with path.open("wb", buffering=0) as file:
            async for chunk in response.aiter_bytes():
                size += len(chunk)
                if size > most_bytes:
                    raise NotFetched("it does not end")
                digest.update(chunk)
                _write(file, chunk)
        encoded = "content-encoding" in response.headers
        if announced and not encoded and announced != str(size):
            raise NotFetched(f"{size} of {announced} bytes came")
        return Fetched(path, size, digest.hexdigest())


def _write(file: FileIO, chunk: bytes) -> None:
    try:
        rest = memoryview(chunk)
        while rest:
            rest = rest[file.write(rest) :]
    except OSError as error:
        raise no_room(Path(str(file.name)).parent, error) from None
