"""The shapes that answers have: the envelope, refusals, a prediction as JSON.

It decides how things are written, and who is let in; what is said is decided by the
module of each route. A refusal or a dropped line travels up as an exception and becomes
an answer in `app`.
"""

import json
import math
from datetime import UTC, datetime
from email.utils import formatdate
from functools import partial

from starlette.requests import Request
from starlette.responses import Response

from sandbox.account import Account
from sandbox.predictions import Prediction
from sandbox.provider import Provider

#: What other providers call the same.
SYNONYMS = {
    "created": "IN_QUEUE",
    "processing": "in-progress",
    "completed": "Succeeded",
    "failed": "error",
    "cancelled": "canceled",
    "timeout": "timed_out",
}

#: Most bytes of a request that is no file.
MOST_JSON_BYTES = 1024 * 1024


class Refusal(Exception):  # noqa: N818 - an answer, not an error of ours
    """An answer that is not 200, in the provider's words."""

    def __init__(
        self, status: int, message: str, headers: dict[str, str] | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.headers = headers

    def response(self) -> Response:
        """The refusal as it is sent."""
        content = {"code": self.status, "message": str(self)}
        return json_response(content, self.status, self.headers)


class LineDropped(Exception):  # noqa: N818 - what happens, not an error of ours
    """The connection is closed at once and nothing is answered."""


def json_response(
    content: object, status: int = 200, headers: dict[str, str] | None = None
) -> Response:
    """An answer in JSON."""
    body = json.dumps(content, ensure_ascii=False, separators=(",", ":"))
    return Response(body, status, headers, "application/json")


def success(data: object) -> Response:
    """The envelope of everything that went well."""
    return json_response({"code": 200, "message": "success", "data": data})


def web_page() -> Response:
    """What a proxy says when it has something to say."""
    page = "<!doctype html><title>Just a moment</title><h1>Please wait</h1>"
    return Response(page, 200, None, "text/html; charset=utf-8")


def let_in(provider: Provider, request: Request) -> Account:
    """The account of the key that a request carries.

    Raises:
        Refusal: 401, no key or a wrong one.
    """
    scheme, _, key = request.headers.get("authorization", "").partition(" ")
    key = key.strip()
    known = not provider.keys or key in provider.keys
    if scheme.lower() != "bearer" or not key or not known:
        raise Refusal(401, "invalid authentication: the API key is missing or wrong")
    return provider.account(key)


def since_newer_routes(provider: Provider) -> None:
    """Return if the routes that came later are there.

    Raises:
        Refusal: 404, they are switched off.
    """
    if not provider.settings.newer_routes:
        raise Refusal(404, "no such route")


async def body_of(request: Request, most_bytes: int) -> bytes:
    """The body of a request.

    Raises:
        Refusal: 413, it is larger than allowed.
    """
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > most_bytes:
            raise Refusal(413, f"the body has more than {most_bytes} bytes")
    return bytes(body)


async def json_object(request: Request) -> dict[str, object]:
    """The JSON object that a request carries; an empty body counts as an empty one.

    Raises:
        Refusal: 400, it is something else.
    """
    body = await body_of(request, MOST_JSON_BYTES)
    try:
        content = json.loads(body or b"{}")
    except ValueError:
        raise Refusal(400, "the body is not valid JSON") from None
    if not isinstance(content, dict):
        raise Refusal(400, "the body must be a JSON object")
    return content


def busy(provider: Provider, message: str, wait_s: float) -> Refusal:
    """A 429, with whatever Retry-After is set."""
    settings = provider.settings
    seconds = math.ceil(settings.retry_after_s or wait_s or 1)
    forms = {
        "none": None,
        "seconds": {"retry-after": str(seconds)},
        "date": {
            "retry-after": formatdate(provider.clock() + seconds, usegmt=True),
        },
        "absurd": {"retry-after": "31536000000"},
    }
    return Refusal(429, message, forms[settings.retry_after])


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
    over = prediction.over(now_s)
    strikes = partial(provider.faults.strikes_at, index=prediction.sequence)
    status = state.status
    if strikes("status_upper"):
        status = status.upper()
    elif strikes("status_synonym"):
        status = SYNONYMS.get(status, status)
    work_ms = round(prediction.generation_s * 1000) if over else 0
    data: dict[str, object] = {
        "id": prediction.id,
        "model": prediction.model,
        "outputs": _outputs(provider, prediction) if completed else [],
        "urls": {"get": provider.result_url(prediction)},
        "has_nsfw_contents": [False] if completed else [],
        "status": status,
        "created_at": iso(prediction.created_at_s),
        "error": state.error,
        "code": state.code,
        "executionTime": work_ms,
        "timings": {"inference": work_ms},
    }
    if show_inputs:
        data["input"] = prediction.inputs
    return data


def _outputs(provider: Provider, prediction: Prediction) -> list[object]:
    """What a completed prediction has made, in whatever form a fault asks for."""
    url = provider.video_url(prediction)
    cover = f"{provider.files_url}/pictures/mug.jpg"
    forms: dict[str, list[object]] = {
        "outputs_null": [None, "", url],
        "outputs_cover": [cover, url],
        "outputs_object": [{"cover": cover, "video": {"url": url}}],
        "outputs_space": [f"{url}?name=my clip.mp4"],
        "outputs_none": [],
    }
    strikes = provider.faults.strikes_at
    struck = (
        form for name, form in forms.items() if strikes(name, prediction.sequence)
    )
    return next(struck, [url])
