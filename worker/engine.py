"""What every task of a process shares: settings, ledger, provider, one event loop.

Tasks run in threads and hand their work to the loop, where a whole block of jobs waits
for the network side by side. The ledger's calls block, so they go to a few threads of
their own.
"""

import asyncio
import logging
import random
import threading
import time
from collections.abc import (
    AsyncIterator,
    Awaitable,
    Callable,
    Collection,
    Coroutine,
    Iterable,
    Sequence,
)
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from functools import cached_property
from typing import Any, ParamSpec, TypeVar

from celery import Celery

from jobs import catalogue
from jobs.attempt import hooks
from jobs.ledger import Ledger, LedgerError, connect
from jobs.ledger.transitions import Applied
from jobs.pace import waits
from jobs.pace.poll_schedule import PollSchedule
from jobs.provider.answers import NoAnswerError
from jobs.provider.client import Provider
from jobs.provider.clock import RemoteClock, steady_s
from jobs.records import BatchRecord, JobRecord
from jobs.settings import Settings
from jobs.states import State
from jobs.transitions import Ref, Transition
from worker.concurrency import MicroBatcher
from worker.downloads import Files
from worker.generation_times import GenerationTimes, Kind

P = ParamSpec("P")
T = TypeVar("T")

log = logging.getLogger("reelmill")

#: Threads for calls of the ledger and the store.
CALL_THREADS = 16

#: Seconds between tries to write down what must not be lost, and until they end.
AGAIN_S = 0.5
CERTAIN_S = 60.0

#: Seconds that what was read of the provider's habits is used again.
HABIT_S = 15.0


