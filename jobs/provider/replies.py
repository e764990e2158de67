"""Reading what the provider answered: from a status and some bytes to one value.

Every field is taken as hostile until it has the type it should have. What cannot be
read is "lost" for a paid request and "poll again" for any other.
"""

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import cached_property
from http import HTTPStatus
from itertools import islice
from typing import Any
from urllib.parse import urljoin, urlsplit

from jobs.provider.answers import (
    COMPLETED,
    FRUITLESS,
    Accepted,
    AccountTrouble,
    AnswerLost,
    Completed,
    Missing,
    Over,
    PollAgain,
    PollAnswer,
    Refused,
    Running,
    SubmitAnswer,
    Throttled,
    Trouble,
    status_of,
)

#: What an id may look like; it becomes part of a path and of a key.
USABLE_ID = re.compile(r"[A-Za-z0-9_-]{1,128}")

#: The request is wrong and will stay wrong; nothing was created.
REFUSALS = frozenset({400, 404, 405, 413, 415, 422})

#: What a status says of the account.
TROUBLES: dict[int, Trouble] = {
    HTTPStatus.UNAUTHORIZED: Trouble.KEY,
    HTTPStatus.PAYMENT_REQUIRED: Trouble.BALANCE,
    HTTPStatus.FORBIDDEN: Trouble.PERMISSION,
}

#: Statuses with which a code counts.
CODED = frozenset({200, *range(400, 500)})

#: "insufficient_credits" as a code of the envelope or of the prediction.
NO_CREDIT_CODE = 1407

#: What somebody else wrote, such as the prompt of a row.
QUOTED = re.compile(r'"[^"]*"|“[^”]*”|„[^“]*“|«[^»]*»|`[^`]*`')

#: ... and in words, which count only where the status may mean this or something else.
#: No real ones are known, so any that speak of money do.
MONEY = re.compile(
    r"(?<![a-z])(credits?|balance|funds?|money|top[\W_]?up|recharge|billing|payments?)"
    r"(?![a-z])",
    re.IGNORECASE,
)

#: A prediction is over within a day; a longer time is a mistake of the answer.
MAX_INFERENCE_MS = 86_400_000

#: A number that tells why a prediction ended.
CODE = re.compile(r"[0-9]{1,6}")

EXCERPT = 300

#: Addresses of one prediction that are tried, and how deep they may stand in outputs.
MAX_OUTPUTS = 8
MAX_DEPTH = 4


@dataclass(frozen=True)
class Reply:
    """An answer as it came."""

    status: int
    body: bytes
    headers: Mapping[str, str]

    @cached_property
    def json(self) -> dict[str, Any]:
        """The body as an object; empty if it is none."""
        try:
            value = json.loads(self.body)
        except (ValueError, RecursionError):
            return {}
        return value if isinstance(value, dict) else {}

    @property
    def data(self) -> dict[str, Any]:
        """What the envelope holds; empty if it holds no object."""
        return object_of(self.json, "data")

    def excerpt(self) -> str:
        """The provider's words, or the beginning of whatever came instead."""
        value = self.json
        for words in (value.get("message"), value.get("error"), value.get("detail")):
            if isinstance(words, str) and words.strip():
                return clean(words)
        return clean(self.body[: 4 * EXCERPT].decode("utf-8", "replace"))


