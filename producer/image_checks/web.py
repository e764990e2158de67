"""Checks a picture on the web by as few bytes of it as tell what it is.

A picture is judged by its bytes, never by what a host says of it.
"""

import re
import zlib
from dataclasses import dataclass, replace
from datetime import timedelta
from email.utils import parsedate_to_datetime
from http import HTTPStatus

import aiohttp

from jobs.catalogue.pictures import FIRST_BYTES, ImageSniffer
from producer.image_checks.cache import CachedImage, ImageCache
from producer.image_checks.fetch import PACKED, TRY_LATER, Client
from producer.image_checks.results import Demand, ImageCheckError

_CHUNK_BYTES = 1 << 14

#: Lets zlib tell gzip and deflate by their beginning.
_ANY_FORM = 47

_CONTENT_RANGE = re.compile(r"bytes (\d{1,18})-(\d{1,18})/(\d{1,18})")
_EMPTY_RANGE = re.compile(r"bytes \*/0+")

#: A file that was changed this shortly before may have been changed again since,
#: under the same second.
_SETTLED = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class _Facts:
    """What an answer says of the picture behind it."""

    #: None where it does not say.
    size_bytes: int | None
    #: A strong ETag, else empty.
    tag: str
    #: `Last-Modified`, where there is no tag and it can be relied on.
    modified: str


class WebImage:
    """One check of one picture on the web."""

    def __init__(
        self, address: str, client: Client, cache: ImageCache, demand: Demand
    ) -> None:
        self.bytes_read = 0
        self._address = address
        self._client = client
        self._cache = cache
        self._demand = demand
        self._sniffer = ImageSniffer()
        self._facts = _Facts(None, "", "")
        self._is_range_refused = False
        #: Content that was read under another signature, once it was looked for.
        self._same: CachedImage | None = None
        self._is_same_known = False

    async def is_unchanged(self, cached: CachedImage) -> bool:
        """Whether the picture is the one that was cached; no body is read for it.

        Raises:
            ImageCheckError: it cannot be asked.
        """
        name = "If-None-Match" if cached.tag else "If-Modified-Since"
        headers = {"Range": "bytes=0-0", name: cached.tag or cached.modified}
        try:
            async with self._client.get(self._address, headers) as answer:
                if answer.headers.get("content-length") == "1":
                    # So small that reading it costs less than another connection.
                    await answer.read()
                return answer.status == HTTPStatus.NOT_MODIFIED or _tells_of(
                    answer, cached
                )
        except ImageCheckError as error:
            if error.range_refused:
                return False
            raise

    async def read(self) -> CachedImage:
        """Read as much of the picture as is wanted.

        Raises:
            ImageCheckError: it cannot be read.
        """
        self._begin()
        if self._is_range_refused or not await self._ask_first():
            await self._ask_whole()
        while (last := self._last_wanted()) is not None:
            if not await self._ask_range(self._sniffer.size_bytes, last):
                await self._ask_whole()
        return self._read_image()

    def _begin(self) -> None:
        self._sniffer = ImageSniffer()
        self._same, self._is_same_known = None, False

    async def _ask_first(self) -> bool:
        try:
            return await self._ask_range(0, FIRST_BYTES - 1)
        except ImageCheckError as error:
            self._is_range_refused = error.range_refused
            # What may pass is asked again after a while, and without a range then.
            if error.retryable or not error.range_refused:
                raise
            return False

    async def _ask_range(self, first: int, last: int) -> bool:
        """Read a range, or all if the host gives that; False if it is of no use."""
        headers = {"Range": f"bytes={first}-{last}"}
        if first and self._facts.tag:
            headers["If-Range"] = self._facts.tag
        async with self._client.get(self._address, headers) as answer:
            if answer.status != HTTPStatus.OK:
                return await self._read_range(answer, first, last)
            # No ranges here, or another picture by now: this is all of it.
            await self._read_as_needed(answer)
            return True

    async def _ask_whole(self) -> None:
        async with self._client.get(self._address, {}) as answer:
            if answer.status != HTTPStatus.OK:
                raise ImageCheckError(
                    f"cannot be read: the host answers HTTP {answer.status}", TRY_LATER
                )
            await self._read_as_needed(answer)

    async def _read_range(
        self, answer: aiohttp.ClientResponse, first: int, last: int
    ) -> bool:
        said, facts = answer.headers.get("content-range", ""), _facts_of(answer)
        match = _CONTENT_RANGE.fullmatch(said)
        if first and (match is None or facts != self._facts):
            raise ImageCheckError(
                "changed while it was read", "try again", retryable=True
            )
        if match is None:
            self._facts = _Facts(0, "", "")
            return _EMPTY_RANGE.fullmatch(said) is not None
        begin, end, size = map(int, match.groups())
        if begin != first or end != min(last, size - 1):
            return False
        self._facts = facts
        await self._read_part(answer, end - first + 1, size)
        return True

    async def _read_part(
        self, answer: aiohttp.ClientResponse, missing: int, size_bytes: int
    ) -> None:
        async for chunk in answer.content.iter_chunked(_CHUNK_BYTES):
            self._feed(chunk[:missing])
            missing -= len(chunk)
            if missing <= 0:
                break
        if missing > 0:
            raise _cut_off(self._sniffer.size_bytes, size_bytes)
        self._sniffer.sniff()

    async def _read_as_needed(self, answer: aiohttp.ClientResponse) -> None:
        """Read an answer that begins at the beginning, until nothing more is wanted."""
        self._begin()
        self._facts = _facts_of(answer)
        unpack = None
        if answer.headers.get("content-encoding", "identity").lower() in PACKED:
            # Its length is that of the packed bytes, and its tag may be, too.
            self._facts, unpack = _Facts(None, "", ""), zlib.decompressobj(_ANY_FORM)
        told_bytes, max_bytes = self._facts.size_bytes, self._demand.max_bytes
        async for chunk in answer.content.iter_chunked(_CHUNK_BYTES):
            self._feed(_unpacked(unpack, chunk) if unpack else chunk)
            if told_bytes is None and self._sniffer.size_bytes > max_bytes:
                message = f"sends more than {max_bytes:,} bytes"
                raise ImageCheckError(message, "save it smaller", kind="picture-bytes")
            if told_bytes is not None and self._last_wanted() is None:
                return
        size_bytes = self._sniffer.size_bytes
        if told_bytes not in {None, size_bytes}:
            raise _cut_off(size_bytes, told_bytes or 0)
        self._facts = replace(self._facts, size_bytes=size_bytes)

    def _feed(self, chunk: bytes) -> None:
        self.bytes_read += len(chunk)
        self._sniffer.feed(chunk)

    def _last_wanted(self) -> int | None:
        """The last byte that is still wanted; None if enough is known."""
        size_bytes = self._facts.size_bytes or 0
        came = self._sniffer.size_bytes
        if came >= size_bytes:
            return None
        if not self._sniffer.is_decided:
            return min(2 * max(came, FIRST_BYTES), size_bytes) - 1
        if not self._demand.wants_all(self._sniffer, size_bytes):
            return None
        if came >= FIRST_BYTES and self._known_content() is not None:
            return None
        return size_bytes - 1

    def _known_content(self) -> CachedImage | None:
        """What is cached of this very content under another signature."""
        facts = self._facts
        if not self._is_same_known and facts.tag and facts.size_bytes:
            first_sha256 = self._sniffer.first_sha256
            self._same = self._cache.cached_content(
                self._address, facts.tag, facts.size_bytes, first_sha256
            )
        self._is_same_known = True
        return self._same

    def _read_image(self) -> CachedImage:
        size_bytes = self._facts.size_bytes or 0
        is_whole = self._sniffer.size_bytes == size_bytes
        info = self._sniffer.info(size_bytes, whole=is_whole)
        if info.sha256 is None and self._same is not None:
            info = self._same.info
        first_sha256 = self._sniffer.first_sha256
        return CachedImage(info, self._facts.tag, self._facts.modified, first_sha256)


