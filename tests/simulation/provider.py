"""A provider with books of its own, and the real client, which needs no HTTP for it."""

import asyncio
import json
import math
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import formatdate
from functools import partial
from random import Random
from types import SimpleNamespace
from typing import Any, cast

import aiohttp

from jobs.attempt.failures import MODERATION_CODE
from jobs.catalogue import Catalogue
from jobs.provider.client import Content, Provider
from jobs.provider.clock import steady_s
from jobs.provider.replies import Reply
from jobs.settings import Settings
from tests.simulation.clock import BEGIN_S, VirtualLoop
from tests.simulation.faults import ENDINGS, Faults

#: A prediction that goes on for so long counts no more on our side.
OVERDUE_S = 3_600.0

#: Seconds after which a provider that changes its prices has changed them.
PRICES_CHANGE_AT_S = 1_800.0

#: Status and body of an answer.
Answer = tuple[int, dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Prediction:
    """What was created, and how it ends."""

    id: str
    model: str
    inputs: dict[str, Any]
    created_at_s: float
    done_at_s: float
    ending: str
    code: int
    #: What was quoted, and what is billed.
    price_usd_micros: int
    billed_usd_micros: int
    #: Another client's.
    stranger: bool
    #: Its request was on its way for long.
    is_late: bool = False
    #: For so many seconds it is completed without the address of a video.
    empty_s: float = 0.0

    def status(self, now_s: float) -> str:
        """How it stands."""
        if now_s < self.done_at_s:
            return "processing"
        return "completed" if self.is_empty(now_s) else self.ending

    def is_empty(self, now_s: float) -> bool:
        """Whether there is no address of a video, though it is done."""
        return now_s < self.done_at_s + self.empty_s

    @property
    def is_fruitless(self) -> bool:
        """Whether it is paid and never has a video."""
        return self.code == MODERATION_CODE or self.empty_s == math.inf

    @property
    def is_refunded(self) -> bool:
        """Whether its money comes back once it ends."""
        return self.ending != "completed" and self.code != MODERATION_CODE


@dataclass(slots=True)
class StandIn:
    """The provider: what was created, and what of the limits was not kept."""

    random: Random
    faults: Faults
    catalogue: Catalogue
    loop: VirtualLoop
    starts_per_minute: int
    at_once: int
    account_id: str
    predictions: dict[str, Prediction] = field(default_factory=dict)
    breaches: list[str] = field(default_factory=list)

    def now_s(self) -> float:
        """Unix seconds by its own clock."""
        return BEGIN_S + self.loop.now_s + self.faults.provider_ahead_s

    def ours(self) -> Iterator[Prediction]:
        """All that this account's rows have created."""
        return (p for p in self.predictions.values() if not p.stranger)

    def create(
        self,
        path: str,
        inputs: dict[str, Any],
        *,
        stranger: bool = False,
        is_late: bool = False,
    ) -> Prediction:
        """Create and charge a prediction."""
        (model,) = (m for m in self.catalogue.models.values() if m.path == path)
        now_s, random = self.now_s(), self.random
        if not stranger:
            self._watch_limits(now_s, is_late=is_late)
        ending, code = "completed", 0
        if not stranger and self.faults.happens("generation_fails"):
            ending, code = random.choice(ENDINGS)
        took_s = random.uniform(20, 120)
        if self.faults.happens("generation_slow"):
            took_s = random.uniform(4_000, 9_000)
            if not stranger and random.random() < 1 / 2:
                ending, code = random.choice(ENDINGS)
        price = model.price_usd_micros(inputs) or 0
        billed = price
        if self.faults.price_factor != 1 and self.loop.now_s > PRICES_CHANGE_AT_S:
            billed = int(price * self.faults.price_factor)
            self.faults.seen["price_changed"] += 1
        empty_s = 0.0
        if ending == "completed" and self.faults.happens("video_later"):
            empty_s = 120.0
        elif ending == "completed" and self.faults.happens("video_missing"):
            empty_s = math.inf
        elif ending != "completed" and self.faults.happens("fails_later"):
            empty_s = 30.0
        made = Prediction(
            id=f"{random.getrandbits(96):024x}",
            model=model.id,
            inputs=inputs,
            created_at_s=now_s,
            done_at_s=now_s + took_s,
            ending=ending,
            code=code,
            price_usd_micros=price,
            billed_usd_micros=billed,
            stranger=stranger,
            is_late=is_late,
            empty_s=empty_s,
        )
        self.predictions[made.id] = made
        return made

    def answer(self, path: str, body: Mapping[str, Any]) -> Answer:
        """The answer to a free question."""
        if path == "/api/v3/balance":
            return 200, {"code": 200, "data": {"balance": 1_000.0}}
        if path == "/api/v3/predictions":
            return 200, {"code": 200, "data": {"items": self._history(body)}}
        if path == "/api/v3/billings/search":
            return 200, {"code": 200, "data": {"items": self._billing(body)}}
        found = self.predictions.get(path.split("/")[-2])
        if found is None:
            return 404, {"code": 404, "message": "prediction not found"}
        status = found.status(self.now_s())
        told = self._shown(found, inputs=self.faults.shows_inputs_in_results)
        if status == "completed":
            address = f"https://cdn.example/{found.id}.mp4"
            told["outputs"] = [] if found.is_empty(self.now_s()) else [address]
        elif status == found.ending:
            told |= {"code": found.code, "error": "it failed"}
        return 200, {"code": 200, "data": told}

    def _watch_limits(self, now_s: float, *, is_late: bool) -> None:
        ours = list(self.ours())
        # When a lost request arrives is nobody's choice.
        in_time = (p for p in ours if not p.is_late)
        starts = sum(p.created_at_s > now_s - 60.0 for p in in_time)
        alive = sum(
            now_s < p.done_at_s for p in ours if now_s < p.created_at_s + OVERDUE_S
        )
        if starts >= self.starts_per_minute and not is_late:
            self.breaches.append(f"{starts + 1} starts in 60 s")
        if alive >= self.at_once:
            self.breaches.append(f"{alive + 1} predictions at once")

    def _shown(self, prediction: Prediction, *, inputs: bool) -> dict[str, Any]:
        told: dict[str, Any] = {
            "id": prediction.id,
            "model": prediction.model,
            "status": prediction.status(self.now_s()),
            "created_at": _iso(prediction.created_at_s),
        }
        return {**told, "inputs": prediction.inputs} if inputs else told

    def _history(self, body: Mapping[str, Any]) -> list[dict[str, Any]]:
        after_s, before_s = self._window(body["created_after"], body["created_before"])
        found = [
            p
            for p in reversed(self.predictions.values())
            if p.model == body["model"] and after_s <= p.created_at_s <= before_s
        ]
        shows = self.faults.shows_inputs_in_history
        return self._page([self._shown(p, inputs=shows) for p in found], body)

    def _billing(self, body: Mapping[str, Any]) -> list[dict[str, Any]]:
        after_s, before_s = self._window(body["start_time"], body["end_time"])
        booked = [
            (at_s, kind, p)
            for p in self.predictions.values()
            for kind, at_s in (("deduct", p.created_at_s), ("refund", p.done_at_s))
            if after_s <= at_s <= before_s and (kind == "deduct" or p.is_refunded)
        ]
        rows = [
            {
                "uuid": f"{kind}-{p.id}",
                "billing_type": kind,
                "price": p.billed_usd_micros / 1e6,
                "created_at": _iso(at_s),
                "prediction": {"uuid": p.id, "model_uuid": p.model},
            }
            for at_s, kind, p in sorted(booked, key=lambda row: row[0])
        ]
        return self._page(rows, body)

    def _window(self, after: str, before: str) -> tuple[float, float]:
        known_s = self.now_s() - self.faults.history_lag_s
        return _unix(after), min(_unix(before), known_s)

    def _page(
        self, rows: list[dict[str, Any]], body: Mapping[str, Any]
    ) -> list[dict[str, Any]]:
        size = min(int(body["page_size"]), self.faults.max_page)
        first = (int(body["page"]) - 1) * size
        return rows[first : first + size]


class Client(Provider):
    """The real client; its requests go to a `StandIn` instead of a network."""

    def __init__(
        self,
        settings: Settings,
        stand_in: StandIn,
        step: Callable[[str], None],
        paying: Callable[[str], None],
        asleep: Callable[[], Awaitable[None]],
    ) -> None:
        """Connect to nobody.

        Args:
            settings: of the worker.
            stand_in: what answers.
            step: is told of each step of the worker, and raises if it is dead.
            paying: is told of the prompt of each paid request that leaves.
            asleep: lets the worker's machine sleep for a while.
        """
        super().__init__(
            settings.base_url,
            settings.api_key,
            submit_timeout_s=settings.submit_timeout_s,
            request_timeout_s=settings.request_timeout_s,
        )
        self._stand_in = stand_in
        self._step = step
        self._paying, self._asleep = paying, asleep

    async def send(self, method: str, path: str, content: Content = None) -> Reply:
        """One request and its answer, with what goes wrong on both ways."""
        stand_in, faults = self._stand_in, self._stand_in.faults
        body = json.loads(json.dumps(content)) if isinstance(content, Mapping) else {}
        self._step(f"{method} {path}")
        asked_at_s = steady_s()
        await asyncio.sleep(stand_in.random.uniform(0.01, 0.3))
        if faults.happens("connection_refused"):
            if faults.happens("worker_sleeps"):
                await self._asleep()
            raise _refused()
        models = stand_in.catalogue.models.values()
        is_paid = any(model.path == path for model in models)
        answering = self._paid(path, body) if is_paid else self._free(path, body)
        status, answer = await answering
        # Others go on meanwhile with what it has just paid for, or seen to fail.
        has_failed = "error" in answer.get("data", ())
        if (is_paid or has_failed) and faults.happens("worker_sleeps"):
            await self._asleep()
        if faults.happens("answer_garbled"):
            answer = {"data": {"id": 7, "status": []}}
        date = formatdate(stand_in.now_s(), usegmt=True)
        await asyncio.sleep(stand_in.random.uniform(0.01, 0.3))
        self._step(f"HTTP {status}")
        reply = Reply(status, json.dumps(answer).encode(), {"date": date})
        self._read_clock(reply, asked_at_s)
        return reply

    async def _free(self, path: str, body: dict[str, Any]) -> Answer:
        faults = self._stand_in.faults
        if faults.happens("free_answer_lost"):
            raise aiohttp.ServerDisconnectedError
        if faults.happens("free_answer_5xx"):
            return 503, {"message": "try again"}
        return self._stand_in.answer(path, body)

    async def _paid(self, path: str, body: dict[str, Any]) -> Answer:
        stand_in, faults = self._stand_in, self._stand_in.faults
        self._paying(body["prompt"])
        if faults.happens("throttled"):
            return 429, {"message": "too many requests"}
        if faults.happens("refused"):
            return 400, {"message": "this prompt is refused"}
        if faults.happens("request_lost"):
            raise aiohttp.ServerDisconnectedError
        if faults.happens("request_late"):
            late_s = stand_in.random.uniform(1, faults.max_late_s)
            create = partial(stand_in.create, path, body, is_late=True)
            stand_in.loop.call_later(late_s, create)
            raise aiohttp.ServerDisconnectedError
        made = stand_in.create(path, body)
        if faults.happens("stranger"):
            theirs = {**body, "prompt": f"another client's {made.id}"}
            stand_in.create(path, theirs, stranger=True)
        if faults.happens("answer_lost"):
            raise aiohttp.ServerDisconnectedError
        if faults.happens("paid_answer_5xx"):
            return 502, {"message": "bad gateway"}
        return 200, {"code": 200, "data": {"id": made.id, "status": "created"}}


def _refused() -> aiohttp.ClientConnectorError:
    key = SimpleNamespace(host="api.wavespeed.ai", port=443, ssl=True)
    refused = ConnectionRefusedError(111, "refused")
    return aiohttp.ClientConnectorError(cast("Any", key), refused)


def _iso(at_s: float) -> str:
    return datetime.fromtimestamp(at_s, UTC).isoformat()


def _unix(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()
