"""One run of one contender: a fresh provider, the jobs, and what it all took.

Counted is from the word `go`, when everything is up, until nothing is left to do. A run
may have a kill in it: everything of the contender but its broker is ended by SIGKILL
once half of the jobs are being generated, and started again at once.
"""

import csv
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from math import ceil
from pathlib import Path

import psutil

from bench import provider
from bench.entrants import AiohttpScript, CeleryRetry, Entrant, Place, Reelmill
from bench.processes import Sampled, await_true
from bench.provider import Prediction, Provider

_OVER_EVERY_S, _KILL_EVERY_S = 0.2, 0.1

MODEL = "kling-v2.6-std"

ENTRANTS: Mapping[str, type[Entrant]] = {
    "reelmill": Reelmill,
    "celery_retry": CeleryRetry,
    "aiohttp_script": AiohttpScript,
}

#: No account's limit binds anybody: only reelmill would keep it.
_UNBOUND = 1_000_000

#: Where videos are written: to memory where the system has such a folder. What a disk
#: takes for a new file depends on what was deleted on it in the minutes before, and
#: runs follow each other. Brokers keep their files on the disk.
MEMORY = "/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108 - only mkdtemp writes there


@dataclass(frozen=True, slots=True)
class Setting:
    """What a run is made of; the same for each contender."""

    jobs: int
    median_s: float
    spread: float
    #: What the generation times are drawn from.
    seed: int
    poll_s: float
    #: Rows of the batch that reelmill learns from.
    lesson: int
    #: A run that is not over by then is ended; what is missing counts as lost.
    bound_s: float


@dataclass(frozen=True, slots=True)
class Outcome:
    """All predictions of the jobs, and when each video was there, by job id."""

    job_ids: Sequence[str]
    #: With the id of its job.
    predictions: Sequence[tuple[str, Prediction]]
    stored_at_s: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Scene:
    """One contender, ready to go, and its provider."""

    setting: Setting
    server: Provider
    entrant: Entrant
    #: Job ids by prompt; no two prompts are alike.
    jobs: Mapping[str, str]
    #: Predictions that were made before, to learn from.
    made_before: int

    def outcome(self) -> Outcome:
        """What is there now; large, so ask at the end."""
        made = self.server.predictions()
        ours = [(self.jobs[p.prompt], p) for p in made if p.prompt in self.jobs]
        stored_at_s = self.entrant.place.stored()
        return Outcome(tuple(self.jobs.values()), ours, stored_at_s)

    def half_is_under_way(self) -> bool:
        """Whether half of the jobs are being generated, or all were begun."""
        if not self.entrant.handed_over():
            return False
        counts = self.server.counts()
        begun = counts.created - self.made_before
        return counts.at_once >= self.setting.jobs / 2 or begun >= self.setting.jobs


def write_jobs(
    path: Path, count: int, picture: str, kind: str = "mug"
) -> dict[str, str]:
    """A manifest of so many rows, each with a prompt of its own; job ids by prompt."""
    jobs = {f"slow orbit around {kind} {n:06}": f"{kind}-{n:06}" for n in range(count)}
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("id", "model", "image", "prompt", "duration"))
        for prompt, job_id in jobs.items():
            writer.writerow((job_id, MODEL, picture, prompt, 5))
    return jobs


@contextmanager
def scene(
    name: str, setting: Setting, *, visibility_s: float | None = None
) -> Iterator[Scene]:
    """A contender that is ready, with a provider and a folder that nobody used."""
    with (
        tempfile.TemporaryDirectory(prefix="reelmill-", dir=MEMORY) as made,
        tempfile.TemporaryDirectory(prefix="reelmill-") as disk,
        provider.started(
            generation_s=setting.median_s,
            spread=setting.spread,
            seed=setting.seed,
            videos_per_minute=_UNBOUND,
            concurrent=_UNBOUND,
        ) as server,
    ):
        folder = Path(made)
        jobs = write_jobs(folder / "jobs.csv", setting.jobs, server.picture)
        write_jobs(folder / "lesson.csv", setting.lesson, server.picture, "lamp")
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
            yield Scene(setting, server, entrant, jobs, server.counts().created)


