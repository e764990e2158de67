"""The dispatcher: grants permits and sends tasks for what is due, twice a second.

Every worker has one and none is needed in particular: the ledger's steps are atomic, so
any number of dispatchers agree. One never sends more than workers can take soon, so the
broker's queue stays short and no lease runs out in it.
"""

import logging
import math
import threading
import time
from collections import defaultdict
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from jobs import broker
from jobs.ledger import LedgerError
from jobs.ledger.workers import HEARTBEAT_EVERY_S, WorkerFacts
from jobs.states import State
from worker.charges import watch_charges
from worker.engine import Engine
from worker.finish import delete_old
from worker.lifecycle import is_asked
from worker.marks import compare

if TYPE_CHECKING:
    from concurrent.futures import Future

    from jobs.transitions import Ref

log = logging.getLogger("reelmill.dispatcher")

#: Which task looks after a job in which state; a batch that is over has none.
TASKS = {
    State.ADMITTED: broker.SUBMIT,
    State.SUBMITTING: broker.RECONCILE,
    State.UNKNOWN: broker.RECONCILE,
    State.UNRESOLVED: broker.RECONCILE,
    State.GENERATING: broker.POLL,
    State.OVERDUE: broker.POLL,
    State.GENERATED: broker.COLLECT,
    None: broker.FINISH,
}

#: Most jobs of one message, which costs as much as several jobs. All that is due in one
#: tick goes together, so that while little is due a message has one.
MAX_BLOCK = 100

#: Seconds between two comparisons of clocks.
CLOCK_EVERY_S = 60.0

#: Permits of one tick; more would wait for a connection.
MAX_GRANTS = 100

#: Most seconds between two ticks that fail and should not.
MAX_REST_S = 30.0

#: Messages that may wait in the broker, for each thread of this worker.
BACKLOG_PER_THREAD = 2


class Dispatcher(threading.Thread):
    """The dispatcher of one worker process."""

    def __init__(self, engine: Engine, facts: WorkerFacts) -> None:
        """A thread that goes on for as long as the process lives."""
        super().__init__(name="dispatcher", daemon=True)
        self._engine = engine
        self._facts = facts
        self._clock_read_at = -math.inf
        self._heartbeat_at = -math.inf
        self._has_left = False
        self._heartbeat_lock = threading.Lock()
        self._away_since: float | None = None
        self._comparing: Future[None] | None = None
        self._compared = False

    def run(self) -> None:
        """Tick on and on; whatever goes wrong in one tick is seen by the next."""
        rest_s = self._engine.settings.tick_s
        while True:
            time.sleep(rest_s)
            rest_s = self.turn(rest_s)

    def turn(self, rested_s: float) -> float:
        """One tick, whatever goes wrong in it; seconds until the next."""
        try:
            self._engine.begin()
            self.heartbeat()
            if not is_asked():
                self.tick()
            if self._away_since is not None:
                away_s = time.monotonic() - self._away_since
                log.warning("the server is back after %.1f s", away_s)
                self._away_since = None
        except broker.BrokerError as error:
            self._on_disconnect(error)
        except Exception:
            rest_s = min(2 * rested_s, MAX_REST_S)
            log.exception("a tick failed; the next one follows in %g s", rest_s)
            return rest_s
        return self._engine.settings.tick_s

    def heartbeat(self) -> None:
        """Let the ledger know now and then that this worker lives."""
        stopping = is_asked()
        if stopping == self._facts.stopping and (
            time.monotonic() - self._heartbeat_at < HEARTBEAT_EVERY_S
        ):
            return
        self._facts = replace(
            self._facts,
            started_at_s=self._facts.started_at_s or round(self._engine.now_s(), 3),
            stopping=stopping,
            ahead_s=round(self._engine.now_s() - time.time(), 3),
        )
        # A heartbeat under way while the worker leaves would make it known again.
        with self._heartbeat_lock:
            if not self._has_left:
                self._engine.ledger.workers.heartbeat(self._facts)
        self._heartbeat_at = time.monotonic()

    def leave(self) -> None:
        """Let the ledger forget this worker, which ends as it should."""
        with self._heartbeat_lock, suppress(LedgerError):
            self._has_left = True
            self._engine.ledger.workers.leave(self._facts.name)

    def tick(self) -> int:
        """Grant and send once; how many jobs were sent."""
        room = self._room()
        if room <= 0:
            return 0
        engine, lease_s = self._engine, self._engine.settings.lease_s
        is_compared = self._is_compared()
        if time.monotonic() - self._clock_read_at > CLOCK_EVERY_S:
            # First, or what fails each time would keep every poll and start from being
            # sent.
            self._clock_read_at = time.monotonic()
            engine.read_clock()
            engine.keep_limits()
            if is_compared:
                engine.start(watch_charges(engine))
            engine.start(delete_old(engine))
        # A worker that falls behind with its polls goes on starting: what waits for
        # both is due longest, and idle slots are lost for good.
        kept = min(MAX_GRANTS, room // 3) if engine.settings.starts else 0
        leased = engine.ledger.delay_queue.lease(engine.account, room - kept, lease_s)
        granted: list[Ref] = []
        if engine.settings.starts and is_compared:
            room = min(room - len(leased), MAX_GRANTS)
            granted = engine.ledger.permits.grant(engine.account, room, lease_s)
        following = [ref for ref, state in leased if state is State.FOLLOWING]
        engine.ledger.dedup.follow(engine.account, following)
        by_task: dict[str, list[Ref]] = defaultdict(list, {broker.SUBMIT: granted})
        for ref, state in leased:
            if state in TASKS:
                by_task[TASKS[state]].append(ref)
        for task, refs in by_task.items():
            for block in broker.blocks(refs, MAX_BLOCK):
                broker.send(engine.app, task, block)
        return len(leased) + len(granted)

    def _on_disconnect(self, error: Exception) -> None:
        # Another server, or the same with other data, may answer next.
        self._comparing, self._compared = None, False
        if self._away_since is None:
            self._away_since = time.monotonic()
            log.warning("the server is away and is asked again: %s", error)

    def _is_compared(self) -> bool:
        """Whether it is known if this ledger is older than what was sent.

        A store may take its time to tell, so it is asked aside.
        """
        if self._compared:
            return True
        if self._comparing is None:
            self._comparing = self._engine.start(compare(self._engine))
        elif self._comparing.done():
            comparing, self._comparing = self._comparing, None
            comparing.result()
            self._compared = True
        return self._compared

    def _room(self) -> int:
        """Jobs that may go out without making the broker's queue long."""
        waiting = broker.backlog(self._engine.app)
        return (self._facts.threads * BACKLOG_PER_THREAD - waiting) * MAX_BLOCK
