"""The usual Celery way: one task that submits, and then polls itself by `retry`.

`celery -A bench.contenders.celery_retry worker` does the work; this module run as a
program hands the jobs over and ends. The broker is the only record. What both must know
is in the environment: `BENCH_BROKER`, and `BENCH_VISIBILITY_S` where the broker shall
not wait the hour that is usual before it delivers anew what a dead worker had taken.
"""

import os
import sys
from functools import cache
from pathlib import Path
from typing import Any

import httpx
from celery import Celery, Task, signals

from bench.contenders.starting import (
    FAILED,
    KEY,
    PATIENCE_S,
    RenderingError,
    read_order,
    wait_for_go,
)

app = Celery("celery_retry", broker=os.environ.get("BENCH_BROKER"))
app.conf.update(
    task_ignore_result=True,
    # Every task may run twice; so its message may stay until it has ended.
    task_acks_late=True,
    broker_connection_retry_on_startup=True,
)
if "BENCH_VISIBILITY_S" in os.environ:
    seconds = float(os.environ["BENCH_VISIBILITY_S"])
    app.conf.broker_transport_options = {"visibility_timeout": seconds}


#: For the API alone: whoever serves the videos must not see the key.
_HEADERS = {"Authorization": f"Bearer {KEY}"}


@signals.worker_ready.connect
def _ready(**_: object) -> None:
    """Say so, as the scripts do: the worker's own line is not told at its level."""
    print("ready")  # noqa: T201 - its log is what the bench waits for


@cache
def client() -> httpx.Client:
    """The client of this process; its connections are kept for the next task."""
    return httpx.Client(timeout=PATIENCE_S)


@app.task(bind=True, name="render", max_retries=None)
def render(
    self: Task[Any, Any],
    url: str,
    model: str,
    inputs: dict[str, str | int],
    path: str,
    poll_s: float,
    prediction_id: str | None = None,
) -> None:
    """Submit a job, poll it once, or fetch its video, and come back for the next."""
    try:
        if prediction_id is None:
            prediction_id = _submit(url, model, inputs)
        elif video := _poll(url, prediction_id):
            _fetch(video, Path(path))
            return
    except httpx.HTTPError as error:
        raise self.retry(exc=error, countdown=poll_s) from error
    args = (url, model, inputs, path, poll_s, prediction_id)
    raise self.retry(args=args, countdown=poll_s)


def _submit(url: str, model: str, inputs: dict[str, str | int]) -> str:
    answer = client().post(f"{url}/api/v3/{model}", json=inputs, headers=_HEADERS)
    answer.raise_for_status()
    return str(answer.json()["data"]["id"])


def _poll(url: str, prediction_id: str) -> str | None:
    """The address of the video, once there is one."""
    path = f"/api/v3/predictions/{prediction_id}/result"
    poll = client().get(url + path, headers=_HEADERS)
    poll.raise_for_status()
    now = poll.json()["data"]
    if now["status"] in FAILED:
        raise RenderingError(f"{prediction_id}: {now['status']}")
    return str(now["outputs"][0]) if now["status"] == "completed" else None


def _fetch(video: str, path: Path) -> None:
    part = path.with_suffix(".part")
    with client().stream("GET", video) as answer, part.open("wb") as file:
        answer.raise_for_status()
        for chunk in answer.iter_bytes():
            file.write(chunk)
    part.rename(path)


def main() -> int:
    """Hand the jobs over; returns the exit code."""
    order = read_order()
    wait_for_go()
    for job in order.missing():
        path = str(order.file(job.id))
        render.delay(order.url, job.model, job.inputs, path, order.poll_s)
    return 0


if __name__ == "__main__":
    sys.exit(main())