def play(name: str, setting: Setting) -> dict[str, object]:
    """One run to its end, or to its bound, and its figures.

    Raises:
        MeasuringError: a part of the contender ended that should not.
    """
    with scene(name, setting) as made:
        entrant, server = made.entrant, psutil.Process(made.server.pid)
        memory = Sampled(entrant.memory_bytes)
        served = Sampled(lambda: sum(server.cpu_times()[:2]))
        before = _cpu_s(entrant)
        begun_at_s = time.time()
        with memory, served:
            entrant.go()
            over = await_true(entrant.ended, setting.bound_s, _OVER_EVERY_S)
            after = _cpu_s(entrant)
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
        "peak_mb": memory.max / 1e6,
        **timing(outcome, begun_at_s),
        **accounts(outcome),
        "ended": over,
        "server_cores": served.slope,
    }


def _cpu_s(entrant: Entrant) -> tuple[float, float, float]:
    return entrant.cpu_s, entrant.broker_cpu_s, entrant.producer_cpu_s


def play_killed(
    name: str, setting: Setting, *, visibility_s: float, bound_s: float
) -> dict[str, object]:
    """One run with a kill in it, and its figures.

    Args:
        name: which contender.
        setting: what the run is made of.
        visibility_s: after so long Celery's broker delivers anew.
        bound_s: how long all may take from the kill on; what is missing then is lost.
    """
    with scene(name, setting, visibility_s=visibility_s) as made:
        entrant, counts = made.entrant, made.server.counts
        entrant.go()
        half = await_true(made.half_is_under_way, setting.bound_s, _KILL_EVERY_S)
        before = counts()
        stored_before = len(entrant.place.stored())
        killed_at_s = time.time()
        entrant.kill()
        requests = counts().requests
        entrant.again()
        await_true(lambda: counts().requests > requests, bound_s, _KILL_EVERY_S)
        again_s = time.time() - killed_at_s
        over = await_true(entrant.ended, bound_s - again_s, _KILL_EVERY_S)
        outcome = made.outcome()
    last_s = max(outcome.stored_at_s.values(), default=killed_at_s)
    return {
        "contender": name,
        "median_s": setting.median_s,
        "jobs": setting.jobs,
        "at_kill_under_way": before.at_once if half else 0,
        "at_kill_paid": before.created - made.made_before,
        "at_kill_stored": stored_before,
        **accounts(outcome),
        "again_s": again_s,
        "last_video_s": last_s - killed_at_s,
        "ended": over,
    }


def quantile(values: Sequence[float], share: float) -> float:
    """The value that this share of the values does not exceed; 0 of none.

    >>> quantile([3, 1, 2, 4], 0.5)
    2
    """
    if not values:
        return 0.0
    return sorted(values)[max(0, ceil(share * len(values)) - 1)]


def timing(outcome: Outcome, begun_at_s: float) -> dict[str, float]:
    """Polls, lags and wall time of a run that nobody disturbed.

    A lag is from the end of a job's generation until its video was there. The ideal
    wall time is the longest generation: all may be under way at once.
    """
    ends_s: dict[str, float] = {}
    for job_id, each in outcome.predictions:
        soonest_s = ends_s.get(job_id, each.completed_at_s)
        ends_s[job_id] = min(soonest_s, each.completed_at_s)
    stored = outcome.stored_at_s
    lags_s = [stored[job_id] - ends_s[job_id] for job_id in ends_s if job_id in stored]
    took_s = [
        made.completed_at_s - made.created_at_s for _, made in outcome.predictions
    ]
    polls = sum(made.polls for _, made in outcome.predictions)
    return {
        "gets_per_job": polls / len(outcome.job_ids),
        "lag_p50_s": quantile(lags_s, 0.5),
        "lag_p95_s": quantile(lags_s, 0.95),
        "lag_max_s": max(lags_s, default=0.0),
        "wall_s": max(stored.values(), default=begun_at_s) - begun_at_s,
        "ideal_s": max(took_s, default=0.0),
    }


def accounts(outcome: Outcome) -> dict[str, int]:
    """What was paid, and what is there for it."""
    paid = Counter(job_id for job_id, _ in outcome.predictions)
    return {
        "lost": sum(job not in outcome.stored_at_s for job in outcome.job_ids),
        "paid_twice": sum(count > 1 for count in paid.values()),
        "paid_too_many": sum(count - 1 for count in paid.values()),
        "paid_for_nothing": sum(not made.fetched for _, made in outcome.predictions),
    }
