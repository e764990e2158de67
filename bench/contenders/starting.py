"""How each contender begins: its arguments, its jobs, and the word it waits for.

It says `ready` once everything is imported and begins at the line `go`, so that what is
measured is the work and not the start of Python. Nothing is rendered here.
"""

import argparse
import csv
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

#: The provider of a measurement takes any.
KEY = "wsk-bench"

#: Seconds that any single answer may take.
PATIENCE_S = 60.0

#: States of a prediction that will never have a video.
FAILED = frozenset({"failed", "cancelled", "timeout", "deleted"})


class RenderingError(Exception):
    """The provider ended a prediction without a video."""


@dataclass(frozen=True, slots=True)
class Job:
    """One row of the manifest."""

    id: str
    #: As its address has it, such as `kwaivgi/kling-v2.6-std/image-to-video`.
    model: str
    inputs: dict[str, str | int]


@dataclass(frozen=True, slots=True)
class Order:
    """What a contender is told to do."""

    #: Origin of the provider's API.
    url: str
    jobs: Sequence[Job]
    folder: Path
    #: Seconds between two polls of one prediction.
    poll_s: float

    def file(self, job_id: str) -> Path:
        """Where the video of a job goes."""
        return self.folder / f"{job_id}.mp4"

    def missing(self) -> list[Job]:
        """The jobs that have no video yet."""
        return [job for job in self.jobs if not self.file(job.id).exists()]


def read_order() -> Order:
    """The order that the arguments give: url, jobs, folder, seconds between polls."""
    parser = argparse.ArgumentParser(description="render the jobs of a manifest")
    parser.add_argument("url", help="origin of the provider's API")
    parser.add_argument("jobs", type=Path, help="manifest, a CSV file")
    parser.add_argument("folder", type=Path, help="where the videos go")
    parser.add_argument("poll_s", type=float, help="seconds between two polls")
    told = parser.parse_args()
    return Order(told.url, read_jobs(told.jobs), told.folder, told.poll_s)


def read_jobs(manifest: Path) -> list[Job]:
    """The rows of a manifest."""
    with manifest.open(encoding="utf-8", newline="") as file:
        return [_job(row) for row in csv.DictReader(file)]


def _job(row: dict[str, str]) -> Job:
    model = f"kwaivgi/{row['model']}/image-to-video"
    inputs: dict[str, str | int] = {
        "image": row["image"],
        "prompt": row["prompt"],
        "duration": int(row["duration"]),
    }
    return Job(row["id"], model, inputs)


def wait_for_go() -> None:
    """Say that we are ready, and wait until we may begin."""
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    sys.stdin.readline()
