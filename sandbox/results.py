"""What became of a prediction: `GET /api/v3/predictions/{id}/result`, and deleting it.

It decides nothing of its own: a status is a function of the time, in `predictions`. The
faults of an answer are made here.
"""

from functools import cache

from starlette.requests import Request
from starlette.responses import Response

from sandbox.answers import (
    LineDropped,
    Refusal,
    busy,
    json_object,
    json_response,
    let_in,
    prediction_json,
    success,
    web_page,
)
from sandbox.predictions import Prediction
from sandbox.provider import Provider

HUGE_BYTES = 10 * 1024 * 1024
#: A word that no page knows; the rule is to keep looking.
UNKNOWN_STATUS = "warming_up"


async def result(provider: Provider, request: Request) -> Response:
    """A prediction by its id."""
    account = let_in(provider, request)
    prediction_id = request.path_params["id"]
    prediction = provider.find(account, prediction_id)
    if prediction is None:
        raise Refusal(404, f"prediction not found: {prediction_id}")
    prediction.looks += 1
    if provider.faults.odds:
        spoiled = _spoiled(provider, prediction)
        if spoiled is not None:
            return spoiled
    shown = provider.settings.result_inputs
    data = prediction_json(provider, prediction, show_inputs=shown)
    return success(_altered(provider, prediction, data))


async def delete(provider: Provider, request: Request) -> Response:
    """Delete predictions, without a refund; unknown ids are passed over."""
    account = let_in(provider, request)
    body = await json_object(request)
    ids = body.get("ids")
    if not isinstance(ids, list) or not all(isinstance(each, str) for each in ids):
        raise Refusal(400, "ids: must be an array of strings")
    count = 0
    for each in ids:
        prediction = provider.find(account, each)
        if prediction is not None and not prediction.deleted:
            provider.delete(prediction)
            count += 1
    return success({"deleted_count": count})


def _spoiled(provider: Provider, prediction: Prediction) -> Response | None:
    """An answer that is no prediction at all, where a fault asks for one."""
    strikes = provider.faults.strikes
    if provider.faults.strikes_at("result_404", prediction.sequence):
        raise Refusal(404, f"prediction not found: {prediction.id}")
    if strikes("result_drop"):
        raise LineDropped
    if strikes("result_5xx"):
        raise Refusal(503, "service unavailable")
    if strikes("result_429"):
        raise busy(provider, "too many requests", 0)
    if strikes("result_html"):
        return web_page()
    if strikes("result_huge"):
        return Response(_huge(), 200, None, "application/json")
    if strikes("result_redirect"):
        elsewhere = f"{provider.files_url}/elsewhere/{prediction.id}"
        return Response(None, 307, {"location": elsewhere})
    if strikes("result_redirect_scheme"):
        return Response(None, 307, {"location": "file:///etc/passwd"})
    if strikes("result_wrong_types"):
        odd = {"id": 7, "status": ["completed"], "outputs": {"0": None}, "error": 0}
        return json_response({"code": "200", "message": None, "data": odd})
    return None


def _altered(
    provider: Provider, prediction: Prediction, data: dict[str, object]
) -> dict[str, object]:
    """The prediction with the one field that a fault changes."""
    faults = provider.faults
    puzzling = faults.strikes_at("result_unknown_status", prediction.sequence)
    if puzzling and prediction.looks <= provider.settings.unknown_status_looks:
        data |= {"status": UNKNOWN_STATUS, "outputs": []}
    if faults.strikes("result_id_slashes"):
        data["id"] = f"../../{prediction.id}"
    if data["outputs"] and faults.strikes("result_url_scheme"):
        data["outputs"] = ["file:///etc/passwd"]
    return data


@cache
def _huge() -> bytes:
    head, tail = b'{"code":200,"message":"', b'","data":{}}'
    return head + b"x" * (HUGE_BYTES - len(head) - len(tail)) + tail
