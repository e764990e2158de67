"""What requests and answers look like: keys, bodies, the envelope, predictions as JSON.

A refusal is raised as `HTTPException`, a lost connection as `LineDroppedError`.
"""

import json
import math
from datetime import UTC, datetime
from email.utils import formatdate
from typing import Any, TypeVar

from pydantic import BaseModel, RootModel, ValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive

from sandbox.settings import describe
from sandbox.state import Account, Prediction, Provider

#: What other providers call the same.
SYNONYMS = {
    "created": "IN_QUEUE",
    "processing": "in-progress",
    "completed": "Succeeded",
    "failed": "error",
    "cancelled": "canceled",
    "timeout": "timed_out",
}
#: What a proxy may answer instead of the provider.
PROXY_PAGE = "<!doctype html><title>Just a moment</title><h1>Please wait</h1>"
#: Most bytes of a request that is no file.
MAX_JSON_BYTES = 1024 * 1024

Body = TypeVar("Body", bound=BaseModel)
JsonObject = RootModel[dict[str, Any]]


class LineDroppedError(Exception):
    """The connection is to be closed at once, without an answer."""


async def disconnected(receive: Receive) -> None:
    """Return when the server has noticed that the connection is closed."""
    while (await receive())["type"] != "http.disconnect":
        pass


def json_response(content: object, status: int = 200) -> Response:
    """An answer in JSON."""
    body = json.dumps(content, ensure_ascii=False, separators=(",", ":"))
    return Response(body, status, None, "application/json")


def success(data: object) -> Response:
    """The envelope of everything that went well."""
    return json_response({"code": 200, "message": "success", "data": data})


def refusal(error: HTTPException) -> Response:
    """An answer that is not 200, in the provider's words."""
    content = {"code": error.status_code, "message": error.detail}
    response = json_response(content, error.status_code)
    response.headers.update(error.headers or {})
    return response


def fail(provider: Provider, *faults: str) -> Response | None:
    """The answer of the first of these faults that happens, by the end of its name.

    Refusals and dropped lines are raised.
    """
    happened = next((name for name in faults if provider.faults.happens(name)), "")
    match happened.removesuffix("_before").rpartition("_")[2]:
        case "5xx":
            raise HTTPException(503, "service unavailable")
        case "429":
            raise too_many(provider, "too many requests")
        case "drop":
            raise LineDroppedError
        case "html":
            return Response(PROXY_PAGE, 200, None, "text/html; charset=utf-8")
        case "redirect" | "scheme":
            return Response(None, 307, {"location": "file:///etc/passwd"})
    return None


def account(provider: Provider, request: Request) -> Account:
    """The account of the key that a request carries.

    Raises:
        HTTPException: 401, no key or a wrong one.
    """
    scheme, _, key = request.headers.get("authorization", "").partition(" ")
    key = key.strip()
    known = not provider.keys or key in provider.keys
    if scheme.lower() != "bearer" or not key or not known:
        words = "invalid authentication: the API key is missing or wrong"
        raise HTTPException(401, words)
    return provider.account(key)


async def body_of(request: Request, max_bytes: int) -> bytes:
    """The body of a request; `HTTPException` 413 if it is larger than allowed."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > max_bytes:
            raise HTTPException(413, f"the body has more than {max_bytes} bytes")
    return bytes(body)


async def json_of(request: Request, kind: type[Body]) -> Body:
    """The JSON that a request carries; an empty body counts as an empty object.

    Raises:
        HTTPException: 400, it is something else.
    """
    body = await body_of(request, MAX_JSON_BYTES)
    try:
        return kind.model_validate_json(body or b"{}")
    except ValidationError as error:
        words = describe(error.errors()[0], "unknown field")
        raise HTTPException(400, words) from None


def too_many(provider: Provider, message: str, wait_s: float = 0) -> HTTPException:
    """A 429, with the Retry-After that is set."""
    settings = provider.settings
    seconds = math.ceil(settings.retry_after_s or wait_s or 1)
    forms = {
        "seconds": str(seconds),
        "date": formatdate(provider.clock() + seconds, usegmt=True),
        "absurd": "31536000000",
    }
    form = forms.get(settings.retry_after)
    return HTTPException(429, message, {"retry-after": form} if form else None)


def iso(at_s: float) -> str:
    """A time as the provider writes it: UTC, with nanoseconds."""
    whole, part = divmod(at_s, 1)
    text = datetime.fromtimestamp(whole, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    return f"{text}.{int(part * 1e9):09d}Z"


def prediction_json(
    provider: Provider, prediction: Prediction, *, show_inputs: bool
) -> dict[str, object]:
    """A prediction as it is now."""
    now_s = provider.clock()
    state = prediction.status(now_s)
    completed = state.status == "completed"
    work_s = prediction.due_at_s - prediction.created_at_s
    work_ms = round(work_s * 1000) if prediction.over(now_s) else 0
    data: dict[str, object] = {
        "id": prediction.id,
        "model": prediction.model,
        "outputs": _outputs(provider, prediction) if completed else [],
        "urls": {"get": f"{provider.url}/api/v3/predictions/{prediction.id}/result"},
        "has_nsfw_contents": [False] if completed else [],
        "status": _word(provider, prediction, state.status),
        "created_at": iso(prediction.created_at_s),
        "error": state.error,
        "code": state.code,
        "executionTime": work_ms,
        "timings": {"inference": work_ms},
    }
    return data | ({"input": prediction.inputs} if show_inputs else {})


def _word(provider: Provider, prediction: Prediction, status: str) -> str:
    happens, number = provider.faults.happens_to, prediction.sequence
    if happens("status_upper", number):
        return status.upper()
    return SYNONYMS.get(status, status) if happens("status_synonym", number) else status


def _outputs(provider: Provider, prediction: Prediction) -> list[object]:
    """The outputs of a completed prediction, in the form that a fault asks for."""
    url = f"{provider.files_url}/predictions/{prediction.id}/1.mp4"
    cover = f"{provider.files_url}/pictures/mug.jpg"
    forms: dict[str, list[object]] = {
        "outputs_null": [None, "", url],
        "outputs_cover": [cover, url],
        "outputs_object": [{"cover": cover, "video": {"url": url}}],
        "outputs_space": [f"{url}?name=my clip.mp4"],
        "outputs_none": [],
    }
    happens, number = provider.faults.happens_to, prediction.sequence
    return next((form for name, form in forms.items() if happens(name, number)), [url])
