"""Price quotes: what the provider says that a video would cost; asking is free.

Amounts are read as decimals and never pass through a float. What a quote means beside
our own list is decided by the producer.
"""

import asyncio
import json
from collections.abc import Mapping
from decimal import ROUND_CEILING, Decimal
from http import HTTPStatus
from typing import Any

from jobs.catalogue.addresses import is_http
from jobs.catalogue.model import Model
from jobs.catalogue.validation import InputValue
from jobs.money import MICROS_PER_USD
from jobs.provider import replies
from jobs.provider.answers import NoAnswerError, NoQuoteError
from jobs.provider.client import Provider
from jobs.provider.listings import MAX_USD
from jobs.provider.replies import Reply

PRICE = "/api/v3/model/price"

#: Statuses after which the same question is asked again, and after how many seconds:
#: budgets are held by the answer.
BUSY = frozenset({429, 500, 502, 503, 504})
AGAIN_S = (0.5, 1.5)

#: What reading an answer without a price ends in.
UNREADABLE = (
    *(ArithmeticError, AttributeError, LookupError, StopIteration),
    *(TypeError, ValueError, RecursionError),
)

#: Stands for a picture that has no address yet; no path of this machine goes anywhere.
SOME_PICTURE = "https://example.com/picture.jpg"


async def quote(provider: Provider, model: Model, inputs: Mapping[str, Any]) -> int:
    """What this account would pay for a prediction with these inputs, in micro-dollars.

    Raises:
        NoQuoteError: it is not said.
        NoAnswerError: the provider is out of reach.
    """
    question = {"model_id": model.id, "inputs": _as_sent(model, inputs)}
    reply = await provider.ask("POST", PRICE, question)
    for wait_s in AGAIN_S:
        if reply.status not in BUSY:
            break
        await asyncio.sleep(wait_s)
        reply = await provider.ask("POST", PRICE, question)
    account = replies.trouble(reply)
    if account:
        raise NoQuoteError(account.trouble, account.reason)
    if reply.status in replies.REFUSALS:
        raise NoQuoteError("refused", f"HTTP {reply.status}: {reply.excerpt()}")
    if reply.status != HTTPStatus.OK:
        raise NoAnswerError(f"a question for a price answers HTTP {reply.status}")
    return read(reply)


def read(reply: Reply) -> int:
    """The price in an answer, discounts taken off.

    Raises:
        NoQuoteError: there is none.
    """
    try:
        envelope = json.loads(reply.body, parse_float=Decimal, parse_constant=Decimal)
        data = envelope["data"]
        currency = data.get("currency") or "USD"
        found = [data.get(n) for n in ("discounted_price", "price")]
        price = next(each for each in found if each is not None)
        if currency == "USD":
            return _micros(price)
        reason = f"the price is in {replies.clean(currency)}"
    except UNREADABLE:
        reason = f"an answer without a price: {reply.excerpt()}"
    raise NoQuoteError("unreadable", reason)


def _micros(price: object) -> int:
    """Dollars in micro-dollars; a part of one counts as a whole one.

    No price is nothing: a budget could not be held by it.
    """
    if isinstance(price, bool) or not isinstance(price, int | str | Decimal):
        raise TypeError(price)
    dollars = Decimal(price)
    if not 0 < dollars <= MAX_USD:
        raise ValueError(price)
    micros = dollars * MICROS_PER_USD
    return int(micros.to_integral_value(ROUND_CEILING))


def _as_sent(model: Model, inputs: Mapping[str, Any]) -> dict[str, Any]:
    """The request, but with a picture from nowhere for each of this machine."""
    public = {
        name: _public(value) if model.is_picture(name) else value
        for name, value in inputs.items()
    }
    return model.request(public)


def _public(value: InputValue) -> InputValue:
    if isinstance(value, list):
        return [_public(one) for one in value]
    if isinstance(value, str) and not is_http(value):
        return SOME_PICTURE
    return value
