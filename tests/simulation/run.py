"""One run from a seed: two batches, two workers, faults, and what must hold anyway."""

import asyncio
import hashlib
import logging
import random
import re
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any, TypeVar, cast
from unittest.mock import patch

import redis

from jobs import catalogue, settings
from jobs.job import Job
from jobs.ledger import Ledger, keys
from jobs.records import BatchRecord, JobRecord
from jobs.states import FINAL, State
from jobs.transitions import Ref
from tests.audit import audit
from tests.simulation.clock import BEGIN_S, VirtualLoop, clocks_of
from tests.simulation.faults import Faults
from tests.simulation.provider import Prediction, StandIn
from tests.simulation.worker import DiedError, SteppedStore, Worker, acting
from worker import storing

T = TypeVar("T")

BATCHES = ("b0", "b1")
JOBS_EACH = 30
STARTS_PER_MINUTE, AT_ONCE = 12, 4

#: States in which a job may be left: a person or a budget decides.
RESTING = FINAL | {State.UNRESOLVED, State.WAITING}

#: Virtual seconds without a transition after which workers tick rarely.
CALM_S = 900.0

#: Virtual seconds between two looks at the invariants.
CHECK_EVERY_S = 300.0


class Simulation:
    """A run, and what came of it."""

    def __init__(
        self, seed: int, server: redis.Redis, video: bytes, folder: Path
    ) -> None:
        """Draw everything of a run.

        Args:
            seed: what all chances of it come from.
            server: an empty ledger's.
            video: what every prediction gives.
            folder: for its home and its store.
        """
        self.server, self.video, self._folder = server, video, str(folder)
        self._random = Random(seed)
        self.loop = VirtualLoop(Random(seed + 1))
        self.settings = settings.read(
            {},
            api_key="key-of-a-simulation",
            home=folder,
            store=str(folder / "store"),
            videos_per_minute=STARTS_PER_MINUTE,
            concurrent_videos=AT_ONCE,
            posters="off",
        )
        self.faults = Faults(Random(seed + 2), self.settings.settling_s)
        self.stand_in = StandIn(
            Random(seed + 3),
            self.faults,
            catalogue.builtin(),
            self.loop,
            STARTS_PER_MINUTE,
            AT_ONCE,
        )
        self.store = SteppedStore(str(self.settings.store), self)
        self.ledger = Ledger(cast("Any", server), self.ledger_now_s)
        self.steps = 0
        self.digest = hashlib.sha256()
        #: The last steps, in words.
        self.last: deque[str] = deque(maxlen=30)
        self.problems: list[str] = []
        #: Events of jobs, and from which state each.
        self.transitions: Counter[str] = Counter()
        self._messages: deque[tuple[str, list[str]]] = deque()
        self._workers: list[Worker] = []
        self._away_until_s = 0.0
        self._moved_at_s = 0.0

    def ledger_now_s(self) -> float:
        """Unix seconds by the ledger's clock."""
        return BEGIN_S + self.loop.now_s

    def step(self, words: str) -> None:
        """Note a step; a worker may die at it.

        Raises:
            DiedError: the worker is dead.
        """
        who = acting.get()
        if who and who.dead:
            raise DiedError
        self.note(words)
        if who and self.faults.happens("worker_dies"):
            self._kill(who)
            raise DiedError

    def note(self, words: str) -> None:
        """Remember a step."""
        who = acting.get()
        words = words.replace(self._folder, "HOME")
        line = f"{self.loop.now_s:9.2f} {who.name if who else 'run'}: {words}"
        self.steps += 1
        self.digest.update(line.encode())
        self.last.append(line)

    def ledger_step(self, words: str, do: Callable[[], T]) -> T:
        """Do something with the ledger's server, which may be away."""
        self.step(words)
        if self.faults.happens("ledger_away"):
            self._away_until_s = self.loop.now_s + self._random.uniform(1, 90)
        if self.loop.now_s < self._away_until_s:
            raise redis.ConnectionError("the ledger is away")
        answer = do()
        self.step("ledger answers")
        if self.faults.happens("ledger_answer_lost"):
            raise redis.ConnectionError("the answer was lost")
        return answer

    def take_message(self, task: str, refs: list[str]) -> None:
        """Deliver a message, soon or late, perhaps twice or never."""
        if self.faults.happens("message_lost"):
            return
        for _ in range(2 if self.faults.happens("message_twice") else 1):
            late = self.faults.happens("message_late")
            wait_s = self._random.uniform(60, 600) if late else self._random.random()
            self._messages.append((task, refs))
            self.loop.call_later(wait_s, self._deliver)

    def waiting_messages(self) -> int:
        """Messages that no worker has."""
        return len(self._messages)

    def tick_s(self) -> float:
        """Seconds to a worker's next tick: short while something may start."""
        due = cast("Any", self.server.zrange)(
            keys.account(self.settings.account_id, "due"), 0, 0, withscores=True
        )
        next_s = due[0][1] - self.ledger_now_s() if due else 900.0
        longest_s = 20.0 if self._is_busy() else 900.0
        return self._random.uniform(0.5, 4.0) + max(0.0, min(next_s, longest_s))

    def crashed(self, error: BaseException) -> None:
        """Note what no worker should raise."""
        self.problems.append(f"{type(error).__name__}: {error}")

    def records(self) -> dict[Ref, JobRecord]:
        """All jobs."""
        return {
            Ref(batch, record.job.id): record
            for batch in BATCHES
            for record in self.ledger.batches.jobs(batch)
        }

    def moved(self, words: str) -> None:
        """Count a transition."""
        self.transitions[words] += 1
        self._moved_at_s = self.loop.now_s

    def _is_busy(self) -> bool:
        """Whether something may start; a budget or a person may hold all of it."""
        return self.loop.now_s < self._moved_at_s + CALM_S

    async def go(self, hours: float) -> None:
        """Let so many virtual hours pass; faults happen in the first third."""
        self._order()
        for _ in range(2):
            self._start_worker()
        while self.loop.now_s < hours * 3_600 and not self.problems:
            await asyncio.sleep(CHECK_EVERY_S if self._is_busy() else 3_600.0)
            self.faults.on = self.loop.now_s < hours * 1_200
            self._check_always()
        if not self.problems:
            self._check_the_end()

    def end(self) -> None:
        """End all workers and let go of the loop."""
        for worker in self._workers:
            worker.dead = True
        self.loop.run_until_complete(_cancelled(asyncio.all_tasks(self.loop)))
        self.loop.close()

    def _kill(self, worker: Worker) -> None:
        self.note("dies")
        worker.dead = True
        self._workers.remove(worker)
        self.loop.call_later(self._random.uniform(0.5, 300), self._start_worker)

    def _start_worker(self) -> None:
        before = acting.set(None)
        self._workers.append(Worker(self, f"worker-{self._random.getrandbits(16):04x}"))
        acting.reset(before)

    def _deliver(self) -> None:
        task, refs = self._messages.popleft()
        if self._workers:
            self._random.choice(self._workers).deliver(task, refs)

    def _order(self) -> None:
        """Hand two batches in; one of them may have just the money for one try each."""
        self.ledger.identity.name()
        for batch in BATCHES:
            jobs = [self._job(batch, number) for number in range(JOBS_EACH)]
            cost = sum(job.price_usd_micros or 0 for job in jobs)
            record = BatchRecord(
                id=batch,
                manifest="products.csv",
                account=self.settings.account_id,
                store=str(self.settings.store),
                priority=self._random.choice([1, 1, 5]),
                attempts=3,
                budget_usd_micros=self._random.choice([None, None, cost]),
                created_at_s=self.ledger_now_s(),
                complete=False,
            )
            self.ledger.batches.create(record)
            self.ledger.batches.add(batch, jobs)
            self.ledger.batches.open(batch)

    def _job(self, batch: str, number: int) -> Job:
        models = list(self.stand_in.catalogue.models.values())[:2]
        model = self._random.choice(models)
        given = {
            "prompt": f"{batch} {number}",
            "image": f"https://shop.example/{number}.jpg",
        }
        return Job(
            id=f"r{number}",
            line=number + 2,
            model=model.id,
            inputs=given,
            price_usd_micros=model.price_usd_micros(given),
            key=f"{batch}/r{number}.mp4",
            duration_s=model.duration_s(given),
        )

    def _check_always(self) -> None:
        """What holds at any moment."""
        self.problems += audit(self.ledger, self.settings.account_id)
        self.problems += self.stand_in.breaches
        paid = Counter(p.inputs["prompt"] for p in self._kept())
        self.problems += [f"{p} is paid {n} times" for p, n in paid.items() if n > 1]

    def _kept(self) -> Iterator[Prediction]:
        """Predictions whose money stays at the provider, by now."""
        now_s = self.stand_in.now_s()
        return (
            p
            for p in self.stand_in.ours()
            if not (p.is_refunded and now_s >= p.done_at_s)
        )

    def _check_the_end(self) -> None:
        """What holds once nothing goes wrong any more."""
        records = self.records()
        for ref, record in records.items():
            if record.state not in RESTING:
                self.problems.append(f"{ref} is still {record.state}")
            video = Path(str(self.settings.store), record.job.key)
            if record.state is State.STORED and not video.exists():
                self.problems.append(f"{ref} is stored and has no video")
        owned = {a.prediction_id for r in records.values() for a in r.attempts}
        unsure = {
            record.job.inputs["prompt"]
            for record in records.values()
            if record.state is State.UNRESOLVED
        }
        self.problems += [
            f"prediction {p.id} of {p.inputs['prompt']} belongs to no attempt"
            for p in self._kept()
            if p.id not in owned and p.inputs["prompt"] not in unsure
        ]


