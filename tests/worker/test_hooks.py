"""Webhooks end to end: what is over is seen at once, and no webhook can do harm."""

import json
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from aiohttp import web

from jobs.attempt import hooks
from jobs.attempt.hooks import Attempted
from jobs.ledger import Ledger
from jobs.settings import child_environment
from jobs.states import State
from jobs.transitions import Ref
from sandbox.webhooks import signature
from tests.sandbox.running import RunningSandbox, running_sandbox
from tests.worker.workshop import Workshop, workshop
from worker.hooks import Receiver
from worker.reconcile import reconcile


@pytest.fixture(scope="module")
def sandbox() -> Iterator[RunningSandbox]:
    quick = {"tier": "ultra", "quality": "small", "generation_s": 0.2}
    with running_sandbox(**quick, webhook_retry_s=0.05) as running:
        yield running


@dataclass(slots=True)
class Hooked:
    """A workshop whose submits ask for webhooks, and its receiver."""

    shop: Workshop
    url: str

    def due(self) -> list[Ref]:
        """What somebody must look at now."""
        engine = self.shop.engine
        return [
            r for r, _ in self.shop.ledger.delay_queue.lease(engine.account, 99, 60.0)
        ]

    def token(self, ref: Ref, fencing_token: int = 1) -> str:
        return hooks.sealed(self.shop.engine.token_key, Attempted(ref, fencing_token))

    def secret(self) -> str:
        key = self.shop.engine.settings.api_key
        assert key
        answer = httpx.get(
            f"{self.shop.sandbox.url}/api/v3/webhook/secret",
            headers={"Authorization": f"Bearer {key.get_secret_value()}"},
            trust_env=False,
        )
        return str(answer.raise_for_status().json()["data"]["secret"])

    def call(self, token: str, told: Any, *, age_s: float = 0.0, key: str = "") -> int:
        """Call as the provider would; the status of the answer."""
        body, at_s = json.dumps(told).encode(), int(time.time() - age_s)
        headers = {
            "webhook-id": "msg",
            "webhook-timestamp": str(at_s),
            "webhook-signature": signature(key or self.secret(), "msg", at_s, body),
        }
        url = f"{self.url}/{token}"
        answer = httpx.post(url, content=body, headers=headers, trust_env=False)
        return answer.status_code


@contextmanager
def hooked(
    ledger: Ledger, sandbox: RunningSandbox, home: Path, **changes: Any
) -> Iterator[Hooked]:
    """A receiver on a free port; nothing is looked at by itself for an hour."""
    listening = socket.create_server(("127.0.0.1", 0))
    url = f"http://127.0.0.1:{listening.getsockname()[1]}/wave"
    slow = {"webhook_url": url, "first_poll_s": 3600, "settling_s": 3600.0}
    with workshop(ledger, sandbox, home, **slow | changes) as shop:
        runner: list[web.AppRunner] = []

        async def begin() -> None:
            app = Receiver(shop.engine, secret_every_s=0.0).app()
            runner.append(web.AppRunner(app, lingering_time=0.1))
            await runner[0].setup()
            await web.SockSite(runner[0], listening).start()

        shop.engine.run(begin())
        try:
            yield Hooked(shop, url)
        finally:
            shop.engine.run(runner[0].cleanup())


@pytest.fixture
def place(ledger: Ledger, sandbox: RunningSandbox, home: Path) -> Iterator[Hooked]:
    with hooked(ledger, sandbox, home) as made:
        yield made


def test_what_is_over_is_due_at_once_and_looked_at_once(place: Hooked) -> None:
    shop = place.shop
    refs = shop.order(*map(shop.job, range(4)))
    shop.submit()
    due: list[Ref] = []
    shop.until(lambda: sorted(due) == sorted(refs), lambda: due.extend(place.due()))
    shop.until_all(State.STORED)
    shop.check()
    assert [row["looks"] for row in shop.books()] == [1] * 4
    heard_at_s = shop.ledger.hooks.heard_at_s(shop.engine.account)
    assert abs(heard_at_s - time.time()) < 60


def test_a_lost_answer_finds_its_owner_without_the_history(place: Hooked) -> None:
    shop = place.shop
    shop.sandbox.configure(submit_drop_after=1.0)
    asked = shop.sandbox.books()["requests"].get("history", 0)
    shop.order(*map(shop.job, range(4)))
    shop.submit()
    found = {State.GENERATING, State.UNKNOWN}
    assert set(shop.states()) <= found
    shop.until(lambda: set(shop.states()) == {State.GENERATING}, lambda: None)
    shop.check()
    assert shop.sandbox.books()["requests"].get("history", 0) == asked
    shop.end()
    assert shop.states() == {State.STORED: 4}
    shop.check()