def clean(text: str) -> str:
    """Foreign text on one line, without control characters, of bounded length."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return line if len(line) <= EXCERPT else line[: EXCERPT - 1] + "…"


def submitted(reply: Reply) -> SubmitAnswer:
    """What the answer to a paid request says."""
    given = reply.data.get("id")
    usable = isinstance(given, str) and USABLE_ID.fullmatch(given)
    if usable and reply.status == HTTPStatus.OK:
        return Accepted(str(given))
    if account := trouble(reply):
        return account
    # What was given an id exists, whatever the answer says besides.
    status = 0 if given else _status(reply)
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return Throttled(reply.excerpt(), retry_after_s(reply))
    if status in REFUSALS:
        return Refused(status, reply.excerpt())
    what = " without a usable id" if reply.status == HTTPStatus.OK else ""
    return AnswerLost(f"HTTP {reply.status}{what}: {reply.excerpt()}")


def trouble(reply: Reply) -> AccountTrouble | None:
    """What is wrong with the account, if the answer says so.

    No official page names the answer to an empty balance: it may be 402, the code, or
    403, which for anything else is a want of permission, of this request or of all.
    """
    envelope, data = reply.json, reply.data
    if data.get("id"):
        return None
    words, error = reply.excerpt(), data.get("error")
    # Of an envelope that says "success" counts what its data says.
    if reply.status == HTTPStatus.OK and isinstance(error, str) and error.strip():
        words = clean(error)
    status = _status(reply)
    codes = (envelope.get("code"), envelope.get("error_code"), data.get("code"))
    coded = NO_CREDIT_CODE in map(_whole, codes)
    found = TROUBLES.get(status)
    is_money = found is Trouble.PERMISSION and MONEY.search(QUOTED.sub("", words))
    if is_money or (coded and reply.status in CODED):
        found = Trouble.BALANCE
    return AccountTrouble(found, words) if found else None


def polled(reply: Reply, prediction_id: str) -> PollAnswer:
    """What the answer to a poll of a prediction says."""
    if reply.status != HTTPStatus.OK:
        if account := trouble(reply):
            return account
        if reply.status == HTTPStatus.NOT_FOUND:
            return Missing(reply.excerpt())
        return PollAgain(
            f"HTTP {reply.status}: {reply.excerpt()}", retry_after_s(reply)
        )
    found = reply.data
    word = found.get("status")
    if not isinstance(word, str) or found.get("id", prediction_id) != prediction_id:
        return PollAgain(f"not an answer about {prediction_id}: {reply.excerpt()}")
    status = status_of(clean(word))
    if status == COMPLETED:
        return _completed(found)
    return Over(status, *_why(found)) if status in FRUITLESS else Running(status)


def webhook_secret(reply: Reply) -> str | None:
    """What webhooks are signed with; None where the answer does not tell.

    Whether it stands by itself or under a name is documented nowhere; its beginning is.
    """
    data = reply.json.get("data")
    values = list(data.values()) if isinstance(data, dict) else [data]
    secrets = (v for v in values if isinstance(v, str) and v.startswith("whsec_"))
    return next(secrets, None) if reply.status == HTTPStatus.OK else None


def date_s(reply: Reply) -> float | None:
    """Unix seconds that the answer itself is dated with; None if it is not."""
    return _http_date_s(reply.headers.get("date", ""))


def retry_after_s(reply: Reply) -> float | None:
    """Seconds that `Retry-After` asks for, as number or date; None if neither."""
    text = reply.headers.get("retry-after", "").strip()
    if not text:
        return None
    if text.isascii() and text.replace(".", "", 1).isdigit():
        return float(text[:12])
    at_s, now_s = _http_date_s(text), date_s(reply)
    if now_s is None:
        now_s = datetime.now(UTC).timestamp()
    return None if at_s is None else max(0.0, at_s - now_s)


def _why(found: Mapping[str, Any]) -> tuple[int, str]:
    """Code and words of a prediction that failed; they may stand in one object."""
    code, error = found.get("code"), found.get("error")
    if isinstance(error, dict):
        code, error = code or error.get("code"), error.get("message")
    return _whole(code), clean(error) if isinstance(error, str) else ""


def _whole(code: object) -> int:
    """A code as a number, also where it came as text; 0 if it is none."""
    return int(str(code)) if CODE.fullmatch(str(code)) else 0


def fetchable(url: object) -> bool:
    """Whether something is a web address that a file may be fetched from."""
    if not isinstance(url, str) or not url.isprintable() or " " in url:
        return False
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.hostname)


def _status(reply: Reply) -> int:
    """The status that counts: the envelope's own where HTTP says 200."""
    code = reply.json.get("code")
    if reply.status == HTTPStatus.OK and isinstance(code, int):
        return code
    return reply.status


def _completed(found: Mapping[str, Any]) -> PollAnswer:
    given, base = found.get("outputs"), object_of(found, "urls").get("get")
    addresses = _addresses(given, str(base) if fetchable(base) else "")
    outputs = tuple(islice(dict.fromkeys(addresses), MAX_OUTPUTS))
    inference_s = _seconds(object_of(found, "timings").get("inference"))
    if outputs:
        return Completed(outputs, inference_s)
    _, error = _why(found)
    words = f"{error}, " if error else ""
    words += f"outputs: {json.dumps(given, ensure_ascii=False)}"
    words = clean(f"completed, without the address of a video: {words}")
    return Completed((), inference_s, words)


def object_of(found: Mapping[str, Any], name: str) -> dict[str, Any]:
    """What an object has under a name; empty if that is no object."""
    value = found.get(name)
    return value if isinstance(value, dict) else {}


def _addresses(given: object, base: str, depth: int = 0) -> Iterator[str]:
    """The web addresses in whatever form outputs have, those of a video first."""
    if isinstance(given, str):
        address = given.strip().replace(" ", "%20")
        if address.startswith("/"):
            with suppress(ValueError):
                address = urljoin(base, address)
        if fetchable(address):
            yield address
    elif isinstance(given, dict | list) and depth < MAX_DEPTH:
        parts = given
        if isinstance(given, dict):
            # A stable sort: what has neither name stays behind in its order.
            names = sorted(given, key=lambda name: name not in ("video", "url"))
            parts = [given[name] for name in names]
        for part in parts:
            yield from _addresses(part, base, depth + 1)


def _seconds(millis: object) -> float | None:
    """A duration that can be counted with; None if it cannot."""
    if isinstance(millis, bool) or not isinstance(millis, int | float):
        return None
    # Also sorts out what is no number, and whole numbers too large for a division.
    return millis / 1000 if 0 <= millis <= MAX_INFERENCE_MS else None


def _http_date_s(text: str) -> float | None:
    """A date of HTTP, which is in UTC whatever it says; None if it is none."""
    try:
        at = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()
