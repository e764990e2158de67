"""The contenders with a broker and a worker that stays: Celery's usual way, and us.

Each gets a broker of its own with the settings of the fleet's. Bringing up, killing and
measuring is as for all contenders; see `entrants`.
"""

import time
from abc import abstractmethod
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType

from bench import valkey
from bench.contenders.starting import KEY
from bench.entrants import Entrant, Place, count_of
from bench.measuring import MeasuringError
from bench.running import Running, await_true

#: So high that reelmill's limits bind nobody: the other ways have none.
UNBOUND = "1000000"

#: A worker reads this often what was learnt.
LEARNT_S = 16.0

#: How long a first batch, from which reelmill learns, may take.
TEACHING_S = 900.0


class Fleet(Entrant):
    """A broker, a worker that stays, and a producer that hands over and ends."""

    _broker: valkey.Valkey
    _worker: Running
    _producer: Running | None = None

    def __init__(self, place: Place) -> None:
        super().__init__(place)
        self._stack = ExitStack()

    def start(self) -> None:
        """Start broker and worker."""
        made = valkey.started(self.place.disk / "broker")
        self._broker = self._stack.enter_context(made)
        self._broker_pid = self._broker.pid
        self._start_worker()

    @abstractmethod
    def _start_worker(self) -> None:
        """Start the worker and wait until it is ready."""

    def handed_over(self) -> bool:
        """Whether the producer has ended.

        Raises:
            MeasuringError: it ended badly.
        """
        producer = self._producer
        if producer and producer.code:
            raise MeasuringError(f"{producer} failed:\n{producer.last_words()}")
        return producer is not None and producer.code == 0

    @property
    def producer_cpu_s(self) -> float:
        """CPU seconds, part of `cpu_s`, of what hands the jobs over and ends."""
        return self._producer.cpu_s if self._producer else 0.0

    def ended(self) -> bool:
        """Whether all videos are there."""
        if self._worker.code is not None:
            raise MeasuringError(f"{self._worker} ended:\n{self._worker.last_words()}")
        return self.handed_over() and count_of(self.place.videos) >= self.place.count

    def again(self) -> None:
        """Start the worker again: it takes what the broker has."""
        self._start_worker()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        super().__exit__(kind, error, trace)
        self._stack.close()


class CeleryRetry(Fleet):
    """One task that polls itself, in processes."""

    def _environment(self) -> dict[str, str]:
        told = {"BENCH_BROKER": self._broker.celery_url}
        if self.place.visibility_s is not None:
            told["BENCH_VISIBILITY_S"] = str(self.place.visibility_s)
        return told

    def start(self) -> None:
        """Start broker, worker and producer; the producer waits for its word."""
        super().start()
        place = self.place
        words = (place.url, str(place.jobs), str(place.videos), str(place.poll_s))
        module = "bench.contenders.celery_retry"
        self._producer = self._run(
            "producer", module, *words, environment=self._environment()
        )
        self._producer.await_word("ready")

    def _start_worker(self) -> None:
        words = ["celery", "-A", "bench.contenders.celery_retry", "worker"]
        words += ["--pool=prefork", "--concurrency=2"]
        # Alone it has nobody to gossip or to mingle with.
        self._worker = self._run(
            *("worker", *words, "--without-gossip", "--without-mingle"),
            environment=self._environment(),
        )
        self._worker.await_word("ready")

    def go(self) -> None:
        """Let the producer hand the jobs over."""
        if self._producer:
            self._producer.go()


class Reelmill(Fleet):
    """The product as it comes, after a first batch that it learnt from.

    Without one its first look is as soon as the others'.
    """

    def _environment(self) -> dict[str, str]:
        place = self.place
        told = {
            "WAVESPEED_API_KEY": KEY,
            "WAVESPEED_BASE_URL": place.url,
            "REELMILL_REDIS_URL": self._broker.url,
            "REELMILL_HOME": str(place.folder / "home"),
            "REELMILL_STORE": str(place.videos),
            "REELMILL_VIDEOS_PER_MINUTE": UNBOUND,
            "REELMILL_CONCURRENT_VIDEOS": UNBOUND,
            "REELMILL_POLL_MIN_S": str(place.poll_s),
            # As a base install, which has no decoder; the other ways make none.
            "REELMILL_POSTERS": "off",
        }
        if place.lesson is None:
            told["REELMILL_FIRST_LOOK_S"] = str(place.poll_s)
        return told

    def start(self) -> None:
        """Start all, and have the lesson rendered."""
        super().start()
        if self.place.lesson is None:
            return
        store = self.place.folder / "lesson"
        producer = self._submit(self.place.lesson, store)
        rows = len(self.place.lesson.read_text("utf-8").splitlines()) - 1
        if not await_true(lambda: count_of(store) >= rows, TEACHING_S):
            raise MeasuringError(
                f"the lesson did not end:\n{self._worker.last_words()}"
            )
        producer.wait()
        # Nothing tells from outside when the worker has read it.
        time.sleep(LEARNT_S)

    def _start_worker(self) -> None:
        words = ("producer", "worker", "--name", "arena")
        self._worker = self._run("worker", *words, environment=self._environment())
        self._worker.await_word(" ready.")

    def go(self) -> None:
        """Submit the manifest."""
        self._producer = self._submit(self.place.jobs, self.place.videos)

    def _submit(self, manifest: Path, store: Path) -> Running:
        words = ("producer", "submit", str(manifest), "--no-look", "--yes")
        environment = self._environment()
        return self._run(
            "producer", *words, f"--store={store}", environment=environment
        )

    def ended(self) -> bool:
        """Whether all videos and the report of the batch are there."""
        return super().ended() and any(self.place.videos.glob("*/report.html"))
