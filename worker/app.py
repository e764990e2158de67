"""The Celery app of a worker: five tasks, and a dispatcher for as long as it lives.

Started as `celery -A worker.app worker --pool threads`. Task names and what they carry
are `jobs.broker`'s.
"""

import logging
import os
import socket
import threading
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from functools import cache
from importlib.metadata import version
from typing import Any

from celery import signals
from celery.exceptions import WorkerShutdown
from celery.platforms import EX_FAILURE

from jobs import broker, settings
from jobs.broker import make_app
from jobs.ledger import LedgerError
from jobs.ledger.workers import WorkerFacts
from jobs.transitions import Ref
from worker import lifecycle
from worker.collect import collect
from worker.dispatcher import Dispatcher
from worker.engine import Engine
from worker.finish import finish
from worker.notify import keep_delivering
from worker.poll import poll
from worker.reconcile import reconcile
from worker.submit import submit

log = logging.getLogger("reelmill")

Work = Callable[[Engine, Sequence[Ref]], Awaitable[None]]

SETTINGS = settings.read()

app = make_app(SETTINGS.ledger_url)
app.conf.worker_consumer = "worker.lifecycle:PatientConsumer"

TASKS: dict[str, Work] = {
    broker.SUBMIT: submit,
    broker.POLL: poll,
    broker.COLLECT: collect,
    broker.RECONCILE: reconcile,
    broker.FINISH: finish,
}


@cache
def engine() -> Engine:
    """The engine of this process; made before any task begins."""
    return Engine(SETTINGS, app)


async def do(made: Engine, name: str, work: Work, refs: Sequence[Ref]) -> None:
    """Do a task's work on these jobs or batches; nothing that goes wrong is raised."""
    if made.stopping:
        await made.release_leases(refs)
        return
    try:
        if not made.begun:
            await made.call(made.begin)
        await work(made, refs)
    except LedgerError as error:
        log.warning("the ledger is away, these jobs are due again soon: %s", error)
    except Exception as error:
        if len(refs) > 1:
            log.warning("%s failed, each of %d is tried alone", name, len(refs))
            for ref in refs:
                await do(made, name, work, [ref])
            return
        log.exception("%s failed over %s: a mistake in reelmill", name, *refs)
        words = f"{name} failed ({type(error).__name__})"
        with suppress(LedgerError):
            add, lease_s = made.ledger.crashes.add, made.settings.lease_s
            await made.call(add, made.account, refs[0], words, lease_s)


def _register(name: str, work: Work) -> None:
    @app.task(name=name)
    def task(refs: list[str]) -> None:
        engine().run(do(engine(), name, work, [Ref.parse(ref) for ref in refs]))


for _name, _work in TASKS.items():
    _register(_name, _work)


@signals.worker_ready.connect
def _begin(sender: Any, **_: object) -> None:
    # Celery logs what a receiver raises, and the worker stays without ever working. So
    # nothing here asks the ledger, and what fails all the same ends the process.
    try:
        _start_threads(sender)
    except Exception as error:
        log.critical("the worker cannot begin", exc_info=True)
        raise WorkerShutdown(EX_FAILURE) from error


def _start_threads(sender: Any) -> None:
    made = engine()
    facts = WorkerFacts(
        name=sender.hostname,
        host=socket.gethostname(),
        pid=os.getpid(),
        version=version("reelmill"),
        account=made.account,
        threads=int(sender.controller.concurrency or 1),
        starts=SETTINGS.starts,
    )
    lifecycle.listen()
    _start_thread("stopping", lifecycle.stop_in_time, made)
    dispatcher = Dispatcher(made, facts)
    dispatcher.start()
    signals.worker_shutdown.connect(lambda **_: dispatcher.leave(), weak=False)
    _start_thread(
        "notifier", keep_delivering, SETTINGS, made.ledger, lifecycle.is_asked
    )


def _start_thread(name: str, do: Callable[..., None], *args: object) -> None:
    threading.Thread(target=do, args=args, name=name, daemon=True).start()


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
    # Celery's, at each lost connection, of what another version of it will do.
    logging.getLogger("py.warnings").setLevel(logging.ERROR)
    # Two lines for each message, of which the moves of its jobs say more.
    for name in ("celery.worker.strategy", "celery.app.trace"):
        logging.getLogger(name).setLevel(max(loglevel, logging.WARNING))
