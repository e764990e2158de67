"""The receiver of webhooks: a small server, started as `python -m worker.hooks`.

A genuine webhook makes its job due at once; for a lost answer it tells which prediction
is whose, and that is believed only after the provider itself has said the same. It
moves nothing else, and polling goes on without it.
"""

import asyncio
import json
import logging
import signal
import sys
import threading
import time
from http import HTTPStatus
from typing import Any

from aiohttp import web

from jobs import broker, settings, transitions
from jobs.attempt import hooks, reconciling
from jobs.attempt.hooks import Attempted, Delivery, Genuine
from jobs.attempt.links import sent_inputs
from jobs.attempt.reconciling import LostSubmission
from jobs.ledger import LedgerError
from jobs.ledger.transitions import Applied
from jobs.provider.answers import Listed, NoAnswerError
from jobs.provider.replies import USABLE_ID
from jobs.records import JobRecord
from jobs.states import State
from jobs.transitions import Ref
from worker.engine import Engine, log_transitions

log = logging.getLogger("reelmill.hooks")

#: A prediction with its inputs is a few kilobytes.
MAX_BYTES = 1 << 20

#: A signature that does not fit asks for the secret anew, at most this often.
SECRET_EVERY_S = 60.0

#: What is under way when the receiver is asked to end has so long.
STOP_S = 5.0

#: What is too large is not read to its end for longer than this.
LINGER_S = 1.0

LOST = (State.SUBMITTING, State.UNKNOWN, State.UNRESOLVED)


class Receiver:
    """Takes webhooks for one account."""

    def __init__(self, engine: Engine, secret_every_s: float = SECRET_EVERY_S) -> None:
        self._engine = engine
        self._secret_every_s = secret_every_s
        self._secret: str | None = None
        self._asked_at_s = float("-inf")
        self._asking = asyncio.Lock()
        #: Lost answers that are being asked about.
        self._under_way: set[asyncio.Task[None]] = set()

    def app(self) -> web.Application:
        """The routes: every path that ends in a token, and `/health`."""
        made = web.Application(client_max_size=MAX_BYTES)
        made.router.add_get("/health", self._health)
        made.router.add_post("/{path:.*}", self.receive)
        made.on_startup.append(self._ask_first)
        made.on_shutdown.append(self._end)
        return made

    async def receive(self, request: web.Request) -> web.Response:
        """Take one webhook; answers before anything slow is done."""
        token = request.match_info["path"].rpartition("/")[2]
        attempted = hooks.opened(self._engine.token_key, token)
        if attempted is None:
            raise web.HTTPNotFound(text="no attempt has this address")
        given = request.headers
        delivery = Delivery(
            given.get("webhook-id", ""),
            given.get("webhook-timestamp", ""),
            given.get("webhook-signature", ""),
            await request.read(),
        )
        await self._must_be_genuine(delivery)
        payload = _payload(delivery.body)
        try:
            await self._take(attempted, payload)
        except LedgerError as error:
            log.warning("the ledger cannot take a webhook now: %s", error)
            raise web.HTTPServiceUnavailable(text="try again later") from None
        return web.Response(status=204)

    async def _must_be_genuine(self, delivery: Delivery) -> None:
        verdict = Genuine.FORGED
        for newest in (False, True):
            secret = await self._known_secret(newest=newest)
            if secret:
                verdict = hooks.genuine(delivery, secret, self._engine.now_s())
            if verdict is not Genuine.FORGED:
                break
        if self._secret is None:
            raise web.HTTPServiceUnavailable(text="the secret is not known yet")
        if verdict is Genuine.STALE:
            log.warning("a webhook was signed too long ago; are the clocks right?")
            raise web.HTTPBadRequest(text="signed too long ago, or in the future")
        if verdict is Genuine.FORGED:
            log.warning("a webhook's signature does not fit; it is ignored")
            raise web.HTTPUnauthorized(text="the signature does not fit")

    async def _known_secret(self, *, newest: bool) -> str | None:
        """The account's secret; asked for anew where it may have changed."""
        async with self._asking:
            now_s = time.monotonic()
            due = now_s - self._asked_at_s >= self._secret_every_s
            if due and (newest or self._secret is None):
                self._asked_at_s = now_s
                try:
                    self._secret = await self._engine.provider.webhook_secret()
                except NoAnswerError as error:
                    log.warning("no secret to check webhooks with: %s", error)
            return self._secret

    async def _take(self, attempted: Attempted, payload: dict[str, Any]) -> None:
        engine, ref = self._engine, attempted.ref
        await engine.call(engine.ledger.hooks.heard, engine.account, engine.now_s())
        (record,) = await engine.call(engine.ledger.batches.load, [ref])
        prediction_id = payload.get("id")
        if (
            record is None
            or record.fencing_token != attempted.fencing_token
            or not isinstance(prediction_id, str)
            or not USABLE_ID.fullmatch(prediction_id)
        ):
            log.info("job=%s: a webhook of an attempt that is over", ref)
        elif record.state in (State.GENERATING, State.OVERDUE):
            await self._poll_now(ref, record, prediction_id)
        elif record.state in LOST:
            task = asyncio.create_task(self._adopt(ref, record, payload))
            self._under_way.add(task)
            task.add_done_callback(self._under_way.discard)

    async def _poll_now(self, ref: Ref, record: JobRecord, prediction_id: str) -> None:
        if record.prediction_id != prediction_id:
            log.warning("job=%s: a webhook of prediction %s", ref, prediction_id)
            return
        engine = self._engine
        await engine.call(engine.ledger.delay_queue.extend, engine.account, [ref], 0.0)

    async def _adopt(
        self, ref: Ref, record: JobRecord, payload: dict[str, Any]
    ) -> None:
        """Give a lost answer its prediction, if the provider says that it is one."""
        engine, prediction_id = self._engine, payload["id"]
        try:
            listing = await engine.provider.listing(prediction_id)
            if listing is None or not _fits(engine, ref, record, listing, payload):
                log.warning("job=%s: %s is not its prediction", ref, prediction_id)
                return
            move = transitions.accept(ref.batch, record, prediction_id, 0.0)
            (moved,) = await engine.retry_until_written(engine.transition, [move])
            log_transitions([move], [moved])
            if moved is Applied.NO:
                # The answer came after all, while we asked.
                (now,) = await engine.call(engine.ledger.batches.load, [ref])
                if now and now.state is State.GENERATING:
                    await self._poll_now(ref, now, prediction_id)
        except (NoAnswerError, LedgerError) as error:
            log.warning("job=%s is reconciled without its webhook: %s", ref, error)

    async def _ask_first(self, _: web.Application) -> None:
        await self._known_secret(newest=True)

    async def _end(self, _: web.Application) -> None:
        if self._under_way:
            await asyncio.wait(self._under_way, timeout=STOP_S)

    async def _health(self, _: web.Request) -> web.Response:
        ok = self._secret is not None
        status = HTTPStatus.OK if ok else HTTPStatus.SERVICE_UNAVAILABLE
        return web.json_response({"ok": ok}, status=status)