def test_a_webhook_before_the_answer_is_no_second_prediction(place: Hooked) -> None:
    shop = place.shop
    shop.sandbox.configure(webhook_early=1.0)
    shop.order(*map(shop.job, range(3)))
    shop.submit()
    assert shop.states() == {State.GENERATING: 3}
    shop.end()
    assert shop.states() == {State.STORED: 3}
    shop.check()
    assert shop.is_paid_as_booked()


@pytest.mark.parametrize(
    "fault", ["webhook_never", "webhook_twice", "webhook_late", "webhook_forged"]
)
def test_polling_needs_no_webhook(place: Hooked, fault: str) -> None:
    shop = place.shop
    shop.sandbox.configure(webhook_late_s=0.3, **{fault: 1.0})
    shop.order(*map(shop.job, range(2)))
    shop.submit()
    shop.until_all(State.STORED)
    shop.check()


def test_what_is_not_the_provider_s_word_for_this_attempt_changes_nothing(
    place: Hooked,
) -> None:
    shop = place.shop
    shop.sandbox.configure(submit_drop_after=1.0, webhook_never=1.0)
    job = shop.job(0)
    (ref,) = shop.order(job)
    shop.submit()
    (lost,) = shop.books()
    shop.sandbox.configure(submit_drop_after=0.0)
    other = shop.post({**job.inputs, "prompt": f"{shop.tag} another"})
    third = shop.post(dict(job.inputs), "kling-v1.6-std")
    own, token = {"id": lost["id"]}, place.token(ref)
    assert place.call("x" + token, own) == 404
    assert place.call(token, own, key="whsec_guessed") == 401
    assert place.call(token, own, age_s=400) == 400
    wrong: list[Any] = [[], {}, {"id": 7}, {"id": "../x"}, {"id": "nobody"}]
    for told in [*wrong, {"id": third}]:
        assert place.call(token, told) == 204
    inputs = {**job.inputs, "prompt": f"{shop.tag} another"}
    assert place.call(token, {"id": other, "input": inputs}) == 204
    assert place.call(place.token(ref, 2), own) == 204
    assert place.call(place.token(Ref("spring", "nobody")), own) == 204
    assert shop.states() == {State.UNKNOWN: 1}
    assert place.call(token, own | {"input": lost["inputs"]}) == 204
    shop.until(lambda: shop.record(ref).prediction_id == lost["id"], lambda: None)
    shop.engine.run(reconcile(shop.engine, [ref]))
    assert place.call(token, own) == 204
    assert place.call(token, {"id": other}) == 204
    assert shop.record(ref).prediction_id == lost["id"]


def test_a_new_secret_is_asked_for_when_a_signature_does_not_fit(
    place: Hooked,
) -> None:
    shop = place.shop
    (ref,) = shop.order(shop.job(0))
    assert place.call(place.token(ref), {}) == 204
    shop.sandbox.configure(webhook_secret=2)
    assert place.call(place.token(ref), {}) == 204


def test_too_large_a_body_is_not_read_and_a_ledger_that_is_away_asks_for_another(
    place: Hooked,
) -> None:
    (ref,) = place.shop.order(place.shop.job(0))
    assert place.call(place.token(ref), "x" * (2 << 20)) == 413
    place.shop.ledger.shutdown()
    assert place.call(place.token(ref), {}) == 503


def test_the_receiver_says_where_it_is_and_ends_when_asked(
    ledger: Ledger, sandbox: RunningSandbox, home: Path
) -> None:
    with workshop(ledger, sandbox, home) as shop:
        code = "from producer.hooks import hooks; hooks('127.0.0.1', 0)"
        with subprocess.Popen(
            [sys.executable, "-c", code],
            env=child_environment(
                shop.engine.settings.model_copy(update={"settling_s": 180.0})
            ),
            stdout=subprocess.PIPE,
            text=True,
        ) as process:
            assert process.stdout
            url = json.loads(process.stdout.readline())["url"]
            answer = httpx.get(f"{url}/health", trust_env=False)
            assert answer.json() == {"ok": True}
            process.send_signal(signal.SIGTERM)
            assert process.wait(20) == 0
