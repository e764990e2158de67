"""The Celery app of a worker: five tasks, and a pulse for as long as it lives.

Started as `celery -A worker.app worker --pool threads`. Task names and what they carry
are `jobs.broker`'s.
"""

import logging
from collections.abc import Awaitable, Callable, Sequence
from functools import cache
from typing import Any

from celery import signals
from celery.worker import state

from jobs import broker, settings
from jobs.broker import make_app
from jobs.moves import Ref
from worker.collect import collect
from worker.engine import Engine
from worker.finish import finish
from worker.poll import poll
from worker.pulse import Pulse
from worker.settle import settle
from worker.submit import submit

Work = Callable[[Engine, Sequence[Ref]], Awaitable[None]]

SETTINGS = settings.read()

app = make_app(SETTINGS.ledger_url)

TASKS: dict[str, Work] = {
    broker.SUBMIT: submit,
    broker.POLL: poll,
    broker.COLLECT: collect,
    broker.SETTLE: settle,
    broker.FINISH: finish,
}


@cache
def engine() -> Engine:
    """The engine of this process; made when the first task or the pulse needs it."""
    made = Engine(SETTINGS, app)
    made.read_clock()
    made.ledger.permits.set_limits(
        made.account, SETTINGS.limits, SETTINGS.daily_budget_usd_micros
    )
    return made


def _register(name: str, work: Work) -> None:
    @app.task(name=name)
    def task(refs: list[str]) -> None:
        async def do() -> None:
            await work(engine(), [Ref.parse(ref) for ref in refs])

        engine().run(do())


for _name, _work in TASKS.items():
    _register(_name, _work)


@signals.worker_ready.connect
def _start_pulse(sender: Any, **_: object) -> None:  # noqa: ANN401 - Celery's own type
    # No receiver for `worker_shutting_down`: Celery sends it from a signal handler and
    # holds a lock meanwhile, so a second SIGTERM would stop the process for ever.
    Pulse(engine(), int(sender.controller.concurrency or 1), _is_stopping).start()


def _is_stopping() -> bool:
    return any(
        asked is not None and asked is not False
        for asked in (state.should_stop, state.should_terminate)
    )


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
