"""The provider's REST API: free questions, and the connection of the paid one.

It decides nothing beyond what an answer says; `jobs.attempt.failures` decides what
follows. Shapes and statuses are those of wavespeed.ai/docs and of the vendor's own
clients. The API key goes to the API's own origin only, in the one line that builds the
header.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any, TypeVar
from urllib.parse import quote

from pydantic import SecretStr

from jobs.provider import listings, replies
from jobs.provider.answers import (
    AccountTrouble,
    Billed,
    Listed,
    NoAnswerError,
    PollAgain,
    PollAnswer,
)
from jobs.provider.clock import RemoteClock, steady_s
from jobs.provider.http import CONNECTIONS, Http, RequestError, deadline
from jobs.provider.replies import Reply
from jobs.settings import Settings

T = TypeVar("T")

#: What a request carries; it is written as JSON.
Content = Mapping[str, Any] | None

#: An answer longer than this is no answer of this API.
MAX_ANSWER_BYTES = 2 << 20

MODELS = "/api/v3/models"

#: The same for the list of models: 1.4 MB for 483 models in August 2026.
MAX_LIST_BYTES = 32 << 20

#: Most items of one page of a listing (docs-common-api/predictions).
PAGE = 100

#: Pages that one question to a listing reads at most: the largest account starts 5,000
#: videos a minute, and a lost answer is searched for over several.
MAX_PAGES = 1_000

#: Seconds that a reading of the provider's clock is used, and between two readings of
#: the answers that come anyway.
CLOCK_FRESH_S = 60.0
CLOCK_EVERY_S = 5.0


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
        self.base_url = base_url
        self.submit_timeout_s = submit_timeout_s
        self._key = key
        self._request_timeout_s = request_timeout_s
        self._http = Http(max(submit_timeout_s, request_timeout_s), looks_up=False)
        #: The provider's clock, as far as answers have told it.
        self.clock = RemoteClock()
        #: Whoever asks waits here and not inside the client, where waiting would count
        #: as the provider's silence.
        self.room = asyncio.Semaphore(CONNECTIONS)

    @classmethod
    def of(cls, settings: Settings) -> "Provider":
        """The account that the settings name."""
        return cls(
            settings.base_url,
            settings.api_key,
            submit_timeout_s=settings.submit_timeout_s,
            request_timeout_s=settings.request_timeout_s,
        )

    async def poll(self, prediction_id: str) -> PollAnswer:
        """How a prediction stands."""
        try:
            reply = await self.ask("GET", _result(prediction_id))
        except NoAnswerError as error:
            return PollAgain(str(error))
        return replies.polled(reply, prediction_id)

    async def listing(self, prediction_id: str) -> Listed | None:
        """A prediction as its result shows it; None if it is not known.

        Raises:
            NoAnswerError: the provider is out of reach or answers something else.
        """
        reply = await self.ask("GET", _result(prediction_id))
        if reply.status == HTTPStatus.NOT_FOUND:
            return None
        with suppress(ValueError):
            found = listings.listing(reply.data)
            if reply.status == HTTPStatus.OK and found.prediction_id == prediction_id:
                return found
        raise NoAnswerError(f"a prediction's result answers HTTP {reply.status}")

    async def balance_usd(self) -> float | AccountTrouble:
        """The account's money in dollars, or what is wrong with the account.

        Raises:
            NoAnswerError: the provider is out of reach or answers something else.
        """
        reply = await self.ask("GET", "/api/v3/balance")
        trouble = replies.trouble(reply)
        if trouble:
            return trouble
        balance = reply.data.get("balance")
        if reply.status != HTTPStatus.OK or not isinstance(balance, int | float):
            raise NoAnswerError(
                f"{self.base_url} answers HTTP {reply.status} to a question for the "
                f"balance, so it does not speak the provider's API: {reply.excerpt()}"
            )
        return float(balance)

    async def models(self) -> list[dict[str, Any]]:
        """Every model that the provider lists, as it describes them.

        Raises:
            NoAnswerError: the provider is out of reach or answers something else.
        """
        reply = await self.ask("GET", MODELS)
        with suppress(ValueError, TypeError, AttributeError):
            found = json.loads(reply.body)["data"]
            if reply.status == HTTPStatus.OK and all(one["model_id"] for one in found):
                return list(found)
        raise NoAnswerError(
            f"a question for the list of models answers HTTP {reply.status}: "
            f"{reply.excerpt()}"
        )

    async def history(
        self, model: str, after_s: float, before_s: float
    ) -> list[Listed]:
        """Predictions of a model created in a window, by the provider's clock.

        Raises:
            NoAnswerError: the history cannot be read whole now.
        """
        window = {"created_after": _iso(after_s), "created_before": _iso(before_s)}
        question = {"model": model, **window}
        path = "/api/v3/predictions"
        items = self._pages("the history", path, question, listings.listed)
        return list({item.prediction_id: item async for item in items}.values())

    async def billings(self, after_s: float, before_s: float) -> list[Billed]:
        """Charges and refunds booked in a window, by the provider's clock.

        Raises:
            NoAnswerError: the records cannot be read whole now.
        """
        window = {"start_time": _iso(after_s), "end_time": _iso(before_s)}
        question = {**window, "sort": "created_at ASC"}
        path = "/api/v3/billings/search"
        rows = self._pages("the billing", path, question, listings.billed)
        return list({(row.kind, row.record): row async for row in rows}.values())

    async def webhook_secret(self) -> str:
        """What the provider signs this account's webhooks with.

        Source: https://wavespeed.ai/docs/docs-api/verifying_webhook.

        Raises:
            NoAnswerError: it does not say.
        """
        reply = await self.ask("GET", "/api/v3/webhook/secret")
        secret = replies.webhook_secret(reply)
        if secret is None:
            raise NoAnswerError(f"the webhook's secret answers HTTP {reply.status}")
        return secret

    async def clock_s(self) -> float | None:
        """Unix seconds by the provider's clock, to the second; None if it tells none.

        Raises:
            NoAnswerError: the provider is out of reach.
        """
        return replies.date_s(await self.ask("GET", "/api/v3/balance"))

    async def now_s(self) -> float | None:
        """Unix seconds by the provider's clock; None if its answers tell no time.

        It is asked only if no answer of the last minute told it.

        Raises:
            NoAnswerError: the provider is out of reach.
        """
        if self.clock.age_s() > CLOCK_FRESH_S:
            await self.clock_s()
        return self.clock.now_s()

    async def close(self) -> None:
        """Let go of the connections."""
        await self._http.close()

    async def ask(self, method: str, path: str, content: Content = None) -> Reply:
        """The answer to a question that costs nothing, whatever its status.

        Raises:
            NoAnswerError: the provider is out of reach, or took too long.
        """
        try:
            async with self.room, deadline(self._request_timeout_s):
                return await self.send(method, path, content)
        except RequestError as error:
            raise NoAnswerError(f"{self.base_url}: {error}") from None

    async def send(self, method: str, path: str, content: Content = None) -> Reply:
        """Send a request once, inside `room`, and read its whole answer.

        Raises:
            Exception: there is no answer, or none of this API.
        """
        sent = {"Accept": "application/json"}
        if self._key:
            sent["Authorization"] = f"Bearer {self._key.get_secret_value()}"
        body = None
        if content is not None:
            sent["Content-Type"] = "application/json"
            body = json.dumps(content, ensure_ascii=False).encode()
        max_bytes = MAX_LIST_BYTES if path == MODELS else MAX_ANSWER_BYTES
        asked_at_s = steady_s()
        async with await self._http.ask(
            method, self.base_url + path, sent, body
        ) as response:
            text = bytearray()
            async for chunk in response.content.iter_any():
                text += chunk
                if len(text) > max_bytes:
                    raise ValueError("an answer longer than any of this API")
            reply = Reply(response.status, bytes(text), response.headers)
        self._read_clock(reply, asked_at_s)
        return reply

    def _read_clock(self, reply: Reply, asked_at_s: float) -> None:
        """Remember what an answer tells of the provider's clock, now and then."""
        if self.clock.age_s() > CLOCK_EVERY_S:
            date_s = replies.date_s(reply)
            if date_s is not None:
                # A date is cut to the second, so half a second is missing on average.
                self.clock.set(date_s + 0.5, asked_at_s, steady_s())

    async def _pages(
        self,
        what: str,
        path: str,
        question: Mapping[str, Any],
        read: Callable[[Reply], list[T]],
    ) -> AsyncIterator[T]:
        """Everything on all pages of a listing.

        The last page is the one with nothing on it: a page may hold fewer than were
        asked for although more follow.
        """
        before: list[Any] = []
        for page in range(1, MAX_PAGES + 1):
            body = {"page": page, "page_size": PAGE, **question}
            reply = await self.ask("POST", path, body)
            try:
                items, found = listings.items(reply), read(reply)
            except ValueError as error:
                raise NoAnswerError(
                    f"{what} answers HTTP {reply.status}, which cannot be read: {error}"
                ) from None
            if not items:
                return
            if items == before:
                raise NoAnswerError(f"{what} shows the same page again and again")
            before = items
            for each in found:
                yield each
        raise NoAnswerError(f"{what} has more than {MAX_PAGES} pages in that window")


@asynccontextmanager
async def opened(settings: Settings) -> AsyncIterator[Provider]:
    """The account's client, for as long as it is needed."""
    provider = Provider.of(settings)
    try:
        yield provider
    finally:
        await provider.close()


def _result(prediction_id: str) -> str:
    return f"/api/v3/predictions/{quote(prediction_id, safe='')}/result"


def _iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat().replace("+00:00", "Z")
