"""One run of one contender: a fresh server, the jobs, and what it all took.

Counted is from the word `go`, when everything is up, until nothing is left to do. What
the figures come to is judged in `judging`, and a run with a kill in it in `killing`.
"""

import csv
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from bench.entrants import AiohttpScript, Entrant, HttpxScript, Place, SdkThreads
from bench.judging import Outcome, Prediction, accounts, read_books, timing
from bench.measuring import Sampled
from bench.queues import CeleryRetry, Reelmill
from bench.running import await_true
from bench.standin.starting import Standin, started

_LOOK_S = 0.2

MODEL = "kling-v2.6-std"

ENTRANTS: Mapping[str, type[Entrant]] = {
    "reelmill": Reelmill,
    "celery_retry": CeleryRetry,
    "httpx_script": HttpxScript,
    "aiohttp_script": AiohttpScript,
    "sdk_threads": SdkThreads,
}


@dataclass(frozen=True, slots=True)
class Setting:
    """What a run is made of; the same for each contender."""

    jobs: int
    median_s: float
    spread: float
    #: What the generation times are drawn from, with the prompts.
    seed: int
    poll_s: float
    video_bytes: int
    #: Rows of the batch that reelmill learns from.
    lesson: int
    #: A run that is not over by then is ended; what is missing counts as lost.
    bound_s: float

    @property
    def server(self) -> tuple[str, ...]:
        """The options of its stand-in."""
        return (
            f"--median-s={self.median_s}",
            f"--spread={self.spread}",
            f"--seed={self.seed}",
            f"--video-bytes={self.video_bytes}",
        )


@dataclass(frozen=True, slots=True)
class Scene:
    """One contender, ready to go, and its server."""

    setting: Setting
    server: Standin
    entrant: Entrant
    #: Job ids by prompt.
    jobs: Mapping[str, str]

    def predictions(self) -> list[Prediction]:
        """What the provider has of the jobs; large, so ask at the end."""
        return read_books(self.server.books(), self.jobs)

    def outcome(self) -> Outcome:
        """What is there now."""
        stored_at_s = self.entrant.place.stored()
        return Outcome(tuple(self.jobs.values()), self.predictions(), stored_at_s)


def write_jobs(path: Path, count: int, kind: str = "mug") -> dict[str, str]:
    """A manifest of so many rows, each with a prompt of its own; job ids by prompt."""
    jobs = {f"slow orbit around {kind} {n:06}": f"{kind}-{n:06}" for n in range(count)}
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("id", "model", "image", "prompt", "duration"))
        for prompt, job_id in jobs.items():
            picture = f"https://cdn.example.com/shop/{job_id}.jpg"
            writer.writerow((job_id, MODEL, picture, prompt, 5))
    return jobs


#: Where videos are written: to memory where the system has such a folder. What a disk
#: takes for a new file depends on what was deleted on it in the minutes before, and
#: runs follow each other. Brokers keep their files on the disk.
MEMORY = next((path for path in ("/dev/shm",) if Path(path).is_dir()), None)  # noqa: S108 - only mkdtemp writes there


@contextmanager
def scene(
    name: str, setting: Setting, *, visibility_s: float | None = None
) -> Iterator[Scene]:
    """A contender that is ready, with a server and a folder that nobody used."""
    with (
        tempfile.TemporaryDirectory(prefix="reelmill-", dir=MEMORY) as made,
        tempfile.TemporaryDirectory(prefix="reelmill-") as disk,
        started(*setting.server) as server,
    ):
        folder = Path(made)
        jobs = write_jobs(folder / "jobs.csv", setting.jobs)
        write_jobs(folder / "lesson.csv", setting.lesson, "lamp")
        place = Place(
            server.url,
            folder,
            Path(disk),
            folder / "jobs.csv",
            setting.jobs,
            setting.poll_s,
            folder / "lesson.csv" if setting.lesson else None,
            visibility_s,
        )
        with ENTRANTS[name](place) as entrant:
            entrant.start()
            yield Scene(setting, server, entrant, jobs)


def play(name: str, setting: Setting) -> dict[str, object]:
    """One run to its end, or to its bound, and its figures.

    Raises:
        Failed: a part of the contender ended that should not.
    """
    with scene(name, setting) as made:
        entrant, server = made.entrant, psutil.Process(made.server.pid)
        memory = Sampled(entrant.memory_bytes)
        served = Sampled(lambda: sum(server.cpu_times()[:2]))
        before = _used(entrant)
        begun_at_s = time.time()
        with memory, served:
            entrant.go()
            over = await_true(entrant.ended, setting.bound_s, _LOOK_S)
            after = _used(entrant)
            served.sample()
        outcome = made.outcome()
    thousands = setting.jobs / 1_000
    cpu_s, broker_s, producer_s = (
        (end - begin) / thousands for end, begin in zip(after, before, strict=True)
    )
    return {
        "contender": name,
        "median_s": setting.median_s,
        "seed": setting.seed,
        "cpu_s_per_1000": cpu_s + broker_s,
        "broker_cpu_s_per_1000": broker_s,
        "producer_cpu_s_per_1000": producer_s,
        "peak_mb": memory.most / 1e6,
        **timing(outcome, begun_at_s),
        **accounts(outcome),
        "ended": over,
        "server_cores": served.slope,
    }


def _used(entrant: Entrant) -> tuple[float, float, float]:
    return entrant.cpu_s, entrant.broker_cpu_s, entrant.producer_cpu_s
