"""A script with asyncio and aiohttp: a coroutine for each job, no record.

Its connector is what bounds the requests under way.
"""

import asyncio
import sys

import aiohttp

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

CONNECTIONS = 100

_CHUNK_BYTES = 64 * 1024

#: For the API alone: whoever serves the videos must not see the key.
_HEADERS = {"Authorization": f"Bearer {KEY}"}


async def render_all(order: Order) -> int:
    """Render what has no video yet; how many jobs failed."""
    # Time spent waiting for a connection is not the server's: no total time-out.
    timeout = aiohttp.ClientTimeout(total=None, sock_read=PATIENCE_S)
    async with aiohttp.ClientSession(
        base_url=order.url,
        timeout=timeout,
        connector=aiohttp.TCPConnector(limit=CONNECTIONS),
    ) as session:
        rendered = (_render(session, order, job) for job in order.missing())
        ends = await asyncio.gather(*rendered, return_exceptions=True)
    failed = [end for end in ends if end is not None]
    for end in failed:
        sys.stderr.write(f"{end!r}\n")
    return len(failed)


async def _render(session: aiohttp.ClientSession, order: Order, job: Job) -> None:
    path = f"/api/v3/{job.model}"
    async with session.post(path, json=job.inputs, headers=_HEADERS) as answer:
        answer.raise_for_status()
        prediction_id = (await answer.json())["data"]["id"]
    url = await _await_end(session, order.poll_s, prediction_id)
    part = order.file(job.id).with_suffix(".part")
    async with session.get(url) as video:
        video.raise_for_status()
        with part.open("wb") as file:
            async for chunk in video.content.iter_chunked(_CHUNK_BYTES):
                file.write(chunk)
    part.rename(order.file(job.id))


async def _await_end(
    session: aiohttp.ClientSession, poll_s: float, prediction_id: str
) -> str:
    """Poll until there is a video; its address."""
    path = f"/api/v3/predictions/{prediction_id}/result"
    while True:
        await asyncio.sleep(poll_s)
        try:
            async with session.get(path, headers=_HEADERS) as poll:
                poll.raise_for_status()
                now = (await poll.json())["data"]
        except (aiohttp.ClientError, TimeoutError):
            continue  # The prediction goes on; so do the polls.
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
