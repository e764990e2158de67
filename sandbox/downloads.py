"""The videos, from an origin of their own: `/predictions/{id}/1.mp4`.

It decides nothing but how a download goes wrong when a fault says so; `videos` makes
the file. No key is asked for here, and one that arrives is refused and counted in
`app`.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path

from starlette.requests import Request
from starlette.responses import FileResponse, Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from sandbox.answers import Refusal, web_page
from sandbox.models import known_models
from sandbox.predictions import Prediction
from sandbox.provider import Provider

MP4 = "video/mp4"
#: How often a slow line says something, in seconds.
DRIP_S = 0.25
ENDLESS_CHUNK = bytes(16 * 1024)


async def video(provider: Provider, request: Request) -> Response:
    """The video of a completed prediction."""
    _, prediction = provider.predictions.get(request.path_params["id"], (None, None))
    if prediction is None:
        raise Refusal(404, "no such file")
    if prediction.status(provider.clock()).status != "completed":
        raise Refusal(404, "no such file")
    prediction.downloads += 1
    spoiled = _spoiled(provider, prediction)
    if spoiled is not None:
        return spoiled
    path = await provider.shelf.video(
        prediction, known_models()[prediction.model], provider.settings.quality
    )
    return _sent(provider, path)


async def elsewhere(_: Provider, __: Request) -> Response:
    """Where a redirected reader ends up: nothing is here."""
    raise Refusal(404, "nothing is here")


def _spoiled(provider: Provider, prediction: Prediction) -> Response | None:
    """An answer without a video, where a fault asks for one."""
    faults = provider.faults
    if prediction.downloads <= provider.settings.download_404_first:
        raise Refusal(404, "no such file")
    if faults.strikes_at("download_403", prediction.sequence):
        raise Refusal(403, "the link has expired")
    if faults.strikes("download_5xx"):
        raise Refusal(503, "service unavailable")
    if faults.strikes("download_html"):
        return web_page()
    if faults.strikes("download_redirect"):
        return Response(None, 302, {"location": "file:///etc/passwd"})
    if faults.strikes("download_endless"):
        return StreamingResponse(_endless(), media_type=MP4)
    return None


def _sent(provider: Provider, path: Path) -> Response:
    """The video, by a line that may be a bad one."""
    faults = provider.faults
    if faults.strikes("download_truncated"):
        whole = path.read_bytes()
        return Broken(whole[: len(whole) // 2], len(whole))
    if faults.strikes("download_wrong_length"):
        whole = path.read_bytes()
        return Broken(whole, len(whole) // 2)
    if faults.strikes("download_drip"):
        whole = path.read_bytes()
        drops = _drip(whole, lambda: provider.settings.drip_bytes_per_s)
        length = {"content-length": str(len(whole))}
        return StreamingResponse(drops, 200, length, MP4)
    return FileResponse(path, 200, media_type=MP4)


class Broken(Response):
    """A body that is not as long as its Content-Length says, then the end."""

    def __init__(self, body: bytes, length: int) -> None:
        super().__init__(body, 200, {"content-length": str(length)}, MP4)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Write to the connection itself: the server would not let us lie."""
        del receive, send
        transport = scope["state"]["transport"]
        head = [b"HTTP/1.1 200 OK"]
        head += [name + b": " + value for name, value in self.raw_headers]
        transport.write(b"\r\n".join([*head, b"", b""]) + self.body)
        transport.close()
        # Until the server has noticed, it would complain of an unfinished answer.
        await scope["state"]["closed"].wait()


async def _endless() -> AsyncIterator[bytes]:
    while True:
        yield ENDLESS_CHUNK
        await asyncio.sleep(DRIP_S / 10)


async def _drip(whole: bytes, bytes_per_s: Callable[[], int]) -> AsyncIterator[bytes]:
    sent = 0
    while sent < len(whole):
        # Read anew each time: the setting may change while it drips.
        drop = max(1, round(bytes_per_s() * DRIP_S))
        yield whole[sent : sent + drop]
        sent += drop
        await asyncio.sleep(DRIP_S)