def _payload(body: bytes) -> dict[str, Any]:
    """What a webhook says; empty if it is no prediction."""
    try:
        payload = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return payload if isinstance(payload, dict) else {}


def _fits(
    engine: Engine,
    ref: Ref,
    record: JobRecord,
    listing: Listed,
    payload: dict[str, Any],
) -> bool:
    """Whether nothing that is shown of a prediction is different from what was sent.

    A wrong video is worse than a late one: what differs is left to `reconcile`.
    """
    model = record.job.model_in(engine.catalogue)
    if model is None:  # it was sent by a worker of another version
        return False
    request = model.request(sent_inputs(record, model))
    attempt = LostSubmission(ref, model.id, request, record.attempt.sent_at_s, 0)
    shown = [inputs for inputs in (listing.inputs, payload.get("input")) if inputs]
    return listing.model in ("", model.id) and all(
        isinstance(inputs, dict) and reconciling.is_as_sent(attempt, inputs)
        for inputs in shown
    )


async def serve(engine: Engine, host: str, port: int, stop: threading.Event) -> None:
    """Take webhooks until `stop` is set; says on stdout where it listens."""
    app = Receiver(engine).app()
    runner = web.AppRunner(app, access_log=None, lingering_time=LINGER_S)
    await runner.setup()
    try:
        site = web.TCPSite(runner, host, port, shutdown_timeout=STOP_S)
        await site.start()
        sys.stdout.write(json.dumps({"url": _url(runner)}) + "\n")
        sys.stdout.flush()
        await asyncio.to_thread(stop.wait)
    finally:
        await runner.cleanup()
        await engine.provider.close()


def _url(runner: web.AppRunner) -> str:
    host, port = runner.addresses[0][:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def main(host: str, port: int) -> None:
    """Run the receiver until SIGTERM or Ctrl-C."""
    logging.basicConfig(
        level=logging.WARNING,
        format="%(asctime)s %(levelname)-7s %(name)s %(message)s",
    )
    logging.getLogger("reelmill").setLevel(logging.INFO)
    chosen = settings.read()
    engine = Engine(chosen, broker.make_app(chosen.ledger_url))
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    try:
        engine.read_clock()
    except LedgerError as error:
        log.warning("the ledger is out of reach for now: %s", error)
    try:
        engine.run(serve(engine, host, port, stop))
    except OSError as error:
        why = f"cannot listen on {host}:{port} ({error.strerror})"
        sys.stderr.write(f"{why}; name another with --port\n")
        sys.exit(2)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
