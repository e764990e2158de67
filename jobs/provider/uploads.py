"""Handing pictures of this machine to the provider, which keeps each for seven days.

A ticket says where to put the bytes. An upload costs nothing, so it is repeated
politely; the API key never goes to the host that takes the bytes, and no name or path
of this machine goes anywhere.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from io import BytesIO

from jobs.catalogue.pictures import kind_of
from jobs.pace.waits import MAX_COOLING_S
from jobs.provider import replies
from jobs.provider.answers import NoAnswerError, UploadError
from jobs.provider.client import Provider
from jobs.provider.http import Http, RequestError, deadline
from jobs.provider.replies import Reply, clean, fetchable

TICKETS = "/api/v3/media/uploads"

#: The file itself is not wanted, or no file is; it would not be the second time either.
UNWANTED = frozenset({400, 404, 405, 413, 415, 422, 501})

#: Media type and ending of a file name, by the kind that the first bytes tell.
KINDS = {"jpeg": ("image/jpeg", ".jpg"), "png": ("image/png", ".png")}
UNKNOWN_KIND = ("application/octet-stream", "")

#: Headers that belong to the connection, not to whoever gave the ticket.
OURS = frozenset(
    {"host", "connection", "content-length", "transfer-encoding", "expect"}
)

#: Waits in seconds before another try, as long as nobody asks for longer ones.
WAITS_S = (1.0, 4.0, 15.0)

#: Timeouts for one whole file, and for a single read.
TIMEOUT_S = 300.0
READ_TIMEOUT_S = 60.0


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture of this machine, as it is to be handed over."""

    #: Hex SHA-256 of its content.
    sha256: str
    content: bytes


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
        self._http = Http(READ_TIMEOUT_S, provider.base_url)

    async def upload(self, picture: Picture) -> str:
        """The link of a picture that was handed over.

        Raises:
            UploadError: it was refused, or did not work in several tries.
        """
        for wait_s in self._waits_s:
            try:
                return await self._upload_once(picture)
            except UploadError as error:
                if error.trouble != "unreachable":
                    raise
                asked_s = min(error.after_s or 0.0, MAX_COOLING_S)
            await asyncio.sleep(max(wait_s, asked_s))
        return await self._upload_once(picture)

    async def close(self) -> None:
        """Let go of the connections."""
        await self._http.close()

    async def _upload_once(self, picture: Picture) -> str:
        kind = kind_of(picture.content[:64])
        media_type, ending = KINDS.get(kind, UNKNOWN_KIND)
        asked = {
            "filename": picture.sha256 + ending,
            "size": len(picture.content),
            "content_type": media_type,
        }
        try:
            reply = await self._provider.ask("POST", TICKETS, asked)
        except NoAnswerError as error:
            raise _later(str(error)) from None
        if account := replies.trouble(reply):
            raise UploadError(account.trouble, account.reason)
        reason = f"HTTP {reply.status}: {reply.excerpt()}"
        if reply.status in UNWANTED:
            raise UploadError("refused", reason)
        if reply.status != HTTPStatus.OK:
            raise _later(reason, replies.retry_after_s(reply))
        ticket = _ticket(reply)
        await self._put(picture, ticket)
        return ticket.download_url

    async def _put(self, picture: Picture, ticket: _Ticket) -> None:
        body = BytesIO(picture.content)
        try:
            async with (
                deadline(self._timeout_s, "not handed over within"),
                await self._http.ask("PUT", ticket.url, ticket.headers, body) as answer,
            ):
                # What it says besides is of no use, and need not end.
                status = answer.status
        except RequestError as error:
            if error.barred:
                raise UploadError("refused", f"its ticket: {error}") from None
            raise _later(str(error)) from None
        if status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
            raise UploadError("refused", "the file host says that it is too large")
        if status not in range(HTTPStatus.OK, HTTPStatus.MULTIPLE_CHOICES):
            raise _later(f"the file host answers HTTP {status}")


def _later(reason: str, after_s: float | None = None) -> UploadError:
    return UploadError("unreachable", reason, after_s)


def _ticket(reply: Reply) -> _Ticket:
    data = reply.data
    given = replies.object_of(data, "upload")
    headers = given.get("headers") or {}
    url, download_url = given.get("url"), data.get("download_url")
    if given.get("method", "PUT") != "PUT" or not fetchable(url):
        raise _later(f"a ticket that cannot be used: {reply.excerpt()}")
    if not isinstance(headers, dict) or not all(map(_is_header, headers.items())):
        raise _later(f"a ticket whose headers cannot be sent: {reply.excerpt()}")
    if not fetchable(download_url):
        raise _later(f"a ticket without a web address: {clean(str(download_url))}")
    kept = {name: v for name, v in headers.items() if name.lower() not in OURS}
    return _Ticket(str(url), kept, str(download_url))


def _is_header(pair: tuple[object, object]) -> bool:
    return all(
        isinstance(each, str) and each.isascii() and each.isprintable() for each in pair
    )
