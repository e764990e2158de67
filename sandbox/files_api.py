"""Files: upload tickets, and everything on the files origin."""

import asyncio
import mimetypes
from collections.abc import AsyncIterator

from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from sandbox import wire
from sandbox.media import samples
from sandbox.state import Prediction, Provider

MAX_BYTES = 20 * 1024 * 1024
#: A header of every ticket, without which its bytes are not taken.
SEAL = "X-Upload-Seal"
MP4 = "video/mp4"
#: How often a slow line sends something, in seconds.
DRIP_S = 0.25
ENDLESS_CHUNK = bytes(16 * 1024)


class _TicketQuery(BaseModel):
    model_config = ConfigDict(strict=True)

    filename: str = Field(min_length=1)
    size: int = Field(ge=1)
    content_type: str | None = None


async def ticket(provider: Provider, request: Request) -> Response:
    """A URL to put an announced file to, and the one to read it from."""
    wire.account(provider, request)
    query = await wire.json_of(request, _TicketQuery)
    if query.size > MAX_BYTES:
        words = f"size: files have at most {MAX_BYTES} bytes, got {query.size}"
        raise HTTPException(413, words)
    guessed = mimetypes.guess_type(query.filename)[0] or "application/octet-stream"
    content_type = query.content_type or guessed
    upload = provider.expect(query.filename, content_type, query.size)
    url = provider.upload_url(upload)
    headers = {"Content-Type": content_type, SEAL: upload.seal}
    how = {"method": "PUT", "url": url, "headers": headers}
    return wire.success({"download_url": url, "upload": how})


async def put(provider: Provider, request: Request) -> Response:
    """Take in the bytes of an announced file."""
    upload = provider.uploads.get(request.scope["path"])
    if upload is None:
        raise HTTPException(403, "no such ticket; ask at /api/v3/media/uploads")
    if request.headers.get(SEAL) != upload.seal:
        raise HTTPException(403, f"{SEAL}: must be sent as the ticket says")
    # As the great object stores do, which take no chunks.
    if "content-length" not in request.headers:
        raise HTTPException(411, "content-length: is required")
    wire.fail(provider, "upload_put_drop")
    body = await wire.body_of(request, MAX_BYTES)
    came = (len(body), request.headers.get("content-type"))
    if came != (said := (upload.size_bytes, upload.content_type)):
        raise HTTPException(400, f"the ticket says {said}, and {came} came")
    provider.keep(upload, body)
    return Response(None, 200)


async def get(provider: Provider, request: Request) -> Response:
    """An uploaded file."""
    found = provider.upload(request.scope["path"])
    if found is None:
        raise HTTPException(404, "no such file")
    return Response(found.body, 200, None, found.content_type)


async def sample(_: Provider, request: Request) -> Response:
    """A sample picture."""
    body = samples().get(request.scope["path"])
    if body is None:
        known = ", ".join(sorted(samples()))
        raise HTTPException(404, f"no such picture; there are {known}")
    return Response(body, 200, None, "image/jpeg")


async def video(provider: Provider, request: Request) -> Response:
    """The video of a completed prediction."""
    _, prediction = provider.predictions.get(request.path_params["id"], (None, None))
    now_s = provider.clock()
    if prediction is None or prediction.status(now_s).status != "completed":
        raise HTTPException(404, "no such file")
    prediction.downloads += 1
    if (spoiled := _spoiled(provider, prediction)) is not None:
        return spoiled
    path = await provider.media.video(
        prediction.model, prediction.inputs, provider.settings.quality
    )
    mangled = _mangled(provider, path.read_bytes())
    return mangled or FileResponse(path, 200, media_type=MP4)


def _mangled(provider: Provider, whole: bytes) -> Response | None:
    happens = provider.faults.happens
    if happens("download_truncated"):
        return MislabelledResponse(whole[: len(whole) // 2], len(whole))
    if happens("download_wrong_length"):
        return MislabelledResponse(whole, len(whole) // 2)
    if happens("download_drip"):
        length = {"content-length": str(len(whole))}
        return StreamingResponse(_drip(provider, whole), 200, length, MP4)
    return None


async def elsewhere(_: Provider, __: Request) -> Response:
    """The target of a redirect: nothing is here."""
    raise HTTPException(404, "nothing is here")


class MislabelledResponse(Response):
    """A body that is not as long as its Content-Length says, then the end."""

    def __init__(self, body: bytes, length_bytes: int) -> None:
        super().__init__(body, 200, {"content-length": str(length_bytes)}, MP4)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Write to the connection itself: the server does not let us lie."""
        del send
        transport = scope["state"]["transport"]
        head = [b"HTTP/1.1 200 OK"]
        head += [name + b": " + value for name, value in self.raw_headers]
        transport.write(b"\r\n".join([*head, b"", b""]) + self.body)
        transport.close()
        # Until the server has noticed, it would complain of an unfinished answer.
        await wire.disconnected(receive)


def _spoiled(provider: Provider, prediction: Prediction) -> Response | None:
    """An answer without a video, where a fault asks for one."""
    if prediction.downloads <= provider.settings.download_404_first:
        raise HTTPException(404, "no such file")
    if provider.faults.happens_to("download_403", prediction.sequence):
        raise HTTPException(403, "the link has expired")
    if provider.faults.happens("download_endless"):
        return StreamingResponse(_endless(), media_type=MP4)
    return wire.fail(provider, "download_5xx", "download_html", "download_redirect")


async def _endless() -> AsyncIterator[bytes]:
    while True:
        yield ENDLESS_CHUNK
        await asyncio.sleep(DRIP_S / 10)


async def _drip(provider: Provider, whole: bytes) -> AsyncIterator[bytes]:
    sent = 0
    while sent < len(whole):
        # Read anew each time: the setting may change while it drips.
        drop = max(1, round(provider.settings.drip_bytes_per_s * DRIP_S))
        yield whole[sent : sent + drop]
        sent += drop
        await asyncio.sleep(DRIP_S)
