"""The routes that carry a key: the paid request, results, listings, money and models.

The paid request is checked in the provider's order: key, model, body, inputs, money,
limits. No question walks through more rows than it must.
"""

import asyncio
from datetime import UTC, datetime
from itertools import islice
from operator import attrgetter
from typing import Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from sandbox import webhooks, wire
from sandbox.models import MODELS, InputError, Model
from sandbox.state import Account, Entry, Prediction, Provider

#: Faults that lose the answer to a request that was charged.
LOST = ("submit_drop_after", "submit_5xx_after", "submit_garbled", "submit_no_id")
HUGE_BYTES = 10 * 1024 * 1024
#: A word that no page knows; the rule is to keep polling.
UNKNOWN_STATUS = "warming_up"
#: Where a question names no time.
EVER = (datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC))
#: Faults of a result that other routes have too, the first of them first.
SPOILED = (
    *("result_drop", "result_5xx", "result_429", "result_html"),
    "result_redirect_scheme",
)


class _Query(BaseModel):
    # Numbers as strings are refused, as the provider does.
    model_config = ConfigDict(strict=True)


class _PageQuery(_Query):
    page: int = Field(1, ge=1)
    page_size: int = Field(20, ge=1, le=100)

    def window(self, provider: Provider) -> tuple[int, int]:
        size = min(self.page_size, provider.settings.page_cap or self.page_size)
        return (self.page - 1) * size, self.page * size


class _HistoryQuery(_PageQuery):
    model: str | None = None
    status: str | None = None
    created_after: AwareDatetime = EVER[0]
    created_before: AwareDatetime = EVER[1]


class _BillingQuery(_PageQuery):
    billing_type: Literal["deduct", "refund"] | None = None
    sort: Literal["created_at DESC", "created_at ASC"] | None = None
    model_uuid: str | None = None
    prediction_uuids: set[str] | None = None
    start_time: AwareDatetime = EVER[0]
    end_time: AwareDatetime = EVER[1]


class _DeleteQuery(_Query):
    ids: list[str]


class _PriceQuery(_Query):
    model_id: str = ""
    inputs: dict[str, Any] = {}


async def submit(provider: Provider, request: Request) -> Response:
    """Create and charge a prediction."""
    account = wire.account(provider, request)
    wire.fail(provider, "submit_drop_before", "submit_5xx_before", "submit_429")
    model = _model(request.path_params["model"])
    sent = (await wire.json_of(request, wire.JsonObject)).root
    inputs = _known_inputs(provider, model, sent)
    if provider.faults.happens("submit_held"):
        await asyncio.sleep(provider.settings.submit_held_s)
    _check(provider, model, inputs)
    webhook = webhooks.address_of(request)
    price = provider.price_usd_micros(model, inputs)
    if account.balance_usd_micros < price:
        message = "Insufficient credits. Please top up your account."
        if provider.settings.insufficient in {402, 403}:
            raise HTTPException(provider.settings.insufficient, message)
        # The other reading of the pages: a success whose data says that it is none.
        data = {"id": "", "status": "failed", "code": 1407, "error": message}
        return wire.success(data)
    _within_limits(provider, account)
    prediction = provider.create(account, model, inputs)
    if webhook:
        await webhooks.promise(provider, account, prediction, webhook)
    return await _answer(provider, request, prediction)


def _model(model_id: str) -> Model:
    if model_id not in MODELS:
        raise HTTPException(404, f"model not found: {model_id}")
    return MODELS[model_id]


def _known_inputs(
    provider: Provider, model: Model, sent: dict[str, Any]
) -> dict[str, Any]:
    """What is left of the inputs: the provider drops those that it does not know."""
    if not provider.settings.drop_unknown:
        return sent
    known = {name: value for name, value in sent.items() if name in model.inputs}
    provider.dropped_inputs += len(sent) - len(known)
    return known


def _check_inputs(model: Model, inputs: dict[str, Any], *, complete: bool) -> None:
    try:
        model.check(inputs, complete=complete)
    except InputError as error:
        raise HTTPException(400, f"invalid input: {error}") from None


def _check(provider: Provider, model: Model, inputs: dict[str, Any]) -> None:
    _check_inputs(model, inputs, complete=True)
    settings, prompt = provider.settings, str(inputs.get("prompt", ""))
    if settings.forbidden_word and settings.forbidden_word in f"{model.id} {prompt}":
        raise HTTPException(403, "this is not enabled for your account")
    if settings.quoted_word and settings.quoted_word in prompt:
        raise HTTPException(400, f'invalid prompt: "{prompt}" violates the policy')


