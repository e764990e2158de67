"""A look at a picture on the web: as few bytes of it as tell what it is.

It decides which bytes to ask for and whether what was kept still holds. It never keeps
anything itself, and never judges by what a host says of a picture, only by its bytes.
"""

import re
from dataclasses import dataclass
from datetime import timedelta
from email.utils import parsedate_to_datetime
from http import HTTPStatus

import httpx

from jobs.catalogue.pictures import FIRST_BYTES, ImageSniffer
from producer.image_checks.asking import Asking
from producer.image_checks.memory import ImageCache, Kept
from producer.image_checks.seen import ImageCheckError
from producer.image_checks.wish import Wish

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


class WebLook:
    """One look at one picture on the web."""

    def __init__(
        self, address: str, asking: Asking, memory: ImageCache, wish: Wish
    ) -> None:
        self._address = address
        self._asking = asking
        self._memory = memory
        self._wish = wish
        self._reading = ImageSniffer()
        self._facts = _Facts(None, "", "")
        #: A range was refused.
        self._plainly = False
        #: Content that was read under another signature; None before it was asked for.
        self._same: list[Kept] | None = None

    async def still_holds(self, kept: Kept) -> bool:
        """Whether the picture is the one that was kept; no body is read for it.

        Raises:
            ImageCheckError: it cannot be asked.
        """
        headers = {"Range": "bytes=0-0"}
        if kept.tag:
            headers["If-None-Match"] = kept.tag
        else:
            headers["If-Modified-Since"] = kept.modified
        try:
            async with self._asking.get(self._address, headers) as answer:
                if answer.status_code == HTTPStatus.NOT_MODIFIED:
                    return True
                if answer.headers.get("content-length") == "1":
                    # So small that reading it costs less than another connection.
                    await answer.aread()
                if _size_bytes_of(answer) != kept.look.size_bytes:
                    return False
                if kept.tag:
                    return _tag_of(answer) == kept.tag
                return str(answer.headers.get("last-modified", "")) == kept.modified
        except ImageCheckError as trouble:
            if trouble.to_range:
                return False
            raise

    async def read(self) -> Kept:
        """Look at the picture anew.

        Raises:
            ImageCheckError: it cannot be seen.
        """
        self._begin()
        try:
            ranged = not self._plainly and await self._ask(0, FIRST_BYTES - 1)
        except ImageCheckError as trouble:
            self._plainly = trouble.to_range
            # What may pass is asked again after a while, and without a range then.
            if trouble.passing or not self._plainly:
                raise
            ranged = False
        if not ranged:
            self._begin()
            await self._ask(0, None)
        while (last := self._last_wanted()) is not None:
            await self._ask(self._reading.size_bytes, last)
        return self._found()

    def _begin(self) -> None:
        self._reading = ImageSniffer()
        self._same = None

    async def _ask(self, first: int, last: int | None) -> bool:
        """Read a range, or what the host gives in its place.

        False if the host answered to the range with what is of no use.
        """
        headers = {} if last is None else {"Range": f"bytes={first}-{last}"}
        if first and self._facts.tag:
            headers["If-Range"] = self._facts.tag
        async with self._asking.get(self._address, headers) as answer:
            if answer.status_code == HTTPStatus.OK:
                # No ranges here, or another picture by now: this is all of it.
                self._begin()
                self._facts = _facts_of(answer)
                await self._read_as_needed(answer)
                return True
            if last is None:
                raise ImageCheckError(
                    f"cannot be read: the host answers HTTP {answer.status_code}",
                    "see whether that host is well, then try again",
                )
            return await self._read_range(answer, first, last)

    async def _read_range(self, answer: httpx.Response, first: int, last: int) -> bool:
        said = answer.headers.get("content-range", "")
        if _EMPTY_RANGE.fullmatch(said):
            self._facts = _Facts(0, "", "")
            return True
        match = _CONTENT_RANGE.fullmatch(said)
        facts = _facts_of(answer)
        if first and (match is None or (facts != self._facts)):
            raise ImageCheckError(
                "changed while it was read", "try again", passing=True
            )
        if match is None:
            return False
        begin, end, size = map(int, match.groups())
        if begin != first or end != min(last, size - 1):
            return False
        self._facts = facts
        wanted = end - first + 1
        if await self._read(answer, wanted) < wanted:
            raise _cut_off(self._reading.size_bytes, size)
        self._reading.sniff()
        return True

    async def _read(self, answer: httpx.Response, most_bytes: int) -> int:
        """Read so many bytes and no more; returns how many came."""
        came = 0
        async for chunk in answer.aiter_raw():
            part = chunk[: most_bytes - came]
            came += len(part)
            self._wish.count(len(part))
            self._reading.feed(part)
            if len(part) < len(chunk):
                break
        return came

    async def _read_as_needed(self, answer: httpx.Response) -> None:
        """Read an answer that begins at the beginning, until nothing more is wanted."""
        async for chunk in answer.aiter_raw():
            self._wish.count(len(chunk))
            self._reading.feed(chunk)
            if self._reading.size_bytes > self._wish.most_bytes and (
                self._facts.size_bytes is None
            ):
                raise ImageCheckError(
                    f"sends more than {self._wish.most_bytes:,} bytes",
                    "save it smaller",
                    trouble="picture-bytes",
                )
            if self._facts.size_bytes is not None and self._last_wanted() is None:
                return
        size_bytes = self._reading.size_bytes
        if self._facts.size_bytes not in {None, size_bytes}:
            raise _cut_off(size_bytes, self._facts.size_bytes or 0)
        self._facts = _Facts(size_bytes, self._facts.tag, self._facts.modified)

    def _last_wanted(self) -> int | None:
        """The last byte that is still wanted; None if enough is known."""
        size_bytes = self._facts.size_bytes or 0
        came = self._reading.size_bytes
        if came >= size_bytes:
            return None
        if not self._reading.is_decided:
            return min(2 * max(came, FIRST_BYTES), size_bytes) - 1
        if not self._wish.wants_all(self._reading, size_bytes):
            return None
        if came >= FIRST_BYTES and self._known_content() is not None:
            return None
        return size_bytes - 1

    def _known_content(self) -> Kept | None:
        """What was kept of this very content under another signature."""
        facts = self._facts
        if self._same is None:
            self._same = []
            if facts.tag and facts.size_bytes:
                kept = self._memory.kept_of_content(
                    *(self._address, facts.tag, facts.size_bytes),
                    self._reading.first_sha256,
                )
                self._same = [kept] if kept is not None else []
        return self._same[0] if self._same else None

    def _found(self) -> Kept:
        size_bytes = self._facts.size_bytes or 0
        look = self._reading.info(
            size_bytes, whole=self._reading.size_bytes == size_bytes
        )
        if look.sha256 is None and self._same:
            look = self._same[0].look
        first = self._reading.first_sha256
        return Kept(look, self._facts.tag, self._facts.modified, first)


