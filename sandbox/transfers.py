"""Handing over files: tickets and the older upload, and the files origin's own.

It decides whether a file is taken in; `uploads` keeps it. The two routes that carry a
key belong to the API, the one that must not carry any belongs to the files origin.
"""

import mimetypes
from email.message import Message

from starlette.requests import Request
from starlette.responses import Response

from sandbox.answers import (
    LineDropped,
    Refusal,
    body_of,
    json_object,
    let_in,
    since_newer_routes,
    success,
)
from sandbox.provider import Provider
from sandbox.uploads import MOST_BYTES, samples

#: A header of every ticket, without which its bytes are not taken.
SEAL = "X-Upload-Seal"

#: Room for the lines that surround a file in a form.
FORM_BYTES = 16 * 1024


async def ticket(provider: Provider, request: Request) -> Response:
    """A URL to put an announced file to, and the one to read it from."""
    let_in(provider, request)
    since_newer_routes(provider)
    if provider.faults.strikes("upload_5xx"):
        raise Refusal(503, "service unavailable")
    body = await json_object(request)
    filename, size = body.get("filename"), body.get("size")
    if not isinstance(filename, str) or not filename:
        raise Refusal(400, "filename: must be a string that is not empty")
    if not isinstance(size, int) or isinstance(size, bool) or size < 1:
        raise Refusal(400, f"size: must be a number of bytes, got {size!r:.40}")
    if size > MOST_BYTES:
        raise Refusal(413, f"size: files have at most {MOST_BYTES} bytes, got {size}")
    content_type = body.get("content_type") or _guessed(filename)
    if not isinstance(content_type, str):
        raise Refusal(400, "content_type: must be a string")
    path = provider.uploads.expect(filename, content_type, size)
    url = provider.uploads.url(path)
    instruction = {
        "method": "PUT",
        "url": url,
        "headers": {
            "Content-Type": content_type,
            SEAL: provider.uploads.by_path[path].seal,
        },
    }
    return success({"download_url": url, "upload": instruction})


async def put(provider: Provider, request: Request) -> Response:
    """Take in the bytes of an announced file."""
    path = request.scope["path"]
    upload = provider.uploads.by_path.get(path)
    if upload is None:
        raise Refusal(403, "no such ticket; ask for one at /api/v3/media/uploads")
    if request.headers.get(SEAL) != upload.seal:
        raise Refusal(403, f"{SEAL}: must be sent as the ticket says")
    # As the great object stores do, which take no chunks.
    if "content-length" not in request.headers:
        raise Refusal(411, "content-length: is required")
    if provider.faults.strikes("upload_put_drop"):
        raise LineDropped
    if provider.faults.strikes("upload_put_5xx"):
        raise Refusal(503, "service unavailable")
    body = await body_of(request, MOST_BYTES)
    if len(body) != upload.size_bytes:
        announced = f"{upload.size_bytes} bytes were announced"
        raise Refusal(400, f"size: {announced}, {len(body)} came")
    if request.headers.get("content-type") != upload.content_type:
        raise Refusal(400, f"content-type: the ticket says {upload.content_type}")
    provider.uploads.keep(path, body, provider.clock())
    return Response(None, 200)


async def binary(provider: Provider, request: Request) -> Response:
    """The older way: a form with one field `file`."""
    let_in(provider, request)
    boundary = _parameter(request.headers.get("content-type", ""), "boundary")
    if boundary is None:
        raise Refusal(400, "the body must be multipart/form-data with a boundary")
    form = await body_of(request, MOST_BYTES + FORM_BYTES)
    filename, content_type, body = _file_of(form, boundary)
    path = provider.uploads.expect(filename, content_type, len(body))
    provider.uploads.keep(path, body, provider.clock())
    return success(
        {
            "type": content_type.partition("/")[0],
            "download_url": provider.uploads.url(path),
            "filename": filename,
            "size": len(body),
        }
    )


async def get(provider: Provider, request: Request) -> Response:
    """An uploaded file."""
    upload = provider.uploads.find(request.scope["path"])
    if upload is None:
        raise Refusal(404, "no such file")
    return Response(upload.body, 200, None, upload.content_type)


async def sample(_: Provider, request: Request) -> Response:
    """A sample picture."""
    body = samples().get(request.scope["path"])
    if body is None:
        raise Refusal(404, f"no such picture; there are {', '.join(sorted(samples()))}")
    return Response(body, 200, None, "image/jpeg")


def _file_of(form: bytes, boundary: str) -> tuple[str, str, bytes]:
    """Name, type and bytes of the field `file`.

    Raises:
        Refusal: 400, there is none.
    """
    # The first boundary has no line end before it; giving it one makes all alike.
    for part in (b"\r\n" + form).split(b"\r\n--" + boundary.encode()):
        head, found, body = part.partition(b"\r\n\r\n")
        lines = head.decode("utf-8", "replace").split("\r\n")
        headers = {
            name.strip().lower(): value.strip()
            for name, _, value in (line.partition(":") for line in lines)
        }
        disposition = headers.get("content-disposition", "")
        if found and _parameter(disposition, "name") == "file":
            filename = _parameter(disposition, "filename") or "upload"
            return filename, headers.get("content-type") or _guessed(filename), body
    raise Refusal(400, "file: is required")


def _parameter(header: str, name: str) -> str | None:
    message = Message()
    message["content-type"] = header
    value = message.get_param(name)
    return value if isinstance(value, str) and value else None


def _guessed(filename: str) -> str:
    return mimetypes.guess_type(filename)[0] or "application/octet-stream"
