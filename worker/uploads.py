"""Handing pictures of this machine to the provider, which keeps each for seven days.

A ticket says where to put the bytes; where the API knows no tickets, the older form is
used. An upload costs nothing, so it is repeated politely; the API key never goes to
the host that takes the bytes, and no name or path of this machine goes anywhere.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any

from jobs.net import barred_by
from jobs.pace.waits import LONGEST_COOLING_S
from worker import replies
from worker.provider import NoAnswerError, Provider
from worker.replies import Reply, clean, describe, fetchable
from worker.transport import REQUEST_ERRORS, Sessions, make_client

TICKETS = "/api/v3/media/uploads"

#: The older way (wavespeed.ai/docs/upload-files-api).
FORM = "/api/v3/media/upload/binary"

#: The API does not have a route.
NO_ROUTE = frozenset({404, 405, 501})

#: The file itself is not wanted; it would not be the second time either.
UNWANTED = frozenset({400, 413, 415, 422})

ENDINGS = {"image/jpeg": ".jpg", "image/png": ".png"}

#: Headers that belong to the connection, not to whoever gave the ticket.
OURS = frozenset(
    {"host", "connection", "content-length", "transfer-encoding", "expect"}
)

#: Waits in seconds before another try, as long as nobody asks for longer ones.
WAITS_S = (1.0, 4.0, 15.0)

#: Patience for one whole file, and for a single read.
TIMEOUT_S = 300.0
READ_TIMEOUT_S = 60.0

PIECE_BYTES = 256 << 10


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture file of this machine, as it is to be handed over."""

    #: Hex SHA-256 of its content.
    sha256: str
    path: Path
    size_bytes: int
    #: As its first bytes say, such as `image/jpeg`.
    content_type: str

    @property
    def name(self) -> str:
        """What the provider is told it is called."""
        return self.sha256 + ENDINGS.get(self.content_type, "")

    async def pieces(self) -> AsyncIterator[bytes]:
        """Its bytes, exactly as many as were announced.

        Raises:
            OSError: it cannot be read, or is not as long any more.
        """
        left = self.size_bytes
        with await asyncio.to_thread(self.path.open, "rb") as file:
            while left:
                piece = await asyncio.to_thread(file.read, min(PIECE_BYTES, left))
                if not piece:
                    raise OSError(f"it is {left} bytes shorter than before")
                left -= len(piece)
                yield piece


class UploadError(Exception):
    """A picture could not be handed over."""

    def __init__(self, trouble: str, reason: str) -> None:
        super().__init__(reason)
        #: `refused` for this picture, `unreachable`, or a trouble of the account.
        self.trouble = trouble


class UploadLaterError(Exception):
    """It did not work this time."""

    def __init__(self, reason: str, after_s: float | None = None) -> None:
        super().__init__(reason)
        #: Seconds that the other side asks for.
        self.after_s = after_s


@dataclass(frozen=True, slots=True)
class _Ticket:
    """Where to put the bytes, and where they can be fetched then."""

    url: str
    headers: Mapping[str, str]
    download_url: str


