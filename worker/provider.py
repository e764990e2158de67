"""The provider's REST API: asking it, and reading its answers with suspicion.

It decides nothing beyond what an answer says; `jobs.failures` decides what follows.
Shapes and statuses are those of wavespeed.ai/docs and of the vendor's own clients. The
API key goes to the API's own origin only, in the one line that builds the header.
"""

import asyncio
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import httpx
from pydantic import SecretStr

from jobs.answers import (
    AccountTrouble,
    AnswerLost,
    Billed,
    Listed,
    LookAgain,
    LookAnswer,
    SubmitAnswer,
    Unsent,
)
from worker import replies
from worker.replies import Reply
from worker.transport import could_have_left, make_client

#: An answer longer than this is no answer of this API.
LONGEST_ANSWER_BYTES = 2 << 20

#: Most items of one page of the history (docs-common-api/predictions).
PAGE = 100

BILLINGS = "/api/v3/billings/search"

#: Pages that one look into the history reads at most.
MOST_PAGES = 50


class NoAnswer(Exception):  # noqa: N818 - that is what it is
    """The provider gave no usable answer to a question that costs nothing."""


class Provider:
    """One account at the provider, for one event loop."""

    def __init__(
        self,
        base_url: str,
        key: SecretStr | None,
        *,
        submit_timeout_s: float,
        request_timeout_s: float,
    ) -> None:
        self._base_url = base_url
        self._key = key
        self._submit_timeout_s = submit_timeout_s
        self._request_timeout_s = request_timeout_s
        self._client = make_client(max(submit_timeout_s, request_timeout_s))

    async def submit(self, path: str, request: Mapping[str, Any]) -> SubmitAnswer:
        """Ask for one paid prediction; sent once, whatever happens."""
        try:
            async with asyncio.timeout(self._submit_timeout_s):
                reply = await self._ask("POST", path, request)
        except TimeoutError:
            return AnswerLost(f"no answer within {self._submit_timeout_s:g} s")
        except Exception as error:  # noqa: BLE001 - an error nobody knows is the dear kind
            reason = replies.describe(error)
            return AnswerLost(reason) if could_have_left(error) else Unsent(reason)
        return replies.submitted(reply)

    async def look(self, prediction_id: str) -> LookAnswer:
        """How a prediction stands."""
        path = f"/api/v3/predictions/{quote(prediction_id, safe='')}/result"
        try:
            reply = await self._ask_patiently("GET", path)
        except NoAnswer as error:
            return LookAgain(str(error))
        return replies.looked(reply, prediction_id)

    async def balance_usd(self) -> float | AccountTrouble:
        """The account's money in dollars, or what is wrong with the account.

        Raises:
            NoAnswer: the provider is out of reach or answers something else.
        """
        reply = await self._ask_patiently("GET", "/api/v3/balance")
        trouble = replies.trouble(reply)
        if trouble:
            return trouble
        balance = replies.data(reply).get("balance")
        if reply.status != httpx.codes.OK or not isinstance(balance, int | float):
            raise NoAnswer(
                f"{self._base_url} answers HTTP {reply.status} to a question for the "
                f"balance, so it does not speak the provider's API: {reply.excerpt()}"
            )
        return float(balance)

    async def history(self, after_s: float, before_s: float) -> list[Listed]:
        """Predictions of the account created in a window, by the provider's clock.

        Raises:
            NoAnswer: the history cannot be read whole now.
        """
        found: dict[str, Listed] = {}
        window = {"created_after": _iso(after_s), "created_before": _iso(before_s)}
        for page in range(1, MOST_PAGES + 1):
            question = {"page": page, "page_size": PAGE, **window}
            reply = await self._ask_patiently("POST", "/api/v3/predictions", question)
            items = replies.listed(reply)
            if items is None:
                raise NoAnswer(f"the history answers HTTP {reply.status}")
            found |= {item.prediction_id: item for item in items}
            if len(items) < PAGE:
                return list(found.values())
        raise NoAnswer(f"the history has more than {MOST_PAGES} pages in that window")

    async def billings(self, after_s: float, before_s: float) -> list[Billed]:
        """Charges and refunds booked in a window, by the provider's clock.

        Raises:
            NoAnswer: the records cannot be read whole now.
        """
        found: dict[str, Billed] = {}
        window = {"start_time": _iso(after_s), "end_time": _iso(before_s)}
        for page in range(1, MOST_PAGES + 1):
            question = {"page": page, "page_size": PAGE, **window}
            question["sort"] = "created_at ASC"
            reply = await self._ask_patiently("POST", BILLINGS, question)
            rows = replies.billed(reply)
            if rows is None:
                raise NoAnswer(f"the billing records answer HTTP {reply.status}")
            found |= {row.record: row for row in rows}
            if len(rows) < PAGE:
                return list(found.values())
        raise NoAnswer(f"more than {MOST_PAGES} pages of billing in that window")

    async def inputs_of(self, prediction_id: str) -> dict[str, object] | None:
        """What a prediction was asked for; None where the provider does not show it.

        Raises:
            NoAnswer: the provider is out of reach.
        """
        path = f"/api/v3/predictions/{quote(prediction_id, safe='')}/result"
        return replies.inputs(await self._ask_patiently("GET", path))

    async def clock_s(self) -> float | None:
        """Unix seconds by the provider's clock, to the second; None if it tells none.

        Raises:
            NoAnswer: the provider is out of reach.
        """
        reply = await self._ask_patiently("GET", "/api/v3/balance")
        return replies.date_s(reply)

    async def close(self) -> None:
        """Let go of the connections."""
        await self._client.aclose()

    async def _ask_patiently(
        self, method: str, path: str, body: Mapping[str, Any] | None = None
    ) -> Reply:
        try:
            async with asyncio.timeout(self._request_timeout_s):
                return await self._ask(method, path, body)
        except TimeoutError:
            raise NoAnswer(
                f"{self._base_url}: no answer within {self._request_timeout_s:g} s"
            ) from None
        except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError) as error:
            raise NoAnswer(f"{self._base_url}: {replies.describe(error)}") from None

    async def _ask(
        self, method: str, path: str, body: Mapping[str, Any] | None = None
    ) -> Reply:
        headers = {"Accept": "application/json"}
        if self._key:
            headers["Authorization"] = f"Bearer {self._key.get_secret_value()}"
        content = None
        if body is not None:
            headers["Content-Type"] = "application/json"
            content = json.dumps(body, ensure_ascii=False).encode()
        async with self._client.stream(
            method, self._base_url + path, headers=headers, content=content
        ) as response:
            text = bytearray()
            async for chunk in response.aiter_bytes():
                text += chunk
                if len(text) > LONGEST_ANSWER_BYTES:
                    raise ValueError("an answer longer than any of this API")
            return Reply(response.status_code, bytes(text), response.headers)


def _iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat().replace("+00:00", "Z")
