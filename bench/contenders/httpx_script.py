"""A script with asyncio and httpx: a coroutine for each job, no record.

No more requests are under way than it has connections, because httpx's pool gets slow
once some have to wait in it. So a job waits for its turn before each request.
"""

import asyncio
import sys

import httpx

from bench.contenders.starting import (
    FAILED,
    KEY,
    PATIENCE_S,
    Job,
    Order,
    RenderingError,
    read_order,
    wait_for_go,
)

#: More of them cost httpx more CPU for each request, and save no time.
CONNECTIONS = 16


async def render_all(order: Order) -> int:
    """Render what has no video yet; how many jobs failed."""
    limits = httpx.Limits(
        max_connections=CONNECTIONS, max_keepalive_connections=CONNECTIONS
    )
    async with httpx.AsyncClient(
        base_url=order.url,
        headers={"Authorization": f"Bearer {KEY}"},
        timeout=PATIENCE_S,
        limits=limits,
    ) as client:
        turn = asyncio.Semaphore(CONNECTIONS)
        rendered = (_render(client, turn, order, job) for job in order.missing())
        ends = await asyncio.gather(*rendered, return_exceptions=True)
    failed = [end for end in ends if end is not None]
    for end in failed:
        sys.stderr.write(f"{end!r}\n")
    return len(failed)


async def _render(
    client: httpx.AsyncClient, turn: asyncio.Semaphore, order: Order, job: Job
) -> None:
    async with turn:
        answer = await client.post(f"/api/v3/{job.model}", json=job.inputs)
    answer.raise_for_status()
    prediction_id = answer.json()["data"]["id"]
    url = await _await_end(client, turn, order.poll_s, prediction_id)
    part = order.file(job.id).with_suffix(".part")
    async with turn, client.stream("GET", url) as video:
        video.raise_for_status()
        with part.open("wb") as file:
            async for chunk in video.aiter_bytes():
                file.write(chunk)
    part.rename(order.file(job.id))


async def _await_end(
    client: httpx.AsyncClient,
    turn: asyncio.Semaphore,
    poll_s: float,
    prediction_id: str,
) -> str:
    """Look until there is a video; its address."""
    while True:
        await asyncio.sleep(poll_s)
        try:
            async with turn:
                look = await client.get(f"/api/v3/predictions/{prediction_id}/result")
            look.raise_for_status()
        except httpx.HTTPError:
            continue  # The prediction goes on; so do the looks.
        now = look.json()["data"]
        if now["status"] == "completed":
            return str(now["outputs"][0])
        if now["status"] in FAILED:
            raise RenderingError(f"{prediction_id}: {now['status']}")


def main() -> int:
    """Render the jobs; returns the exit code."""
    order = read_order()
    wait_for_go()
    return 1 if asyncio.run(render_all(order)) else 0


if __name__ == "__main__":
    sys.exit(main())
