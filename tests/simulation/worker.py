"""One worker process of a run: the real engine and dispatcher, and what they touch.

Ledger, broker, store and downloads are reached through here, so that each use is a step
of the run: the worker may die at it, and a dead worker changes nothing any more.
"""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar, copy_context
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Protocol, TypeVar, cast

from jobs.catalogue import Catalogue
from jobs.ledger import Ledger
from jobs.ledger.workers import WorkerFacts
from jobs.settings import Settings
from jobs.storage import Store
from jobs.transitions import Ref
from tests.simulation.clock import VirtualLoop
from tests.simulation.faults import Faults
from tests.simulation.provider import Client, StandIn
from tests.simulation.running import Server
from worker import app
from worker.dispatcher import Dispatcher
from worker.downloads import Download, DownloadError
from worker.engine import Engine

T = TypeVar("T")

#: Which worker acts in this step; None is the run itself.
acting: ContextVar["Worker | None"] = ContextVar("acting", default=None)

#: What is used of a store, and is a step.
STORE_STEPS = ("put", "get", "size", "list", "check", "delete", "remove")


class DiedError(BaseException):
    """The worker's process is gone; what it was about to do does not happen."""


class Run(Protocol):
    """What a worker needs of the run that it is a part of."""

    loop: VirtualLoop
    faults: Faults
    settings: Settings
    stand_in: StandIn
    server: Server
    video: bytes

    def step(self, words: str) -> None: ...
    def ledger_step(self, words: str, do: Callable[[], T]) -> T: ...
    def ledger_now_s(self) -> float: ...
    def take_message(self, task: str, refs: list[str]) -> None: ...
    def waiting_messages(self) -> int: ...
    def tick_s(self) -> float: ...
    def paying(self, prompt: str) -> None: ...
    def proven(self) -> None: ...
    def use_store(self, words: str) -> None: ...
    def crashed(self, error: BaseException) -> None: ...


class Worker:
    """A worker process."""

    def __init__(self, run: Run, name: str) -> None:
        """Start one."""
        self.name, self.dead = name, False
        #: Until when its machine sleeps, in seconds of the run.
        self.asleep_until_s = 0.0
        faults = run.faults
        #: By how much its calendar is wrong.
        self.wrong_by_s = 0.0
        if faults.happens("clock_wrong"):
            self.wrong_by_s = run.stand_in.random.uniform(-7_200, 7_200)
        self._run = run
        self._context = copy_context()
        self._context.run(acting.set, self)
        ledger = Ledger(cast("Any", _Server(run)), run.ledger_now_s)
        self._engine = Engine(
            run.settings, cast("Any", _Broker(run)), ledger=ledger, loop=run.loop
        )
        self._engine.provider = Client(
            run.settings, run.stand_in, run.step, run.paying, self._asleep
        )
        models = list(run.stand_in.catalogue.models.values())
        #: Whether it is of an older version.
        self.is_old = faults.happens("model_unknown")
        if self.is_old:
            self._engine.catalogue = Catalogue.of(models[1:])
        self._engine.files = cast("Any", _Files(run))
        facts = WorkerFacts(name, "simulated", account=self._engine.account, threads=8)
        self._dispatcher = Dispatcher(self._engine, facts)
        self._start(self._dispatch())

    def deliver(self, task: str, refs: Sequence[str]) -> None:
        """Give it a message."""
        work = app.TASKS[task], [Ref.parse(ref) for ref in refs]
        self._start(app.do(self._engine, task, *work))

    async def _asleep(self) -> None:
        """Its machine sleeps for longer than a lease; nothing of it goes on."""
        asleep_s = self._run.stand_in.random.uniform(40, 900)
        self.asleep_until_s = self._run.loop.now_s + asleep_s
        self._run.step(f"sleeps for {asleep_s:.0f} s")
        await asyncio.sleep(asleep_s)

    def _start(self, work: Any) -> None:
        self._context.run(self._run.loop.create_task, self._until_dead(work))

    async def _until_dead(self, work: Any) -> None:
        try:
            await work
        except (DiedError, asyncio.CancelledError):
            return
        except BaseException as error:  # noqa: BLE001 - it is a finding of the run
            self._run.crashed(error)

    async def _dispatch(self) -> None:
        rest_s = self._engine.settings.tick_s
        while not self.dead:
            await asyncio.sleep(self._run.tick_s())
            rest_s = self._dispatcher.turn(rest_s)


