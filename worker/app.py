"""The Celery app of a worker: six tasks, and a pulse for as long as it lives.

Started as `celery -A worker.app worker --pool threads`. Task names and what they carry
are `jobs.broker`'s.
"""

import logging
import os
import socket
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from functools import cache
from importlib.metadata import version
from typing import Any

from celery import signals

from jobs import broker, settings
from jobs.broker import make_app
from jobs.ledger import LedgerError
from jobs.ledger.workers import WorkerFacts
from jobs.moves import Ref
from worker import stopping
from worker.archive import archive
from worker.collect import collect
from worker.engine import Engine
from worker.finish import finish
from worker.poll import poll
from worker.pulse import Pulse
from worker.settle import settle
from worker.submit import submit
from worker.telling import Teller

log = logging.getLogger("reelmill")

Work = Callable[[Engine, Sequence[Ref]], Awaitable[None]]

SETTINGS = settings.read()

app = make_app(SETTINGS.ledger_url)
app.conf.worker_consumer = "worker.consumer:GatheringConsumer"

TASKS: dict[str, Work] = {
    broker.SUBMIT: submit,
    broker.POLL: poll,
    broker.COLLECT: collect,
    broker.SETTLE: settle,
    broker.FINISH: finish,
    broker.ARCHIVE: archive,
}


@cache
def engine() -> Engine:
    """The engine of this process; made when the first task or the pulse needs it."""
    made = Engine(SETTINGS, app)
    made.read_clock()
    made.set_limits()
    return made


def _register(name: str, work: Work) -> None:
    @app.task(name=name)
    def task(refs: list[str]) -> None:
        engine().run(_do(work, [Ref.parse(ref) for ref in refs]))


async def _do(work: Work, refs: Sequence[Ref]) -> None:
    if engine().stopping:
        await engine().hand_back(refs)
        return
    try:
        await work(engine(), refs)
    except LedgerError as error:
        log.warning("the ledger is away, these jobs are due again soon: %s", error)


for _name, _work in TASKS.items():
    _register(_name, _work)


@signals.worker_ready.connect
def _begin(sender: Any, **_: object) -> None:  # noqa: ANN401 - Celery's own type
    made = engine()
    stopping.listen()
    stopping.Stopping(made).start()
    facts = WorkerFacts(
        name=sender.hostname,
        host=socket.gethostname(),
        pid=os.getpid(),
        version=version("reelmill"),
        account=made.account,
        started_at_s=round(made.now_s(), 3),
        threads=int(sender.controller.concurrency or 1),
        starts=SETTINGS.starts,
    )
    Pulse(made, facts).start()
    Teller(SETTINGS, made.ledger, stopping.is_asked).start()


@signals.worker_shutdown.connect
def _leave(sender: Any, **_: object) -> None:  # noqa: ANN401 - Celery's own type
    if engine.cache_info().currsize:
        with suppress(LedgerError):
            engine().ledger.workers.leave(sender.hostname)


@signals.setup_logging.connect
def _set_up_logging(loglevel: int, logfile: str | None, **_: object) -> None:
    """One plain line for each record; the loggers of libraries only when it matters."""
    logging.basicConfig(
        level=logging.WARNING,
        filename=logfile,
        format="%(asctime)s %(levelname)-7s %(name)s %(message)s",
    )
    logging.getLogger("reelmill").setLevel(loglevel)
    logging.getLogger("celery").setLevel(max(loglevel, logging.INFO))
    # Two lines for each message, of which the moves of its jobs say more.
    for name in ("celery.worker.strategy", "celery.app.trace"):
        logging.getLogger(name).setLevel(max(loglevel, logging.WARNING))
