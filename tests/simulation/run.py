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
from types import SimpleNamespace
from typing import Any, TypeVar, cast
from unittest.mock import patch

import redis

from jobs import catalogue, settings
from jobs.attempt.failures import MODERATION_CODE
from jobs.attempt.fingerprint import FingerprintedJob, Fingerprinter
from jobs.job import Job
from jobs.ledger import Ledger, batches, keys
from jobs.records import BatchRecord, JobRecord
from jobs.states import FINAL, State
from jobs.storage import StoreError
from jobs.transitions import Ref
from producer.rebuild import rebuild_ledger
from tests.audit import audit
from tests.simulation.clock import BEGIN_S, VirtualLoop, clocks_of
from tests.simulation.faults import Faults
from tests.simulation.provider import Prediction, StandIn
from tests.simulation.running import Server, put_back
from tests.simulation.steps import Changes, over_budget, record_of
from tests.simulation.users import Users
from tests.simulation.worker import DiedError, SteppedStore, Worker, acting
from worker import storing

T = TypeVar("T")

BATCHES = ("b0", "b1")
JOBS_EACH = 30

#: Rows that ask for the same in both batches.
COMMON = 8

#: Limits of an account: starts in any 60 s, and videos at once.
LIMITS = ((12, 4), (6, 20))

#: States in which a job may be left: a person or a budget decides.
RESTING = FINAL | {State.UNRESOLVED, State.WAITING}

#: Virtual seconds without a transition after which workers tick rarely.
CALM_S = 900.0

#: Virtual seconds between two comparisons of everything.
CHECK_EVERY_S = 900.0