async def _cancelled(tasks: Iterable[asyncio.Task[Any]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


class _Journal(logging.Handler):
    """What workers log is a part of the steps."""

    def __init__(self, run: Simulation) -> None:
        super().__init__()
        self._run = run

    def emit(self, record: logging.LogRecord) -> None:
        words = record.getMessage()
        self._run.note(words)
        made = re.match(r"job=\S+ event=(\w+) from=(\w+) .* moved=yes", words)
        if made:
            self._run.moved(f"{made[2]} {made[1]}")


@contextmanager
def _logged(run: Simulation) -> Iterator[None]:
    log = logging.getLogger("reelmill")
    before = log.level, log.handlers, log.propagate
    log.setLevel(logging.INFO)
    log.handlers, log.propagate = [_Journal(run)], False
    try:
        yield
    finally:
        log.setLevel(before[0])
        log.handlers, log.propagate = before[1], before[2]


def simulate(seed: int, server: redis.Redis, video: bytes, hours: float) -> Simulation:
    """One run.

    Args:
        seed: the same one takes the same steps.
        server: of a ledger that may be emptied.
        video: the bytes of any MP4.
        hours: virtual ones.
    """
    server.flushall()
    random.seed(seed)
    with TemporaryDirectory(prefix="reelmill-") as folder:
        run = Simulation(seed, server, video, Path(folder))
        ids = (f"{n:032x}" for n in iter(lambda: random.getrandbits(128), None))
        with (
            clocks_of(run.loop),
            _logged(run),
            patch.object(storing, "store_at", lambda _url: run.store),
            # What a store has is as safe as this folder.
            patch("os.fsync", lambda _: None),
            patch("uuid.uuid4", lambda: cast("Any", _Id(next(ids)))),
        ):
            storing.readiness_of.cache_clear()
            run.loop.set_exception_handler(lambda *_: None)
            try:
                run.loop.run_until_complete(run.go(hours))
            finally:
                run.end()
    return run


class _Id(str):
    """What is used of a UUID."""

    __slots__ = ()

    @property
    def hex(self) -> str:
        return str(self)