class Engine:
    """One for each worker process."""

    def __init__(
        self,
        settings: Settings,
        app: Celery,
        *,
        ledger: Ledger | None = None,
        loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        """Make the engine of a process.

        Args:
            settings: of the worker.
            app: what messages are sent by.
            ledger: the one that the settings name, unless it is given.
            loop: one that somebody else runs; otherwise a thread runs a new one.
        """
        self.settings = settings
        self.app = app
        self.account = settings.account_id
        self.ledger = ledger or connect(settings.ledger_url)
        self.catalogue = catalogue.builtin()
        self._threads = ThreadPoolExecutor(CALL_THREADS, "ledger")
        #: Applies transitions together, and logs nothing.
        self.transition: MicroBatcher[Transition, Applied] = MicroBatcher(
            lambda moves: self.call(self.ledger.transitions.apply, moves)
        )
        self._loop = loop or asyncio.new_event_loop()
        #: True once the process was told to stop: nothing is begun any more.
        self.stopping = False
        #: Whether clock and limits are known, without which nothing may be done.
        self.begun = False
        self._beginning = threading.Lock()
        #: What is at work on the loop.
        self.tasks: set[asyncio.Task[None]] = set()
        self._ledger_clock = RemoteClock()
        self._heard_at_s, self._heard_read_at = 0.0, -60.0
        self.times = GenerationTimes(self.account, settings.poll_min_s)
        self._reading = asyncio.Lock()
        if loop is None:
            run = self._loop.run_forever
            threading.Thread(target=run, name="loop", daemon=True).start()

    @cached_property
    def provider(self) -> Provider:
        """The provider's client; made on the loop that uses it."""
        return Provider.of(self.settings)

    @cached_property
    def token_key(self) -> bytes:
        """Seals the tokens of this account's attempts."""
        key = self.settings.api_key
        return hooks.token_key(self.account, key.get_secret_value() if key else "")

    @cached_property
    def files(self) -> Files:
        """The fetcher of videos; made on the loop that uses it."""
        return Files(self.settings.download_timeout_s, self.settings.base_url)

    def run(self, work: Coroutine[Any, Any, None]) -> None:
        """Do a task's work on the loop and wait for its end."""
        self.start(work).result()

    def start(self, work: Coroutine[Any, Any, None]) -> Future[None]:
        """Do something on the loop, and do not wait for its end."""
        return asyncio.run_coroutine_threadsafe(self._count(work), self._loop)

    def cancel_tasks(self) -> None:
        """End what is at work where it stands; its jobs are handed back."""
        for task in tuple(self.tasks):
            self._loop.call_soon_threadsafe(task.cancel)

    async def _count(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - a coroutine on a loop is in a task
        self.tasks.add(task)
        try:
            await work
        except asyncio.CancelledError:
            if not self.stopping:
                raise
        finally:
            self.tasks.discard(task)

    async def call(self, do: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Do something that blocks, in a thread."""
        return await self._loop.run_in_executor(
            self._threads, lambda: do(*args, **kwargs)
        )

    async def retry_until_written(
        self, do: Callable[P, Awaitable[T]], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Do something with the ledger, again and again until the ledger answers.

        For what must not be lost while this process lives, such as the id of a paid
        prediction. What is done must be safe to do twice. After `CERTAIN_S` the ledger
        is taken to be gone; then the answer counts as lost, and is settled as such.
        """
        until = self._loop.time() + CERTAIN_S
        while True:
            try:
                return await do(*args, **kwargs)
            except LedgerError as error:
                # Also where it answers but cannot write: a full disk or memory.
                if self._loop.time() > until:
                    raise
                log.warning("the ledger cannot take it, trying again: %s", error)
                await asyncio.sleep(AGAIN_S)

    async def now_and_then(
        self, name: str, every_s: float, work: Callable[[], Awaitable[None]]
    ) -> None:
        """Do what one worker of the account does every so many seconds.

        Nobody awaits it, so whatever goes wrong is logged and not raised.
        """
        take = self.ledger.locks.take
        try:
            if await self.call(take, self.account, name, "taken", every_s):
                await work()
        except (LedgerError, NoAnswerError) as error:
            log.warning("%s is put off: %s", name, error)
        except Exception:
            log.exception("%s failed", name)

    async def load(self, refs: Sequence[Ref], *states: State) -> dict[Ref, JobRecord]:
        """Those of these jobs that are in one of these states."""
        return await self.call(self.load_now, refs, *states)

    def load_now(self, refs: Sequence[Ref], *states: State) -> dict[Ref, JobRecord]:
        """As `load`, for who is in a thread already."""
        pairs = zip(refs, self.ledger.batches.load(refs), strict=True)
        return {ref: rec for ref, rec in pairs if rec and rec.state in states}

    async def load_all(
        self, refs: Sequence[Ref], *states: State
    ) -> tuple[dict[Ref, JobRecord], dict[str, BatchRecord]]:
        """As `load`, and the batches of what was found."""

        def read() -> tuple[dict[Ref, JobRecord], dict[str, BatchRecord]]:
            records = self.load_now(refs, *states)
            ids = {ref.batch for ref in records}
            found = {batch_id: self.ledger.batches.read(batch_id) for batch_id in ids}
            return records, {batch_id: b for batch_id, b in found.items() if b}

        return await self.call(read)

    async def apply(self, moves: Sequence[Transition]) -> list[Applied]:
        """Make moves that may be lost without harm, and log them."""
        return log_transitions(moves, await self.transition(moves)) if moves else []

    def apply_now(self, moves: Sequence[Transition]) -> list[Applied]:
        """As `apply`, for who is in a thread already."""
        made = self.ledger.transitions.apply(moves) if moves else []
        return log_transitions(moves, made)

    @asynccontextmanager
    async def holding(self, refs: Iterable[Ref]) -> AsyncIterator["Held"]:
        """Extend the leases on these jobs for as long as the work on them goes on.

        Whoever is done with one takes it out of the set: it may be due again soon.
        """
        held = Held(refs)
        heartbeat = asyncio.create_task(self._extend(held))
        try:
            yield held
        except asyncio.CancelledError:
            await self.release_leases(held)
            raise
        finally:
            heartbeat.cancel()
            with suppress(asyncio.CancelledError):
                await heartbeat

    async def release_leases(self, refs: Collection[Ref]) -> None:
        """End the leases on these jobs, so that another worker is sent for them now."""
        waits_s = dict.fromkeys(refs, 0.0)
        with suppress(LedgerError):  # then the leases end by themselves
            postpone = self.ledger.delay_queue.postpone
            await self.call(postpone, self.account, waits_s, polled=False)

    def decides_first_polls(self, poll_backoff: float) -> bool:
        """Whether they are as what was seen to end says.

        Not where a person has set a time, nor where webhooks tell of ends.
        """
        return self.settings.first_poll_s is None and poll_backoff == 1.0

    def first_poll_s(
        self, kind: Kind, schedule: PollSchedule, poll_backoff: float
    ) -> float:
        """Seconds to the first poll of a job that was accepted now; asks no ledger."""
        chosen_s = self.settings.first_poll_s
        if chosen_s is not None:
            return max(chosen_s, self.settings.poll_min_s)
        if self.decides_first_polls(poll_backoff) and self.times.is_early(kind):
            return schedule.poll_min_s
        return poll_backoff * schedule.first_s(random.random())

    async def poll_schedule(self, kind: Kind, typical_s: float) -> PollSchedule:
        """When to poll predictions of this model and duration."""
        if known := self.times.known(kind):
            return known
        async with self._reading:  # one asks for all
            if known := self.times.known(kind):
                return known
            return await self.call(self.times.read, self.ledger, kind, typical_s)

    async def poll_backoff(self) -> float:
        """Factor of the waits between polls: above 1 while webhooks arrive."""
        if not self.settings.webhook_url:
            return 1.0
        if self._loop.time() - self._heard_read_at > HABIT_S:
            with suppress(LedgerError):
                heard = self.ledger.hooks.heard_at_s
                self._heard_at_s = await self.call(heard, self.account)
                self._heard_read_at = self._loop.time()
        return waits.poll_backoff(self._heard_at_s, self.now_s())

    def now_s(self) -> float:
        """Unix seconds by the ledger's clock, so that all machines agree."""
        now_s = self._ledger_clock.now_s()
        return time.time() if now_s is None else now_s

    def begin(self) -> None:
        """Learn what all work rests on, unless it is known.

        Raises:
            LedgerError: it is to be called again.
        """
        with self._beginning:
            if not self.begun:
                self.read_clock()
                self.set_limits()
                self.begun = True

    def set_limits(self) -> None:
        """Write the account's limits down: the first of its workers decides.

        Whoever joins others may lower them and raises nothing; so a fleet is given
        higher ones by stopping all of its workers.
        """
        permits, chosen = self.ledger.permits, self.settings
        accounts = {worker.facts.account for worker in self.ledger.workers.alive()}
        joins = chosen.redis_url and self.account in accounts
        write = permits.keep_limits if joins else permits.set_limits
        write(self.account, chosen.limits, chosen.daily_budget_usd_micros)

    def keep_limits(self) -> None:
        """See that the ledger knows the account's limits, also one that was rebuilt."""
        if self.ledger.permits.read(self.account).limits is None:
            self.set_limits()

    def read_clock(self) -> None:
        """Ask the ledger's server for its time."""
        asked_at_s = steady_s()
        self._ledger_clock.set(self.ledger.now_s(), asked_at_s, steady_s())

    async def _extend(self, held: "Held") -> None:
        lease_s = self.settings.lease_s
        while True:
            await asyncio.sleep(lease_s / 3)
            async with held.extending:
                with suppress(LedgerError):
                    extend = self.ledger.delay_queue.extend
                    await self.call(extend, self.account, list(held), lease_s)


class Held(set[Ref]):
    """Jobs whose leases are extended."""

    def __init__(self, refs: Iterable[Ref]) -> None:
        super().__init__(refs)
        #: Held while an extension is under way.
        self.extending = asyncio.Lock()

    async def let_go(self, refs: Collection[Ref]) -> None:
        """Extend these no more, so that nothing overrides when they are due next."""
        async with self.extending:
            self.difference_update(refs)


def log_transitions(
    moves: Sequence[Transition], made: Sequence[Applied]
) -> list[Applied]:
    """One line for every move, always of the same fields; what became of each."""
    for move, moved in zip(moves, made, strict=True):
        log.log(
            logging.INFO if moved is Applied.YES else logging.DEBUG,
            "job=%s event=%s from=%s permit=%d prediction=%s moved=%s",
            move.ref,
            move.event,
            move.state,
            move.fencing_token,
            move.prediction_id or "-",
            moved.name.lower(),
        )
    return list(made)