class _Server:
    """A connection to the ledger's server."""

    def __init__(self, run: Run) -> None:
        self._run, self.real = run, run.server

    def pipeline(self, **options: Any) -> "_Pipeline":
        return _Pipeline(self._run, self._run.server.pipeline(**options))

    def execute_command(self, *command: Any) -> Any:
        words = " ".join(map(str, command[:2]))
        return self._run.ledger_step(words, lambda: self._execute(*command))

    def _execute(self, *command: Any) -> Any:
        server: Any = self._run.server
        if "PX" not in command:
            return server.execute_command(*command)
        # What the server would forget by its own clock is forgotten by the run's.
        *taking, _, milliseconds = command
        taken = server.execute_command(*taking)
        if taken:
            self._run.loop.call_later(milliseconds / 1e3, self._forget, *taking[1:3])
        return taken

    def _forget(self, key: str, value: str) -> None:
        if self._run.server.get(key) == value:
            self._run.server.delete(key)

    def __getattr__(self, name: str) -> Any:
        do = getattr(self._run.server, name)
        return lambda *a, **k: self._run.ledger_step(name, lambda: do(*a, **k))


class _Pipeline:
    def __init__(self, run: Run, real: Any) -> None:
        self._run = run
        self._real = real
        self._proves = False

    def execute_command(self, *command: Any) -> None:
        """Queue a command; what proves that all is on disk is the run's to answer."""
        self._proves |= command[0] == "WAITAOF"
        if not self._proves:
            self._real.execute_command(*command)

    def execute(self, **options: Any) -> Any:
        do = self._real.execute
        answers = self._run.ledger_step("scripts", lambda: do(**options))
        if self._proves:
            self._run.proven()
        return [*answers, [1, 0]] if self._proves else answers

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)


class _Broker:
    """What is used of a Celery app."""

    def __init__(self, run: Run) -> None:
        self._run = run

    def send_task(self, task: str, args: list[list[str]], **_: Any) -> None:
        self._run.step(f"send {task}")
        self._run.take_message(task, args[0])

    @contextmanager
    def connection_or_acquire(self) -> Iterator[Any]:
        self._run.step("backlog")
        queue = SimpleNamespace(message_count=self._run.waiting_messages())
        channel = SimpleNamespace(queue_declare=lambda *_, **__: queue)
        yield SimpleNamespace(default_channel=channel)


class SteppedStore(Store):
    """A folder whose every use is a step, and that fails at times."""

    def __init__(self, url: str, run: Run) -> None:
        """Open it."""
        self._simulated = run
        super().__init__(url)

    def __getattribute__(self, name: str) -> Any:
        """A method that is a step first."""
        found = super().__getattribute__(name)
        if not name.startswith(STORE_STEPS):
            return found
        run: Run = super().__getattribute__("_simulated")

        def use(*args: Any, **options: Any) -> Any:
            run.use_store(name)
            return found(*args, **options)

        return use


class _Files:
    """Videos of the stand-in; pictures and first frames are not to be had."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self.room = asyncio.Semaphore(32)

    async def receive_first(
        self, links: Sequence[str], path: Path
    ) -> tuple[str, Download]:
        random = self._run.stand_in.random
        self._run.step("download")
        await asyncio.sleep(random.uniform(0.1, 3))
        self._run.step("downloaded")
        if not links or self._run.faults.happens("download_fails"):
            raise DownloadError("no answer", gone=random.random() < 1 / 2)
        download = Download(path, is_video=True)
        download.pending += self._run.video
        return links[0], download

    async def fetch(self, *_: Any) -> Any:
        raise DownloadError("no frame to be had")

    async def fetch_picture(self, *_: Any) -> Any:
        raise DownloadError("no picture to be had")
