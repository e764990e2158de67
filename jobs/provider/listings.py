"""Reading pages of listings: the history's predictions, and the billing's records.

A page is read whole or not at all, because what is proven by it is an absence.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from http import HTTPStatus
from typing import Any

from jobs.provider.answers import Billed, Listed, status_of
from jobs.provider.replies import USABLE_ID, Reply, object_of

#: Kinds of billing records that are about a prediction.
KINDS = ("deduct", "refund")

#: A billed figure above this is not in dollars but in millionths of one.
MAX_USD = 1_000


def items(reply: Reply) -> list[dict[str, Any]]:
    """What stands on a page of a listing.

    Raises:
        ValueError: it is no page.
    """
    found = reply.data.get("items")
    if reply.status != HTTPStatus.OK or not isinstance(found, list):
        raise ValueError(f"HTTP {reply.status}")
    if not all(isinstance(item, dict) for item in found):
        raise ValueError("an item that is none")
    return found


def listed(reply: Reply) -> list[Listed]:
    """Predictions of a page of the history.

    Raises:
        ValueError: it is no page, or something on it cannot be read.
    """
    return [listing(item) for item in items(reply)]


def listing(item: Mapping[str, Any]) -> Listed:
    """A prediction as the history, or its own result, shows it.

    Raises:
        ValueError: it cannot be read.
    """
    prediction_id, inputs = item.get("id"), item.get("inputs", item.get("input"))
    if not isinstance(prediction_id, str) or not USABLE_ID.fullmatch(prediction_id):
        raise ValueError("a prediction without a usable id")
    return Listed(
        prediction_id=prediction_id,
        model=str(item.get("model", "")),
        created_at_s=_unix_s(item.get("created_at")),
        status=status_of(str(item.get("status", ""))),
        inputs=inputs if isinstance(inputs, dict) and inputs else None,
    )


def billed(reply: Reply) -> list[Billed]:
    """Charges and refunds on a page of the billing.

    Records of other kinds, such as a top-up, are about no prediction.

    Raises:
        ValueError: it is no page, or something on it cannot be read.
    """
    return [
        _billing(item, place)
        for place, item in enumerate(items(reply))
        if item.get("billing_type") in KINDS
        or not isinstance(item.get("billing_type"), str)
    ]


def _billing(item: Mapping[str, Any], place: int) -> Billed:
    known = object_of(item, "prediction")
    prediction_id = known.get("uuid") or known.get("id") or item.get("prediction_uuid")
    kind, at_s = item.get("billing_type"), _unix_s(item.get("created_at"))
    if kind not in KINDS:
        raise ValueError("a record without a kind")
    record = item.get("uuid") or item.get("id")
    return Billed(
        record=str(record or f"{kind} {prediction_id} {at_s} {place}"),
        prediction_id=str(prediction_id or ""),
        model=str(item.get("model_uuid") or known.get("model_uuid") or ""),
        kind=str(kind),
        amount_usd_micros=abs(_usd_micros(item.get("price"))),
        created_at_s=at_s,
    )


def _unix_s(text: object) -> float:
    """A time as the API writes it, with up to nine decimals and in UTC."""
    at = datetime.fromisoformat(text if isinstance(text, str) else "")
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()


def _usd_micros(price: object) -> int:
    """A billed price in micro-dollars.

    Newer answers give dollars as a number with a point, an older one gave whole
    millionths (wavespeed.ai/docs/check-billings); no video costs a thousand dollars.
    """
    try:
        amount = Decimal("NaN" if isinstance(price, bool) else str(price))
        is_price = abs(amount) <= MAX_USD * 1_000_000
    except ArithmeticError:
        is_price = False
    if not is_price:
        raise ValueError(f"{price!r} is no price")
    return int(
        (amount * 1_000_000 if abs(amount) < MAX_USD else amount).to_integral_value()
    )
