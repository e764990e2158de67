"""Reading pages of listings: the history's predictions, and the billing's records.

A page is read whole or not at all, because what is proven by it is an absence.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from http import HTTPStatus
from typing import Any

from jobs.provider.answers import Billed, Listed, status_of
from jobs.provider.replies import USABLE_ID, Reply

#: Kinds of billing records that are about a prediction.
BILLED = ("deduct", "refund")

#: A billed figure above this is not in dollars but in millionths of one.
MAX_USD = 1_000


def items(reply: Reply) -> list[Any] | None:
    """What stands on a page of a listing; None if it is no page."""
    found = reply.data.get("items")
    if reply.status != HTTPStatus.OK or not isinstance(found, list):
        return None
    return found


def listed(reply: Reply) -> list[Listed] | None:
    """Predictions of a page of the history; None if it is no page."""
    found = []
    for item in (page := items(reply)) or ():
        listing = _listing(item) if isinstance(item, dict) else None
        if listing is None:
            return None
        found.append(listing)
    return None if page is None else found


def shown(reply: Reply) -> Listed | None:
    """A prediction as its result shows it; None if that cannot be read."""
    return _listing(reply.data) if reply.status == HTTPStatus.OK else None


def billed(reply: Reply) -> list[Billed] | None:
    """Charges and refunds on a page of the billing; None if it is no page.

    Records of other kinds, such as a top-up, are about no prediction.
    """
    found = []
    for place, item in enumerate((page := items(reply)) or ()):
        if not isinstance(item, dict):
            return None
        kind = item.get("billing_type")
        if isinstance(kind, str) and kind not in BILLED:
            continue
        record = _billing(item, place)
        if record is None:
            return None
        found.append(record)
    return None if page is None else found


def _listing(item: Mapping[str, Any]) -> Listed | None:
    prediction_id, created = item.get("id"), item.get("created_at")
    if not isinstance(prediction_id, str) or not USABLE_ID.fullmatch(prediction_id):
        return None
    at_s = _unix_s(created)
    if at_s is None:
        return None
    shown = item.get("inputs", item.get("input"))
    return Listed(
        prediction_id=prediction_id,
        model=str(item.get("model", "")),
        created_at_s=at_s,
        status=status_of(str(item.get("status", ""))),
        inputs=shown if isinstance(shown, dict) and shown else None,
    )


def _unix_s(text: object) -> float | None:
    """A time as the API writes it, with up to nine decimals and in UTC."""
    if not isinstance(text, str):
        return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return None
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()


def _billing(item: Mapping[str, Any], place: int) -> Billed | None:
    prediction = item.get("prediction")
    known = prediction if isinstance(prediction, dict) else {}
    prediction_id = known.get("uuid") or known.get("id") or item.get("prediction_uuid")
    kind, price = item.get("billing_type"), item.get("price")
    at_s = _unix_s(item.get("created_at"))
    if kind not in BILLED or at_s is None:
        return None
    if isinstance(price, bool) or not isinstance(price, int | float | str):
        return None
    try:
        micros = abs(usd_micros_of(price))
    except (ValueError, OverflowError):
        return None
    record = item.get("uuid") or item.get("id")
    return Billed(
        record=str(record or f"{kind} {prediction_id} {at_s} {place}"),
        prediction_id=str(prediction_id or ""),
        model=str(item.get("model_uuid") or known.get("model_uuid") or ""),
        kind=str(kind),
        amount_usd_micros=micros,
        created_at_s=at_s,
    )


def usd_micros_of(price: float | str) -> int:
    """A billed price in micro-dollars.

    Newer answers give dollars as a number with a point, an older one gave whole
    millionths (wavespeed.ai/docs/check-billings); no video costs a thousand dollars.
    """
    try:
        amount = Decimal(str(price))
        believable = abs(amount) <= MAX_USD * 1_000_000
    except ArithmeticError:
        believable = False
    if not believable:
        raise ValueError(f"{price!r} is no price")
    if abs(amount) < MAX_USD:
        amount *= 1_000_000
    return int(amount.to_integral_value())