class Uploads:
    """Hands over pictures, for one event loop."""

    def __init__(
        self,
        provider: Provider,
        timeout_s: float = TIMEOUT_S,
        waits_s: tuple[float, ...] = WAITS_S,
    ) -> None:
        self._provider = provider
        self._timeout_s = timeout_s
        self._waits_s = waits_s
        self._client = make_client(READ_TIMEOUT_S, Sessions(provider.base_url))
        self._tickets = True

    async def upload(self, picture: Picture) -> str:
        """The link of a picture that was handed over.

        Raises:
            UploadError: it was refused, or did not work in several tries.
        """
        for wait_s in self._waits_s:
            try:
                return await self._upload_once(picture)
            except UploadLaterError as error:
                asked_s = min(error.after_s or 0.0, LONGEST_COOLING_S)
                await asyncio.sleep(max(wait_s, asked_s))
        try:
            return await self._upload_once(picture)
        except UploadLaterError as error:
            raise UploadError("unreachable", str(error)) from None

    async def close(self) -> None:
        """Let go of the connections."""
        await self._client.aclose()

    async def _upload_once(self, picture: Picture) -> str:
        try:
            if self._tickets:
                return await self._by_ticket(picture)
            return await self._by_form(picture)
        except NoAnswerError as error:
            raise UploadLaterError(str(error)) from None

    async def _by_ticket(self, picture: Picture) -> str:
        asked = {
            "filename": picture.name,
            "size": picture.size_bytes,
            "content_type": picture.content_type,
        }
        reply = await self._provider.ask("POST", TICKETS, asked)
        if reply.status in NO_ROUTE:
            self._tickets = False
            return await self._by_form(picture)
        _check(reply)
        ticket = _ticket(reply)
        await self._put(picture, ticket)
        return ticket.download_url

    async def _put(self, picture: Picture, ticket: _Ticket) -> None:
        length = {"Content-Length": str(picture.size_bytes)}
        try:
            async with (
                asyncio.timeout(self._timeout_s),
                self._client.stream(
                    "PUT",
                    ticket.url,
                    headers={**ticket.headers, **length},
                    content=picture.pieces(),
                ) as response,
            ):
                # What it says besides is of no use, and need not end.
                status, taken = response.status_code, response.is_success
        except TimeoutError:
            raise UploadLaterError(
                f"not handed over within {self._timeout_s:g} s"
            ) from None
        except REQUEST_ERRORS as error:
            if barred := barred_by(error):
                raise UploadError("refused", f"its ticket: {barred}") from None
            raise UploadLaterError(describe(error)) from None
        if status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
            raise UploadError("refused", "the file host says that it is too large")
        if not taken:
            raise UploadLaterError(f"the file host answers HTTP {status}")

    async def _by_form(self, picture: Picture) -> str:
        head, tail = _form(picture)

        async def pieces() -> AsyncIterator[bytes]:
            yield head
            async for piece in picture.pieces():
                yield piece
            yield tail

        headers = {
            "Content-Type": f"multipart/form-data; boundary={_boundary(picture)}",
            "Content-Length": str(len(head) + picture.size_bytes + len(tail)),
        }
        reply = await self._provider.post_file(FORM, pieces(), headers, self._timeout_s)
        _check(reply)
        return _download_url(replies.data(reply))


def _check(reply: Reply) -> None:
    """Return if the API took what it was asked.

    Raises:
        UploadError: it refuses this picture, or the account.
        UploadLaterError: it may take it later.
    """
    account = replies.trouble(reply)
    if account:
        raise UploadError(account.trouble, account.reason)
    if reply.status in UNWANTED | NO_ROUTE:
        raise UploadError("refused", f"HTTP {reply.status}: {reply.excerpt()}")
    if reply.status != HTTPStatus.OK:
        reason = f"HTTP {reply.status}: {reply.excerpt()}"
        raise UploadLaterError(reason, replies.retry_after_s(reply))


def _ticket(reply: Reply) -> _Ticket:
    data = replies.data(reply)
    upload = data.get("upload")
    given = upload if isinstance(upload, dict) else {}
    headers = given.get("headers") or {}
    url = given.get("url")
    if given.get("method", "PUT") != "PUT" or not fetchable(url):
        raise UploadLaterError(f"a ticket that cannot be used: {reply.excerpt()}")
    if not isinstance(headers, dict) or not all(map(_is_header, headers.items())):
        raise UploadLaterError(
            f"a ticket with headers that none are: {reply.excerpt()}"
        )
    kept = {name: v for name, v in headers.items() if name.lower() not in OURS}
    return _Ticket(str(url), kept, _download_url(data))


def _is_header(pair: tuple[object, object]) -> bool:
    return all(
        isinstance(each, str) and each.isascii() and each.isprintable() for each in pair
    )


def _download_url(data: Mapping[str, Any]) -> str:
    url = data.get("download_url")
    if not fetchable(url):
        raise UploadLaterError(
            f"uploaded, but without a web address: {clean(str(url))}"
        )
    return str(url)


def _form(picture: Picture) -> tuple[bytes, bytes]:
    """What stands before and after the bytes of a picture in the older form."""
    boundary = _boundary(picture)
    lines = (
        f"--{boundary}",
        f'Content-Disposition: form-data; name="file"; filename="{picture.name}"',
        f"Content-Type: {picture.content_type}",
        "",
        "",
    )
    return "\r\n".join(lines).encode(), f"\r\n--{boundary}--\r\n".encode()


def _boundary(picture: Picture) -> str:
    # No file has its own digest in it.
    return f"reelmill-{picture.sha256[:32]}"
