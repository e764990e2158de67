"""The vendor's own library in a pool of threads: its `run` for each job, no record.

`run` holds its thread until the prediction ends, so there must be as many threads as
jobs shall be under way at once. It opens a connection for each of its requests.
"""

import shutil
import sys
from concurrent.futures import ThreadPoolExecutor

import requests
from wavespeed.api.client import Client

from bench.contenders.starting import (
    KEY,
    PATIENCE_S,
    Job,
    Order,
    read_order,
    wait_for_go,
)

#: As many jobs as the largest public account may have under way.
MOST_THREADS = 10_000


def render_all(order: Order) -> int:
    """Render what has no video yet; how many jobs failed."""
    client = Client(api_key=KEY, base_url=order.url)
    jobs = order.missing()
    threads = min(max(len(jobs), 1), MOST_THREADS)
    failed = 0
    with ThreadPoolExecutor(threads) as pool:
        for future in [pool.submit(_render, client, order, job) for job in jobs]:
            if error := future.exception():
                failed += 1
                sys.stderr.write(f"{error!r}\n")
    return failed


def _render(client: Client, order: Order, job: Job) -> None:
    made = client.run(job.model, job.inputs, poll_interval=order.poll_s)
    part = order.file(job.id).with_suffix(".part")
    with requests.get(made["outputs"][0], stream=True, timeout=PATIENCE_S) as video:
        video.raise_for_status()
        with part.open("wb") as file:
            shutil.copyfileobj(video.raw, file)
    part.rename(order.file(job.id))


def main() -> int:
    """Render the jobs; returns the exit code."""
    order = read_order()
    wait_for_go()
    return 1 if render_all(order) else 0


if __name__ == "__main__":
    sys.exit(main())