def _within_limits(provider: Provider, account: Account) -> None:
    """Refuse (429) too many starts in 60 s, or too many predictions at once."""
    settings, now_s = provider.settings, provider.clock()
    rate = settings.starts_per_60_s
    wait_s = account.starts.wait_s(now_s, rate)
    if wait_s > 0:
        message = f"Rate limit exceeded: {rate} predictions per 1 minute"
        raise wire.too_many(provider, message, wait_s)
    if account.generating >= settings.max_at_once:
        raise wire.too_many(provider, "You have reached your concurrency limit")


async def _answer(
    provider: Provider, request: Request, prediction: Prediction
) -> Response:
    lost = next((name for name in LOST if provider.faults.happens(name)), None)
    prediction.lost_answer = lost is not None
    if lost == "submit_drop_after":
        raise wire.LineDroppedError
    if lost == "submit_5xx_after":
        raise HTTPException(502, "bad gateway")
    if lost is None and provider.faults.happens("submit_late"):
        await asyncio.sleep(provider.settings.submit_late_s)
    shown = provider.settings.result_inputs
    data = wire.prediction_json(provider, prediction, show_inputs=shown)
    if lost == "submit_no_id":
        del data["id"], data["urls"]
    whole = wire.success(data)
    if lost == "submit_garbled":
        # Cut before the id begins, so that no repair can find it.
        cut = bytes(whole.body).index(prediction.id.encode())
        return Response(bytes(whole.body)[:cut], 200, None, "application/json")
    transport = getattr(request.state, "transport", None)  # only a real server has one
    gone = transport is not None and transport.is_closing()
    prediction.lost_answer = lost is not None or gone
    return whole


async def result(provider: Provider, request: Request) -> Response:
    """A prediction by its id."""
    account = wire.account(provider, request)
    prediction_id = request.path_params["id"]
    prediction = provider.find(account, prediction_id)
    if prediction is None:
        raise HTTPException(404, f"prediction not found: {prediction_id}")
    prediction.polls += 1
    if (spoiled := _spoiled(provider, prediction)) is not None:
        return spoiled
    shown = provider.settings.result_inputs
    data = wire.prediction_json(provider, prediction, show_inputs=shown)
    return wire.success(_altered(provider, prediction, data))


async def delete(provider: Provider, request: Request) -> Response:
    """Delete predictions, without a refund; unknown ids are passed over."""
    account = wire.account(provider, request)
    count = 0
    for each in (await wire.json_of(request, _DeleteQuery)).ids:
        prediction = provider.find(account, each)
        if prediction is not None and not prediction.deleted:
            provider.delete(prediction)
            count += 1
    return wire.success({"deleted_count": count})


async def history(provider: Provider, request: Request) -> Response:
    """The predictions of an account, newest first, a page of them."""
    account = wire.account(provider, request)
    query = await wire.json_of(request, _HistoryQuery)
    wire.fail(provider, "history_5xx")
    now_s, settings = provider.clock(), provider.settings
    to_s = min(query.created_before.timestamp(), now_s - settings.history_lag_s)
    rows = (
        prediction
        for prediction in account.newest_first(query.created_after.timestamp(), to_s)
        if query.model in {None, "", prediction.model}
        and query.status in {None, "", prediction.status(now_s).status}
    )
    items = [
        wire.prediction_json(provider, row, show_inputs=settings.history_inputs)
        for row in islice(rows, *query.window(provider))
    ]
    return wire.success({"page": query.page, "items": items})


async def billing(provider: Provider, request: Request) -> Response:
    """The deductions and refunds of an account, a page of them."""
    account = wire.account(provider, request)
    query = await wire.json_of(request, _BillingQuery)
    wire.fail(provider, "billing_5xx")
    now_s = provider.clock()
    found = _billed(account, query, now_s - provider.settings.billing_lag_s)
    start, stop = query.window(provider)
    items = [_billing_row(row, now_s) for row in found[start:stop]]
    page = {"page": query.page, "items": items, "has_more": len(found) > stop}
    return wire.success(page)