class Simulation:
    """A run, and what came of it."""

    def __init__(self, seed: int, server: Server, video: bytes, folder: Path) -> None:
        """Draw everything of a run.

        Args:
            seed: what all chances of it come from.
            server: an empty ledger's.
            video: what every prediction gives.
            folder: for its home and its store.
        """
        self.server: Server = server
        self.video, self._folder = video, str(folder)
        self._random = Random(seed)
        self.loop = VirtualLoop(Random(seed + 1))
        limits = self._random.choice(LIMITS)
        self.settings = settings.read(
            {},
            api_key="key-of-a-simulation",
            home=folder,
            store=str(folder / "store"),
            videos_per_minute=limits[0],
            concurrent_videos=limits[1],
            posters="off",
            quality="off",
        )
        self.faults = Faults(Random(seed + 2), self.settings.settling_s)
        self.stand_in = StandIn(
            Random(seed + 3),
            self.faults,
            catalogue.builtin(),
            self.loop,
            *limits,
            self.settings.account_id,
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
        self._messages = 0
        self._workers: list[Worker] = []
        self._away_until_s = self._full_until_s = 0.0
        self._moved_at_s = 0.0
        self._clock_set_by_s = 0.0
        #: Prompts of jobs whose claims may not be on disk.
        self._unproven: set[str] = set()
        #: The state of each job when it was read last.
        self._states: dict[Ref, State] = {}
        #: Whether the ledger has forgotten something.
        self._went_back = False
        self._changes = Changes(server, self.settings.account_id, BATCHES)
        self._users = Users(
            Random(seed + 4), self.ledger, self.stand_in, self.records, self.note
        )

    def ledger_now_s(self) -> float:
        """Unix seconds by the ledger's clock."""
        return BEGIN_S + self.loop.now_s + self._clock_set_by_s

    def wrong_by_s(self) -> float:
        """By how much the calendar of the worker that acts is wrong."""
        who = acting.get()
        return who.wrong_by_s if who else 0.0

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
        who = acting.get()
        if who and self.loop.now_s < who.asleep_until_s:
            raise redis.ConnectionError("this machine sleeps")
        if self.faults.happens("ledger_away"):
            self._away_until_s = self.loop.now_s + self._random.uniform(1, 90)
        if self.loop.now_s < self._away_until_s:
            raise redis.ConnectionError("the ledger is away")
        answer = do()
        if words == "scripts":
            self.problems += self._changes.check()
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
            self._messages += 1
            self.loop.call_later(wait_s, self._deliver, task, refs)

    def waiting_messages(self) -> int:
        """Messages that no worker has."""
        return self._messages

    def use_store(self, words: str) -> None:
        """Do something with the store, which may be slow, full or ill.

        Raises:
            StoreError: it does not do it.
        """
        self.step(f"store {words}")
        if self.faults.happens("store_full"):
            self._full_until_s = self.loop.now_s + self._random.uniform(60, 1_800)
        if self.faults.happens("store_slow"):
            self.loop.slow_s += self._random.uniform(1, 30)
        is_full = words == "put" and self.loop.now_s < self._full_until_s
        if is_full or self.faults.happens("store_fails"):
            raise StoreError("the store takes nothing")

    def proven(self) -> None:
        """The ledger's server proved that all is on disk."""
        self._unproven.clear()

    def paying(self, prompt: str) -> None:
        """A paid request leaves: its claim must be on disk."""
        if prompt in self._unproven:
            self.problems.append(f"{prompt} was sent before its claim was on disk")

    def tick_s(self) -> float:
        """Seconds to a worker's next tick: short while something may start."""
        due = cast("Any", self.server.zrange)(
            keys.account(self.settings.account_id, "due"), 0, 0, withscores=True
        )
        next_s = due[0][1] - self.ledger_now_s() if due else 900.0
        longest_s = min(max(20.0, (self.loop.now_s - self._moved_at_s) / 2), 900.0)
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

    def moved(self, ref: str, words: str) -> None:
        """Count a transition."""
        self.transitions[words] += 1
        self._moved_at_s = self.loop.now_s
        if words == "admitted claim":
            self.transitions["waiting grant"] += 1
            batch, _, job = ref.partition("/")
            self._unproven.add(prompt_of(batch, int(job[1:])))

    def _is_busy(self) -> bool:
        """Whether something may start; a budget or a person may hold all of it."""
        return self.loop.now_s < self._moved_at_s + CALM_S

    async def go(self, hours: float) -> None:
        """Let so many virtual hours pass; faults happen in the first third."""
        self.ledger.identity.name()
        self._order(BATCHES[0])
        self.loop.call_later(self._random.choice([1, 7_200]), self._order, BATCHES[1])
        for _ in range(2):
            self._start_worker()
        self.loop.create_task(self._use())
        if self.faults.put_back_at_s is not None:
            self.loop.create_task(self._put_back(self.faults.put_back_at_s))
        if self.faults.clock_set_at_s is not None:
            self.loop.call_later(self.faults.clock_set_at_s, self._set_clock)
        while self.loop.now_s < hours * 3_600 and not self.problems:
            await asyncio.sleep(CHECK_EVERY_S if self._is_busy() else 3_600.0)
            if self.faults.on and self.loop.now_s >= hours * 1_200:
                await self._mend()
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

    def _deliver(self, task: str, refs: list[str]) -> None:
        self._messages -= 1
        if self._workers:
            self._random.choice(self._workers).deliver(task, refs)

    def _order(self, batch: str) -> None:
        """Hand a batch in; it may have just the money for one try each."""
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
        prints = Fingerprinter(self.stand_in.catalogue)
        self.ledger.batches.create(record)
        asked = [FingerprintedJob(job, prints.of(job)) for job in jobs]
        self.ledger.batches.add(batch, asked)
        self.ledger.batches.open(batch)
        self._moved_at_s = self.loop.now_s
        self.note(f"{batch} is handed in")

    async def _use(self) -> None:
        """Users do this and that."""
        every_s = self.faults.users_every_s
        while every_s and self.faults.on:
            await asyncio.sleep(self._random.uniform(0, 2 * every_s))
            if not self.faults.on or self.loop.now_s < self._away_until_s:
                continue
            self._moved_at_s = self.loop.now_s
            done = await self._users.act(self._random.choice(BATCHES))
            self.faults.seen[f"user {done}"] += 1

    async def _put_back(self, at_s: float) -> None:
        """Some seconds of the ledger are lost; a user rebuilds it once it is held."""
        await asyncio.sleep(at_s)
        self.server.save()
        await asyncio.sleep(self._random.choice([0.3, 1, 60]))
        if self._random.random() < 1 / 2:
            self._away_until_s = self.loop.now_s + self._random.uniform(1, 90)
        put_back(self.server)
        self._went_back = True
        self.faults.seen["ledger_put_back"] += 1
        self.note("the ledger is put back")
        account = self.settings.account_id
        while not self.problems:
            await asyncio.sleep(self._random.uniform(1, 600))
            if self.ledger.permits.read(account).older:
                self.faults.seen["ledger_rebuilt"] += 1
                self.note("the ledger is rebuilt")
                rebuild_ledger(
                    self.ledger, account, str(self.settings.store), go_on=True
                )

    def _set_clock(self) -> None:
        self._clock_set_by_s = self.faults.clock_set_by_s
        self.faults.seen["ledger_clock_set"] += 1
        self.note(f"the clock of the ledger's server is set by {self._clock_set_by_s}")

    async def _mend(self) -> None:
        """Nothing goes wrong from now on, and nobody holds anything back."""
        self.faults.on = False
        for worker in [w for w in self._workers if w.is_old]:
            self._kill(worker)
        self._away_until_s = 0.0
        for batch in BATCHES:
            await self._users.finish(batch)
        self._moved_at_s = self.loop.now_s

    def _job(self, batch: str, number: int) -> Job:
        models = list(self.stand_in.catalogue.models.values())[:2]
        model = models[number % 2]
        given = {
            "prompt": prompt_of(batch, number),
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
        if not self.faults.limits_may_break:
            self.problems += self.stand_in.breaches
        records = self.records()
        self._count_of_others(records)
        rows = Counter(r.job.inputs["prompt"] for r in records.values())
        lost = {
            attempt.prediction_id
            for record in records.values()
            for attempt in record.attempts
            if attempt.outcome == "abandoned"
        }
        paid = Counter(
            p.inputs["prompt"]
            for p in self._kept()
            if p.id not in lost and not p.is_fruitless
        )
        self.problems += [
            f"{p} is paid {n} times" for p, n in paid.items() if n > rows[p]
        ]
        for batch in BATCHES:
            if found := self.ledger.batches.read(batch):
                self.problems += over_budget(found, self.ledger.batches.jobs(batch))

    def _count_of_others(self, records: dict[Ref, JobRecord]) -> None:
        """Count transitions that scripts make, which nobody logs."""
        for ref, record in records.items():
            before, now = self._states.get(ref, State.WAITING), record.state
            if now != before:
                if before is State.FOLLOWING and now is not State.CANCELLED:
                    events = {State.REUSED: "reuse", State.FAILED: "spare"}
                    self.transitions[f"following {events.get(now, 'lead')}"] += 1
                elif now in (State.FOLLOWING, State.REUSED):
                    event = "reuse" if now is State.REUSED else "follow"
                    self.transitions[f"waiting {event}"] += 1
                elif now is State.FAILED and record.source_job:
                    self.transitions["waiting spare"] += 1
            self._states[ref] = now

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
        account = self.ledger.permits.read(self.settings.account_id)
        if account.older:
            self.problems.append("the ledger is held")
        self._check_books(records)
        for ref, record in records.items():
            if record.state not in RESTING:
                self.problems.append(f"{ref} is still {record.state}")
            video = Path(str(self.settings.store), record.job.key)
            if record.state is State.STORED and not video.exists():
                self.problems.append(f"{ref} is stored and has no video")
        batches = {b: self.ledger.batches.read(b) for b in BATCHES}
        self.problems += [
            f"{ref} waits, and no budget holds it"
            for ref, record in records.items()
            if record.state is State.WAITING
            and (found := batches[ref.batch])
            and (found.cancelled or found.budget_usd_micros is None)
        ]
        owned = {a.prediction_id for r in records.values() for a in r.attempts}
        unsure = {
            record.job.inputs["prompt"]
            for record in records.values()
            if record.state is State.UNRESOLVED
        }
        self.problems += [
            f"prediction {p.id} of {p.inputs['prompt']} belongs to no attempt"
            for p in self._kept()
            if p.id not in owned
            and p.inputs["prompt"] not in unsure
            and not (p.code == MODERATION_CODE and self.faults.hides_inputs)
        ]

    def _check_books(self, records: dict[Ref, JobRecord]) -> None:
        """What the ledger says of money is what the provider's books say."""
        for ref, record in records.items():
            for attempt in record.attempts:
                made = self.stand_in.predictions.get(attempt.prediction_id or "")
                over = attempt.outcome in ("completed", "failed")
                if not made or not over:
                    continue
                paid = 0 if made.is_refunded else made.price_usd_micros
                kept = attempt.charged_usd_micros - attempt.refunded_usd_micros
                if kept != paid:
                    words = f"{ref}: {kept} was paid by the ledger, {paid} was"
                    self.problems.append(f"{words} for {made.id}")
                if made.inputs["prompt"] != record.job.inputs["prompt"]:
                    self.problems.append(f"{ref} has another row's prediction")


def prompt_of(batch: str, number: int) -> str:
    """The prompt of a row; some rows of both batches ask for the same."""
    return f"both {number}" if number < COMMON else f"{batch} {number}"


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
        made = re.match(r"job=(\S+) event=(\w+) from=(\w+) .* moved=yes", words)
        if made:
            self._run.moved(made[1], f"{made[3]} {made[2]}")


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


def simulate(seed: int, server: Server, video: bytes, hours: float) -> Simulation:
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
            clocks_of(run.loop, run.wrong_by_s),
            _logged(run),
            patch.object(storing, "store_at", lambda _url: run.store),
            patch.object(batches, "_job", record_of),
            # What a store has is as safe as this folder.
            patch("os.fsync", lambda _: None),
            patch("uuid.uuid4", lambda: cast("Any", SimpleNamespace(hex=next(ids)))),
        ):
            storing.readiness_of.cache_clear()
            run.loop.set_exception_handler(lambda *_: None)
            try:
                run.loop.run_until_complete(run.go(hours))
            finally:
                run.end()
    return run
