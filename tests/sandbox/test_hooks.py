"""The sandbox calls back as the provider does: signed, with the input, three times."""

import hashlib
import hmac
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import pytest

from tests.sandbox.desk import LEAST, V26, Desk
from tests.sandbox.running import RunningSandbox, running_sandbox

KEY = {"Authorization": "Bearer k"}


@pytest.fixture(scope="module")
def sandbox() -> Iterator[RunningSandbox]:
    quick = {"quality": "small", "generation_s": 0.05, "webhook_retry_s": 0.02}
    with running_sandbox(**quick) as running:
        yield running


@dataclass(slots=True)
class Listener:
    """Somebody who is called, and what was said."""

    url: str = ""
    status: int = 200
    heard: list[tuple[dict[str, str], bytes]] = field(default_factory=list)

    def await_calls(self, count: int) -> None:
        end_s = time.monotonic() + 20
        while len(self.heard) < count:
            assert time.monotonic() < end_s, self.heard


@contextmanager
def listening(status: int = 200) -> Iterator[Listener]:
    made = Listener(status=status)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            made.heard.append((dict(self.headers), body))
            self.send_response(made.status)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        made.url = f"http://127.0.0.1:{server.server_address[1]}/token"
        yield made
        server.shutdown()


def submit(sandbox: RunningSandbox, webhook: str) -> str:
    answer = httpx.post(
        f"{sandbox.url}/api/v3/{V26}",
        params={"webhook": webhook},
        json=LEAST[V26],
        headers=KEY,
        trust_env=False,
    )
    return str(answer.raise_for_status().json()["data"]["id"])


def test_a_webhook_is_a_bare_prediction_signed_with_the_account_s_secret(
    sandbox: RunningSandbox,
) -> None:
    with listening() as listener:
        prediction_id = submit(sandbox, listener.url)
        listener.await_calls(1)
    ((headers, body),) = listener.heard
    told = json.loads(body)
    assert (told["id"], told["status"]) == (prediction_id, "completed")
    assert told["input"] == LEAST[V26]
    answer = httpx.get(
        f"{sandbox.url}/api/v3/webhook/secret", headers=KEY, trust_env=False
    )
    key = answer.json()["data"]["secret"].removeprefix("whsec_").encode()
    stamp = headers["webhook-timestamp"]
    signed = f"{headers['webhook-id']}.{stamp}.".encode() + body
    digits = hmac.new(key, signed, hashlib.sha256).hexdigest()
    assert headers["webhook-signature"] == f"v3,{digits}"
    assert abs(time.time() - int(stamp)) < 60


def test_who_does_not_take_it_is_called_three_times(sandbox: RunningSandbox) -> None:
    with listening(500) as listener:
        submit(sandbox, listener.url)
        listener.await_calls(3)
    assert len({headers["webhook-id"] for headers, _ in listener.heard}) == 1
    assert sandbox.books()["webhooks"]["500"] >= 2


def test_an_address_that_is_none_is_refused_and_costs_nothing(desk: Desk) -> None:
    path = f"/api/v3/{V26}?webhook=ftp%3A%2F%2Fx"
    assert desk.ask("POST", path, json=LEAST[V26]).status_code == 400
    assert desk.books()["predictions"] == 0


def test_every_account_has_a_secret_of_its_own_that_can_change(desk: Desk) -> None:
    def secret(key: str | None) -> object:
        answer = desk.ask("GET", "/api/v3/webhook/secret", key)
        return answer.status_code if answer.is_error else answer.json()["data"]

    seen = [secret("a"), secret("b")]
    desk.configure(webhook_secret=2)
    seen += [secret("a")]
    assert len({json.dumps(each) for each in seen}) == 3
    assert secret(None) == 401
