"""The provider's REST API: asking it, and reading its answers with suspicion.

It decides nothing beyond what an answer says; `jobs.attempt.failures` decides what
follows. Shapes and statuses are those of wavespeed.ai/docs and of the vendor's own
clients. The API key goes to the API's own origin only, in the one line that builds the
header.
"""

import asyncio
import json
from collections.abc import (
    AsyncIterable,
    AsyncIterator,
    Awaitable,
    Callable,
    Mapping,
)
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any, TypeVar
from urllib.parse import quote

import aiohttp
import httpx
from pydantic import SecretStr

from jobs.provider.answers import (
    AccountTrouble,
    AnswerLost,
    Billed,
    Listed,
    PollAgain,
    PollAnswer,
    SubmitAnswer,
    Unsent,
)
from jobs.provider.clock import RemoteClock, steady_s
from worker import pages, replies
from worker.replies import Reply
from worker.transport import (
    CONNECTIONS,
    REQUEST_ERRORS,
    Sessions,
    Wire,
    could_have_left,
    make_client,
)

T = TypeVar("T")

#: A file, piece by piece.
File = AsyncIterable[bytes]

#: What a request carries: something to be written as JSON, a file, or nothing.
Content = Mapping[str, Any] | File | None

#: An answer longer than this is no answer of this API.
LONGEST_ANSWER_BYTES = 2 << 20

#: Most items of one page of the history (docs-common-api/predictions).
PAGE = 100

BILLINGS = "/api/v3/billings/search"

#: Pages that one question to the history reads at most: the largest account starts
#: 5,000 videos a minute, and a lost answer is searched for over several.
MOST_PAGES = 1_000

#: Seconds that a reading of the provider's clock is used.
CLOCK_FRESH_S = 60.0

#: Seconds between two readings, of the answers that come anyway.
CLOCK_EVERY_S = 5.0

#: Seconds that an answer which has arrived has to be read after the time is up: a
#: process that was stopped meanwhile finds both at the same moment.
READ_S = 0.5