async def content_of(client: Client, address: str, max_bytes: int) -> bytes:
    """A picture on the web, whole.

    Raises:
        ImageCheckError: it cannot be read, or is larger.
    """
    content = bytearray()
    async with client.get(address, {}) as answer:
        packed = answer.headers.get("content-encoding", "identity").lower() in PACKED
        unpack = zlib.decompressobj(_ANY_FORM) if packed else None
        async for chunk in answer.content.iter_chunked(_CHUNK_BYTES):
            content += _unpacked(unpack, chunk) if unpack else chunk
            if len(content) > max_bytes:
                message = f"sends more than {max_bytes:,} bytes"
                raise ImageCheckError(message, "save it smaller", kind="picture-bytes")
    return bytes(content)


def _unpacked(unpack: "zlib._Decompress", chunk: bytes) -> bytes:
    try:
        return unpack.decompress(chunk)
    except zlib.error:
        message = "comes packed in a broken way"
        raise ImageCheckError(message, "upload it anew, not packed") from None


def _tells_of(answer: aiohttp.ClientResponse, cached: CachedImage) -> bool:
    """Whether an answer with a picture says that it is the cached one."""
    if _size_bytes_of(answer) != cached.info.size_bytes:
        return False
    if cached.tag:
        return _tag_of(answer) == cached.tag
    return answer.headers.get("last-modified") == cached.modified


def _facts_of(answer: aiohttp.ClientResponse) -> _Facts:
    tag = _tag_of(answer)
    return _Facts(_size_bytes_of(answer), tag, "" if tag else _modified_of(answer))


def _size_bytes_of(answer: aiohttp.ClientResponse) -> int | None:
    """Size of the whole picture, as far as an answer tells it."""
    if answer.status == HTTPStatus.PARTIAL_CONTENT:
        match = _CONTENT_RANGE.fullmatch(answer.headers.get("content-range", ""))
        return int(match[3]) if match else None
    text = answer.headers.get("content-length", "")
    return int(text[:18]) if text.isascii() and text.isdecimal() else None


def _tag_of(answer: aiohttp.ClientResponse) -> str:
    """A strong ETag; empty where there is none: a weak one promises no bytes."""
    tag = str(answer.headers.get("etag", ""))
    return tag if tag.startswith('"') else ""


def _modified_of(answer: aiohttp.ClientResponse) -> str:
    text = str(answer.headers.get("last-modified", ""))
    try:
        now = parsedate_to_datetime(answer.headers.get("date", ""))
        return text if now - parsedate_to_datetime(text) > _SETTLED else ""
    except (TypeError, ValueError):
        return ""


def _cut_off(came: int, wanted: int) -> ImageCheckError:
    return ImageCheckError(
        f"comes cut off: {came:,} of {wanted:,} bytes",
        TRY_LATER,
        retryable=True,
    )