def _billed(account: Account, query: _BillingQuery, known_s: float) -> list[Entry]:
    from_s = query.start_time.timestamp()
    to_s = min(query.end_time.timestamp(), known_s)
    ids = query.prediction_uuids
    found = [
        row
        for row in account.billing
        if from_s <= row.at_s <= to_s
        and query.billing_type in {None, row.kind}
        and query.model_uuid in {None, "", row.prediction.model}
        and (ids is None or row.prediction.id in ids)
    ]
    found.sort(key=attrgetter("at_s"))
    return found if query.sort == "created_at ASC" else found[::-1]


async def balance(provider: Provider, request: Request) -> Response:
    """What an account has left, in dollars."""
    account = wire.account(provider, request)
    return wire.success({"balance": _usd(account.balance_usd_micros)})


async def price(provider: Provider, request: Request) -> Response:
    """What a prediction would cost, in dollars."""
    wire.account(provider, request)
    wire.fail(provider, "price_5xx")
    query = await wire.json_of(request, _PriceQuery)
    model = _model(query.model_id)
    inputs = _known_inputs(provider, model, query.inputs)
    _check_inputs(model, inputs, complete=False)
    return wire.success(
        {
            "model_id": model.id,
            "currency": "USD",
            "price": _usd(model.price_usd_micros(inputs)),
            "discount_rate": (100 - provider.settings.price_percent) / 100,
            "discounted_price": _usd(provider.price_usd_micros(model, inputs)),
        }
    )


async def models(provider: Provider, request: Request) -> Response:
    """Every model with its price and the schema of its inputs."""
    wire.account(provider, request)
    unlisted = provider.settings.unlisted
    found = [model for name, model in MODELS.items() if name != unlisted]
    return wire.success([_listed(provider, one, i) for i, one in enumerate(found)])


def _listed(provider: Provider, model: Model, place: int) -> dict[str, object]:
    run = {
        "type": "model_run",
        "method": "POST",
        "server": provider.url,
        "api_path": f"/api/v3/{model.id}",
        "request_schema": model.request_schema(),
    }
    return {
        "model_id": model.id,
        "name": model.id,
        "base_price": _usd(model.usd_micros_for_5_s),
        "description": model.about,
        "type": "image-to-video",
        "sort_order": place,
        "api_schema": {"api_schemas": [run]},
    }


def _spoiled(provider: Provider, prediction: Prediction) -> Response | None:
    """An answer that is no prediction at all, where a fault asks for one."""
    happens = provider.faults.happens
    if provider.faults.happens_to("result_404", prediction.sequence):
        raise HTTPException(404, f"prediction not found: {prediction.id}")
    if happens("result_huge"):
        return wire.success("x" * HUGE_BYTES)
    if happens("result_redirect"):
        elsewhere = f"{provider.files_url}/elsewhere/{prediction.id}"
        return Response(None, 307, {"location": elsewhere})
    if happens("result_wrong_types"):
        odd = {"id": 7, "status": ["completed"], "outputs": {"0": None}, "error": 0}
        return wire.json_response({"code": "200", "message": None, "data": odd})
    return wire.fail(provider, *SPOILED)


def _altered(
    provider: Provider, prediction: Prediction, data: dict[str, object]
) -> dict[str, object]:
    """The prediction with the one field that a fault changes."""
    faults = provider.faults
    puzzling = faults.happens_to("result_unknown_status", prediction.sequence)
    if puzzling and prediction.polls <= provider.settings.unknown_status_looks:
        data |= {"status": UNKNOWN_STATUS, "outputs": []}
    if faults.happens("result_id_slashes"):
        data["id"] = f"../../{prediction.id}"
    if data["outputs"] and faults.happens("result_url_scheme"):
        data["outputs"] = ["file:///etc/passwd"]
    return data


def _billing_row(row: Entry, now_s: float) -> dict[str, object]:
    prediction = row.prediction
    return {
        "uuid": f"{row.kind}-{prediction.id}",
        "billing_type": row.kind,
        "price": _usd(prediction.price_usd_micros),
        "created_at": wire.iso(row.at_s),
        "model_uuid": prediction.model,
        "prediction": {
            "uuid": prediction.id,
            "status": prediction.status(now_s).status,
        },
        "order": {"state": "done" if prediction.over(now_s) else "pre"},
    }


def _usd(micros: int) -> float:
    # The provider's answers carry dollars as a float; nothing is computed with it.
    return micros / 1_000_000