class NoAnswerError(Exception):
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
        self.base_url = base_url
        self._key = key
        self._submit_timeout_s = submit_timeout_s
        self._request_timeout_s = request_timeout_s
        longest_s = max(submit_timeout_s, request_timeout_s)
        sessions = Sessions()
        self._client = make_client(longest_s, sessions)
        self._wire = Wire(sessions, longest_s)
        self._clock = RemoteClock()
        #: Whoever asks waits here and not inside the client, where waiting would count
        #: as the provider's silence.
        self.room = asyncio.Semaphore(CONNECTIONS)

    async def submit(self, path: str, request: Mapping[str, Any]) -> SubmitAnswer:
        """Ask for one paid prediction, inside `room`; sent once, whatever happens."""
        try:
            async with _timeout(self._submit_timeout_s):
                reply = await self._ask_wire("POST", path, request)
        except Exception as error:  # noqa: BLE001 - an error nobody knows is the dear kind
            if type(error) is TimeoutError:  # ours; those of the wire are of its kinds
                return AnswerLost(f"no answer within {self._submit_timeout_s:g} s")
            reason = replies.describe(error)
            return AnswerLost(reason) if could_have_left(error) else Unsent(reason)
        return replies.submitted(reply)

    async def poll(self, prediction_id: str) -> PollAnswer:
        """How a prediction stands."""
        path = f"/api/v3/predictions/{quote(prediction_id, safe='')}/result"
        try:
            reply = await self._patiently(
                lambda: self._ask_wire("GET", path), self._request_timeout_s
            )
        except NoAnswerError as error:
            return PollAgain(str(error))
        return replies.polled(reply, prediction_id)

    async def balance_usd(self) -> float | AccountTrouble:
        """The account's money in dollars, or what is wrong with the account.

        Raises:
            NoAnswerError: the provider is out of reach or answers something else.
        """
        reply = await self.ask("GET", "/api/v3/balance")
        trouble = replies.trouble(reply)
        if trouble:
            return trouble
        balance = replies.data(reply).get("balance")
        if reply.status != httpx.codes.OK or not isinstance(balance, int | float):
            raise NoAnswerError(
                f"{self.base_url} answers HTTP {reply.status} to a question for the "
                f"balance, so it does not speak the provider's API: {reply.excerpt()}"
            )
        return float(balance)

    async def history(
        self, model: str, after_s: float, before_s: float
    ) -> list[Listed]:
        """Predictions of a model created in a window, by the provider's clock.

        Raises:
            NoAnswerError: the history cannot be read whole now.
        """
        question = {
            "model": model,
            "created_after": _iso(after_s),
            "created_before": _iso(before_s),
        }
        path = "/api/v3/predictions"
        items = self._pages("the history", path, question, pages.listed)
        return list({item.prediction_id: item async for item in items}.values())

    async def billings(self, after_s: float, before_s: float) -> list[Billed]:
        """Charges and refunds booked in a window, by the provider's clock.

        Raises:
            NoAnswerError: the records cannot be read whole now.
        """
        question = {
            "start_time": _iso(after_s),
            "end_time": _iso(before_s),
            "sort": "created_at ASC",
        }
        rows = self._pages("the billing", BILLINGS, question, pages.billed)
        return list({(row.kind, row.record): row async for row in rows}.values())

    async def listing(self, prediction_id: str) -> Listed | None:
        """A prediction as its result shows it; None if it is not known.

        Raises:
            NoAnswerError: the provider is out of reach or answers something else.
        """
        path = f"/api/v3/predictions/{quote(prediction_id, safe='')}/result"
        reply = await self.ask("GET", path)
        if reply.status == httpx.codes.NOT_FOUND:
            return None
        found = pages.shown(reply)
        if found is None or found.prediction_id != prediction_id:
            raise NoAnswerError(f"a prediction's result answers HTTP {reply.status}")
        return found

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
        reply = await self.ask("GET", "/api/v3/balance")
        return replies.date_s(reply)

    async def now_s(self) -> float | None:
        """Unix seconds by the provider's clock; None if its answers tell no time.

        It is asked only if no answer of the last minute told it.

        Raises:
            NoAnswerError: the provider is out of reach.
        """
        if self._clock.age_s() > CLOCK_FRESH_S:
            await self.clock_s()
        return self._clock.now_s()

    async def _pages(
        self,
        what: str,
        path: str,
        question: Mapping[str, Any],
        read: Callable[[Reply], list[T] | None],
    ) -> AsyncIterator[T]:
        """Everything on all pages of a listing.

        The last page is the one with nothing on it: a page may hold fewer than were
        asked for although more follow.
        """
        before: list[Any] = []
        for page in range(1, MOST_PAGES + 1):
            body = {"page": page, "page_size": PAGE, **question}
            reply = await self.ask("POST", path, body)
            found = read(reply)
            if found is None:
                raise NoAnswerError(f"{what} answers HTTP {reply.status}")
            items = pages.items(reply)
            if not items:
                return
            if items == before:
                raise NoAnswerError(f"{what} shows the same page again and again")
            before = items
            for each in found:
                yield each
        raise NoAnswerError(f"{what} has more than {MOST_PAGES} pages in that window")

    async def close(self) -> None:
        """Let go of the connections."""
        await self._client.aclose()

    async def ask(
        self, method: str, path: str, body: Mapping[str, Any] | None = None
    ) -> Reply:
        """The answer to a question that costs nothing, whatever its status.

        Raises:
            NoAnswerError: the provider is out of reach.
        """
        return await self._patiently(
            lambda: self._exchange(method, path, body, {}), self._request_timeout_s
        )

    async def post_file(
        self, path: str, file: File, headers: Mapping[str, str], timeout_s: float
    ) -> Reply:
        """Hand over a file to the API itself, piece by piece, which costs nothing.

        Raises:
            NoAnswerError: the provider is out of reach, or did not take it in time.
        """
        return await self._patiently(
            lambda: self._exchange("POST", path, file, headers), timeout_s
        )

    async def _patiently(
        self, ask: Callable[[], Awaitable[Reply]], timeout_s: float
    ) -> Reply:
        try:
            async with self.room, asyncio.timeout(timeout_s):
                return await ask()
        except aiohttp.ServerTimeoutError as error:
            raise NoAnswerError(f"{self.base_url}: {replies.describe(error)}") from None
        except TimeoutError:
            raise NoAnswerError(
                f"{self.base_url}: no answer within {timeout_s:g} s"
            ) from None
        except REQUEST_ERRORS as error:
            raise NoAnswerError(f"{self.base_url}: {replies.describe(error)}") from None

    async def _exchange(
        self, method: str, path: str, content: Content, headers: Mapping[str, str]
    ) -> Reply:
        sent = {**self._own_headers(), **headers}
        packed: bytes | File | None
        if isinstance(content, Mapping):
            sent["Content-Type"] = "application/json"
            packed = _packed(content)
        else:
            packed = content
        asked_at_s = steady_s()
        async with self._client.stream(
            method, self.base_url + path, headers=sent, content=packed
        ) as response:
            body = await _whole(response.aiter_bytes())
            reply = Reply(response.status_code, body, response.headers)
        return self._dated(reply, asked_at_s)

    async def _ask_wire(
        self, method: str, path: str, content: Mapping[str, Any] | None = None
    ) -> Reply:
        """As `_exchange`, for what is asked by the hundred each second."""
        headers, body = self._own_headers(), None
        if content is not None:
            headers["Content-Type"] = "application/json"
            body = _packed(content)
        url, asked_at_s = self.base_url + path, steady_s()
        async with self._wire.ask(method, url, headers, body) as response:
            text = await _whole(response.content.iter_any())
            reply = Reply(response.status, text, response.headers)
        return self._dated(reply, asked_at_s)

    def _dated(self, reply: Reply, asked_at_s: float) -> Reply:
        """The same answer; what it tells of the provider's clock is remembered."""
        if self._clock.age_s() > CLOCK_EVERY_S:
            date_s = replies.date_s(reply)
            if date_s is not None:
                # A date is cut to the second, so half a second is missing on average.
                self._clock.set(date_s + 0.5, asked_at_s, steady_s())
        return reply

    def _own_headers(self) -> dict[str, str]:
        sent = {"Accept": "application/json"}
        if self._key:
            sent["Authorization"] = f"Bearer {self._key.get_secret_value()}"
        return sent


@asynccontextmanager
async def _timeout(seconds: float) -> AsyncIterator[None]:
    """As `asyncio.timeout`, but what has arrived when the time is up is read first."""
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(None) as limit:
        timer = loop.call_later(seconds, lambda: limit.reschedule(loop.time() + READ_S))
        try:
            yield
        finally:
            timer.cancel()


def _packed(content: Mapping[str, Any]) -> bytes:
    return json.dumps(content, ensure_ascii=False).encode()


async def _whole(chunks: AsyncIterable[bytes]) -> bytes:
    text = bytearray()
    async for chunk in chunks:
        text += chunk
        if len(text) > LONGEST_ANSWER_BYTES:
            raise ValueError("an answer longer than any of this API")
    return bytes(text)


def _iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat().replace("+00:00", "Z")