def _facts_of(answer: httpx.Response) -> _Facts:
    tag = _tag_of(answer)
    return _Facts(_size_bytes_of(answer), tag, "" if tag else _modified_of(answer))


def _size_bytes_of(answer: httpx.Response) -> int | None:
    """Size of the whole picture, as far as an answer tells it."""
    if answer.status_code == HTTPStatus.PARTIAL_CONTENT:
        match = _CONTENT_RANGE.fullmatch(answer.headers.get("content-range", ""))
        return int(match[3]) if match else None
    text = answer.headers.get("content-length", "")
    return int(text[:18]) if text.isascii() and text.isdecimal() else None


def _tag_of(answer: httpx.Response) -> str:
    """A strong ETag; empty where there is none: a weak one promises no bytes."""
    tag = str(answer.headers.get("etag", ""))
    return tag if tag.startswith('"') else ""


def _modified_of(answer: httpx.Response) -> str:
    text = str(answer.headers.get("last-modified", ""))
    try:
        now = parsedate_to_datetime(answer.headers.get("date", ""))
        return text if now - parsedate_to_datetime(text) > _SETTLED else ""
    except (TypeError, ValueError):
        return ""


def _cut_off(came: int, wanted: int) -> ImageCheckError:
    return ImageCheckError(
        f"comes cut off: {came:,} of {wanted:,} bytes",
        "see whether that host is well, then try again",
        passing=True,
    )
